//! A slow model of the theatre rules: it walks through every minute and asks each time what the room was.
//!
//! It shares no function with the product, only the vocabulary of facts and rules, and understands whole minutes only.
//! Where the product sweeps sorted stretches, this counts minutes one by one.

use chrono::{DateTime, NaiveDate};
use room_events::{CancellationClass, Milestone, SessionKey, UtcMillis};
use utilisation::facts::{Case, Plan, Room, RoomFacts, SessionPlan};
use utilisation::rules::{RuleSet, TouchStart};

/// Minutes since 1970.
pub type Minute = i64;

/// One session, in whole minutes. Fields have the meaning of those of the same name in the product's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionMinutes {
    pub key: SessionKey,
    pub local_date: NaiveDate,
    pub start: Minute,
    pub end: Minute,
    /// planned, running, closed, unused or cancelled.
    pub state: &'static str,
    pub closed_at: Option<Minute>,
    pub revised: bool,
    pub complete: bool,
    pub late_plan: bool,
    pub scheduled_capacity: bool,
    pub planned: i64,
    pub first_planned: i64,
    pub booked: usize,
    pub started: usize,
    pub completed: usize,
    pub outcome_unknown: usize,
    pub abandoned: usize,
    pub cancelled_on_day: usize,
    pub cancelled_qmco_like: usize,
    pub touch: i64,
    pub capped: i64,
    pub capped_sum: i64,
    pub capped_duration: i64,
    pub overlap: i64,
    pub unknown: i64,
    pub late_start: Option<i64>,
    pub late_due_to_previous: i64,
    pub early_start: Option<i64>,
    pub early_finish: Option<i64>,
    pub early_finish_uncertain: bool,
    pub overrun: Option<i64>,
    pub gaps_in_session: i64,
    pub turnovers: usize,
    pub turnover: i64,
    pub occupied_by_other_list: i64,
    pub remaining: i64,
    pub capped_best: i64,
    /// One letter for each minute of the plan: L late start, O occupied, G gap, U unknown, E early finish, T to come;
    /// empty when nothing started.
    pub minutes: String,
}

/// A session while it is being worked out.
struct List<'f> {
    session: &'f SessionPlan,
    plan: &'f Plan,
    late_plan: bool,
    start: Minute,
    end: Minute,
    cases: Vec<Stay<'f>>,
    closes: Minute,
    revised: bool,
}

/// A case while it is being worked out.
struct Stay<'f> {
    case: &'f Case,
    a: Option<Minute>,
    left_room: Option<Minute>,
    procedure_end: Option<Minute>,
    sign_out: Option<Minute>,
    /// Filled once it is known whether the list has closed.
    b: Option<Minute>,
    cover: Option<(Minute, Minute)>,
    counts: bool,
}

fn minute(at: UtcMillis) -> Minute {
    assert_eq!(at.millis() % 60_000, 0, "the reference model knows whole minutes only");
    at.millis() / 60_000
}

/// What the facts amount to, for each session in order of planned start, then key.
pub fn reference(room: &Room, facts: &RoomFacts, rules: &RuleSet, now: UtcMillis) -> Vec<SessionMinutes> {
    let now = minute(now);
    let mut lists: Vec<List<'_>> = facts.sessions.iter().map(list).collect();
    lists.sort_by_key(|l| (l.start, l.session.key.clone()));

    let mut strays = Vec::new();
    for case in &facts.cases {
        let stay = stay(case, rules);
        match belongs_to(&stay, &lists, rules) {
            Some(index) => lists[index].cases.push(stay),
            None => strays.push(stay),
        }
    }
    for list in &mut lists {
        list.cases.sort_by_key(|s| s.case.id);
    }

    for index in 0..lists.len() {
        let (closes, revised) = walk_to_closing(&lists, index, now, rules);
        lists[index].closes = closes;
        lists[index].revised = revised;
    }
    for list in &mut lists {
        cover_cases(list, now, rules);
    }
    for stay in &mut strays {
        stay.b = believed_end(stay, true, rules);
        stay.counts = stay.a.is_some() && stay.b.is_some();
        stay.cover = stay.a.zip(stay.b);
    }
    (0..lists.len()).map(|index| measure(room, &lists, index, &strays, now, rules)).collect()
}

fn list(session: &SessionPlan) -> List<'_> {
    // The plan is restated again and again until its start has come.
    let first = &session.revisions[0];
    let mut plan = first;
    let mut late_plan = first.issued.is_some_and(|issued| issued >= first.start);
    if !late_plan {
        for revision in &session.revisions[1..] {
            let in_time = match revision.issued {
                None => true,
                Some(issued) => issued < plan.start,
            };
            if in_time {
                plan = revision;
                late_plan = plan.issued.is_some_and(|issued| issued >= plan.start);
            }
        }
    }
    let (start, end) = (minute(plan.start), minute(plan.end));
    List { session, plan, late_plan, start, end: end.max(start), cases: Vec::new(), closes: 0, revised: false }
}

fn stay<'f>(case: &'f Case, rules: &RuleSet) -> Stay<'f> {
    let at = |milestone| case.stamps.get(milestone).map(minute);
    let starts = [
        at(Milestone::AnaestheticStart),
        at(Milestone::IntoAnaestheticRoom),
        at(Milestone::IntoTheatre),
        at(Milestone::ProcedureStart),
    ];
    let a = match rules.touch_start {
        TouchStart::FirstInOrder => starts.iter().copied().find(Option::is_some).flatten(),
        TouchStart::Earliest => starts.iter().copied().flatten().min(),
    };
    Stay {
        case,
        a,
        left_room: match at(Milestone::OutOfTheatre) {
            Some(out) => Some(out),
            None => at(Milestone::IntoRecovery),
        },
        procedure_end: at(Milestone::ProcedureEnd),
        sign_out: at(Milestone::SignOut),
        b: None,
        cover: None,
        counts: false,
    }
}

/// The last sign of life of a case without a start.
fn last_sign(stay: &Stay<'_>) -> Option<Minute> {
    [stay.left_room, stay.procedure_end, stay.sign_out].into_iter().flatten().next()
}

fn belongs_to(stay: &Stay<'_>, lists: &[List<'_>], rules: &RuleSet) -> Option<usize> {
    if let Some(key) = &stay.case.session
        && let Some(named) = lists.iter().position(|l| l.session.key == *key)
    {
        return Some(named);
    }
    let timed = || lists.iter().enumerate().filter(|(_, l)| !l.plan.withdrawn);
    // Lists are in order of start, so the last that holds the minute is the one that starts latest.
    let holding = |at: Minute| timed().filter(|(_, l)| l.start <= at && at < l.end).map(|(i, _)| i).next_back();

    let booked = stay.case.booked_start.map(minute);
    if let Some(scheduled) = booked
        && let Some(index) = holding(scheduled)
    {
        return Some(index);
    }
    let began = stay.a.or(last_sign(stay)).or(booked)?;
    if let Some(index) = holding(began) {
        return Some(index);
    }
    // Step away from the start, minute by minute, looking back before looking ahead.
    for away in 0..=rules.belongs_within.millis() / 60_000 {
        if let Some((index, _)) = timed().rfind(|(_, l)| l.start <= began && began - away == l.end) {
            return Some(index);
        }
        if let Some((index, _)) = timed().find(|(_, l)| began < l.start && began + away == l.start) {
            return Some(index);
        }
    }
    None
}

/// The end as it is believed, while the list is open or after it has closed.
fn believed_end(stay: &Stay<'_>, closed: bool, rules: &RuleSet) -> Option<Minute> {
    let b = match (stay.left_room, stay.procedure_end) {
        (Some(left), _) => left,
        (None, Some(ended)) if closed => ended,
        (None, _) => return None,
    };
    match stay.a {
        Some(a) if b < a || (b - a) * 60_000 > rules.longest_case.millis() => None,
        _ => Some(b),
    }
}

fn walk_to_closing(lists: &[List<'_>], index: usize, now: Minute, rules: &RuleSet) -> (Minute, bool) {
    let list = &lists[index];
    let limit = list.end + rules.closes_after.millis() / 60_000;
    let next = lists[index + 1..].iter().find_map(|l| Some((l.start, l.cases.iter().filter_map(|s| s.a).min()?)));

    let handed_over = |t: Minute| match next {
        // Lists planned side by side say nothing about each other before the end of this one.
        Some((planned, first)) if planned < list.end => first >= list.end && first <= t,
        Some((_, first)) => first <= t,
        None => false,
    };
    let open = |s: &Stay<'_>, t: Minute| {
        let end = believed_end(s, false, rules);
        match s.a {
            Some(a) => a <= t && end.is_none_or(|b| t < b),
            None => last_sign(s).is_some() && end.is_none_or(|b| t < b),
        }
    };
    let to_start = |s: &Stay<'_>, t: Minute| {
        let booked = s.case.booked_start.is_some() || s.case.session.is_some();
        let began = s.a.is_some() || last_sign(s).is_some();
        let given_up = s.case.cancelled.as_ref().map(|c| c.at).or(s.case.abandoned).map(minute);
        if began {
            booked && s.a.is_some_and(|a| t < a)
        } else {
            // A cancellation without a booking shows that there was one.
            match given_up {
                Some(at) => t < at,
                None => booked,
            }
        }
    };

    let mut closed_at = None;
    let mut revised = false;
    let last_start = list.cases.iter().filter_map(|s| s.a).max().unwrap_or(list.end);
    let mut t = list.end;
    loop {
        if let Some(at) = closed_at
            && t > at
            && t <= now
            && list.cases.iter().any(|s| s.a == Some(t))
        {
            closed_at = None;
            revised = true;
        }
        if closed_at.is_none() {
            let busy = list.cases.iter().any(|s| open(s, t) || to_start(s, t));
            if !busy || handed_over(t) || t >= limit {
                closed_at = Some(t);
            }
        }
        if let Some(at) = closed_at
            && (t >= last_start || t >= now)
        {
            return (at, revised);
        }
        t += 1;
    }
}

fn cover_cases(list: &mut List<'_>, now: Minute, rules: &RuleSet) {
    let closed = now >= list.closes;
    for stay in &mut list.cases {
        stay.b = believed_end(stay, closed, rules);
        stay.counts = stay.a.is_some() && (stay.b.is_some() || !closed);
    }
    let order = in_order(list);
    let ends: Vec<Minute> = list.cases.iter().filter_map(|s| s.b).collect();
    for (place, &index) in order.iter().enumerate() {
        let next = order.get(place + 1).and_then(|&i| list.cases[i].a);
        let stay = &mut list.cases[index];
        let a = stay.a.unwrap();
        let to = match stay.b {
            Some(b) => b,
            None if !closed => now.max(a),
            None => next.unwrap_or(list.end.max(a)),
        };
        stay.cover = Some((a, to));
    }
    for stay in list.cases.iter_mut().filter(|s| s.a.is_none()) {
        if let Some(b) = last_sign(stay) {
            let earlier = ends.iter().copied().filter(|&e| e < b).max();
            stay.cover = Some((earlier.unwrap_or(list.start.min(b)), b));
        }
    }
}

/// Indexes of the started cases by start, end (a missing one last), id.
fn in_order(list: &List<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..list.cases.len()).filter(|&i| list.cases[i].a.is_some()).collect();
    order.sort_by_key(|&i| {
        let s = &list.cases[i];
        (s.a, s.b.is_none(), s.b, s.case.id)
    });
    order
}

fn covers(stretch: Option<(Minute, Minute)>, t: Minute) -> bool {
    stretch.is_some_and(|(from, to)| from <= t && t < to)
}

fn count(from: Minute, to: Minute, what: impl Fn(Minute) -> bool) -> i64 {
    let mut n = 0;
    let mut t = from;
    while t < to {
        if what(t) {
            n += 1;
        }
        t += 1;
    }
    n
}

fn measure(
    room: &Room,
    lists: &[List<'_>],
    index: usize,
    strays: &[Stay<'_>],
    now: Minute,
    rules: &RuleSet,
) -> SessionMinutes {
    let list = &lists[index];
    let (start, end) = (list.start, list.end);
    let closed = now >= list.closes;
    let covered: Vec<&Stay<'_>> = list.cases.iter().filter(|s| s.cover.is_some()).collect();
    let first = covered.iter().filter_map(|s| s.cover).map(|c| c.0).min();
    let last = covered.iter().filter_map(|s| s.cover).map(|c| c.1).max();
    let state = match (list.plan.withdrawn && first.is_none(), closed, first.is_some()) {
        (true, _, _) => "cancelled",
        (false, true, true) => "closed",
        (false, true, false) => "unused",
        (false, false, false) if now < start => "planned",
        (false, false, _) => "running",
    };
    let provisional = state == "planned" || state == "running";

    let is_touch = |t: Minute| covered.iter().any(|s| s.counts && covers(s.cover, t));
    let is_cover = |t: Minute| covered.iter().any(|s| covers(s.cover, t));
    let letter = |t: Minute| {
        if is_touch(t) {
            'O'
        } else if is_cover(t) {
            'U'
        } else if first.is_none_or(|first| t < first) {
            'L'
        } else if last.is_some_and(|last| t < last) {
            'G'
        } else if closed {
            'E'
        } else if t < now {
            'G'
        } else {
            'T'
        }
    };
    let minutes: String = if first.is_some() { (start..end).map(letter).collect() } else { String::new() };
    let how_many = |wanted: char| i64::try_from(minutes.chars().filter(|&c| c == wanted).count()).unwrap();

    let touch = covered.iter().filter(|s| s.counts).map(|s| s.cover.unwrap()).map(|(a, b)| count(a, b, |_| true)).sum();
    let capped_sum = covered.iter().filter(|s| s.counts).map(|s| count(start, end, |t| covers(s.cover, t))).sum();
    let union = match (first, last) {
        (Some(first), Some(last)) => count(first, last, is_touch),
        _ => 0,
    };
    let b_last = list.cases.iter().filter_map(|s| s.b).max();
    let a_first = list.cases.iter().filter_map(|s| s.a).min();

    let others: Vec<&Stay<'_>> = lists
        .iter()
        .enumerate()
        .filter(|&(i, _)| i != index)
        .flat_map(|(_, l)| &l.cases)
        .chain(strays)
        .filter(|s| s.counts)
        .collect();
    let is_other = |t: Minute| others.iter().any(|s| covers(s.cover, t));
    let (turnovers, turnover) = turnovers(list);
    let facts = Counts::of(room, list, closed, rules);

    SessionMinutes {
        key: list.session.key.clone(),
        local_date: local_date(room, start),
        start,
        end,
        state,
        closed_at: (state == "closed" || state == "unused").then_some(list.closes),
        revised: list.revised,
        complete: list.cases.iter().all(|s| s.a.is_some() == s.b.is_some() && (s.a.is_some() || s.cover.is_none())),
        late_plan: list.late_plan,
        scheduled_capacity: capacity(list, rules),
        planned: end - start,
        first_planned: minute(list.session.revisions[0].end).max(minute(list.session.revisions[0].start))
            - minute(list.session.revisions[0].start),
        booked: facts.booked,
        started: covered.len(),
        completed: facts.completed,
        outcome_unknown: facts.outcome_unknown,
        abandoned: facts.abandoned,
        cancelled_on_day: facts.cancelled_on_day,
        cancelled_qmco_like: facts.cancelled_qmco_like,
        touch,
        capped: how_many('O'),
        capped_sum,
        capped_duration: touch.min(end - start),
        overlap: touch - union,
        unknown: how_many('U'),
        late_start: first.map(|_| how_many('L')),
        late_due_to_previous: first.map_or(0, |first| count(start, end, |t| t < first && is_other(t))),
        early_start: a_first.map(|a| count(a, start, |_| true)),
        early_finish: (closed && first.is_some()).then(|| how_many('E')),
        early_finish_uncertain: closed && in_order(list).last().is_some_and(|&i| list.cases[i].b.is_none()),
        overrun: (closed && first.is_some()).then(|| b_last.map_or(0, |b| count(end, b, |_| true))),
        gaps_in_session: how_many('G'),
        turnovers,
        turnover,
        occupied_by_other_list: first.map_or(0, |_| count(start, end, is_other)),
        remaining: if provisional { count(start, end, |t| t >= now) } else { 0 },
        capped_best: if provisional {
            count(start, end, |t| t >= now || is_cover(t))
        } else {
            count(start, end, is_cover)
        },
        minutes,
    }
}

/// How many turnovers are known, and their sum.
fn turnovers(list: &List<'_>) -> (usize, i64) {
    let mut order: Vec<&Stay<'_>> = list.cases.iter().filter(|s| s.cover.is_some()).collect();
    order.sort_by_key(|s| (s.cover.unwrap().0, s.b.is_none(), s.b, s.case.id));
    let (mut n, mut sum) = (0, 0);
    for place in 1..order.len() {
        let Some(a) = order[place].a else { continue };
        let before = &order[..place];
        let latest = before.iter().filter_map(|s| s.cover).map(|c| c.1).max().unwrap();
        let known = before.iter().filter_map(|s| s.b).max();
        if known.is_some_and(|known| known >= latest) {
            n += 1;
            sum += count(latest, a, |_| true);
        }
    }
    (n, sum)
}

struct Counts {
    booked: usize,
    completed: usize,
    outcome_unknown: usize,
    abandoned: usize,
    cancelled_on_day: usize,
    cancelled_qmco_like: usize,
}

impl Counts {
    fn of(room: &Room, list: &List<'_>, closed: bool, rules: &RuleSet) -> Self {
        // Back to the first minute of the local date on which the list is planned to start.
        let date = local_date(room, list.start);
        let mut midnight = list.start;
        while local_date(room, midnight - 1) == date {
            midnight -= 1;
        }
        let until = list.end + rules.closes_after.millis() / 60_000;
        let mut counts = Self {
            booked: 0,
            completed: 0,
            outcome_unknown: 0,
            abandoned: 0,
            cancelled_on_day: 0,
            cancelled_qmco_like: 0,
        };
        for stay in &list.cases {
            let cancelled = stay.case.cancelled.as_ref().map(|c| minute(c.at));
            let gone = match stay.cover {
                Some(_) => None,
                None => cancelled.or(stay.case.abandoned.map(minute)),
            };
            let abandoned = stay
                .cover
                .is_some_and(|(from, _)| stay.case.abandoned.is_some() || cancelled.is_some_and(|at| at >= from));
            let completed = !abandoned && (stay.b.is_some() || stay.sign_out.is_some());
            counts.abandoned += usize::from(abandoned);
            counts.completed += usize::from(completed);
            counts.outcome_unknown += usize::from(closed && stay.cover.is_some() && !completed && !abandoned);
            counts.booked += usize::from(gone.is_none_or(|at| at >= midnight));
            if gone.is_some_and(|at| (midnight..=until).contains(&at)) {
                counts.cancelled_on_day += 1;
                let class = stay.case.cancelled.as_ref().and_then(|c| c.class);
                counts.cancelled_qmco_like += usize::from(class == Some(CancellationClass::HospitalNonClinical));
            }
        }
        counts
    }
}

fn capacity(list: &List<'_>, rules: &RuleSet) -> bool {
    let by = list.start - rules.capacity_notice.millis() / 60_000;
    let mut any_time = false;
    let mut planned = false;
    for revision in &list.session.revisions {
        any_time |= revision.issued.is_some();
        if revision.issued.is_none_or(|issued| issued.millis() <= by * 60_000) {
            planned = !revision.withdrawn;
        }
    }
    planned || !any_time
}

fn local_date(room: &Room, at: Minute) -> NaiveDate {
    DateTime::from_timestamp(at * 60, 0).unwrap().with_timezone(&room.zone).date_naive()
}
