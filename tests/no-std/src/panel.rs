//! A theatre's panel: five buttons, a door and the status light, on pins that are numbers in memory.

use core::convert::Infallible;

use edge_agent::{CaseTracker, Heard, Input, Level, LineRules, Outcome, Press, StatusLight};
use embedded_hal::digital::{ErrorType, InputPin, OutputPin};
use heapless::Vec;
use room_events::{Milestone, Observation, SignalLevel, SourceId, Token, UtcMillis};

/// The buttons in their usual order; the line after them is the door.
pub const BUTTONS: [Milestone; 5] = [
    Milestone::IntoTheatre,
    Milestone::AnaestheticStart,
    Milestone::ProcedureStart,
    Milestone::ProcedureEnd,
    Milestone::OutOfTheatre,
];

/// The door's line.
pub const DOOR: usize = BUTTONS.len();

const LINES: usize = BUTTONS.len() + 1;
const LONG_MS: u64 = 2_000;
const BUTTON: LineRules =
    LineRules { active: Level::Low, debounce_ms: 50, chatter_ms: 2_000, longest_active_ms: Some(20_000) };
const OPEN_DOOR: LineRules = LineRules { active: Level::High, longest_active_ms: Some(600_000), ..BUTTON };

/// A contact at rest.
struct Contact(Level);

impl ErrorType for Contact {
    type Error = Infallible;
}

impl InputPin for Contact {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.0 == Level::High)
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(self.0 == Level::Low)
    }
}

/// A lamp that counts how often it was lit.
struct Lamp {
    is_lit: bool,
    times_lit: u32,
}

impl ErrorType for Lamp {
    type Error = Infallible;
}

impl OutputPin for Lamp {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.is_lit = false;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.times_lit += u32::from(!self.is_lit);
        self.is_lit = true;
        Ok(())
    }
}

/// What is to be recorded. A press carries the tracker as it will be if that succeeds.
pub enum ToRecord {
    /// Of a signal.
    Signal(Observation, u64),
    /// Of a press.
    Press(Observation, u64, CaseTracker),
}

/// The panel.
pub struct Panel {
    inputs: [Input; LINES],
    tracker: CaseTracker,
    light: StatusLight<Lamp>,
    door: SourceId,
    cases: u128,
}

impl Panel {
    /// A panel at rest.
    pub fn at_rest() -> Option<Self> {
        let at_rest = |level| Level::of(&mut Contact(level));
        let (up, shut) = (at_rest(Level::High).ok()?, at_rest(Level::Low).ok()?);
        let button = || Input::button(BUTTON, LONG_MS, up, 0);
        Some(Self {
            inputs: [button(), button(), button(), button(), button(), Input::signal(OPEN_DOOR, shut, 0)],
            tracker: CaseTracker::default(),
            light: StatusLight::new(Lamp { is_lit: false, times_lit: 0 }, Level::High).ok()?,
            door: SourceId::new("door").ok()?,
            cases: 0,
        })
    }

    /// An edge of a line.
    pub fn handle_edge(&mut self, line: usize, level: Level, at: u64) -> Vec<ToRecord, 6> {
        let heard = self.inputs.get_mut(line).map(|input| input.handle_edge(level, at)).unwrap_or_default();
        self.to_record(line, &heard)
    }

    /// Time passes on a line.
    pub fn handle_time(&mut self, line: usize, now: u64) -> Vec<ToRecord, 6> {
        let heard = self.inputs.get_mut(line).map(|input| input.handle_time(now)).unwrap_or_default();
        self.to_record(line, &heard)
    }

    /// A press is in the outbox.
    pub fn confirm(&mut self, tracker: CaseTracker, now: u64) {
        self.tracker = tracker;
        let Ok(()) = self.light.handle_saved(now);
    }

    /// A press found no room.
    pub fn refuse(&mut self, now: u64) {
        let Ok(()) = self.light.handle_not_saved(now);
    }

    /// Lets the light go on.
    pub fn pass_light(&mut self, now: u64) {
        let Ok(()) = self.light.handle_time(now);
    }

    fn to_record(&mut self, line: usize, heard: &[Heard]) -> Vec<ToRecord, 6> {
        let mut all = Vec::new();
        for one in heard {
            let one = match *one {
                Heard::Shows { level, at } => {
                    let signal = self.door.clone();
                    Some(ToRecord::Signal(Observation::SignalLevel(SignalLevel { signal, level }), at))
                }
                Heard::Pressed(press) => self.pressed(line, press),
            };
            // As many as were heard at most.
            if let Some(one) = one {
                let _ = all.push(one);
            }
        }
        all
    }

    fn pressed(&mut self, line: usize, press: Press) -> Option<ToRecord> {
        let mut tracker = self.tracker.clone();
        let (outcome, at) = match press {
            Press::Short { at } => {
                self.cases += 1;
                let fresh = Token { key: 0, digest: self.cases };
                (tracker.handle_milestone(*BUTTONS.get(line)?, wall(at), fresh), at)
            }
            Press::Long { at } => (tracker.handle_take_back(), at),
        };
        match outcome {
            Outcome::Reached(reached) => Some(ToRecord::Press(Observation::Milestone(reached), at, tracker)),
            Outcome::Corrected(correction) => Some(ToRecord::Press(Observation::Correction(correction), at, tracker)),
            Outcome::Noted | Outcome::NothingToTakeBack => None,
        }
    }
}

/// The time of day at so many milliseconds since boot.
pub fn wall(mono: u64) -> UtcMillis {
    UtcMillis::saturating(1_644_585_000_000).plus_millis(i64::try_from(mono).unwrap_or(i64::MAX))
}
