//! Scanner sessions summed up: by room, site, kind of room or month. An accession that was scanned in two rooms counts
//! once, where its first completed step was; a visit is one attendance of each row, so that rooms need not add up to
//! their site.

use std::collections::{BTreeMap, HashMap, HashSet};

use room_events::{Label, RoomKind, Token, TrustId};

use super::result::{ExamResult, ExamState, ScannerSession, per_hour};
use crate::quantity::{Minutes, Ratio};
use crate::result::SessionState;

/// What one row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A room.
    Room,
    /// A kind of room on a site.
    Site,
    /// A kind of room in a month, by local date.
    Month,
    /// A room in a month.
    RoomMonth,
}

/// Sessions of a group, summed up.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannerAggregate {
    /// Site; absent where the group has several.
    pub site: Option<String>,
    /// Room; absent where the group has several.
    pub room: Option<String>,
    /// Trust.
    pub trust: String,
    /// The rule set of the first session.
    pub rule_set: String,
    /// What the rooms are.
    pub room_kind: RoomKind,
    /// `2026-01`; absent for all dates.
    pub month: Option<String>,
    /// Sessions that have begun.
    pub sessions: u32,
    /// Of these, those with enough observed time for a rate; the rates below are theirs.
    pub sessions_observed: u32,
    /// Planned minutes.
    pub open: Minutes,
    /// Less staff breaks.
    pub staffed: Minutes,
    /// Less every other closure.
    pub operational: Minutes,
    /// Operational minutes that have passed.
    pub elapsed: Minutes,
    /// Of these, the observed.
    pub observed: Minutes,
    /// Exams completed in plan.
    pub exams_completed: u32,
    /// Exams in plan with an inferred end.
    pub exams_inferred: u32,
    /// Exams without an end.
    pub exams_provisional: u32,
    /// Exams of which nothing was completed.
    pub exams_discontinued: u32,
    /// Exams that ended outside the plan.
    pub out_of_hours_exams: u32,
    /// Exams left out because they count in another room.
    pub counted_elsewhere: u32,
    /// Attendances; a visit to several rooms of the row is one.
    pub attendances: u32,
    /// Exams, attendances and observed time of the sessions with enough observed time.
    pub(super) rate: (u32, u32, Minutes),
    /// Occupied operational time.
    pub occupied: Minutes,
    /// Productive operational time.
    pub productive: Minutes,
    /// Known changeovers: how many, and their sum.
    pub changeovers: (u32, Minutes),
    /// First-scan delays: how many, and their sum.
    pub first_scan_delays: (u32, Minutes),
    /// Discontinued steps.
    pub discontinued_steps: u32,
    /// Booked.
    pub booked: u32,
    /// Did not attend.
    pub did_not_attend: u32,
    /// The target, where all sessions have the same.
    pub target: Option<f64>,
    /// Exams short of target, summed over the observed sessions.
    pub short_of_target: Option<u32>,
}

impl ScannerAggregate {
    /// Sum of exams over sum of observed hours, of the sessions with enough observed time.
    pub fn exams_per_hour(&self) -> Option<f64> {
        per_hour(self.rate.0, self.rate.2)
    }

    /// The same of attendances.
    pub fn attendances_per_hour(&self) -> Option<f64> {
        per_hour(self.rate.1, self.rate.2)
    }

    /// Observed over elapsed operational minutes.
    pub fn observed_share(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.observed, self.elapsed)
    }

    /// Occupied over elapsed operational minutes.
    pub fn occupied_utilisation(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.occupied, self.elapsed)
    }

    /// Productive over elapsed operational minutes.
    pub fn productive_utilisation(&self) -> Option<Ratio> {
        Ratio::of_minutes(self.productive, self.elapsed)
    }

    /// Mean of the known changeovers, in minutes.
    pub fn changeover_mean(&self) -> Option<f64> {
        mean(self.changeovers)
    }

    /// Mean first-scan delay, in minutes, signed.
    pub fn first_scan_delay_mean(&self) -> Option<f64> {
        mean(self.first_scan_delays)
    }

    /// Exams of which nothing was completed, over all that have ended.
    pub fn discontinued_rate(&self) -> Option<Ratio> {
        let done = self.exams_completed + self.exams_inferred + self.out_of_hours_exams;
        Ratio::of_counts(u64::from(self.exams_discontinued), u64::from(done + self.exams_discontinued))
    }

    /// Did not attend over booked.
    pub fn did_not_attend_rate(&self) -> Option<Ratio> {
        Ratio::of_counts(u64::from(self.did_not_attend), u64::from(self.booked))
    }
}

fn mean((n, sum): (u32, Minutes)) -> Option<f64> {
    (n > 0).then(|| sum.as_f64() / f64::from(n))
}

/// Sums sessions up; groups in order of month, site, room and kind. Planned and cancelled sessions are left out.
pub fn aggregate(sessions: &[ScannerSession], by: By) -> Vec<ScannerAggregate> {
    let groups = sums(sessions, |session| {
        let site = (by != By::Month).then(|| session.site.to_string());
        let room = matches!(by, By::Room | By::RoomMonth).then(|| session.room.to_string());
        let month = matches!(by, By::Month | By::RoomMonth).then(|| session.local_date.format("%Y-%m").to_string());
        let key = (month.clone(), session.trust.clone(), site.clone(), room.clone(), session.room_kind);
        (key, Named { site, room, month })
    });
    groups.into_values().collect()
}

/// Each session that has begun, with what it adds to the sums: an accession that counts in another session is left out.
/// Attendances are those of the session by itself.
pub fn each(sessions: &[ScannerSession]) -> impl Iterator<Item = (&ScannerSession, ScannerAggregate)> {
    let homes = homes(begun(sessions));
    begun(sessions).map(move |session| {
        let mut own = Counting::new(Named { site: None, room: None, month: None }, session);
        own.add(session, &homes);
        (session, own.row)
    })
}

/// What the sessions of a group have in common, as its row says it.
pub(super) struct Named {
    pub site: Option<String>,
    pub room: Option<String>,
    pub month: Option<String>,
}

/// Sums the sessions that have begun up by any key.
pub(super) fn sums<'s, K: Ord>(
    sessions: &'s [ScannerSession],
    group_of: impl Fn(&ScannerSession) -> (K, Named),
) -> BTreeMap<K, ScannerAggregate> {
    let homes = homes(begun(sessions));
    let mut groups: BTreeMap<K, Counting<'s>> = BTreeMap::new();
    for session in begun(sessions) {
        let (key, named) = group_of(session);
        groups.entry(key).or_insert_with(|| Counting::new(named, session)).add(session, &homes);
    }
    groups.into_iter().map(|(key, counting)| (key, counting.row)).collect()
}

/// The sessions that have begun, the unused too.
pub(super) fn begun(sessions: &[ScannerSession]) -> impl Iterator<Item = &ScannerSession> {
    sessions.iter().filter(|session| match session.state {
        SessionState::Running | SessionState::Closed | SessionState::Unused => true,
        SessionState::Planned | SessionState::Cancelled => false,
    })
}

/// A token where it counts once: in its trust, or on its site where each site counts by itself.
type Once<'s> = (&'s str, Option<&'s str>, Token);

fn once(session: &ScannerSession, token: Token) -> Once<'_> {
    (session.trust.as_str(), session.by_site.then(|| session.site.as_str()), token)
}

/// For each exam the session and the result that counts: of the best state, the earliest.
pub(super) struct Homes<'s>(HashMap<Once<'s>, (&'s ExamResult, &'s str)>);

impl<'s> Homes<'s> {
    /// Whether an exam of a session counts in it.
    pub(super) fn is_home(&self, session: &'s ScannerSession, exam: &ExamResult) -> bool {
        self.0.get(&once(session, exam.id)).is_some_and(|(_, id)| *id == session.id)
    }
}

pub(super) fn homes<'s>(sessions: impl Iterator<Item = &'s ScannerSession>) -> Homes<'s> {
    let mut homes = HashMap::new();
    for session in sessions {
        for exam in &session.exams {
            let found = (exam, session.id.as_str());
            let home = homes.entry(once(session, exam.id)).or_insert(found);
            let rank = |(exam, id): (&ExamResult, &'s str)| (core::cmp::Reverse(exam.state), exam.at, id);
            if rank(found) < rank(*home) {
                *home = found;
            }
        }
    }
    Homes(homes)
}

/// A row while sessions are added to it, with the visits that it has counted.
struct Counting<'s> {
    row: ScannerAggregate,
    seen: HashSet<Once<'s>>,
    seen_observed: HashSet<Once<'s>>,
}

impl ScannerAggregate {
    fn empty(named: Named, first: &ScannerSession) -> Self {
        let Named { site, room, month } = named;
        Self {
            site,
            room,
            trust: first.trust.to_string(),
            rule_set: first.rule_set.clone(),
            room_kind: first.room_kind,
            month,
            sessions: 0,
            sessions_observed: 0,
            open: Minutes::ZERO,
            staffed: Minutes::ZERO,
            operational: Minutes::ZERO,
            elapsed: Minutes::ZERO,
            observed: Minutes::ZERO,
            exams_completed: 0,
            exams_inferred: 0,
            exams_provisional: 0,
            exams_discontinued: 0,
            out_of_hours_exams: 0,
            counted_elsewhere: 0,
            attendances: 0,
            rate: (0, 0, Minutes::ZERO),
            occupied: Minutes::ZERO,
            productive: Minutes::ZERO,
            changeovers: (0, Minutes::ZERO),
            first_scan_delays: (0, Minutes::ZERO),
            discontinued_steps: 0,
            booked: 0,
            did_not_attend: 0,
            target: first.figures.target,
            short_of_target: None,
        }
    }

    fn add(&mut self, session: &ScannerSession) {
        let f = &session.figures;
        self.sessions += 1;
        self.open += f.open;
        self.staffed += f.staffed;
        self.operational += f.operational;
        self.elapsed += f.elapsed;
        self.observed += f.observed;
        self.occupied += f.occupied;
        self.productive += f.productive;
        self.discontinued_steps += f.discontinued_steps;
        self.booked += f.booked;
        self.did_not_attend += f.did_not_attend;
        for &changeover in &f.changeovers {
            self.changeovers.0 += 1;
            self.changeovers.1 += changeover;
        }
        if let Some(delay) = f.first_scan_delay {
            self.first_scan_delays.0 += 1;
            self.first_scan_delays.1 += delay;
        }
        if let Some(short) = f.short_of_target {
            self.short_of_target = Some(self.short_of_target.unwrap_or(0) + short);
        }
        if self.target != f.target {
            self.target = None;
        }
    }
}

impl<'s> Counting<'s> {
    fn new(named: Named, first: &ScannerSession) -> Self {
        Self { row: ScannerAggregate::empty(named, first), seen: HashSet::new(), seen_observed: HashSet::new() }
    }

    fn add(&mut self, session: &'s ScannerSession, homes: &Homes<'s>) {
        let row = &mut self.row;
        row.add(session);
        let mut in_plan = 0;
        for exam in &session.exams {
            if !homes.is_home(session, exam) {
                row.counted_elsewhere += 1;
                continue;
            }
            match exam.state {
                ExamState::Completed | ExamState::Inferred if !exam.in_plan => row.out_of_hours_exams += 1,
                ExamState::Completed => row.exams_completed += 1,
                ExamState::Inferred => row.exams_inferred += 1,
                ExamState::Provisional => row.exams_provisional += 1,
                ExamState::Discontinued => row.exams_discontinued += 1,
            }
            in_plan += u32::from(exam.in_plan && matches!(exam.state, ExamState::Completed | ExamState::Inferred));
        }
        row.attendances += not_seen(session, &mut self.seen);
        if session.figures.is_observed() {
            row.sessions_observed += 1;
            row.rate.0 += in_plan;
            row.rate.1 += not_seen(session, &mut self.seen_observed);
            row.rate.2 += session.figures.observed;
        }
    }
}

/// Attendances of a session that no session before it has: a visit counts once in a row, however many of its rooms and
/// sessions it leads to. One that rests on a patient or a step is of its session alone.
fn not_seen<'s>(session: &'s ScannerSession, seen: &mut HashSet<Once<'s>>) -> u32 {
    let again = session.visits.iter().filter(|visit| !seen.insert(once(session, **visit))).count();
    session.figures.attendances.saturating_sub(u32::try_from(again).unwrap_or(u32::MAX))
}

/// How much the durations of a protocol's completed steps vary.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtocolSpread {
    /// The trust whose scanners they are: trusts may use one name for different protocols.
    pub trust: TrustId,
    /// The protocol; absent for steps without one.
    pub protocol: Option<Label>,
    /// Completed steps with a known end.
    pub steps: u32,
    /// Their mean, in minutes.
    pub mean: f64,
    /// Standard deviation (n-1) over mean; absent for too few steps or no time.
    pub spread: Option<f64>,
}

/// The spread of durations by protocol, in order of trust and protocol; it needs `min_n` steps.
pub fn duration_spread(sessions: &[ScannerSession], min_n: usize) -> Vec<ProtocolSpread> {
    let mut durations: BTreeMap<(&TrustId, Option<Label>), Vec<f64>> = BTreeMap::new();
    let steps = sessions.iter().flat_map(|session| session.steps.iter().map(move |step| (&session.trust, step)));
    let counted = steps.filter(|(_, step)| step.excluded.is_none() && step.state == ExamState::Completed);
    for (trust, step) in counted {
        if let Some(end) = step.end {
            let length = Minutes::between(step.start, end).as_f64();
            durations.entry((trust, step.protocol.clone())).or_default().push(length);
        }
    }
    durations
        .into_iter()
        .map(|((trust, protocol), values)| {
            let steps = u32::try_from(values.len()).unwrap_or(u32::MAX);
            let mean = values.iter().sum::<f64>() / f64::from(steps);
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let deviation = (squares / (f64::from(steps) - 1.0)).sqrt();
            let spread = (values.len() >= min_n.max(2) && mean > 0.0).then(|| deviation / mean);
            ProtocolSpread { trust: trust.clone(), protocol, steps, mean, spread }
        })
        .collect()
}
