//! Exams of scanner sessions by what they were: whose patients, booked or not, which protocol, on a mobile unit or not.
//!
//! An exam stands in one row of each split, so that the rows of a split add up to the exams of its rooms; what is not
//! known of an exam is a row of its own. Shares are of exams, and the rate of a row is its part of the rooms' rate.

use std::collections::BTreeMap;

use room_events::{RoomId, RoomKind, SiteId, TrustId};

use super::aggregate::{begun, homes};
use super::result::{ExamResult, ExamState, ScannerSession, per_hour};
use crate::quantity::{Minutes, Ratio};

/// By what exams are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// Inpatient, outpatient or emergency, by the exam's booking.
    Patients,
    /// Booked or walk-in.
    Booking,
    /// The protocol of the step with which the exam counts.
    Protocol,
    /// A mobile unit or a fixed scanner, by the configuration of rooms.
    Unit,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Patients, Self::Booking, Self::Protocol, Self::Unit];

    /// The name used in exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patients => "patients",
            Self::Booking => "booking",
            Self::Protocol => "protocol",
            Self::Unit => "unit",
        }
    }

    /// The exam's part; absent where it is not known.
    fn part(
        self,
        session: &ScannerSession,
        exam: &ExamResult,
        is_mobile: &dyn Fn(&SiteId, &RoomId) -> bool,
    ) -> Option<String> {
        match self {
            Self::Patients => exam.patients.map(|patients| patients.name().to_owned()),
            Self::Booking => exam.booked.map(|booked| if booked { "booked" } else { "walk_in" }.to_owned()),
            Self::Protocol => exam.protocol.as_ref().map(ToString::to_string),
            Self::Unit => Some(if is_mobile(&session.site, &session.room) { "mobile" } else { "fixed" }.to_owned()),
        }
    }
}

/// Exams of one part of a split.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitRow {
    /// Trust.
    pub trust: TrustId,
    /// Site.
    pub site: String,
    /// What the rooms are.
    pub room_kind: RoomKind,
    /// By what.
    pub split: Split,
    /// Which part; absent: not known.
    pub part: Option<String>,
    /// Completed exams, and those with an inferred end, in plan.
    pub exams: u32,
    /// Those that ended outside the plan.
    pub out_of_hours: u32,
    /// Exams of which nothing was completed.
    pub discontinued: u32,
    /// Exams in plan of all parts.
    of: u32,
    /// Exams of the sessions with enough observed time.
    rated: u32,
    /// Observed time of all such sessions of the rooms.
    observed: Minutes,
}

impl SplitRow {
    /// Of the exams in plan of the site's rooms of the kind.
    pub fn share(&self) -> Option<Ratio> {
        Ratio::of_counts(u64::from(self.exams), u64::from(self.of))
    }

    /// Its part of the rooms' exams per hour: the rows of a split add up to it.
    pub fn exams_per_hour(&self) -> Option<f64> {
        per_hour(self.rated, self.observed)
    }

    /// Exams of which nothing was completed, over all that have ended.
    pub fn discontinued_rate(&self) -> Option<Ratio> {
        let ended = self.exams + self.out_of_hours + self.discontinued;
        Ratio::of_counts(u64::from(self.discontinued), u64::from(ended))
    }
}

/// The parts of every split, in order of trust, site, kind, split and part; the unknown comes first.
pub fn splits(sessions: &[ScannerSession], is_mobile: &dyn Fn(&SiteId, &RoomId) -> bool) -> Vec<SplitRow> {
    let homes = homes(begun(sessions));
    let mut rows: BTreeMap<(TrustId, String, RoomKind, Split, Option<String>), SplitRow> = BTreeMap::new();
    let mut totals: BTreeMap<(TrustId, String, RoomKind), (u32, Minutes)> = BTreeMap::new();
    for session in begun(sessions) {
        let (trust, site) = (session.trust.clone(), session.site.to_string());
        let total = totals.entry((trust.clone(), site.clone(), session.room_kind)).or_default();
        let is_observed = session.figures.is_observed();
        if is_observed {
            total.1 += session.figures.observed;
        }
        // An exam that was scanned in two rooms stands where it counts.
        for exam in session.exams.iter().filter(|exam| homes.is_home(session, exam)) {
            let counts = matches!(exam.state, ExamState::Completed | ExamState::Inferred);
            total.0 += u32::from(counts && exam.in_plan);
            for split in Split::ALL {
                let part = split.part(session, exam, is_mobile);
                let key = (trust.clone(), site.clone(), session.room_kind, split, part.clone());
                let row = rows.entry(key).or_insert_with(|| SplitRow {
                    trust: trust.clone(),
                    site: site.clone(),
                    room_kind: session.room_kind,
                    split,
                    part,
                    exams: 0,
                    out_of_hours: 0,
                    discontinued: 0,
                    of: 0,
                    rated: 0,
                    observed: Minutes::ZERO,
                });
                row.exams += u32::from(counts && exam.in_plan);
                row.rated += u32::from(counts && exam.in_plan && is_observed);
                row.out_of_hours += u32::from(counts && !exam.in_plan);
                row.discontinued += u32::from(exam.state == ExamState::Discontinued);
            }
        }
    }
    let finished = rows.into_iter().map(|((trust, site, kind, _, _), mut row)| {
        (row.of, row.observed) = totals.get(&(trust, site, kind)).copied().unwrap_or_default();
        row
    });
    finished.collect()
}
