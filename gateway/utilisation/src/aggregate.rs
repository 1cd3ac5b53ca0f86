//! [`aggregate`]: many sessions as one row for each room, site, trust, specialty, team, week or month.
//!
//! A headline is the sum of numerators over the sum of denominators; the mean of the lists' own percentages stands
//! beside it under its own name, because it answers another question. Theatres, catheter laboratories and endoscopy are
//! never pooled, nor are elective and emergency lists: each has its own row, told by `room_kind` and `kind`, so that a
//! reader of the elective theatre row holds the national headline and sees emergency in the row below.
//!
//! What counts where:
//!
//! ```text
//! state       in-session figures   scheduled capacity   sessions   counted apart as
//! closed      yes                  if planned in time   yes        sessions_held
//! unused      no                   if planned in time   yes        sessions_unused
//! cancelled   no                   if planned in time   if so      sessions_cancelled, else sessions_withdrawn_early
//! closed, planned for 0 min: nothing but sessions_empty_plan
//! running     no                   no                   no         sessions_provisional
//! planned     no                   no                   no         sessions_to_come
//! ```
//!
//! Bookings and cancellations on the day are counted over closed, unused and cancelled sessions: a list of which every
//! case was cancelled is where most of them are.

mod row;
mod sums;

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use room_events::{Label, ListKind, RoomId, RoomKind, SiteId, TrustId};

use crate::measure::Direction;
use crate::quantity::Ratio;
use crate::result::SessionResult;
use crate::rules::RuleSet;
use crate::variation::Variation;

pub use row::{AggregateRow, Share};
use sums::Sums;

/// One thing by which sessions are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The trust.
    Trust,
    /// The site, within its trust.
    Site,
    /// The room, within its site.
    Room,
    /// The specialty of the frozen plan.
    Specialty,
    /// The team of the frozen plan.
    Team,
    /// The ISO week of the local date.
    Week,
    /// The month of the local date.
    Month,
}

impl Dimension {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Trust, Self::Site, Self::Room, Self::Specialty, Self::Team, Self::Week, Self::Month];

    /// The name used in commands and in the column `grouping`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Site => "site",
            Self::Room => "room",
            Self::Specialty => "specialty",
            Self::Team => "team",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The one with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dimension| dimension.name() == name)
    }

    const fn is_period(self) -> bool {
        match self {
            Self::Week | Self::Month => true,
            Self::Trust | Self::Site | Self::Room | Self::Specialty | Self::Team => false,
        }
    }
}

/// A row's group; what is not part of the grouping is absent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group<'s> {
    trust: Option<&'s TrustId>,
    site: Option<&'s SiteId>,
    room: Option<&'s RoomId>,
    specialty: Option<&'s Label>,
    team: Option<&'s Label>,
    week: Option<(i32, u32)>,
    month: Option<(i32, u32)>,
    room_kind: RoomKind,
    kind: ListKind,
}

impl<'s> Group<'s> {
    fn of(session: &'s SessionResult, by: &[Dimension]) -> Self {
        let mut group = Self {
            trust: None,
            site: None,
            room: None,
            specialty: None,
            team: None,
            week: None,
            month: None,
            room_kind: session.room_kind,
            kind: session.kind,
        };
        for dimension in by {
            match dimension {
                Dimension::Trust => group.trust = Some(&session.trust),
                Dimension::Site => {
                    group.trust = Some(&session.trust);
                    group.site = Some(&session.site);
                }
                Dimension::Room => {
                    group.trust = Some(&session.trust);
                    group.site = Some(&session.site);
                    group.room = Some(&session.room);
                }
                Dimension::Specialty => group.specialty = session.specialty.as_ref(),
                Dimension::Team => group.team = session.team.as_ref(),
                Dimension::Week => group.week = Some(iso_week(session.local_date)),
                Dimension::Month => group.month = Some((session.local_date.year(), session.local_date.month())),
            }
        }
        group
    }

    /// The group with the compared unit taken out: units are compared within equal peers.
    fn peers(&self, unit: Dimension) -> Self {
        let mut peers = self.clone();
        match unit {
            Dimension::Trust => peers.trust = None,
            Dimension::Site => (peers.trust, peers.site) = (None, None),
            Dimension::Room => (peers.trust, peers.site, peers.room) = (None, None, None),
            Dimension::Specialty => peers.specialty = None,
            Dimension::Team => peers.team = None,
            Dimension::Week => peers.week = None,
            Dimension::Month => peers.month = None,
        }
        peers
    }
}

fn iso_week(date: NaiveDate) -> (i32, u32) {
    let week = date.iso_week();
    (week.year(), week.week())
}

/// Sums sessions up by some dimensions (none: the whole system), under the rule set that they were measured under.
///
/// Rows come in order of trust, site, room, specialty, team, week, month, room kind and kind. A session without a
/// specialty or team is in the group without one. The last dimension that is not a period is the unit whose variation
/// the quartile fields describe, among the rows that agree in all else: by `[Specialty, Site, Month]` a site stands
/// among the sites of the same specialty and month. Lists of a group are added up exactly, so the order of `sessions`
/// does not matter.
pub fn aggregate<'s>(
    sessions: impl IntoIterator<Item = &'s SessionResult>,
    by: &[Dimension],
    rules: &RuleSet,
) -> Vec<AggregateRow> {
    let mut groups: BTreeMap<Group<'s>, Sums> = BTreeMap::new();
    for session in sessions {
        groups.entry(Group::of(session, by)).or_default().add(session, rules);
    }
    let grouping = grouping_name(by);
    let mut rows: Vec<AggregateRow> = groups.iter().map(|(group, sums)| sums.row(group, &grouping, rules)).collect();
    if let Some(unit) = by.iter().rev().find(|dimension| !dimension.is_period()) {
        let mut compared: BTreeMap<Group<'s>, Vec<usize>> = BTreeMap::new();
        for (n, group) in groups.keys().enumerate() {
            compared.entry(group.peers(*unit)).or_default().push(n);
        }
        for members in compared.values() {
            compare(&mut rows, members);
        }
    }
    rows
}

fn grouping_name(by: &[Dimension]) -> String {
    if by.is_empty() {
        return "system".to_owned();
    }
    by.iter().map(|dimension| dimension.name()).collect::<Vec<_>>().join("+")
}

fn compare(rows: &mut [AggregateRow], members: &[usize]) {
    let shares: Vec<f64> = members.iter().filter_map(|n| rows[*n].capped_utilisation.map(Ratio::as_f64)).collect();
    let variation = Variation::of(&shares);
    for n in members {
        let row = &mut rows[*n];
        row.units_compared = shares.len() as u64;
        let Some(variation) = &variation else { continue };
        row.units_lower_quartile = Some(Share(variation.lower_quartile));
        row.units_median = Some(Share(variation.median));
        row.units_upper_quartile = Some(Share(variation.upper_quartile));
        let own = row.capped_utilisation.map(Ratio::as_f64);
        row.quartile =
            own.and_then(|own| variation.quartile(own, Direction::HigherIsBetter)).map(|q| u64::from(q.number()));
    }
}
