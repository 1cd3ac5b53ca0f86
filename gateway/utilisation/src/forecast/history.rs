//! [`History`]: how long cases, turnovers and first starts took on earlier lists, by what they have in common.

use std::collections::HashMap;

use room_events::{Label, RoomId, RoomKind, SiteId};

use super::spread::Spread;
use crate::quantity::Minutes;
use crate::result::{CaseResult, CaseState, SessionResult};

/// Cases of one procedure needed for its own lengths. Few, because procedures differ far more than cases of one do:
/// on the bundled cases 5 miss the finish by a third less than 20.
const LEAST_OF_PROCEDURE: usize = 5;
/// Lengths needed of anything broader.
const LEAST: usize = 20;
/// Lengths kept of one kind, the latest.
const KEPT: usize = 400;
/// Lengths above the time already passed needed to say how long the rest takes.
const LEAST_LONGER: usize = 3;

/// What lengths are taken from, the closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// Cases of the same procedure.
    Procedure,
    /// Cases of the same specialty.
    Specialty,
    /// Cases in the same room.
    Room,
    /// Cases in rooms of the same kind.
    RoomKind,
    /// Nothing like it: the booked minutes stand in.
    Booked,
}

impl Likeness {
    /// For people: `cases of the same procedure`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Procedure => "cases of the same procedure",
            Self::Specialty => "cases of the same specialty",
            Self::Room => "cases in the same room",
            Self::RoomKind => "cases in rooms of its kind",
            Self::Booked => "booked minutes",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Procedure(RoomKind, Label),
    Specialty(RoomKind, Label),
    Room(SiteId, RoomId),
    Kind(RoomKind),
}

/// How long something took.
#[derive(Debug, Clone, Copy)]
struct Length {
    minutes: f64,
    booked: Option<f64>,
}

/// What usually is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    /// Touch of a case.
    pub(super) touch: Minutes,
    /// Turnover before it.
    pub(super) turnover: Minutes,
    /// From the planned start to the first case.
    pub(super) first: Minutes,
}

/// Lengths of earlier lists.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    touch: HashMap<Key, Vec<Length>>,
    turnover: HashMap<Key, Vec<Length>>,
    /// From the planned start to the first case; negative when that came before.
    first: HashMap<Key, Vec<Length>>,
    /// Procedures done, with how often.
    procedures: HashMap<Key, Vec<(Label, usize)>>,
}

impl History {
    /// Adds a closed list, later than those before.
    pub(super) fn add(&mut self, session: &SessionResult) {
        let mut first = true;
        for case in &session.cases {
            let (Some(start), CaseState::Complete | CaseState::Abandoned, Some(end)) =
                (case.start, case.state, case.end)
            else {
                continue;
            };
            let touch =
                Length { minutes: Minutes::between(start, end).as_f64(), booked: case.booked_minutes.map(f64::from) };
            for (_, key) in likenesses_of_case(session, case) {
                keep(&mut self.touch, key, touch);
            }
            if let (Some(procedure), Some(specialty)) = (&case.procedure, specialty(session, case)) {
                let done = self.procedures.entry(Key::Specialty(session.room_kind, specialty.clone())).or_default();
                match done.iter_mut().find(|(known, _)| known == procedure) {
                    Some((_, n)) => *n += 1,
                    None => done.push((procedure.clone(), 1)),
                }
            }
            let since = Minutes::between(session.planned_start, start).as_f64();
            let pause = case.turnover_before.map(Minutes::as_f64);
            let (into, minutes) = if first { (&mut self.first, Some(since)) } else { (&mut self.turnover, pause) };
            for (_, key) in likenesses_of_wait(session) {
                if let Some(minutes) = minutes {
                    keep(into, key, Length { minutes, booked: None });
                }
            }
            first = false;
        }
    }

    /// What is left of a case that has taken `passed` minutes, and what that rests on.
    pub(super) fn touch(&self, session: &SessionResult, case: &CaseResult, passed: f64) -> (Spread, Likeness) {
        let booked = case.booked_minutes.map(f64::from).filter(|booked| *booked > 0.0);
        for (likeness, key) in likenesses_of_case(session, case) {
            let of_booked = |length: &Length| match (booked, length.booked.filter(|minutes| *minutes > 0.0)) {
                // A procedure's cases are booked for as long as the surgeon expects: the error is in proportion.
                (Some(booked), Some(was_booked)) => length.minutes / was_booked * booked,
                (Some(_) | None, _) => length.minutes,
            };
            if let Some(rest) = rest(self.touch.get(&key), likeness, passed, of_booked) {
                return (rest, likeness);
            }
        }
        let left = booked.map_or(0.0, |booked| booked - passed).max(0.0);
        (Spread::of([left]).unwrap_or_else(Spread::nothing), Likeness::Booked)
    }

    /// What is left until the next case, `passed` minutes after the last one left.
    pub(super) fn turnover(&self, session: &SessionResult, passed: f64) -> Spread {
        wait(&self.turnover, session, passed)
    }

    /// What is left until the first case, `passed` minutes after the planned start.
    pub(super) fn first_case(&self, session: &SessionResult, passed: f64) -> Spread {
        wait(&self.first, session, passed)
    }

    /// What a further case of the list usually takes; absent where too few are known.
    pub(super) fn usual(&self, session: &SessionResult) -> Option<Usual> {
        let median = |of: &HashMap<Key, Vec<Length>>, likenesses: Vec<(Likeness, Key)>| {
            let known = likenesses.into_iter().find_map(|(likeness, key)| enough(of.get(&key), likeness))?;
            Some(as_minutes(Spread::of(known.iter().map(|length| length.minutes))?.quantile(0.5)))
        };
        let mut of_touch = likenesses_of_wait(session);
        // The specialty says more of a case than the room does.
        of_touch.sort_by_key(|(likeness, _)| *likeness);
        Some(Usual {
            touch: median(&self.touch, of_touch)?,
            turnover: median(&self.turnover, likenesses_of_wait(session))?,
            first: median(&self.first, likenesses_of_wait(session))?,
        })
    }

    /// The procedures done often enough in the list's specialty, each with its whole length.
    pub(super) fn procedures(&self, session: &SessionResult) -> Vec<(Label, Spread)> {
        let Some(specialty) = &session.specialty else { return Vec::new() };
        let done = self.procedures.get(&Key::Specialty(session.room_kind, specialty.clone()));
        let often = done.into_iter().flatten().filter(|(_, n)| *n >= LEAST);
        often
            .filter_map(|(procedure, _)| {
                let key = Key::Procedure(session.room_kind, procedure.clone());
                Some((procedure.clone(), Spread::of(self.touch.get(&key)?.iter().map(|length| length.minutes))?))
            })
            .collect()
    }
}

fn wait(of: &HashMap<Key, Vec<Length>>, session: &SessionResult, passed: f64) -> Spread {
    likenesses_of_wait(session)
        .into_iter()
        .find_map(|(likeness, key)| rest(of.get(&key), likeness, passed, |length| length.minutes))
        .unwrap_or_else(|| Spread::of([(-passed).max(0.0)]).unwrap_or_else(Spread::nothing))
}

/// What was left of the lengths that were longer than `passed`; absent where too few are known, or were longer.
fn rest(
    lengths: Option<&Vec<Length>>,
    likeness: Likeness,
    passed: f64,
    minutes: impl Fn(&Length) -> f64,
) -> Option<Spread> {
    let all = enough(lengths, likeness)?;
    let longer: Vec<f64> = all.iter().map(|length| minutes(length) - passed).filter(|left| *left > 0.0).collect();
    if longer.len() < LEAST_LONGER { None } else { Spread::of(longer) }
}

fn enough(lengths: Option<&Vec<Length>>, likeness: Likeness) -> Option<&Vec<Length>> {
    let least = if likeness == Likeness::Procedure { LEAST_OF_PROCEDURE } else { LEAST };
    lengths.filter(|lengths| lengths.len() >= least)
}

#[allow(clippy::cast_possible_truncation, reason = "not longer than a week")]
fn as_minutes(minutes: f64) -> Minutes {
    Minutes::from_millis((minutes * 60_000.0).round() as i64)
}

fn keep(of: &mut HashMap<Key, Vec<Length>>, key: Key, length: Length) {
    let kept = of.entry(key).or_default();
    if kept.len() >= 2 * KEPT {
        kept.drain(..KEPT);
    }
    kept.push(length);
}

fn specialty<'a>(session: &'a SessionResult, case: &'a CaseResult) -> Option<&'a Label> {
    case.specialty.as_ref().or(session.specialty.as_ref())
}

/// What a case has in common with others, the closest first.
fn likenesses_of_case(session: &SessionResult, case: &CaseResult) -> Vec<(Likeness, Key)> {
    let kind = session.room_kind;
    let procedure = case.procedure.as_ref().map(|procedure| Key::Procedure(kind, procedure.clone()));
    let specialty = specialty(session, case).map(|specialty| Key::Specialty(kind, specialty.clone()));
    let closest = [procedure.map(|key| (Likeness::Procedure, key)), specialty.map(|key| (Likeness::Specialty, key))];
    let room = Key::Room(session.site.clone(), session.room.clone());
    closest.into_iter().flatten().chain([(Likeness::Room, room), (Likeness::RoomKind, Key::Kind(kind))]).collect()
}

/// The same of a wait between cases, which is a matter of the room's team before all else.
fn likenesses_of_wait(session: &SessionResult) -> Vec<(Likeness, Key)> {
    let kind = session.room_kind;
    let room = Key::Room(session.site.clone(), session.room.clone());
    let specialty = session.specialty.as_ref().map(|specialty| Key::Specialty(kind, specialty.clone()));
    [
        Some((Likeness::Room, room)),
        specialty.map(|key| (Likeness::Specialty, key)),
        Some((Likeness::RoomKind, Key::Kind(kind))),
    ]
    .into_iter()
    .flatten()
    .collect()
}
