//! [`Button`]: tells a short press from a long one.
//!
//! A press is decided when the button is let go, because only then is it known what it was: a cut wire in closed-circuit
//! wiring begins like a press and never ends, and must not take a milestone back.

use crate::line::LineNews;

/// A press that has ended. `at` is when the button went down, on the clock of the edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// Pressed and let go.
    Short {
        /// When it went down.
        at: u64,
    },
    /// Held for the long time or longer, and let go.
    Long {
        /// When it went down.
        at: u64,
    },
}

/// A push button on a [`crate::Line`].
#[derive(Debug, Clone)]
pub struct Button {
    long_ms: u64,
    down: Option<u64>,
}

impl Button {
    /// A button whose press is long from `long_ms` on.
    pub const fn new(long_ms: u64) -> Self {
        Self { long_ms, down: None }
    }

    /// Takes what its line tells. A press that chattered or got stuck is none: it was told as a fault.
    #[must_use = "a press is told once"]
    pub fn handle_news(&mut self, news: LineNews) -> Option<Press> {
        match news {
            LineNews::Changed { active: true, at } => {
                self.down = Some(at);
                None
            }
            LineNews::Changed { active: false, at: up } => {
                let at = self.down.take()?;
                let is_long = up.saturating_sub(at) >= self.long_ms;
                Some(if is_long { Press::Long { at } } else { Press::Short { at } })
            }
            LineNews::Chattering { .. } | LineNews::Rested { .. } | LineNews::Stuck { .. } => {
                self.down = None;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(news: &[LineNews]) -> std::vec::Vec<Press> {
        let mut button = Button::new(2_000);
        news.iter().filter_map(|one| button.handle_news(*one)).collect()
    }

    const fn down(at: u64) -> LineNews {
        LineNews::Changed { active: true, at }
    }

    const fn up(at: u64) -> LineNews {
        LineNews::Changed { active: false, at }
    }

    #[test]
    fn a_press_is_short_or_long_by_how_long_it_was_held() {
        assert_eq!(pressed(&[down(1_000), up(2_999)]), [Press::Short { at: 1_000 }]);
        assert_eq!(pressed(&[down(1_000), up(3_000)]), [Press::Long { at: 1_000 }]);
    }

    #[test]
    fn what_was_a_fault_is_no_press() {
        assert_eq!(pressed(&[down(1_000), LineNews::Stuck { since: 1_000 }, up(90_000)]), []);
        let chattered =
            [down(1_000), LineNews::Chattering { since: 1_200 }, LineNews::Rested { active: false, at: 4_000 }];
        assert_eq!(pressed(&chattered), []);
        assert_eq!(pressed(&[up(500)]), [], "it was down when the agent started");
    }
}
