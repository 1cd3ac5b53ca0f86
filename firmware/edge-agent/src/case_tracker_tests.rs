use super::Milestone::{AnaestheticStart, IntoTheatre, OutOfTheatre, ProcedureEnd, ProcedureStart};
use super::*;
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec as List;

const fn at(second: i64) -> UtcMillis {
    UtcMillis::saturating(1_644_585_000_000 + second * 1000)
}

const fn case(digest: u128) -> Token {
    Token { key: 0, digest }
}

#[derive(Debug, Clone, Copy)]
enum On {
    M(Milestone),
    Next,
    Back,
}
use On::{Back, M, Next};

/// Takes one press; the n-th one of a test is given the fresh token n.
fn press(tracker: &mut CaseTracker, n: usize, on: On, second: i64) -> Outcome {
    match on {
        M(name) => tracker.handle_milestone(name, at(second), case(n as u128)),
        Next => tracker.handle_next_patient(at(second)),
        Back => tracker.handle_take_back(),
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reached(m) => {
            let flag = if m.out_of_order { " out of order" } else { "" };
            format!("{} {}{flag}", m.case.digest, m.name)
        }
        Outcome::Corrected(c) => {
            let to = c.to.map_or("not".to_string(), |to| format!("at {}", to.millis_since(at(0)) / 1000));
            format!("{} {} {to}", c.case.digest, c.name)
        }
        Outcome::Noted => "noted".to_string(),
        Outcome::NothingToTakeBack => "nothing".to_string(),
    }
}

/// Presses a minute apart, and what comes of each. The tracker is put away and read again after each.
fn check(presses: &[(On, &str)]) {
    let mut tracker = CaseTracker::default();
    for (n, (on, expected)) in presses.iter().enumerate() {
        let outcome = press(&mut tracker, n + 1, *on, n as i64 * 60);
        assert_eq!(shown(&outcome), *expected, "press {} of {presses:?}", n + 1);
        tracker = CaseTracker::of_state(&tracker.state()).unwrap();
    }
}

#[test]
fn two_patients_in_their_usual_way_are_two_cases() {
    check(&[
        (M(IntoTheatre), "1 into_theatre"),
        (M(ProcedureStart), "1 procedure_start"),
        (M(ProcedureEnd), "1 procedure_end"),
        (M(OutOfTheatre), "1 out_of_theatre"),
        (M(AnaestheticStart), "5 anaesthetic_start"),
        (M(IntoTheatre), "5 into_theatre"),
    ]);
}

#[test]
fn a_forgotten_press_is_accepted_late_and_flagged() {
    check(&[
        (M(ProcedureStart), "1 procedure_start out of order"),
        (M(IntoTheatre), "1 into_theatre out of order"),
        (M(ProcedureEnd), "1 procedure_end"),
    ]);
}

#[test]
fn the_next_arrival_begins_the_next_case_though_nobody_pressed_out() {
    check(&[
        (M(IntoTheatre), "1 into_theatre"),
        (M(IntoTheatre), "2 into_theatre"),
        (M(ProcedureEnd), "2 procedure_end"),
        (M(AnaestheticStart), "4 anaesthetic_start"),
    ]);
}

#[test]
fn an_anaesthetic_may_begin_before_the_theatre_or_in_it_and_be_pressed_again() {
    check(&[
        (M(IntoTheatre), "1 into_theatre"),
        (M(AnaestheticStart), "1 anaesthetic_start"),
        (M(AnaestheticStart), "1 anaesthetic_start at 120"),
        (M(ProcedureStart), "1 procedure_start"),
        (M(AnaestheticStart), "5 anaesthetic_start"),
        (M(IntoTheatre), "5 into_theatre"),
    ]);
}

#[test]
fn what_a_finished_case_has_had_is_the_next_ones() {
    check(&[
        (M(IntoTheatre), "1 into_theatre"),
        (M(ProcedureStart), "1 procedure_start"),
        (M(ProcedureEnd), "1 procedure_end"),
        (M(ProcedureStart), "4 procedure_start out of order"),
        (M(ProcedureEnd), "4 procedure_end"),
        (M(OutOfTheatre), "4 out_of_theatre"),
        (M(ProcedureEnd), "7 procedure_end out of order"),
    ]);
}

#[test]
fn next_patient_ends_a_case_that_nothing_else_would() {
    check(&[
        (M(IntoTheatre), "1 into_theatre"),
        (Next, "noted"),
        (M(ProcedureStart), "3 procedure_start out of order"),
        (Next, "noted"),
        (Next, "noted"),
        (M(IntoTheatre), "6 into_theatre"),
    ]);
}

#[test]
fn a_milestone_pressed_again_is_corrected_to_the_later_time_and_can_be_put_back() {
    check(&[
        (M(IntoTheatre), "1 into_theatre"),
        (M(ProcedureEnd), "1 procedure_end"),
        (M(ProcedureEnd), "1 procedure_end at 120"),
        (Back, "1 procedure_end at 60"),
        (Back, "1 procedure_end not"),
        (M(ProcedureEnd), "1 procedure_end"),
    ]);
}

#[test]
fn taking_back_a_case_that_began_by_mistake_returns_to_the_one_before() {
    check(&[
        (M(IntoTheatre), "1 into_theatre"),
        (M(IntoTheatre), "2 into_theatre"),
        (Back, "2 into_theatre not"),
        (M(ProcedureStart), "1 procedure_start"),
        (Next, "noted"),
        (Back, "noted"),
        (M(OutOfTheatre), "1 out_of_theatre"),
        (Back, "1 out_of_theatre not"),
        (Back, "1 procedure_start not"),
        (Back, "1 into_theatre not"),
        (Back, "nothing"),
    ]);
}

#[test]
fn an_impatient_finger_presses_once() {
    let mut tracker = CaseTracker::default();
    assert_eq!(shown(&tracker.handle_milestone(IntoTheatre, at(0), case(1))), "1 into_theatre");
    assert_eq!(tracker.handle_milestone(IntoTheatre, at(2), case(2)), Outcome::Noted);
    assert_eq!(shown(&tracker.handle_milestone(IntoTheatre, at(3), case(3))), "3 into_theatre");
}

#[test]
fn only_the_last_presses_are_remembered_and_the_rest_cannot_be_taken_back() {
    let mut tracker = CaseTracker::default();
    for n in 0..=MAX_PRESSES {
        let _ = tracker.handle_milestone(IntoTheatre, at(n as i64 * 60), case(n as u128));
    }
    assert_eq!(tracker.state().len(), MAX_STATE_BYTES);
    for n in (1..=MAX_PRESSES).rev() {
        assert_eq!(shown(&tracker.handle_take_back()), format!("{n} into_theatre not"));
    }
    assert_eq!(tracker.handle_take_back(), Outcome::NothingToTakeBack);
}

#[test]
fn bytes_that_are_no_state_are_told() {
    let mut tracker = CaseTracker::default();
    let _ = tracker.handle_milestone(IntoTheatre, at(0), case(1));
    let good = tracker.state();
    assert_eq!(CaseTracker::of_state(&good), Some(tracker));
    assert_eq!(CaseTracker::of_state(&[]), None);
    assert_eq!(CaseTracker::of_state(&good[..good.len() - 1]), None);
    assert_eq!(CaseTracker::of_state(&[&[2], &good[1..]].concat()), None, "another version");
    assert_eq!(CaseTracker::of_state(&[&[1, 99], &good[2..]].concat()), None, "no milestone");
    assert_eq!(CaseTracker::of_state(&[&[1][..], &good[1..].repeat(MAX_PRESSES + 1)].concat()), None, "too many");
}

proptest! {
    /// What a reader of the corrections believes in the end equals what the tracker still remembers.
    #[test]
    fn recorded_milestones_and_corrections_add_up_to_what_was_not_taken_back(
        presses in prop::collection::vec((0_usize..8, 0_i64..600), 0..MAX_PRESSES),
    ) {
        let names = [AnaestheticStart, IntoTheatre, ProcedureStart, ProcedureEnd, OutOfTheatre];
        let (mut tracker, mut second) = (CaseTracker::default(), 0);
        let mut believed: List<((u128, Milestone), UtcMillis)> = List::new();
        for (n, (choice, pause)) in presses.into_iter().enumerate() {
            second += pause;
            let on = names.get(choice).map_or(if choice == 5 { Next } else { Back }, |name| M(*name));
            let (key, to) = match press(&mut tracker, n, on, second) {
                Outcome::Reached(m) => ((m.case.digest, m.name), Some(at(second))),
                Outcome::Corrected(c) => ((c.case.digest, c.name), c.to),
                Outcome::Noted | Outcome::NothingToTakeBack => continue,
            };
            believed.retain(|(known, _)| *known != key);
            believed.extend(to.map(|to| (key, to)));
        }
        let mut remembered: List<((u128, Milestone), UtcMillis)> = List::new();
        for pressed in &tracker.presses {
            let Some(name) = pressed.milestone else { continue };
            let key = (pressed.case.digest, name);
            remembered.retain(|(known, _)| *known != key);
            remembered.push((key, pressed.at));
        }
        believed.sort();
        remembered.sort();
        prop_assert_eq!(believed, remembered);
    }
}
