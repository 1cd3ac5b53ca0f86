//! [`AggregateRow`]: its columns, their order and their meaning.

use room_events::{Label, ListKind, RoomId, RoomKind, SiteId, TrustId};
use serde::Serialize;

use crate::quantity::{Minutes, Ratio};
use crate::rows::{Kind, Value};

/// A share of 1 that is not a quotient of two sums: a mean or a quartile of percentages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Share(pub f64);

/// What can stand in a column.
trait Cell {
    const KIND: Kind;

    fn value(&self) -> Value<'_>;
}

macro_rules! cells {
    ($($type:ty, $self:ident => $kind:ident, $value:expr;)+) => {
        $(impl Cell for $type {
            const KIND: Kind = Kind::$kind;

            fn value(&self) -> Value<'_> {
                let $self = self;
                $value
            }
        })+
    };
}

cells! {
    String, it => Text, Value::Text(it);
    &'static str, it => Text, Value::Text(it);
    TrustId, it => Text, Value::Text(it.as_str());
    SiteId, it => Text, Value::Text(it.as_str());
    RoomId, it => Text, Value::Text(it.as_str());
    Label, it => Text, Value::Text(it.as_str());
    RoomKind, it => Text, Value::Text(it.name());
    ListKind, it => Text, Value::Text(it.name());
    u64, it => Count, Value::Count(*it);
    Minutes, it => Minutes, Value::Minutes(*it);
    Ratio, it => Share, Value::Ratio(*it);
    Share, it => Share, Value::Share(it.0);
    f64, it => Number, Value::Number(*it);
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Absent, Cell::value)
    }
}

/// A struct whose fields are its columns, so that header, values and JSON keys cannot part.
macro_rules! columns {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[doc = $about:literal])+ $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct $name {
            $($(#[doc = $about])+ pub $field: $type,)+
        }

        impl $name {
            /// The header. Others read the exports by these names and in this order: only append.
            pub const COLUMNS: &'static [&'static str] = &[$(stringify!($field),)+];

            /// What each column holds, and what it says; in the order of [`Self::COLUMNS`].
            pub const MEANINGS: &'static [(Kind, &'static str)] =
                &[$((<$type as Cell>::KIND, concat!($($about),+)),)+];

            /// The values under their headers, in the order of [`Self::COLUMNS`].
            pub fn values(&self) -> Vec<(&'static str, Value<'_>)> {
                vec![$((stringify!($field), self.$field.value()),)+]
            }

            /// The value of one column; absent for a name that is none.
            pub fn value(&self, column: &str) -> Option<Value<'_>> {
                match column {
                    $(stringify!($field) => Some(self.$field.value()),)+
                    _ => None,
                }
            }
        }
    };
}

columns! {
    /// The sessions of one group. A ratio with nothing to divide by is absent.
    ///
    /// Minutes, turnovers, case counts and ratios are those of closed lists unless the field says otherwise.
    pub struct AggregateRow {
        /// The dimensions of the grouping, such as `site+month`; `system` for none.
        grouping: String,
        /// Trust, if grouped by it or by something within it.
        trust: Option<TrustId>,
        /// Site, if grouped by it or by room.
        site: Option<SiteId>,
        /// Room, if grouped by it.
        room: Option<RoomId>,
        /// Specialty, if grouped by it and known.
        specialty: Option<Label>,
        /// Team, if grouped by it and known.
        team: Option<Label>,
        /// ISO week such as `2022-W01`, if grouped by it.
        week: Option<String>,
        /// Month such as `2022-01`, if grouped by it.
        month: Option<String>,
        /// What the rooms are.
        room_kind: RoomKind,
        /// Elective or emergency lists.
        kind: ListKind,
        /// The rule set's name.
        rule_set: String,
        /// Which capped minutes the headline counts: `window`, `sum` or `duration`.
        variant: &'static str,

        /// Planned sessions that are over: held, unused, and cancelled at short notice.
        sessions: u64,
        /// Sessions with at least one started case.
        sessions_held: u64,
        /// `sessions_held / sessions`.
        sessions_held_rate: Option<Ratio>,
        /// Nothing started.
        sessions_unused: u64,
        /// Withdrawn too late to give the time to others.
        sessions_cancelled: u64,
        /// Withdrawn in time: no capacity, not in `sessions`.
        sessions_withdrawn_early: u64,
        /// Held, with an open, rejected or end-only case.
        sessions_incomplete: u64,
        /// Still running: in no other figure of this row.
        sessions_provisional: u64,
        /// Not begun: in no other figure of this row.
        sessions_to_come: u64,

        /// Planned minutes of the frozen plans.
        planned_min: Minutes,
        /// Planned minutes of the first known plans.
        first_planned_min: Minutes,
        /// Frozen less first planned minutes: how much a restatement of list times moved the denominator.
        planned_change_min: Minutes,
        /// Lists of which the frozen plan is longer or shorter than the first.
        lists_replanned: u64,
        /// Touch, wherever it lies.
        touch_min: Minutes,
        /// Union of touch inside the plans.
        capped_min: Minutes,
        /// Sum of touch inside the plans.
        capped_sum_min: Minutes,
        /// Touch of each list cut off at its planned length.
        capped_duration_min: Minutes,
        /// Touch less the length of its union.
        overlap_min: Minutes,
        /// Cover inside the plans that is not known to be touch.
        unknown_min: Minutes,
        /// Gaps inside the plans.
        gaps_in_session_min: Minutes,
        /// Minutes inside the plans in which a case of another list had the room.
        occupied_by_other_list_min: Minutes,
        /// Known turnovers.
        turnovers: u64,
        /// Their sum.
        turnover_min: Minutes,
        /// Their mean.
        turnover_mean_min: Option<f64>,

        /// The headline: capped minutes of the variant over planned minutes. Confirmed: unknown time is not in it.
        capped_utilisation: Option<Ratio>,
        /// The headline if all unknown time were touch. Under `sum` and `duration` absent while a list is incomplete,
        /// since they have no such bound.
        capped_utilisation_upper: Option<Ratio>,
        /// The mean of the lists' own headlines.
        mean_of_lists: Option<Share>,
        /// `capped_min / planned_min`.
        window_utilisation: Option<Ratio>,
        /// `capped_sum_min / planned_min`.
        sum_utilisation: Option<Ratio>,
        /// `capped_duration_min / planned_min`.
        duration_utilisation: Option<Ratio>,
        /// `touch_min / planned_min`; a lower bound while a list is incomplete.
        uncapped_utilisation: Option<Ratio>,
        /// Sessions that were planned early enough to count as capacity, used or not.
        scheduled_capacity_sessions: u64,
        /// Their planned minutes.
        scheduled_capacity_min: Minutes,
        /// Their capped minutes of the variant over their planned minutes.
        scheduled_capacity_utilisation: Option<Ratio>,
        /// Their completed cases per 4 planned hours.
        scheduled_capacity_cases_per_4h: Option<f64>,

        /// On the list on its day, of all sessions that are over.
        cases_booked: u64,
        /// Started.
        cases_started: u64,
        /// Completed.
        cases_completed: u64,
        /// Open at closing: as many more may have been completed.
        cases_outcome_unknown: u64,
        /// Abandoned after any touch.
        cases_abandoned: u64,
        /// Cancelled on the day, all reasons, of all sessions that are over.
        cases_cancelled_on_day: u64,
        /// Of these, by the hospital for non-clinical reasons.
        cases_cancelled_qmco_like: u64,
        /// `cases_cancelled_on_day / cases_booked`.
        cancelled_on_day_rate: Option<Ratio>,
        /// `cases_cancelled_qmco_like / cases_booked`.
        qmco_like_rate: Option<Ratio>,
        /// Completed cases per held list.
        cases_per_list: Option<f64>,
        /// The same if every case of unknown outcome was completed.
        cases_per_list_upper: Option<f64>,
        /// Completed cases per 4 planned hours of held lists.
        cases_per_4h: Option<f64>,
        /// The same if every case of unknown outcome was completed.
        cases_per_4h_upper: Option<f64>,
        /// Completed elective cases that were day cases.
        day_cases: u64,
        /// Completed elective cases that were inpatients.
        inpatients: u64,
        /// Completed elective cases whose class is not known yet.
        class_unknown: u64,
        /// `day_cases / (day_cases + inpatients)`.
        day_case_rate: Option<Ratio>,
        /// The same if every case of unknown class was a day case.
        day_case_rate_upper: Option<Ratio>,
        /// Sum of the lists' own whole extra cases; never pooled. Absent when no list has one.
        extra_cases_possible: Option<u64>,
        /// How many lists that sum is over.
        extra_cases_lists: u64,

        /// First touch before the planned start.
        early_start_min: Minutes,
        /// Late start, sum.
        late_start_min: Minutes,
        /// The part of it during which a case of another list had the room.
        late_due_to_previous_min: Minutes,
        /// Lists of which the late start is known.
        late_start_lists: u64,
        /// Of these, above 0 min.
        late_start_affected: u64,
        /// Share of lists affected.
        late_start_share: Option<Ratio>,
        /// Mean over lists affected: the figure like the Model Hospital's.
        late_start_mean_affected_min: Option<f64>,
        /// Mean over all lists.
        late_start_mean_all_min: Option<f64>,
        /// Lists above the flag's threshold.
        late_start_flagged: u64,
        /// Their share.
        late_start_flag_rate: Option<Ratio>,
        /// The flag's threshold.
        late_start_flag_above_min: Minutes,

        /// Early finish, sum; without lists whose last case is open.
        early_finish_min: Minutes,
        /// Lists of which the early finish is known.
        early_finish_lists: u64,
        /// Of these, above 0 min.
        early_finish_affected: u64,
        /// Share of lists affected.
        early_finish_share: Option<Ratio>,
        /// Mean over lists affected.
        early_finish_mean_affected_min: Option<f64>,
        /// Mean over all lists.
        early_finish_mean_all_min: Option<f64>,
        /// Lists above the flag's threshold.
        early_finish_flagged: u64,
        /// Their share.
        early_finish_flag_rate: Option<Ratio>,
        /// The flag's threshold.
        early_finish_flag_above_min: Minutes,

        /// Overrun, sum; a lower bound while a list's last case is open.
        overrun_min: Minutes,
        /// Lists of which an overrun is known, 0 min included.
        overrun_lists: u64,
        /// Of these, above 0 min.
        overrun_affected: u64,
        /// Share of lists affected, confirmed.
        overrun_share: Option<Ratio>,
        /// The same if every list whose last case is open overran.
        overrun_share_upper: Option<Ratio>,
        /// Mean over lists affected.
        overrun_mean_affected_min: Option<f64>,
        /// Mean over all lists.
        overrun_mean_all_min: Option<f64>,
        /// Lists above the flag's threshold.
        overrun_flagged: u64,
        /// Their share.
        overrun_flag_rate: Option<Ratio>,
        /// The flag's threshold.
        overrun_flag_above_min: Minutes,

        /// Units with a headline among those that this row's unit is compared with, itself included.
        units_compared: u64,
        /// Lower quartile (type 7) of their headlines; absent for fewer than 4.
        units_lower_quartile: Option<Share>,
        /// Median.
        units_median: Option<Share>,
        /// Upper quartile.
        units_upper_quartile: Option<Share>,
        /// This unit's quartile, 4 the best; a headline on a cut is in the better one.
        quartile: Option<u64>,
        /// Held, but planned to end at or before its start: in no other figure of this row.
        sessions_empty_plan: u64,
    }
}
