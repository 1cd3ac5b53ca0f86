//! `[reasons]`: what staff can pick as the reason for a late start, an overrun, a gap or a cancellation.

use room_events::{Label, RemarkAbout};
use serde::Deserialize;

/// `[reasons]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ReasonsConfig {
    /// For a late start.
    pub late_start: Vec<Label>,
    /// For an overrun.
    pub overrun: Vec<Label>,
    /// For a gap between two cases.
    pub gap: Vec<Label>,
    /// For a cancellation.
    pub cancellation: Vec<Label>,
}

/// What theatre staff commonly name, in a neutral order; a trust replaces them by its own.
impl Default for ReasonsConfig {
    fn default() -> Self {
        let labels = |texts: &[&str]| texts.iter().filter_map(|text| Label::new(text).ok()).collect();
        Self {
            late_start: labels(&[
                "patient not ready",
                "no bed",
                "surgeon not available",
                "anaesthetist not available",
                "theatre staff not available",
                "equipment or kit",
                "consent or investigations",
                "list order changed",
                "previous list overran",
                "portering",
                "other",
            ]),
            overrun: labels(&[
                "late start",
                "case took longer than booked",
                "complication",
                "list overbooked",
                "emergency added",
                "equipment or kit",
                "recovery full",
                "staffing",
                "other",
            ]),
            gap: labels(&[
                "patient not ready",
                "portering",
                "cleaning",
                "recovery full",
                "no bed",
                "equipment or kit",
                "anaesthetist not available",
                "surgeon not available",
                "theatre staff not available",
                "patient cancelled",
                "meal break",
                "other",
            ]),
            cancellation: labels(&[
                "patient unfit",
                "patient did not attend",
                "patient declined",
                "procedure not needed",
                "no bed",
                "no critical care bed",
                "list overran",
                "emergency took priority",
                "surgeon not available",
                "anaesthetist not available",
                "theatre staff not available",
                "equipment or kit",
                "administrative error",
                "other",
            ]),
        }
    }
}

impl ReasonsConfig {
    /// The reasons by what they are for.
    pub fn all(&self) -> Vec<(RemarkAbout, Vec<Label>)> {
        vec![
            (RemarkAbout::LateStart, self.late_start.clone()),
            (RemarkAbout::Overrun, self.overrun.clone()),
            (RemarkAbout::Gap, self.gap.clone()),
            (RemarkAbout::Cancellation, self.cancellation.clone()),
        ]
    }
}
