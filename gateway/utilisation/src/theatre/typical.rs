//! What a case and a turnover usually take on lists of a site, specialty and room kind, and the cases that would still
//! have fitted.
//!
//! A second step, since it needs the history of many rooms. It is the list's specialty that counts, not the single
//! case's; a list whose specialty is not known has no like, and so no typical times. For a list planned to start at PS
//! a case is history if its end is at or before PS and its start at or after PS less the window (90 days); a turnover,
//! if the start after it is at or before PS and the end before it at or after PS less the window.
//!
//! A group of lists is worked through in order of PS with a window that only moves forward: each case enters and leaves
//! it once, and the median is read from a tree of counts over the distinct lengths, in some ten steps.

use std::collections::{BTreeSet, HashMap, HashSet};

use room_events::{Label, RoomKind, SiteId, TrustId, UtcMillis};

use crate::quantity::Minutes;
use crate::result::{CaseState, SessionResult, SessionState};
use crate::rules::RuleSet;

/// The lists that are like each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Group {
    trust: TrustId,
    site: SiteId,
    kind: RoomKind,
    specialty: Label,
}

impl Group {
    fn of(session: &SessionResult) -> Option<Self> {
        Some(Self {
            trust: session.trust.clone(),
            site: session.site.clone(),
            kind: session.room_kind,
            specialty: session.specialty.clone()?,
        })
    }
}

/// A closed case, or a turnover: since when, and how long. Twelve bytes, since a region's year has millions of them: the
/// instant in two halves, the length in milliseconds (one that does not fit, of seven weeks, is none that counts).
#[derive(Debug, Clone, Copy)]
struct Spell([u32; 3]);

impl Spell {
    #[allow(clippy::cast_possible_truncation, reason = "two halves of 32 bits")]
    fn new(from: UtcMillis, length: Minutes) -> Option<Self> {
        let bits = from.millis().cast_unsigned();
        let length = u32::try_from(length.millis()).ok()?;
        Some(Self([(bits >> 32) as u32, bits as u32, length]))
    }

    fn from(self) -> UtcMillis {
        UtcMillis::saturating((u64::from(self.0[0]) << 32 | u64::from(self.0[1])).cast_signed())
    }

    fn length(self) -> Minutes {
        Minutes::from_millis(i64::from(self.0[2]))
    }

    fn to(self) -> UtcMillis {
        self.from().plus_millis(i64::from(self.0[2]))
    }
}

#[derive(Debug, Clone, Default)]
struct Spells {
    touch: Vec<Spell>,
    turnover: Vec<Spell>,
    /// Planned starts of the closed, complete lists among those recorded.
    starts: HashSet<UtcMillis>,
}

/// Closed cases and turnovers of many sessions.
#[derive(Debug, Clone, Default)]
pub struct TypicalHistory {
    groups: HashMap<Group, Spells>,
}

/// Typical times of each group of lists at each planned start; made once from a whole [`TypicalHistory`].
#[derive(Debug, Clone, Default)]
pub struct TypicalTable {
    groups: HashMap<Group, HashMap<UtcMillis, TypicalTimes>>,
}

/// What a case and a turnover usually take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypicalTimes {
    /// Median touch.
    pub touch: Minutes,
    /// Median turnover.
    pub turnover: Minutes,
}

impl TypicalHistory {
    /// Adds the closed cases and the known turnovers of these sessions. Adding a session twice counts it twice.
    pub fn record(&mut self, sessions: &[SessionResult]) {
        for session in sessions {
            let Some(group) = Group::of(session) else { continue };
            let spells = self.groups.entry(group).or_default();
            if has_extra_cases(session) {
                spells.starts.insert(session.planned_start);
            }
            for case in &session.cases {
                let Some(from) = case.start else { continue };
                if let (CaseState::Complete | CaseState::Abandoned, Some(to)) = (case.state, case.end) {
                    spells.touch.extend(Spell::new(from, Minutes::between(from, to)));
                }
                if let Some(length) = case.turnover_before {
                    // Where cases overlapped it has no length, and lies where the later one started.
                    spells.turnover.extend(Spell::new(from.plus_millis(-length.millis()), length));
                }
            }
        }
    }

    /// Adds what another history has recorded.
    pub fn merge(&mut self, other: Self) {
        for (group, more) in other.groups {
            let spells = self.groups.entry(group).or_default();
            spells.touch.extend(more.touch);
            spells.turnover.extend(more.turnover);
            spells.starts.extend(more.starts);
        }
    }

    /// Parts that can be worked through apart from each other, the largest first: lists that are like each other stay
    /// together, so that the tables of all parts are together the table of the whole.
    pub fn into_parts(self) -> Vec<Self> {
        let mut groups: Vec<(Group, Spells)> = self.groups.into_iter().collect();
        groups.sort_by_key(|(_, spells)| std::cmp::Reverse(spells.touch.len()));
        groups.into_iter().map(|group| Self { groups: HashMap::from([group]) }).collect()
    }

    /// Typical times for every closed, complete session that was recorded.
    pub fn table(self, rules: &RuleSet) -> TypicalTable {
        let mut table = TypicalTable::default();
        for (group, spells) in self.groups {
            let starts: BTreeSet<UtcMillis> = spells.starts.iter().copied().collect();
            table.groups.insert(group, times_at(&spells, &starts, rules));
        }
        table
    }

    /// Typical times of one list, as of its planned start; absent with too little history.
    pub fn times(&self, session: &SessionResult, rules: &RuleSet) -> Option<TypicalTimes> {
        let spells = self.groups.get(&Group::of(session)?)?;
        times_at(spells, &BTreeSet::from([session.planned_start]), rules).remove(&session.planned_start)
    }
}

impl TypicalTable {
    /// Adds the table of another part of the history.
    pub fn merge(&mut self, other: Self) {
        self.groups.extend(other.groups);
    }

    /// Fills the typical times and the extra cases possible of closed, complete sessions that the history had:
    /// `floor(max(0, late start + early finish - overrun) / (typical touch + typical turnover))`, per list.
    pub fn fill_extra_cases(&self, sessions: &mut [SessionResult]) {
        for session in sessions.iter_mut().filter(|session| has_extra_cases(session)) {
            let times =
                Group::of(session).and_then(|group| self.groups.get(&group)?.get(&session.planned_start).copied());
            if let Some(times) = times {
                fill(session, times);
            }
        }
    }
}

/// [`TypicalTable::fill_extra_cases`] for sessions that the history need not have.
pub fn fill_extra_cases(sessions: &mut [SessionResult], history: &TypicalHistory, rules: &RuleSet) {
    let mut wanted: HashMap<Group, BTreeSet<UtcMillis>> = HashMap::new();
    for session in sessions.iter().filter(|session| has_extra_cases(session)) {
        if let Some(group) = Group::of(session) {
            wanted.entry(group).or_default().insert(session.planned_start);
        }
    }
    let mut table = TypicalTable::default();
    for (group, starts) in wanted {
        if let Some(spells) = history.groups.get(&group) {
            table.groups.insert(group, times_at(spells, &starts, rules));
        }
    }
    table.fill_extra_cases(sessions);
}

fn has_extra_cases(session: &SessionResult) -> bool {
    session.state == SessionState::Closed && session.complete
}

fn times_at(spells: &Spells, starts: &BTreeSet<UtcMillis>, rules: &RuleSet) -> HashMap<UtcMillis, TypicalTimes> {
    let starts: Vec<UtcMillis> = starts.iter().copied().collect();
    let touch = medians(&spells.touch, &starts, rules);
    let turnover = medians(&spells.turnover, &starts, rules);
    let times = starts.into_iter().zip(touch).zip(turnover);
    times
        .filter_map(|((start, touch), turnover)| Some((start, TypicalTimes { touch: touch?, turnover: turnover? })))
        .collect()
}

fn fill(session: &mut SessionResult, typical: TypicalTimes) {
    let figures = &mut session.figures;
    figures.typical_touch = Some(typical.touch);
    figures.typical_turnover = Some(typical.turnover);
    let spare = figures.late_start.unwrap_or_default() + figures.early_finish.unwrap_or_default()
        - figures.overrun.unwrap_or_default();
    let each = (typical.touch + typical.turnover).millis();
    figures.extra_cases_possible =
        spare.at_least_zero().millis().checked_div(each).and_then(|cases| u32::try_from(cases).ok());
}

/// The median length of the spells within the window before each of `starts` (ascending); absent below the least
/// number.
fn medians(spells: &[Spell], starts: &[UtcMillis], rules: &RuleSet) -> Vec<Option<Minutes>> {
    let (Some(&first), Some(&last)) = (starts.first(), starts.last()) else { return Vec::new() };
    let window = rules.typical_window.millis();
    let since = first.plus_millis(-window);
    let mut arriving: Vec<Spell> = spells.iter().copied().filter(|s| s.to() <= last && s.from() >= since).collect();
    arriving.sort_unstable_by_key(|spell| spell.to());
    let mut leaving = arriving.clone();
    leaving.sort_unstable_by_key(|spell| spell.from());
    let mut lengths: Vec<Minutes> = arriving.iter().map(|spell| spell.length()).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let mut counts = Counts::new(lengths);

    let mut arriving = arriving.into_iter().peekable();
    let mut leaving = leaving.into_iter().peekable();
    let mut before: Option<UtcMillis> = None;
    starts
        .iter()
        .map(|&start| {
            let since = start.plus_millis(-window);
            // A spell longer than the window can leave before it has arrived: then it was never counted.
            while let Some(spell) = leaving.next_if(|spell| spell.from() < since) {
                if before.is_some_and(|before| spell.to() <= before) {
                    counts.remove(spell.length());
                }
            }
            while let Some(spell) = arriving.next_if(|spell| spell.to() <= start) {
                if spell.from() >= since {
                    counts.add(spell.length());
                }
            }
            before = Some(start);
            if counts.total < rules.typical_min_n.max(1) { None } else { counts.median() }
        })
        .collect()
}

/// How often each of a fixed set of lengths occurs: a Fenwick tree of counts.
struct Counts {
    lengths: Vec<Minutes>,
    tree: Vec<usize>,
    total: usize,
}

impl Counts {
    /// `lengths` ascending and distinct.
    fn new(lengths: Vec<Minutes>) -> Self {
        let tree = vec![0; lengths.len() + 1];
        Self { lengths, tree, total: 0 }
    }

    fn add(&mut self, length: Minutes) {
        self.total += 1;
        self.change(length, |count| count + 1);
    }

    fn remove(&mut self, length: Minutes) {
        self.total -= 1;
        self.change(length, |count| count - 1);
    }

    fn change(&mut self, length: Minutes, change: impl Fn(usize) -> usize) {
        let mut node = self.lengths.partition_point(|&known| known <= length);
        while let Some(count) = self.tree.get_mut(node).filter(|_| node > 0) {
            *count = change(*count);
            node += node & node.wrapping_neg();
        }
    }

    /// The length at this rank, counted from 0.
    fn at(&self, mut rank: usize) -> Option<Minutes> {
        let mut node = 0;
        let mut step = self.tree.len().next_power_of_two();
        while step > 0 {
            if let Some(&count) = self.tree.get(node + step).filter(|&&count| count <= rank) {
                node += step;
                rank -= count;
            }
            step /= 2;
        }
        self.lengths.get(node).copied()
    }

    /// The middle length, or the mean of the two middle ones.
    fn median(&self) -> Option<Minutes> {
        let (low, high) = (self.at((self.total.checked_sub(1)?) / 2)?, self.at(self.total / 2)?);
        Some(Minutes::from_millis((low + high).millis() / 2))
    }
}
