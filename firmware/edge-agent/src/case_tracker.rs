//! [`CaseTracker`]: turns the presses of a room's buttons into cases and their milestones.
//!
//! Nobody tells the buttons who the patient is, so a case has a random token, and what belongs to it follows from the
//! order of the presses:
//!
//! - A press belongs to the case at hand, whatever the order; one that comes after a later milestone is flagged.
//! - The next case begins with the first press after *next patient*; with an arrival (into theatre or before it) after the
//!   procedure end of the case at hand, or that it has had already: into theatre in any case, the others once its procedure
//!   has begun; with what it had before its procedure end, pressed again after it; and with any press before *out of
//!   theatre* once the case at hand is out.
//! - Another milestone pressed again is corrected to the later time; within [`REPEAT_MS`] it is the same press.
//! - Taking back undoes the last press, whatever it was, and then the one before it.
//!
//! ```text
//! state: version 1 | presses, oldest first: what (0 next patient, else milestone + 1) | at, i64 | key | digest, u128
//! ```

use heapless::Vec;
use room_events::{Correction, Label, Milestone, MilestoneReached, Token, UtcMillis};

/// Presses that are remembered: more than a case has milestones. The oldest goes first; it can then not be taken back, and
/// counts as not pressed.
pub const MAX_PRESSES: usize = 32;

/// The same button within so many milliseconds is one press of an impatient finger.
pub const REPEAT_MS: i64 = 3_000;

const VERSION: u8 = 1;
const PRESS_BYTES: usize = 1 + 8 + 1 + 16;

/// The most bytes of a state.
pub const MAX_STATE_BYTES: usize = 1 + MAX_PRESSES * PRESS_BYTES;

/// What came of a press.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Record this milestone together with the new state; only then may the light confirm it.
    Reached(MilestoneReached),
    /// The same of a correction.
    Corrected(Correction),
    /// Keep the new state; there is nothing to record.
    Noted,
    /// Nothing is left to take back: tell the user that nothing was saved.
    NothingToTakeBack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pressed {
    case: Token,
    // Absent: the case was ended by "next patient".
    milestone: Option<Milestone>,
    at: UtcMillis,
}

/// The cases of one room's buttons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseTracker {
    presses: Vec<Pressed, MAX_PRESSES>,
}

impl CaseTracker {
    /// Takes a milestone's press. `fresh` is the token of a case that may begin with it: random, used for no other.
    pub fn handle_milestone(&mut self, name: Milestone, at: UtcMillis, fresh: Token) -> Outcome {
        let Some(case) = self.case_at_hand() else { return self.reach(fresh, name, at) };
        let before = self.last_of(case, name);
        if before.is_some_and(|before| at.millis_since(before).abs() < REPEAT_MS) {
            return Outcome::Noted;
        }
        if self.begins_next(case, name, before.is_some()) {
            return self.reach(fresh, name, at);
        }
        if before.is_none() {
            return self.reach(case, name, at);
        }
        self.remember(Pressed { case, milestone: Some(name), at });
        Outcome::Corrected(correction(case, name, Some(at), "pressed again"))
    }

    /// Takes a press of "next patient": the case at hand is over.
    pub fn handle_next_patient(&mut self, at: UtcMillis) -> Outcome {
        if let Some(case) = self.case_at_hand() {
            self.remember(Pressed { case, milestone: None, at });
        }
        Outcome::Noted
    }

    /// Takes the last press back.
    pub fn handle_take_back(&mut self) -> Outcome {
        let Some(Pressed { case, milestone, .. }) = self.presses.pop() else { return Outcome::NothingToTakeBack };
        let Some(name) = milestone else { return Outcome::Noted };
        Outcome::Corrected(correction(case, name, self.last_of(case, name), "taken back"))
    }

    /// The state in bytes, to be kept with what was recorded.
    pub fn state(&self) -> Vec<u8, MAX_STATE_BYTES> {
        let mut bytes = Vec::new();
        // Both capacities are those of the state, so there is always room.
        let _ = bytes.push(VERSION);
        for pressed in &self.presses {
            let what = pressed.milestone.and_then(number_of).unwrap_or(0);
            let _ = bytes.push(what);
            let _ = bytes.extend_from_slice(&pressed.at.millis().to_le_bytes());
            let _ = bytes.push(pressed.case.key);
            let _ = bytes.extend_from_slice(&pressed.case.digest.to_le_bytes());
        }
        bytes
    }

    /// The tracker of a state; `None` if these bytes are none of this version.
    pub fn of_state(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, presses) = bytes.split_first()? else { return None };
        let (kept, rest) = presses.as_chunks::<PRESS_BYTES>();
        if !rest.is_empty() {
            return None;
        }
        let mut presses = Vec::new();
        for bytes in kept {
            presses.push(pressed_of(bytes)?).ok()?;
        }
        Some(Self { presses })
    }

    /// Whether the press cannot be about the case at hand, which has had this milestone already or not.
    fn begins_next(&self, case: Token, name: Milestone, again: bool) -> bool {
        let is_out = self.has_any(case, is_end);
        let is_done = self.has_any(case, |reached| reached == Milestone::ProcedureEnd);
        let is_begun = name == Milestone::IntoTheatre || self.has_any(case, |reached| !is_arrival(reached));
        is_out && name < Milestone::OutOfTheatre
            || is_done && (is_arrival(name) || again && name < Milestone::ProcedureEnd)
            || again && is_arrival(name) && is_begun
    }

    fn case_at_hand(&self) -> Option<Token> {
        self.presses.last().filter(|pressed| pressed.milestone.is_some()).map(|pressed| pressed.case)
    }

    fn reached(&self, case: Token) -> impl Iterator<Item = (Milestone, UtcMillis)> + '_ {
        let of_case = self.presses.iter().filter(move |pressed| pressed.case == case);
        of_case.filter_map(|pressed| pressed.milestone.map(|name| (name, pressed.at)))
    }

    fn last_of(&self, case: Token, name: Milestone) -> Option<UtcMillis> {
        self.reached(case).filter(|(reached, _)| *reached == name).last().map(|(_, at)| at)
    }

    fn has_any(&self, case: Token, is: impl Fn(Milestone) -> bool) -> bool {
        self.reached(case).any(|(reached, _)| is(reached))
    }

    fn reach(&mut self, case: Token, name: Milestone, at: UtcMillis) -> Outcome {
        let is_first = !self.has_any(case, |_| true);
        // Some anaesthetise in a room of its own and some in the theatre, so arrivals have no order among themselves.
        let is_late = self.has_any(case, |reached| reached > name && !is_arrival(reached));
        let out_of_order = if is_first { !is_arrival(name) } else { is_late };
        self.remember(Pressed { case, milestone: Some(name), at });
        Outcome::Reached(MilestoneReached { case, name, out_of_order })
    }

    fn remember(&mut self, pressed: Pressed) {
        if self.presses.is_full() {
            self.presses.remove(0);
        }
        let _ = self.presses.push(pressed);
    }
}

/// The patient is on the way in or has just come.
fn is_arrival(name: Milestone) -> bool {
    name <= Milestone::IntoTheatre
}

/// The room is free again.
fn is_end(name: Milestone) -> bool {
    name >= Milestone::OutOfTheatre
}

fn correction(case: Token, name: Milestone, to: Option<UtcMillis>, reason: &str) -> Correction {
    Correction { case, name, to, author: Label::fitted("button"), reason: Label::fitted(reason) }
}

fn number_of(name: Milestone) -> Option<u8> {
    let place = Milestone::ALL.iter().position(|one| *one == name)?;
    u8::try_from(place + 1).ok()
}

fn pressed_of(bytes: &[u8; PRESS_BYTES]) -> Option<Pressed> {
    let (&[what], rest) = bytes.split_first_chunk()?;
    let (at, rest) = rest.split_first_chunk()?;
    let (&[key], digest) = rest.split_first_chunk()?;
    let milestone = match usize::from(what).checked_sub(1) {
        None => None,
        Some(place) => Some(*Milestone::ALL.get(place)?),
    };
    let case = Token { key, digest: u128::from_le_bytes(digest.try_into().ok()?) };
    Some(Pressed { case, milestone, at: UtcMillis::new(i64::from_le_bytes(*at)).ok()? })
}

#[cfg(test)]
#[path = "case_tracker_tests.rs"]
mod tests;
