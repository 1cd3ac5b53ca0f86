//! Generated days against a slow, obvious model that looks at each minute.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use room_events::{RoomKind, StepState, Token, UtcMillis};
use utilisation::facts::{ScannerFacts, Step};
use utilisation::quantity::Minutes;
use utilisation::scanner::result::ExamState;

use crate::rooms::{LATER, alive, closure, measure, minute, scanner, session};

/// The plan: 02:00 to 10:00, a break from 05:00 to 05:30. Every step starts near enough to belong to it.
const PLAN: std::ops::Range<i64> = 120..600;
const BREAK: std::ops::Range<i64> = 300..330;

/// A step in minutes of the day; what ends is by its state.
fn any_step() -> impl Strategy<Value = Step> {
    (0..719_i64, 0..60_i64, 0..5_u8, 0..6_u128, any::<bool>(), 0..1000_u128).prop_map(
        |(start, length, kind, accession, has_visit, id)| {
            let (state, end, last_image, reason) = match kind {
                0 => (StepState::InProgress, None, None, None),
                1 => (StepState::InProgress, None, Some(start + length), None),
                2 => (StepState::Discontinued, Some(start + length), None, None),
                3 => (StepState::Discontinued, Some(start + length), None, Some(110_514)),
                _ => (StepState::Completed, Some(start + length), None, None),
            };
            Step {
                id: Token { key: 1, digest: id },
                state,
                start: minute(start),
                end: end.map(minute),
                last_image: last_image.map(minute),
                acquired: None,
                accessions: if accession == 0 { Vec::new() } else { vec![Token { key: 2, digest: accession }] },
                visit: has_visit.then_some(Token { key: 3, digest: accession / 2 }),
                patient: None,
                protocol: None,
                reason,
                captured: minute(start),
                conflicting: false,
                inferred: false,
            }
        },
    )
}

fn minutes_of(at: UtcMillis) -> i64 {
    at.millis_since(minute(0)) / 60_000
}

/// What the model knows of a step: start, end if known or inferred, and state.
struct Known {
    start: i64,
    end: Option<i64>,
    state: ExamState,
}

fn known(step: &Step) -> Known {
    let end = step.end.or(step.last_image).map(minutes_of);
    let state = match (step.state, step.last_image) {
        (StepState::Completed, _) => ExamState::Completed,
        (StepState::Discontinued, _) => ExamState::Discontinued,
        (StepState::InProgress, Some(_)) => ExamState::Inferred,
        (StepState::InProgress, None) => ExamState::Provisional,
    };
    Known { start: minutes_of(step.start), end, state }
}

proptest! {
    #[test]
    fn every_generated_day_equals_the_model_that_looks_at_each_minute(
        steps in prop::collection::vec(any_step(), 0..12)
    ) {
        let mut ids = BTreeSet::new();
        let steps: Vec<Step> = steps.into_iter().filter(|step| ids.insert(step.id)).collect();
        let facts = |steps: Vec<Step>| ScannerFacts {
            sessions: vec![session("day", minute(PLAN.start), minute(PLAN.end))],
            cases: Vec::new(),
            steps,
            alive: alive(minute(0), minute(720), None),
        };
        let closures = [closure("05:00", "05:30")];
        let room = scanner(RoomKind::Mri);
        let result = measure(&room, &facts(steps.clone()), &closures, LATER);
        let reversed = measure(&room, &facts(steps.iter().rev().cloned().collect()), &closures, LATER);
        prop_assert_eq!(&result, &reversed, "the order in which steps are given");
        let f = &result.sessions[0].figures;

        let counted: Vec<&Step> = steps.iter().filter(|step| step.reason.is_none()).collect();
        let models: Vec<Known> = counted.iter().map(|step| known(step)).collect();
        let upper = |of: &Known| {
            let next = models.iter().map(|other| other.start).filter(|start| *start > of.start).min();
            of.end.or(next).unwrap_or(PLAN.end.max(of.start))
        };
        let (mut occupied, mut productive, mut unknown, mut operational) = (0, 0, 0, 0);
        for at in PLAN.filter(|at| !BREAK.contains(at)) {
            let runs = |of: &&Known| of.end.is_some_and(|end| (of.start..end).contains(&at));
            operational += 1;
            occupied += i64::from(models.iter().any(|of| runs(&of)));
            productive += i64::from(models.iter().any(|of| of.state == ExamState::Completed && runs(&of)));
            let may_run = |of: &Known| of.end.is_none() && (of.start..upper(of)).contains(&at);
            unknown += i64::from(models.iter().any(may_run) && !models.iter().any(|of| runs(&of)));
        }
        prop_assert_eq!(f.operational, Minutes::whole(operational));
        prop_assert_eq!(f.observed, Minutes::whole(operational));
        prop_assert_eq!(f.occupied, Minutes::whole(occupied));
        prop_assert_eq!(f.productive, Minutes::whole(productive));
        prop_assert_eq!(f.unknown, Minutes::whole(unknown));

        let mut exams: BTreeMap<Token, Vec<&Known>> = BTreeMap::new();
        for (step, model) in counted.iter().zip(&models) {
            exams.entry(step.accessions.first().copied().unwrap_or(step.id)).or_default().push(model);
        }
        let inside = |at: i64| (PLAN.start..=PLAN.end).contains(&at);
        let (mut counts, mut outside) = ([0_u32; 4], 0);
        for of in exams.values() {
            let best = of.iter().map(|step| step.state).max().unwrap();
            let ends = of.iter().filter(|step| step.state == best).filter_map(|step| step.end).min();
            match (best, ends) {
                (ExamState::Completed | ExamState::Inferred, Some(end)) if !inside(end) => outside += 1,
                (state, _) => counts[state as usize] += 1,
            }
        }
        let figures = [f.exams_discontinued, f.exams_provisional, f.exams_inferred, f.exams_completed];
        prop_assert_eq!((figures, f.out_of_hours_exams), (counts, outside));

        let visits: BTreeSet<(bool, Token)> = counted
            .iter()
            .zip(&models)
            .filter(|(_, model)| model.end.is_some_and(inside))
            .map(|(step, _)| (step.visit.is_some(), step.visit.unwrap_or(step.id)))
            .collect();
        prop_assert_eq!(f.attendances as usize, visits.len());

        if models.iter().all(|of| of.end.is_some()) {
            let mut ordered: Vec<(i64, i64)> = models.iter().map(|of| (of.start, of.end.unwrap_or(0))).collect();
            ordered.sort_unstable();
            let gaps: Vec<Minutes> = (1..ordered.len())
                .map(|n| {
                    let latest = ordered[..n].iter().map(|(_, end)| *end).max().unwrap_or(0);
                    Minutes::whole((ordered[n].0 - latest).max(0))
                })
                .collect();
            prop_assert_eq!((&f.changeovers, f.changeovers_unknown), (&gaps, 0));
        }
    }
}
