//! A rule set: every choice that the public descriptions of the measures leave open, by name, with the default that
//! Touchtime takes. Each result carries the name of the rule set that it was made under.

use crate::quantity::Minutes;

/// Which minutes the headline counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CappedVariant {
    /// Union of touch inside the planned window: the default.
    Window,
    /// Sum of touch inside the planned window, overlaps counted twice; may exceed 100 %.
    Sum,
    /// All touch, wherever it lies, cut off at the planned length.
    Duration,
}

impl CappedVariant {
    /// The name used in settings and beside a percentage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Sum => "sum",
            Self::Duration => "duration",
        }
    }
}

/// Which stamp begins touch time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TouchStart {
    /// The first present of anaesthetic start, into anaesthetic room, into theatre, procedure start: the default.
    FirstInOrder,
    /// The earliest in time of the same four.
    Earliest,
}

/// The settings of one rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSet {
    /// Its name and version, printed with every result.
    pub name: String,
    /// Which minutes the headline counts.
    pub variant: CappedVariant,
    /// Which stamp begins touch time.
    pub touch_start: TouchStart,
    /// A longer touch interval is a wrong stamp, not a case.
    pub longest_case: Minutes,
    /// How far outside every planned window a case may start and still belong to the nearest session.
    pub belongs_within: Minutes,
    /// A session closes at the latest so long after its planned end.
    pub closes_after: Minutes,
    /// A later start than this is flagged.
    pub late_start_flag: Minutes,
    /// An earlier finish than this is flagged.
    pub early_finish_flag: Minutes,
    /// A longer overrun than this is flagged.
    pub overrun_flag: Minutes,
    /// A session counts as capacity if it was planned so long before its start.
    pub capacity_notice: Minutes,
    /// Typical touch and turnover are taken from so long before the planned start.
    pub typical_window: Minutes,
    /// Typical touch and turnover need so many cases and turnovers each.
    pub typical_min_n: usize,
}

/// The default rule set's name.
pub const DEFAULT_RULES: &str = "girft-2024.1";

impl RuleSet {
    /// The names that [`RuleSet::named`] knows.
    pub const NAMES: &'static [&'static str] =
        &[DEFAULT_RULES, "girft-2024.1-sum", "girft-2024.1-duration", "girft-2024.1-earliest"];

    /// A built-in rule set.
    pub fn named(name: &str) -> Option<Self> {
        let default = Self { name: name.to_owned(), ..Self::default() };
        match name {
            DEFAULT_RULES => Some(default),
            "girft-2024.1-sum" => Some(Self { variant: CappedVariant::Sum, ..default }),
            "girft-2024.1-duration" => Some(Self { variant: CappedVariant::Duration, ..default }),
            "girft-2024.1-earliest" => Some(Self { touch_start: TouchStart::Earliest, ..default }),
            _ => None,
        }
    }
}

/// `girft-2024.1`: our reading of the public descriptions of the national measure, whose exact metadata is not public.
impl Default for RuleSet {
    fn default() -> Self {
        Self {
            name: DEFAULT_RULES.to_owned(),
            variant: CappedVariant::Window,
            touch_start: TouchStart::FirstInOrder,
            longest_case: Minutes::whole(24 * 60),
            belongs_within: Minutes::whole(180),
            closes_after: Minutes::whole(6 * 60),
            late_start_flag: Minutes::whole(10),
            early_finish_flag: Minutes::whole(60),
            overrun_flag: Minutes::whole(60),
            capacity_notice: Minutes::whole(14 * 24 * 60),
            typical_window: Minutes::whole(90 * 24 * 60),
            typical_min_n: 10,
        }
    }
}
