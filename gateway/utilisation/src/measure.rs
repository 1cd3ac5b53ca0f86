//! [`Measure`]: the figures that can be compared, trended and held against a target, and which way is better.

use room_events::RoomKind;
use serde::{Deserialize, Serialize};

use crate::aggregate::AggregateRow;

/// Which way a measure should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is better.
    HigherIsBetter,
    /// Less is better.
    LowerIsBetter,
    /// Neither: a change is shown, not judged.
    Neutral,
}

macro_rules! measures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $direction:ident;)+) => {
        /// A measure by its name in exports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Measure {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Measure {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name: the column of the aggregate rows, for theatres.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The one with that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// Which way is better, unless a target says otherwise.
            pub const fn direction(self) -> Direction {
                match self { $(Self::$variant => Direction::$direction,)+ }
            }
        }
    };
}

measures! {
    /// The headline under its rule set.
    CappedUtilisation = "capped_utilisation", HigherIsBetter;
    /// The mean of the lists' own headlines.
    MeanOfLists = "mean_of_lists", HigherIsBetter;
    /// Touch over planned minutes; above 100 % is no success.
    UncappedUtilisation = "uncapped_utilisation", Neutral;
    /// Capped over planned minutes, unused and cancelled sessions included.
    ScheduledCapacityUtilisation = "scheduled_capacity_utilisation", HigherIsBetter;
    /// Sessions with a started case over planned ones.
    SessionsHeldRate = "sessions_held_rate", HigherIsBetter;
    /// Completed cases per held list.
    CasesPerList = "cases_per_list", HigherIsBetter;
    /// Completed cases per 4 planned hours.
    CasesPer4h = "cases_per_4h", HigherIsBetter;
    /// Day cases over day cases and inpatients.
    DayCaseRate = "day_case_rate", HigherIsBetter;
    /// Cancelled on the day over booked.
    CancelledOnDayRate = "cancelled_on_day_rate", LowerIsBetter;
    /// Cancelled on the day by the hospital for non-clinical reasons over booked.
    QmcoLikeRate = "qmco_like_rate", LowerIsBetter;
    /// Mean turnover.
    TurnoverMean = "turnover_mean_min", LowerIsBetter;
    /// Share of lists that start late.
    LateStartShare = "late_start_share", LowerIsBetter;
    /// Mean late start of those lists.
    LateStartMeanAffected = "late_start_mean_affected_min", LowerIsBetter;
    /// Mean late start of all lists.
    LateStartMeanAll = "late_start_mean_all_min", LowerIsBetter;
    /// Share of lists flagged late.
    LateStartFlagRate = "late_start_flag_rate", LowerIsBetter;
    /// Share of lists that finish early.
    EarlyFinishShare = "early_finish_share", LowerIsBetter;
    /// Mean early finish of those lists.
    EarlyFinishMeanAffected = "early_finish_mean_affected_min", LowerIsBetter;
    /// Mean early finish of all lists.
    EarlyFinishMeanAll = "early_finish_mean_all_min", LowerIsBetter;
    /// Share of lists flagged for an early finish.
    EarlyFinishFlagRate = "early_finish_flag_rate", LowerIsBetter;
    /// Share of lists that overrun.
    OverrunShare = "overrun_share", LowerIsBetter;
    /// Mean overrun of those lists.
    OverrunMeanAffected = "overrun_mean_affected_min", LowerIsBetter;
    /// Mean overrun of all lists.
    OverrunMeanAll = "overrun_mean_all_min", LowerIsBetter;
    /// Share of lists flagged for an overrun.
    OverrunFlagRate = "overrun_flag_rate", LowerIsBetter;
    /// Endoscopy: points of completed cases over planned points.
    PointsUtilisation = "points_utilisation", HigherIsBetter;
    /// Scanners: exams per operational hour.
    ExamsPerHour = "exams_per_hour", HigherIsBetter;
    /// Echo: the median slot in minutes.
    MedianSlot = "median_slot_min", HigherIsBetter;
}

impl Measure {
    /// Its number in a row; absent where the row has none.
    pub fn of(self, row: &AggregateRow) -> Option<f64> {
        row.value(self.name())?.as_number()
    }

    /// Whether rooms of that kind have it at all.
    pub const fn applies_to(self, kind: RoomKind) -> bool {
        match self {
            Self::ExamsPerHour => !kind.is_theatre_like(),
            Self::MedianSlot => matches!(kind, RoomKind::Echo),
            Self::PointsUtilisation => matches!(kind, RoomKind::Endoscopy),
            Self::CappedUtilisation
            | Self::MeanOfLists
            | Self::UncappedUtilisation
            | Self::ScheduledCapacityUtilisation
            | Self::SessionsHeldRate
            | Self::CasesPerList
            | Self::CasesPer4h
            | Self::DayCaseRate
            | Self::CancelledOnDayRate
            | Self::QmcoLikeRate
            | Self::TurnoverMean
            | Self::LateStartShare
            | Self::LateStartMeanAffected
            | Self::LateStartMeanAll
            | Self::LateStartFlagRate
            | Self::EarlyFinishShare
            | Self::EarlyFinishMeanAffected
            | Self::EarlyFinishMeanAll
            | Self::EarlyFinishFlagRate
            | Self::OverrunShare
            | Self::OverrunMeanAffected
            | Self::OverrunMeanAll
            | Self::OverrunFlagRate => kind.is_theatre_like(),
        }
    }
}
