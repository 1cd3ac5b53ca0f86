//! The table `[gpio]` of agent.toml: which lines of a chip are watched, and what each means.

use std::path::PathBuf;

use edge_agent::{Level, LineRules};
use room_events::{Milestone, RoomId, SourceId};
use serde::Deserialize;

use super::feeds::check_source;
use super::{Key, check_ranges, key};

/// The keys of the table.
pub(super) const KEYS: &[Key] = &[
    key("gpio.chip", "\"/dev/gpiochip0\"", "", "The chip whose lines are watched."),
    key("gpio.room", "-", "\"th-1\"", "The room that the lines are in; needed with gpio.lines."),
    key(
        "gpio.lines",
        "[]",
        "",
        "What is watched: { offset = 3, meaning = \"into_theatre\", active = \"low\" }, with name, debounce-ms and longest-active-seconds where the defaults do not fit; none: nothing.",
    ),
    key("gpio.light", "-", "7", "The line of the light that confirms a press once it is on the disk; absent: none."),
    key("gpio.light-lit", "\"high\"", "", "The level at which it is lit, \"high\" or \"low\"."),
    key("gpio.long-press-ms", "2000", "", "A press that is held so long takes the last one back."),
    key("gpio.source", "\"gpio\"", "", "The name of the source in events."),
];

/// The most lines that one agent watches.
const MAX_LINES: usize = 16;

/// A mechanical contact comes to rest within a few milliseconds, a worn one within 50.
const DEBOUNCE_MS: u16 = 50;

/// No hand, door or relay goes on for so long without a pause of the debounce time: it is a loose contact.
const CHATTER_MS: u64 = 2_000;

table!(
    /// `[gpio]`
    Gpio {
        /// The chip.
        chip: PathBuf = PathBuf::from("/dev/gpiochip0"),
        /// The room of its lines.
        room: Option<RoomId> = None,
        /// What is watched.
        lines: Vec<InputLine> = Vec::new(),
        /// The line of the status light.
        light: Option<u32> = None,
        /// When it is lit.
        light_lit: LineLevel = LineLevel::High,
        /// From when on a press is long.
        long_press_ms: u16 = 2000,
        /// The source's name.
        source: String = "gpio".to_owned(),
    }
);

/// An entry of `gpio.lines`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InputLine {
    /// The line's number on the chip.
    pub offset: u32,
    /// What it means that it is active.
    pub meaning: Meaning,
    /// The level at which it is active.
    pub active: LineLevel,
    /// The signal's name in events; absent: that of the meaning.
    #[serde(default)]
    name: Option<SourceId>,
    #[serde(default)]
    debounce_ms: Option<u16>,
    #[serde(default)]
    longest_active_seconds: Option<u32>,
}

impl InputLine {
    /// The signal's name in events.
    pub fn signal(&self) -> Result<SourceId, String> {
        let of_meaning = || SourceId::new(&self.meaning.name().replace('_', "-")).map_err(|error| error.to_string());
        self.name.clone().map_or_else(of_meaning, Ok)
    }

    /// How its edges are settled, and what of it is a fault.
    pub fn rules(&self) -> LineRules {
        let longest = self.longest_active_seconds.unwrap_or(self.meaning.longest_active_seconds());
        LineRules {
            active: self.active.into(),
            debounce_ms: self.debounce_ms.unwrap_or(DEBOUNCE_MS).into(),
            chatter_ms: CHATTER_MS,
            longest_active_ms: (longest > 0).then_some(u64::from(longest) * 1000),
        }
    }
}

/// What it means that a line is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Meaning {
    /// A door is open.
    Door,
    /// The X-ray-on lamp burns.
    XRayOn,
    /// The table is in use.
    TableInUse,
    /// A button: the case at hand is over.
    NextPatient,
    /// A button: the case at hand reaches this milestone.
    Milestone(Milestone),
}

impl Meaning {
    /// The name in agent.toml.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::XRayOn => "x_ray_on",
            Self::TableInUse => "table_in_use",
            Self::NextPatient => "next_patient",
            Self::Milestone(milestone) => milestone.name(),
        }
    }

    /// Whether it is a push button.
    pub const fn is_button(self) -> bool {
        match self {
            Self::Door | Self::XRayOn | Self::TableInUse => false,
            Self::NextPatient | Self::Milestone(_) => true,
        }
    }

    /// Active for longer is a cut wire, a jammed button or a welded contact: generous, as a false fault makes an observed
    /// room unknown.
    const fn longest_active_seconds(self) -> u32 {
        match self {
            Self::Door => 4 * 3600,
            Self::XRayOn => 2 * 3600,
            Self::TableInUse => 24 * 3600,
            Self::NextPatient | Self::Milestone(_) => 20,
        }
    }
}

impl TryFrom<String> for Meaning {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        let signals = [Self::Door, Self::XRayOn, Self::TableInUse, Self::NextPatient];
        let milestone = || Milestone::from_name(&name).filter(|name| *name != Milestone::Cancelled);
        let found = signals.into_iter().find(|one| one.name() == name).or_else(|| milestone().map(Self::Milestone));
        found.ok_or_else(|| {
            format!("{name:?} is no meaning of a line (door, x_ray_on, table_in_use, next_patient or a milestone such as into_theatre)")
        })
    }
}

/// A level as it is written in agent.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineLevel {
    /// Near ground.
    Low,
    /// Near supply.
    High,
}

impl From<LineLevel> for Level {
    fn from(level: LineLevel) -> Self {
        match level {
            LineLevel::Low => Self::Low,
            LineLevel::High => Self::High,
        }
    }
}

impl Gpio {
    pub(super) fn check(&self) -> Result<(), String> {
        check_source("gpio.source", &self.source)?;
        check_ranges(&[("gpio.long-press-ms", self.long_press_ms.into(), 500..=10_000)])?;
        if self.lines.len() > MAX_LINES {
            return Err(format!("`gpio.lines` names {} lines (name at most {MAX_LINES})", self.lines.len()));
        }
        for (n, line) in self.lines.iter().enumerate() {
            let signal = line.signal().map_err(|error| format!("`gpio.lines`: the name {error}"))?;
            let before = || self.lines.iter().take(n);
            if before().any(|other| other.offset == line.offset) || self.light == Some(line.offset) {
                return Err(format!("`gpio` uses line {} twice (give each a line of its own)", line.offset));
            }
            if before().any(|other| other.signal().as_ref() == Ok(&signal)) {
                return Err(format!("`gpio.lines` has two lines called {signal} (give one another name)"));
            }
            self.check_times(line, &signal)?;
        }
        if !self.lines.is_empty() && self.room.is_none() {
            return Err("`gpio.lines` is given without `gpio.room` (name the room that the lines are in)".to_owned());
        }
        if !self.lines.is_empty() && !cfg!(feature = "gpio") {
            return Err("`gpio.lines` is given, and this agent was built without GPIO".to_owned());
        }
        Ok(())
    }

    fn check_times(&self, line: &InputLine, signal: &SourceId) -> Result<(), String> {
        if !(1..=1000).contains(&line.debounce_ms.unwrap_or(DEBOUNCE_MS)) {
            return Err(format!("`gpio.lines`: debounce-ms of {signal} is not 1 to 1000"));
        }
        let longest = line.rules().longest_active_ms;
        if longest.is_some_and(|longest| longest > 7 * 86_400_000) {
            return Err(format!(
                "`gpio.lines`: longest-active-seconds of {signal} is more than a week (give 0 for ever)"
            ));
        }
        if line.meaning.is_button() && longest.is_some_and(|longest| longest <= self.long_press_ms.into()) {
            return Err(format!(
                "`gpio.lines`: longest-active-seconds of {signal} leaves no room for a long press (give more than gpio.long-press-ms)"
            ));
        }
        Ok(())
    }
}
