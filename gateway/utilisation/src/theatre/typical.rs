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

use std::collections::{BTreeMap, HashMap};

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

/// A closed case, or a turnover: since when, until when, how long.
#[derive(Debug, Clone, Copy)]
struct Spell {
    from: UtcMillis,
    to: UtcMillis,
    length: Minutes,
}

#[derive(Debug, Clone, Default)]
struct Spells {
    touch: Vec<Spell>,
    turnover: Vec<Spell>,
}

/// Closed cases and turnovers of many sessions.
#[derive(Debug, Clone, Default)]
pub struct TypicalHistory {
    groups: HashMap<Group, Spells>,
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
            let mut latest_end: Option<UtcMillis> = None;
            for case in &session.cases {
                if let (CaseState::Complete | CaseState::Abandoned, Some(from), Some(to)) =
                    (case.state, case.start, case.end)
                {
                    spells.touch.push(Spell { from, to, length: Minutes::between(from, to) });
                }
                if let (Some(length), Some(from), Some(to)) = (case.turnover_before, latest_end, case.start) {
                    spells.turnover.push(Spell { from, to, length });
                }
                latest_end = latest_end.max(case.end);
            }
        }
    }

    /// Typical times of one list, as of its planned start; absent with too little history.
    pub fn times(&self, session: &SessionResult, rules: &RuleSet) -> Option<TypicalTimes> {
        let spells = self.groups.get(&Group::of(session)?)?;
        let starts = [session.planned_start];
        let touch = medians(&spells.touch, &starts, rules).pop()??;
        let turnover = medians(&spells.turnover, &starts, rules).pop()??;
        Some(TypicalTimes { touch, turnover })
    }
}

/// Fills the typical times and the extra cases possible of closed, complete sessions:
/// `floor(max(0, late start + early finish - overrun) / (typical touch + typical turnover))`, per list.
pub fn fill_extra_cases(sessions: &mut [SessionResult], history: &TypicalHistory, rules: &RuleSet) {
    let mut members: HashMap<Group, BTreeMap<UtcMillis, Vec<usize>>> = HashMap::new();
    for (index, session) in sessions.iter().enumerate() {
        if session.state == SessionState::Closed
            && session.complete
            && let Some(group) = Group::of(session)
        {
            members.entry(group).or_default().entry(session.planned_start).or_default().push(index);
        }
    }
    for (group, by_start) in members {
        let Some(spells) = history.groups.get(&group) else { continue };
        let starts: Vec<UtcMillis> = by_start.keys().copied().collect();
        let touch = medians(&spells.touch, &starts, rules);
        let turnover = medians(&spells.turnover, &starts, rules);
        for ((indexes, touch), turnover) in by_start.into_values().zip(touch).zip(turnover) {
            let (Some(touch), Some(turnover)) = (touch, turnover) else { continue };
            for index in indexes {
                if let Some(session) = sessions.get_mut(index) {
                    fill(session, TypicalTimes { touch, turnover });
                }
            }
        }
    }
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
    let mut arriving: Vec<Spell> = spells.iter().copied().filter(|s| s.to <= last && s.from >= since).collect();
    arriving.sort_unstable_by_key(|spell| spell.to);
    let mut leaving = arriving.clone();
    leaving.sort_unstable_by_key(|spell| spell.from);
    let mut lengths: Vec<Minutes> = arriving.iter().map(|spell| spell.length).collect();
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
            while let Some(spell) = leaving.next_if(|spell| spell.from < since) {
                if before.is_some_and(|before| spell.to <= before) {
                    counts.remove(spell.length);
                }
            }
            while let Some(spell) = arriving.next_if(|spell| spell.to <= start) {
                if spell.from >= since {
                    counts.add(spell.length);
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
