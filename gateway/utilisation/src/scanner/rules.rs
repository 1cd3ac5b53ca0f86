//! The settings of the scanner measures, and the calendar of when a scanner is not meant to scan.

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeZone, Weekday};
use chrono_tz::Tz;
use room_events::{Token, UtcMillis};
use serde::Deserialize;

use super::spans::Spans;
use crate::facts::Step;
use crate::quantity::Minutes;

/// DICOM code 110514 (DCM), "incorrect worklist entry selected": such a step was about somebody else.
pub const WRONG_WORKLIST_ENTRY: u32 = 110_514;

/// The choices that the descriptions of the scanner measures leave open.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannerRules {
    /// Rates are absent where a smaller share of the operational time was observed.
    pub least_observed: f64,
    /// Signs of life further apart leave the time between them unknown.
    pub silent_after: Minutes,
    /// An end is inferred when no image came for so long and another step began.
    pub no_image_for: Minutes,
    /// A longer step is a wrong stamp.
    pub longest_step: Minutes,
    /// A step recorded so long after its hour revises that hour.
    pub late_after: Minutes,
    /// The spread of durations needs so many steps of a protocol.
    pub spread_min_n: usize,
    /// Cancellation reasons that mean that the patient did not attend, compared without regard to case.
    pub did_not_attend: Vec<String>,
    /// Patient tokens of phantoms.
    pub phantoms: Vec<Token>,
    /// Protocols with which phantoms are scanned, compared without regard to case.
    pub phantom_protocols: Vec<String>,
    /// Each site counts by itself: an exam or a visit on two sites counts on both, not once in the trust.
    pub by_site: bool,
}

impl ScannerRules {
    /// Whether a step was of a phantom.
    pub fn is_phantom(&self, step: &Step) -> bool {
        let protocol = step.protocol.as_ref();
        step.patient.is_some_and(|patient| self.phantoms.contains(&patient))
            || protocol.is_some_and(|is| self.phantom_protocols.iter().any(|of| of.eq_ignore_ascii_case(is.as_str())))
    }
}

impl Default for ScannerRules {
    fn default() -> Self {
        Self {
            least_observed: 0.9,
            silent_after: Minutes::whole(15),
            no_image_for: Minutes::whole(30),
            longest_step: Minutes::whole(24 * 60),
            late_after: Minutes::whole(15),
            spread_min_n: 5,
            did_not_attend: ["dna", "did not attend", "did_not_attend"].map(str::to_owned).to_vec(),
            phantoms: Vec::new(),
            phantom_protocols: ["qa", "phantom", "qa phantom"].map(str::to_owned).to_vec(),
            by_site: false,
        }
    }
}

/// Why a scanner is not meant to scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClosedFor {
    /// Nobody is there to scan.
    StaffBreak,
    /// Cleaning between patients that is planned for.
    CleanDown,
    /// Quality assurance with phantoms.
    Qa,
    /// The manufacturer's service.
    Service,
    /// The scanner is broken.
    Downtime,
}

impl ClosedFor {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::StaffBreak, Self::CleanDown, Self::Qa, Self::Service, Self::Downtime];

    /// The name used in settings and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StaffBreak => "staff-break",
            Self::CleanDown => "clean-down",
            Self::Qa => "qa",
            Self::Service => "service",
            Self::Downtime => "downtime",
        }
    }
}

/// A stretch of local time in which a scanner is not meant to scan, on each date from `first` to `last`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// Why.
    pub reason: ClosedFor,
    /// Local time at which it begins.
    pub from: NaiveTime,
    /// Local time at which it ends; not after `from` means on the next date.
    pub to: NaiveTime,
    /// First local date; absent: always has been.
    pub first: Option<NaiveDate>,
    /// Last local date; absent: for ever.
    pub last: Option<NaiveDate>,
    /// Days of the week; none named means each.
    pub weekdays: Vec<Weekday>,
}

impl Closure {
    fn is_on(&self, date: NaiveDate) -> bool {
        self.first.is_none_or(|first| first <= date)
            && self.last.is_none_or(|last| date <= last)
            && (self.weekdays.is_empty() || self.weekdays.contains(&date.weekday()))
    }

    fn on(&self, date: NaiveDate, zone: Tz) -> (UtcMillis, UtcMillis) {
        let last = if self.to > self.from { date } else { date + Days::new(1) };
        (instant(zone, date, self.from, false), instant(zone, last, self.to, true))
    }
}

/// The part of `[from, to)` that closures of a kind take.
pub(super) fn closed(
    closures: &[Closure],
    zone: Tz,
    (from, to): (UtcMillis, UtcMillis),
    wanted: impl Fn(ClosedFor) -> bool,
) -> Spans {
    let date = |at: UtcMillis| {
        DateTime::from_timestamp_millis(at.millis()).unwrap_or(DateTime::UNIX_EPOCH).with_timezone(&zone).date_naive()
    };
    let (first, last) = (date(from) - Days::new(1), date(to));
    let taken = first.iter_days().take_while(|day| *day <= last).flat_map(|day| {
        let these = closures.iter().filter(move |closure| closure.is_on(day));
        these.map(move |closure| (closure.reason, closure.on(day, zone)))
    });
    let taken = Spans::of(taken.filter(|(reason, _)| wanted(*reason)).map(|(_, stretch)| stretch));
    taken.and(&Spans::of([(from, to)]))
}

/// A local time as an instant. One that the clock skips moves forward by the gap; of one that comes twice a beginning
/// is the first and an end the second, as with planned sessions.
fn instant(zone: Tz, date: NaiveDate, time: NaiveTime, is_end: bool) -> UtcMillis {
    let local = date.and_time(time);
    let at = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => at.timestamp_millis(),
        LocalResult::Ambiguous(first, second) => if is_end { second } else { first }.timestamp_millis(),
        LocalResult::None => {
            let hour = chrono::TimeDelta::hours(1);
            zone.from_local_datetime(&(local + hour))
                .earliest()
                .map_or_else(|| local.and_utc().timestamp_millis(), |at| at.timestamp_millis())
        }
    };
    UtcMillis::saturating(at)
}
