//! [`StatusLight`]: tells who pressed a button whether the press is on the disk.
//!
//! ```text
//! saved       lit for 2 s
//! not saved   blinks twice a second until a press is saved
//! ```
//!
//! It is lit only after the commit, so a light that does not come on is an answer too.

use embedded_hal::digital::OutputPin;

use crate::line::Level;

/// How long a saved press is confirmed: long enough to be seen by somebody who looks up late.
pub const SAVED_MS: u64 = 2_000;

/// One half of a blink: two blinks a second, below the three from which flashing can be harmful.
pub const BLINK_MS: u64 = 250;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Nothing,
    SavedUntil(u64),
    NotSavedSince(u64),
}

/// A light on an output pin. Times are in milliseconds of a monotonic clock.
#[derive(Debug)]
pub struct StatusLight<P> {
    pin: P,
    lit: Level,
    shows: Shows,
    is_lit: bool,
}

impl<P: OutputPin> StatusLight<P> {
    /// A light that is lit at the level `lit`, and is put out now.
    pub fn new(mut pin: P, lit: Level) -> Result<Self, P::Error> {
        put(&mut pin, lit, false)?;
        Ok(Self { pin, lit, shows: Shows::Nothing, is_lit: false })
    }

    /// A press is on the disk.
    pub fn handle_saved(&mut self, now: u64) -> Result<(), P::Error> {
        self.shows = Shows::SavedUntil(now.saturating_add(SAVED_MS));
        self.handle_time(now)
    }

    /// A press could not be kept, or there was nothing to take back.
    pub fn handle_not_saved(&mut self, now: u64) -> Result<(), P::Error> {
        // Begins dark, so that a press which was confirmed just before does not seem to last.
        self.shows = Shows::NotSavedSince(now);
        self.handle_time(now)
    }

    /// When the light next changes.
    pub fn due(&self, now: u64) -> Option<u64> {
        match self.shows {
            Shows::Nothing => None,
            Shows::SavedUntil(end) => Some(end),
            Shows::NotSavedSince(start) => Some(start + (now.saturating_sub(start) / BLINK_MS + 1) * BLINK_MS),
        }
    }

    /// Takes the passing of time.
    pub fn handle_time(&mut self, now: u64) -> Result<(), P::Error> {
        let is_lit = match self.shows {
            Shows::Nothing => false,
            Shows::SavedUntil(end) => now < end,
            Shows::NotSavedSince(start) => now.saturating_sub(start) / BLINK_MS % 2 == 1,
        };
        if !is_lit && matches!(self.shows, Shows::SavedUntil(_)) {
            self.shows = Shows::Nothing;
        }
        if is_lit != self.is_lit {
            put(&mut self.pin, self.lit, is_lit)?;
            self.is_lit = is_lit;
        }
        Ok(())
    }
}

fn put<P: OutputPin>(pin: &mut P, lit: Level, is_lit: bool) -> Result<(), P::Error> {
    match (lit, is_lit) {
        (Level::High, true) | (Level::Low, false) => pin.set_high(),
        (Level::High, false) | (Level::Low, true) => pin.set_low(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};

    /// Drives a light over a mock pin that expects exactly these levels.
    fn check(lit: Level, expected: &[State], drive: impl FnOnce(&mut StatusLight<Mock>)) {
        let expected: std::vec::Vec<_> = expected.iter().map(|state| Transaction::set(*state)).collect();
        let mut light = StatusLight::new(Mock::new(&expected), lit).unwrap();
        drive(&mut light);
        light.pin.done();
    }

    #[test]
    fn a_saved_press_is_lit_for_two_seconds_and_a_second_one_prolongs_it() {
        check(Level::High, &[State::Low, State::High, State::Low], |light| {
            light.handle_saved(1_000).unwrap();
            assert_eq!(light.due(1_000), Some(3_000));
            light.handle_saved(2_000).unwrap();
            light.handle_time(3_999).unwrap();
            light.handle_time(4_000).unwrap();
            assert_eq!(light.due(4_000), None);
        });
    }

    #[test]
    fn what_is_not_saved_blinks_until_something_is() {
        let blinks = [State::Low, State::High, State::Low, State::High];
        check(Level::High, &blinks, |light| {
            light.handle_not_saved(0).unwrap();
            for now in [0, 249, 250, 499, 500, 749, 750, 999] {
                light.handle_time(now).unwrap();
            }
            assert_eq!(light.due(999), Some(1_000));
            light.handle_saved(999).unwrap();
        });
    }

    #[test]
    fn a_light_that_is_lit_at_low_level_starts_high() {
        check(Level::Low, &[State::High, State::Low], |light| light.handle_saved(0).unwrap());
    }

    #[test]
    fn a_pin_that_fails_is_told_and_tried_again() {
        use embedded_hal_mock::eh1::MockError;
        let broken = Transaction::set(State::High).with_error(MockError::Io(std::io::ErrorKind::NotFound));
        let pin = Mock::new(&[Transaction::set(State::Low), broken, Transaction::set(State::High)]);
        let mut light = StatusLight::new(pin, Level::High).unwrap();
        assert!(light.handle_saved(0).is_err());
        light.handle_time(1).unwrap();
        light.pin.done();
    }
}
