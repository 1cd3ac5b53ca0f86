//! [`Line`]: one input line (a button, a door contact, a lamp's relay): its timed edges go in, settled changes come out.
//!
//! A contact bounces, so an edge by itself says nothing: edges closer together than the debounce time are one burst, and
//! what counts is the level that the burst leaves behind. The change is placed at the burst's *first* edge, when the
//! hand or the door moved. The times are those of the edges, not of their handling, so a delayed reader settles the
//! same changes as a prompt one, if it hands over the edges that are waiting before it lets time pass.
//!
//! A line that does not come to rest, or is active longer than its meaning allows, is told as a fault and not passed
//! over; what a chattering line comes to rest at is told apart from a change, as nobody can say what it was. A cut wire
//! looks like an open contact: where the contact is closed at rest, it shows as stuck.
//!
//! An edge can be missed (a kernel's queue is full, a chip was away), so the level itself is read now and then
//! ([`Line::handle_reading`]): what it says for the debounce time against the last edge counts as one.
//! What a change means is left to the caller.

use embedded_hal::digital::InputPin;
use heapless::Vec;

/// A contact's electrical level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Near ground.
    Low,
    /// Near supply.
    High,
}

impl Level {
    /// Reads the level of a pin.
    pub fn of<P: InputPin>(pin: &mut P) -> Result<Self, P::Error> {
        Ok(if pin.is_high()? { Self::High } else { Self::Low })
    }
}

/// How a line is wired and what is a fault on it. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRules {
    /// The level of a pressed button, an open door, a burning lamp.
    pub active: Level,
    /// Edges closer together than this are one burst.
    pub debounce_ms: u64,
    /// A burst that lasts this long is chattering.
    pub chatter_ms: u64,
    /// Active for this long is stuck; absent: it may be active for ever.
    pub longest_active_ms: Option<u64>,
}

/// What a line has to tell. Times are on the clock of the edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineNews {
    /// The line settled at the other level.
    Changed {
        /// Whether it is active now.
        active: bool,
        /// The first edge of the burst.
        at: u64,
    },
    /// The line does not come to rest: report a fault. Told once for each burst.
    Chattering {
        /// The first edge of the burst.
        since: u64,
    },
    /// A line that was told as chattering has come to rest. It is no press, nor an opened door: only what can be believed
    /// from here on.
    Rested {
        /// Whether it is active now.
        active: bool,
        /// The last edge of the burst.
        at: u64,
    },
    /// The line has been active for too long: report a fault. Told once for each time it is active.
    Stuck {
        /// When it became active, or was first read.
        since: u64,
    },
}

/// All that one call can have to tell: a change, that it has lasted too long, and that the next burst chatters.
pub type News = Vec<LineNews, 3>;

/// Edges that have not come to rest yet.
#[derive(Debug, Clone, Copy)]
struct Burst {
    first: u64,
    last: u64,
    level: Level,
    told: bool,
}

/// One input line.
#[derive(Debug, Clone)]
pub struct Line {
    rules: LineRules,
    settled: Level,
    since: u64,
    stuck_told: bool,
    burst: Option<Burst>,
    // A reading that contradicts the last edge, and the first time that it did.
    unseen: Option<(Level, u64)>,
}

impl Line {
    /// A line that was read as `level` at `at`. A level found at the start is no change: a button held down while the
    /// agent started is not a press.
    pub const fn new(rules: LineRules, level: Level, at: u64) -> Self {
        Self { rules, settled: level, since: at, stuck_told: false, burst: None, unseen: None }
    }

    /// Whether the settled level is the active one.
    pub fn is_active(&self) -> bool {
        self.settled == self.rules.active
    }

    /// Takes an edge to `level`. Two edges to one level (the kernel dropped the one between) are taken as they come; an
    /// edge earlier than the last one is taken at the time of the last.
    #[must_use = "changes and faults are told once"]
    pub fn handle_edge(&mut self, level: Level, at: u64) -> News {
        let mut news = self.handle_time(at);
        self.unseen = None;
        let burst = self.burst.get_or_insert(Burst { first: at, last: at, level, told: false });
        burst.last = burst.last.max(at);
        burst.level = level;
        tell_chatter(burst, self.rules, &mut news);
        news
    }

    /// Takes a reading of the level, made after all waiting edges were handed over. One that contradicts the last edge may
    /// only be ahead of its own edge; if it still does after the debounce time, an edge was missed, and this is it.
    #[must_use = "changes and faults are told once"]
    pub fn handle_reading(&mut self, level: Level, now: u64) -> News {
        if level == self.burst.map_or(self.settled, |burst| burst.level) {
            self.unseen = None;
            return News::new();
        }
        let (_, first) = *self.unseen.get_or_insert((level, now));
        if now.saturating_sub(first) < self.rules.debounce_ms { News::new() } else { self.handle_edge(level, first) }
    }

    /// When the line next has something to tell if no edge comes: call [`Line::handle_time`] then.
    pub fn due(&self) -> Option<u64> {
        let rest = self.burst.map(|burst| burst.last.saturating_add(self.rules.debounce_ms));
        let missed = self.unseen.map(|(_, first)| first.saturating_add(self.rules.debounce_ms));
        let stuck = self.rules.longest_active_ms.filter(|_| self.is_active() && !self.stuck_told);
        [rest, missed, stuck.map(|longest| self.since.saturating_add(longest))].into_iter().flatten().min()
    }

    /// Takes the passing of time: settles what has come to rest by `now`. To be called when no edge has come for the
    /// debounce time, and now and then for a stuck line; never ahead of an edge that waits to be read, which would then
    /// be a burst of its own.
    #[must_use = "changes and faults are told once"]
    pub fn handle_time(&mut self, now: u64) -> News {
        let mut news = News::new();
        if let Some(burst) = self.burst
            && now.saturating_sub(burst.last) >= self.rules.debounce_ms
        {
            self.burst = None;
            let has_changed = burst.level != self.settled;
            if has_changed {
                self.settled = burst.level;
                self.since = burst.first;
                self.stuck_told = false;
            }
            if burst.told {
                tell(&mut news, LineNews::Rested { active: self.is_active(), at: burst.last });
            } else if has_changed {
                tell(&mut news, LineNews::Changed { active: self.is_active(), at: burst.first });
            }
        }
        if let Some(longest) = self.rules.longest_active_ms
            && self.is_active()
            && self.burst.is_none()
            && !self.stuck_told
            && now.saturating_sub(self.since) >= longest
        {
            self.stuck_told = true;
            tell(&mut news, LineNews::Stuck { since: self.since });
        }
        news
    }
}

fn tell_chatter(burst: &mut Burst, rules: LineRules, news: &mut News) {
    if !burst.told && burst.last - burst.first >= rules.chatter_ms {
        burst.told = true;
        tell(news, LineNews::Chattering { since: burst.first });
    }
}

/// The capacity is the number of kinds, and a call tells each at most once, so there is always room.
fn tell(news: &mut News, one: LineNews) {
    let full = news.push(one).is_err();
    debug_assert!(!full, "one call told more than its three kinds of news");
}

#[cfg(test)]
mod tests {
    use super::Level::{High, Low};
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec as List;

    const BUTTON: LineRules =
        LineRules { active: Low, debounce_ms: 50, chatter_ms: 2_000, longest_active_ms: Some(60_000) };

    /// Feeds the edges to a button at rest since 0, then lets time pass to `end`.
    fn told(edges: &[(Level, u64)], end: u64) -> List<LineNews> {
        let mut line = Line::new(BUTTON, High, 0);
        let mut news: List<LineNews> = edges.iter().flat_map(|&(level, at)| line.handle_edge(level, at)).collect();
        news.extend(line.handle_time(end));
        news
    }

    #[test]
    fn a_bouncing_press_is_one_press_at_its_first_edge() {
        let edges = [(Low, 1_000), (High, 1_003), (Low, 1_007), (High, 1_400), (Low, 1_402), (High, 1_405)];
        let expected = [LineNews::Changed { active: true, at: 1_000 }, LineNews::Changed { active: false, at: 1_400 }];
        assert_eq!(told(&edges, 1_455), expected);
    }

    #[test]
    fn a_spike_shorter_than_the_debounce_time_is_nothing() {
        assert_eq!(told(&[(Low, 1_000), (High, 1_049)], 5_000), []);
        let held = [LineNews::Changed { active: true, at: 1_000 }, LineNews::Changed { active: false, at: 1_050 }];
        assert_eq!(told(&[(Low, 1_000), (High, 1_050)], 5_000), held);
    }

    #[test]
    fn a_line_that_does_not_come_to_rest_is_told_once_and_settles_after_all() {
        let edges: List<(Level, u64)> =
            (0..=150).map(|n| (if n % 2 == 0 { Low } else { High }, 1_000 + n * 20)).collect();
        let expected = [LineNews::Chattering { since: 1_000 }, LineNews::Rested { active: true, at: 4_000 }];
        assert_eq!(told(&edges, 10_000), expected);
    }

    #[test]
    fn a_button_held_for_too_long_is_stuck_and_told_once() {
        let mut line = Line::new(BUTTON, High, 0);
        assert!(line.handle_edge(Low, 1_000).is_empty());
        assert_eq!(line.handle_time(1_050).as_slice(), [LineNews::Changed { active: true, at: 1_000 }]);
        assert!(line.handle_time(60_999).is_empty());
        assert_eq!(line.handle_time(61_000).as_slice(), [LineNews::Stuck { since: 1_000 }]);
        assert!(line.handle_time(99_000).is_empty());
    }

    #[test]
    fn a_level_found_at_the_start_is_no_press_but_may_be_stuck() {
        let mut line = Line::new(BUTTON, Low, 5);
        assert!(line.is_active());
        assert!(line.handle_time(60_004).is_empty());
        assert_eq!(line.handle_time(60_005).as_slice(), [LineNews::Stuck { since: 5 }]);
    }

    #[test]
    fn one_call_can_tell_of_a_change_and_that_it_has_lasted_too_long() {
        let expected = [LineNews::Changed { active: true, at: 1_000 }, LineNews::Stuck { since: 1_000 }];
        assert_eq!(told(&[(Low, 1_000)], 100_000), expected);
    }

    #[test]
    fn a_chattering_line_that_rests_where_it_was_is_told_as_believable_again() {
        let edges: List<(Level, u64)> =
            (0..=151).map(|n| (if n % 2 == 0 { Low } else { High }, 1_000 + n * 20)).collect();
        let expected = [LineNews::Chattering { since: 1_000 }, LineNews::Rested { active: false, at: 4_020 }];
        assert_eq!(told(&edges, 10_000), expected);
    }

    #[test]
    fn a_missed_edge_is_made_up_by_a_reading_that_stays() {
        let mut line = Line::new(BUTTON, High, 0);
        assert!(line.handle_reading(Low, 1_000).is_empty());
        assert_eq!(line.due(), Some(1_050));
        assert!(line.handle_reading(Low, 1_049).is_empty());
        assert!(line.handle_reading(Low, 1_060).is_empty(), "an edge like others: it must come to rest");
        assert_eq!(line.handle_time(1_060).as_slice(), [LineNews::Changed { active: true, at: 1_000 }]);
    }

    #[test]
    fn a_reading_that_is_only_ahead_of_its_edge_adds_nothing() {
        let mut line = Line::new(BUTTON, High, 0);
        assert!(line.handle_reading(Low, 1_001).is_empty());
        assert!(line.handle_edge(Low, 1_000).is_empty());
        assert!(line.handle_reading(Low, 1_002).is_empty());
        assert_eq!(line.handle_time(1_060).as_slice(), [LineNews::Changed { active: true, at: 1_000 }]);
        assert_eq!(line.due(), Some(61_000), "when it would be stuck");
    }

    #[test]
    fn a_level_is_read_from_a_pin() {
        use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};
        let mut pin = Mock::new(&[Transaction::get(State::High), Transaction::get(State::Low)]);
        assert_eq!((Level::of(&mut pin), Level::of(&mut pin)), (Ok(High), Ok(Low)));
        pin.done();
    }

    /// The same by hindsight: cut all edges at the pauses, keep each piece's first time and last level.
    fn changes_by_hindsight(edges: &[(Level, u64)]) -> List<LineNews> {
        let mut settled = High;
        let mut changes = List::new();
        for piece in edges.chunk_by(|a, b| b.1 - a.1 < BUTTON.debounce_ms) {
            let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
            let active = last.0 == Low;
            if last.1 - first.1 >= BUTTON.chatter_ms {
                changes.push(LineNews::Rested { active, at: last.1 });
            } else if last.0 != settled {
                changes.push(LineNews::Changed { active, at: first.1 });
            }
            settled = last.0;
        }
        changes
    }

    proptest! {
        #[test]
        fn no_press_is_lost_or_doubled_however_the_edges_fall(
            steps in prop::collection::vec((any::<bool>(), 0_u64..60, prop::option::of(0_u64..60)), 0..400),
        ) {
            let mut line = Line::new(BUTTON, High, 0);
            let (mut now, mut edges, mut news) = (0, List::new(), List::new());
            for (low, pause, look) in steps {
                // A look at the clock between two edges changes nothing.
                if let Some(look) = look {
                    news.extend(line.handle_time(now + look.min(pause)));
                }
                now += pause;
                let level = if low { Low } else { High };
                edges.push((level, now));
                news.extend(line.handle_edge(level, now));
            }
            news.extend(line.handle_time(now + BUTTON.debounce_ms));
            news.retain(|one| matches!(one, LineNews::Changed { .. } | LineNews::Rested { .. }));
            prop_assert_eq!(news, changes_by_hindsight(&edges));
        }
    }
}
