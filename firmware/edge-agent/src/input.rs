//! [`Input`]: an input line with its meaning: edges go in, what an agent reports of it comes out.
//!
//! A signal (door, lamp, relay) is reported at each change, a button only by its presses. Either is reported as a fault
//! when it cannot be believed, and with its level when it can be again: a fault is never silence.

use heapless::Vec;
use room_events::Level as Reported;

use crate::button::{Button, Press};
use crate::line::{Level, Line, LineNews, LineRules};

/// What is heard of an input. Times are in milliseconds on the clock of the edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It shows this from `at` on.
    Shows {
        /// What it shows.
        level: Reported,
        /// Since when.
        at: u64,
    },
    /// The button was pressed.
    Pressed(Press),
}

/// All that one call can have to tell: two of each piece of the line's news.
pub type HeardAtOnce = Vec<Heard, 6>;

/// One input.
#[derive(Debug, Clone)]
pub struct Input {
    line: Line,
    button: Option<Button>,
    is_faulty: bool,
}

impl Input {
    /// A door, lamp or relay, read as `level` at `at`.
    pub const fn signal(rules: LineRules, level: Level, at: u64) -> Self {
        Self { line: Line::new(rules, level, at), button: None, is_faulty: false }
    }

    /// A push button, read as `level` at `at`; a press is long from `long_ms` on.
    pub const fn button(rules: LineRules, long_ms: u64, level: Level, at: u64) -> Self {
        Self { button: Some(Button::new(long_ms)), ..Self::signal(rules, level, at) }
    }

    /// What it shows now.
    pub fn shows(&self) -> Reported {
        if self.is_faulty { Reported::Fault } else { reported(self.line.is_active()) }
    }

    /// As [`Line::handle_edge`].
    #[must_use = "changes and faults are told once"]
    pub fn handle_edge(&mut self, level: Level, at: u64) -> HeardAtOnce {
        let news = self.line.handle_edge(level, at);
        self.heard(&news, at)
    }

    /// As [`Line::handle_reading`].
    #[must_use = "changes and faults are told once"]
    pub fn handle_reading(&mut self, level: Level, now: u64) -> HeardAtOnce {
        let news = self.line.handle_reading(level, now);
        self.heard(&news, now)
    }

    /// As [`Line::handle_time`].
    #[must_use = "changes and faults are told once"]
    pub fn handle_time(&mut self, now: u64) -> HeardAtOnce {
        let news = self.line.handle_time(now);
        self.heard(&news, now)
    }

    /// As [`Line::due`].
    pub fn due(&self) -> Option<u64> {
        self.line.due()
    }

    fn heard(&mut self, news: &[LineNews], now: u64) -> HeardAtOnce {
        let mut heard = HeardAtOnce::new();
        for one in news {
            let shows = match *one {
                LineNews::Changed { active, at } => {
                    (self.button.is_none() || self.is_faulty).then_some((reported(active), at))
                }
                LineNews::Rested { active, at } => Some((reported(active), at)),
                LineNews::Chattering { since } => Some((Reported::Fault, since)),
                // It was reported as active when that began; that it lasts too long is only known now.
                LineNews::Stuck { .. } => Some((Reported::Fault, now)),
            };
            if let Some((level, at)) = shows {
                self.is_faulty = level == Reported::Fault;
                push(&mut heard, Heard::Shows { level, at });
            }
            if let Some(press) = self.button.as_mut().and_then(|button| button.handle_news(*one)) {
                push(&mut heard, Heard::Pressed(press));
            }
        }
        heard
    }
}

fn reported(is_active: bool) -> Reported {
    if is_active { Reported::Active } else { Reported::Inactive }
}

/// Three pieces of news tell at most two things each, so there is always room.
fn push(heard: &mut HeardAtOnce, one: Heard) {
    let full = heard.push(one).is_err();
    debug_assert!(!full, "one call told more than the line's news can mean");
}

#[cfg(test)]
mod tests {
    use super::Level::{High, Low};
    use super::*;
    use std::vec::Vec as List;

    const RULES: LineRules =
        LineRules { active: High, debounce_ms: 50, chatter_ms: 2_000, longest_active_ms: Some(60_000) };

    const fn shows(level: Reported, at: u64) -> Heard {
        Heard::Shows { level, at }
    }

    /// The edges in turn, up first, then time up to `end`.
    fn heard(mut input: Input, edges: &[u64], end: u64) -> List<Heard> {
        let levels = [High, Low].into_iter().cycle();
        let mut all: List<Heard> =
            edges.iter().zip(levels).flat_map(|(at, level)| input.handle_edge(level, *at)).collect();
        all.extend(input.handle_time(end));
        all
    }

    #[test]
    fn a_signal_is_reported_at_its_changes_and_a_button_by_its_presses() {
        let expected = [shows(Reported::Active, 1_000), shows(Reported::Inactive, 1_200)];
        assert_eq!(heard(Input::signal(RULES, Low, 0), &[1_000, 1_200], 2_000), expected);
        let expected = [Heard::Pressed(Press::Short { at: 1_000 })];
        assert_eq!(heard(Input::button(RULES, 2_000, Low, 0), &[1_000, 1_200], 2_000), expected);
    }

    #[test]
    fn a_cut_wire_in_closed_circuit_wiring_is_a_fault_and_no_long_press() {
        let button = Input::button(RULES, 2_000, Low, 0);
        assert_eq!(heard(button.clone(), &[1_000], 61_000), [shows(Reported::Fault, 61_000)]);
        let mended = [shows(Reported::Fault, 61_005), shows(Reported::Inactive, 61_005)];
        let mut input = button;
        let _ = input.handle_edge(High, 1_000);
        let mut all: List<Heard> = input.handle_time(1_050).into_iter().collect();
        all.extend(input.handle_edge(Low, 61_005));
        assert_eq!(input.shows(), Reported::Fault);
        all.extend(input.handle_time(61_055));
        assert_eq!(all, mended);
        assert_eq!(input.shows(), Reported::Inactive);
    }

    #[test]
    fn a_loose_contact_is_a_fault_until_it_rests_and_presses_nothing() {
        let edges: List<u64> = (0..=151).map(|n| 1_000 + n * 20).collect();
        let expected = [shows(Reported::Fault, 1_000), shows(Reported::Inactive, 4_020)];
        assert_eq!(heard(Input::button(RULES, 2_000, Low, 0), &edges, 9_000), expected);
        assert_eq!(heard(Input::signal(RULES, Low, 0), &edges, 9_000), expected);
    }
}
