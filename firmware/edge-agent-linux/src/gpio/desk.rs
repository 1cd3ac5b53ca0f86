//! [`Desk`]: makes observations of what the reader heard, commits them, and only then confirms a press by the light.
//!
//! Presses are committed one by one, each with the state of the case tracker in the same transaction, so that no restart
//! comes between them. Signal levels are committed apart: when those have used up their share of the outbox, presses still
//! find room.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use edge_agent::{CaseTracker, Observed, Outcome, StatusLight};
use embedded_hal::digital::OutputPin;
use linux_embedded_hal::CdevPin;
use room_events::{Alive, Level, Milestone, Observation, SignalLevel, Token, UtcMillis};

use super::reader::{PressKind, Told};
use super::{GpioFeed, WatchedLine};
use crate::agent::Shared;
use crate::clock::{Clock, random_128};
use crate::config::gpio::Meaning;
use crate::outbox::Progress;

/// Cases of buttons have no number from which a key could make a token: theirs are random, under this key's number.
const NO_KEY: u8 = 0;

/// How long the desk may sleep when the light does not change.
const NO_CHANGE: Duration = Duration::from_secs(3600);

/// What makes the light, anew when the last one failed.
type OpenLight<P> = Box<dyn Fn() -> anyhow::Result<StatusLight<P>> + Send>;

/// See the module.
pub struct Desk<P = CdevPin> {
    shared: Arc<Shared>,
    clock: Arc<Clock>,
    place: Place,
    tracker: CaseTracker,
    open_light: Option<OpenLight<P>>,
    light: Option<StatusLight<P>>,
    is_watched: bool,
}

/// Whose observations these are.
#[derive(Debug, Clone)]
pub struct Place {
    pub room: room_events::RoomId,
    pub source: room_events::SourceId,
    pub lines: Vec<WatchedLine>,
}

impl Desk {
    /// The desk of a feed, with the cases that an earlier process left.
    pub fn open(feed: &GpioFeed, shared: &Arc<Shared>) -> anyhow::Result<Self> {
        let place = Place { room: feed.room.clone(), source: feed.source.clone(), lines: feed.lines.clone() };
        let light = feed.light.clone();
        let open_light = light.map(|light| Box::new(move || light.open()) as OpenLight<CdevPin>);
        Self::at(place, shared, open_light)
    }
}

impl<P: OutputPin> Desk<P> {
    fn at(place: Place, shared: &Arc<Shared>, open_light: Option<OpenLight<P>>) -> anyhow::Result<Self> {
        let (state, clock) = {
            let agent = shared.agent();
            let state = agent.cases_of(&place.room).context("the cases of buttons cannot be read")?;
            (state, agent.clock().clone())
        };
        let tracker = state.and_then(|state| {
            let tracker = CaseTracker::of_state(&state);
            if tracker.is_none() {
                tracing::warn!(room = %place.room, "the cases of buttons were kept by another version; the next press begins a case");
            }
            tracker
        });
        let tracker = tracker.unwrap_or_default();
        Ok(Self { shared: shared.clone(), clock, place, tracker, open_light, light: None, is_watched: false })
    }

    /// Takes what the reader told, in its order.
    pub fn handle(&mut self, told: &mut Vec<Told>) {
        let mut levels = Vec::new();
        for one in told.drain(..) {
            match one {
                Told::Opened(shown, at) => {
                    tracing::info!(lines = shown.len(), room = %self.place.room, "watching input lines");
                    self.is_watched = true;
                    self.open_light();
                    levels.extend(shown.iter().enumerate().filter_map(|(line, level)| self.level(line, *level, at)));
                }
                Told::Lost(at) => {
                    self.is_watched = false;
                    self.light = None;
                    levels.extend((0..self.place.lines.len()).filter_map(|line| self.level(line, Level::Fault, at)));
                }
                Told::Shows(line, level, at) => {
                    if level == Level::Fault
                        && let Some(line) = self.place.lines.get(line)
                    {
                        tracing::error!(signal = %line.signal, offset = line.config.offset,
                            "a line cannot be believed (stuck, chattering or unplugged: look at its wire and contact)");
                    }
                    levels.extend(self.level(line, level, at));
                }
                Told::Pressed(line, kind, at) => {
                    let Some(meaning) = self.place.lines.get(line).map(WatchedLine::meaning) else { continue };
                    let saved = self.press(meaning, kind, at);
                    self.show(saved);
                }
            }
        }
        if !levels.is_empty() {
            self.shared.agent().record_all_or_count(&levels, None);
        }
        self.shared.recorded.notify_one();
    }

    /// Says that the feed is alive, while it is.
    pub fn say_alive(&self) {
        if self.is_watched {
            let alive = self.observed(Observation::Alive(Alive {}), self.clock.now());
            self.shared.agent().record_or_count(&alive);
            self.shared.recorded.notify_one();
        }
    }

    /// How long the light stays as it is.
    pub fn light_due(&self) -> Duration {
        let now = self.clock.monotonic_ms();
        let due = self.light.as_ref().and_then(|light| light.due(now));
        due.map_or(NO_CHANGE, |due| Duration::from_millis(due.saturating_sub(now)))
    }

    /// Takes the passing of time for the light.
    pub fn handle_time(&mut self) {
        self.with_light(|light, now| light.handle_time(now));
    }

    /// Whether the press is on the disk. A tracker whose commit failed is put back: the press was not.
    fn press(&mut self, meaning: Meaning, kind: PressKind, at: UtcMillis) -> bool {
        let mut tracker = self.tracker.clone();
        let outcome = match (kind, meaning) {
            (PressKind::Long, _) => tracker.handle_take_back(),
            (PressKind::Short, Meaning::NextPatient) => tracker.handle_next_patient(at),
            (PressKind::Short, Meaning::Milestone(name)) => match reach(&mut tracker, name, at) {
                Ok(outcome) => outcome,
                Err(error) => {
                    tracing::error!(%error, "the operating system gives no random bytes for a case");
                    return false;
                }
            },
            (PressKind::Short, Meaning::Door | Meaning::XRayOn | Meaning::TableInUse) => return false,
        };
        let observed: Vec<Observed> = match outcome {
            Outcome::Reached(reached) => vec![self.observed(Observation::Milestone(reached), at)],
            Outcome::Corrected(correction) => vec![self.observed(Observation::Correction(correction), at)],
            Outcome::Noted => Vec::new(),
            Outcome::NothingToTakeBack => return false,
        };
        let state = tracker.state();
        let progress = Progress::Cases { room: self.place.room.as_str(), state: &state };
        let saved = self.shared.agent().record_all_or_count(&observed, Some(progress));
        if saved {
            self.tracker = tracker;
        }
        saved
    }

    fn show(&mut self, saved: bool) {
        if self.light.is_none() {
            self.open_light();
        }
        self.with_light(|light, now| if saved { light.handle_saved(now) } else { light.handle_not_saved(now) });
    }

    fn open_light(&mut self) {
        let Some(open) = &self.open_light else { return };
        // The one before holds the line.
        self.light = None;
        match open() {
            Ok(light) => self.light = Some(light),
            Err(error) => tracing::error!(error = format!("{error:#}"), "the status light cannot be used"),
        }
    }

    fn with_light(&mut self, act: impl FnOnce(&mut StatusLight<P>, u64) -> Result<(), P::Error>) {
        let now = self.clock.monotonic_ms();
        if let Some(light) = &mut self.light
            && let Err(error) = act(light, now)
        {
            tracing::error!(?error, "the status light fails");
            self.light = None;
        }
    }

    fn level(&self, line: usize, level: Level, at: UtcMillis) -> Option<Observed> {
        let signal = self.place.lines.get(line)?.signal.clone();
        Some(self.observed(Observation::SignalLevel(SignalLevel { signal, level }), at))
    }

    fn observed(&self, obs: Observation, at: UtcMillis) -> Observed {
        let (source, room) = (self.place.source.clone(), Some(self.place.room.clone()));
        Observed { source, order: None, site: None, room, at, clock: None, obs }
    }
}

fn reach(tracker: &mut CaseTracker, name: Milestone, at: UtcMillis) -> Result<Outcome, getrandom::Error> {
    let fresh = Token { key: NO_KEY, digest: random_128()? };
    Ok(tracker.handle_milestone(name, at, fresh))
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
