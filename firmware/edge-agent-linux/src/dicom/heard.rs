//! [`Heard`]: what came from whom since the start, and how far each scanner's clock is from the agent's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use room_events::UtcMillis;

use crate::scanners_file::{Caller, ScannersFile, WorklistState, clock_problem};

/// How many of a scanner's latest messages its clock is judged by.
const JUDGED_BY: usize = 16;

/// Fewer say nothing.
const LEAST: usize = 4;

#[derive(Debug)]
struct State {
    file: ScannersFile,
    /// How much later than their own times messages came, in milliseconds.
    delays: BTreeMap<String, VecDeque<i64>>,
}

/// See the module.
#[derive(Debug)]
pub struct Heard {
    state: Mutex<State>,
    clock_limit_seconds: u16,
}

impl Heard {
    /// Nothing yet.
    pub fn new(now: UtcMillis, clock_limit_seconds: u16) -> Self {
        let state = State { file: ScannersFile::new(now), delays: BTreeMap::new() };
        Self { state: Mutex::new(state), clock_limit_seconds }
    }

    /// What is told of it now.
    pub fn file(&self, open: usize, now: UtcMillis) -> ScannersFile {
        let mut state = self.state();
        (state.file.open, state.file.written) = (open, now);
        state.file.clone()
    }

    pub(super) fn note_turned_away(&self) {
        self.state().file.turned_away += 1;
    }

    pub(super) fn note_refused(&self, calling: &str, called: &str, why: &str, now: UtcMillis) {
        self.state().file.note_refused(calling, called, why, now);
    }

    pub(super) fn note_worklist(&self, worklist: WorklistState) {
        self.state().file.worklist = Some(worklist);
    }

    /// Changes what is known of a caller.
    pub(super) fn note(&self, calling: &str, now: UtcMillis, change: impl FnOnce(&mut Caller)) {
        let mut state = self.state();
        let caller = state.file.callers.entry(calling.to_owned()).or_default();
        caller.last = Some(now);
        change(caller);
    }

    /// A step was told at `heard` that its scanner says began or ended at `said`. Scanners tell both within seconds as a
    /// rule, so the smallest delays are the clock's error; the two times of one strange step are passed over.
    pub(super) fn note_delay(&self, calling: &str, heard: UtcMillis, said: UtcMillis) {
        let mut state = self.state();
        let delays = state.delays.entry(calling.to_owned()).or_default();
        delays.push_back(heard.millis_since(said));
        if delays.len() > JUDGED_BY {
            delays.pop_front();
        }
        if delays.len() < LEAST {
            return;
        }
        let mut sorted: Vec<i64> = delays.iter().copied().collect();
        sorted.sort_unstable();
        let ahead = sorted.get(2).map(|delay| -delay / 1000);
        let limit = i64::from(self.clock_limit_seconds);
        let is_wrong = |ahead: Option<i64>| ahead.is_some_and(|ahead| ahead.abs() > limit);
        let caller = state.file.callers.entry(calling.to_owned()).or_default();
        let before = std::mem::replace(&mut caller.clock_ahead_seconds, ahead);
        match ahead {
            Some(seconds) if is_wrong(ahead) && !is_wrong(before) => {
                tracing::warn!("{}", clock_problem(calling, seconds));
            }
            Some(_) if is_wrong(before) && !is_wrong(ahead) => {
                tracing::info!(calling, "the scanner's clock agrees with the agent's again");
            }
            Some(_) | None => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_messages_that_came_at_once() {
        let heard = Heard::new(UtcMillis::saturating(0), 120);
        let told = |delays_seconds: &[i64]| {
            for (n, delay) in (1_i64..).zip(delays_seconds) {
                let at = UtcMillis::saturating(1_700_000_000_000 + n * 600_000);
                heard.note_delay("MR1", at, at.plus_millis(-delay * 1000));
            }
            heard.file(0, UtcMillis::saturating(1)).callers.get("MR1").and_then(|caller| caller.clock_ahead_seconds)
        };
        assert_eq!(told(&[421, 425, 900]), None, "too few");
        // Messages that waited, and one of another year, are not the clock.
        assert_eq!(told(&[-31_000_000, -31_000_900, 4_000]), Some(-421));
        assert_eq!(told(&[1; JUDGED_BY]), Some(-1));
        assert_eq!(told(&[-420; JUDGED_BY]), Some(420));
    }
}
