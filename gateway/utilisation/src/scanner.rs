//! The measures of scanner rooms (mri, ct, nous, echo): from performed steps to exams, attendances and rates.
//!
//! ```text
//! measure_room(&room, &timeline.scanner_facts(..), &conditions, now) -> ScannerRoomResult
//! aggregate(&sessions, By::Room) -> rows; an accession that was scanned in two rooms counts once
//! ```
//!
//! An exam is an accession, however many steps it took, and one step may carry several. It counts once, at the end of
//! its first completed step. Rates are for each *observed* operational hour: time in which the feed was silent is
//! unknown, never idle, and below the share that a rate needs there is none.
//!
//! [`spans`] holds sets of time, [`rules`] the settings and the calendar, [`exams`] makes exams of steps, [`session`]
//! the figures, [`aggregate`] sums them up, [`splits`] tells them apart, [`change`] compares what was before a date with what came after it.
//!
//! # Readings of the rules
//! - A session closes at its planned end, or when the last of its steps ends, or where a step has no end with the next
//!   session's first step after the planned end, at the latest so long after it as the rule set says.
//! - A completed step without a usable end counts as completed at the latest instant at which it can have ended.
//! - While a session runs, utilisation is of the operational time that has passed.
//! - `staffed` is the open time less staff breaks, `operational` the staffed time less every other closure.

mod aggregate;
pub mod arithmetic;
pub mod change;
mod exams;
pub mod result;
pub mod rules;
mod session;
pub mod spans;
pub mod splits;

use room_events::UtcMillis;

use crate::facts::{Room, ScannerFacts};
use crate::rules::RuleSet;
use crate::targets::Targets;
use crate::theatre::belonging::Sessions;
use crate::theatre::plan::{freeze_all, names};
use exams::{Placed, exams, place};
use result::ScannerRoomResult;
use rules::{Closure, ScannerRules};
use session::Circumstances;

pub use aggregate::{By, ProtocolSpread, ScannerAggregate, aggregate, duration_spread, each};

/// Under which rules, closures and targets a room is measured.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    /// The rule set: its name, how sessions close and what belongs to them.
    pub rules: &'a RuleSet,
    /// The scanner settings.
    pub scanner: &'a ScannerRules,
    /// When this room is not meant to scan.
    pub closures: &'a [Closure],
    /// What rates are held against.
    pub targets: &'a Targets,
}

/// Measures all sessions of a scanner room at `now`.
pub fn measure_room(room: &Room, facts: &ScannerFacts, under: Conditions<'_>, now: UtcMillis) -> ScannerRoomResult {
    let plans = freeze_all(&facts.sessions);
    let names = names(room, &plans);
    let sessions = Sessions::new(&plans, under.rules);
    let windows: Vec<(UtcMillis, UtcMillis)> = plans.iter().map(|plan| (plan.start, plan.end)).collect();
    let steps = place(&facts.steps, &windows, |at| sessions.of_start(at), under, now);
    let all_exams = exams(&steps.placed);

    let observed = session::observed(&facts.alive, &steps.placed, under.scanner, now);
    let bookings = facts.cases.iter().map(|case| (case.id, case)).collect();
    let mut results = Vec::with_capacity(plans.len());
    for (index, (plan, name)) in plans.iter().zip(names).enumerate() {
        let own: Vec<&Placed<'_>> = steps.placed.iter().filter(|step| step.session == Some(index)).collect();
        let cases = facts.cases.iter().filter(|case| match (&case.session, case.booked_start) {
            (Some(key), _) => *key == plan.session.key,
            (None, Some(at)) => sessions.of_start(at) == Some(index),
            (None, None) => false,
        });
        let circumstances = Circumstances {
            room,
            plan,
            under,
            now,
            closes: steps.closes.get(index).copied(),
            observed: &observed,
            bookings: &bookings,
        };
        let mine = all_exams.iter().filter(|exam| exam.session == Some(index));
        results.push(circumstances.measure(name, &own, mine, cases));
    }
    let strays = steps.placed.iter().filter(|step| step.session.is_none());
    ScannerRoomResult {
        sessions: results,
        out_of_session: strays.map(|step| step.result(None)).collect(),
        hours: session::hours(&all_exams, under.scanner),
    }
}
