//! Today's measures of each room, as samples: sums over its lists, and the state that the board shows.

use std::collections::BTreeMap;

use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{SessionResult, SessionState};
use utilisation::rules::RuleSet;
use utilisation::scanner::{By, aggregate};

use super::catalogue as m;
use super::exposition::Scrape;
use super::health::{count, length, seconds};
use crate::board_row::standing;
use crate::room_state::{RoomState, RoomView};
use crate::scanner_state::{ScanState, ScannerView};
use crate::source::{RoomDay, SiteDay, Source};
use crate::standing::{Standing, has_target, is_held};

const SESSION_STATES: [SessionState; 5] =
    [SessionState::Planned, SessionState::Running, SessionState::Closed, SessionState::Unused, SessionState::Cancelled];

/// Adds every room of a site.
pub(super) fn add(scrape: &mut Scrape, day: &SiteDay, source: &dyn Source) {
    for room in &day.rooms {
        let of = [day.trust.as_str(), day.site.as_str(), room.room.as_str()];
        scrape.add(&m::ROOM, &[of[0], of[1], of[2], room.kind.name(), &room.name], 1.0);
        scrape.add_known(&m::ROOM_HEARD, &of, room.feed.last_heard.map(seconds));
        if room.kind.is_theatre_like() {
            add_theatre(scrape, of, day, room, source);
        } else {
            add_scanner(scrape, of, day, room, source);
        }
    }
}

fn add_theatre(scrape: &mut Scrape, of: [&str; 3], day: &SiteDay, room: &RoomDay, source: &dyn Source) {
    let view = RoomView::new(day, room, source.rules());
    scrape.add_state(&m::ROOM_STATE, &of, &RoomState::ALL.map(RoomState::name), view.state.name());
    let mut kinds: BTreeMap<&str, Vec<&SessionResult>> = BTreeMap::new();
    for list in &room.lists {
        kinds.entry(list.kind.name()).or_default().push(list);
    }
    for (kind, lists) in kinds {
        let of = [of[0], of[1], of[2], kind];
        for state in SESSION_STATES {
            let lists = lists.iter().filter(|list| list.state == state).count() as u64;
            scrape.add(&m::LISTS, &[of[0], of[1], of[2], kind, state.name()], count(lists));
        }
        let held: Vec<&SessionResult> = lists.into_iter().filter(|list| is_held(list)).collect();
        if held.is_empty() {
            continue;
        }
        let sums = Sums::of(&held, &view, source.rules());
        scrape.add(&m::PLANNED, &of, length(sums.planned));
        scrape.add(&m::CAPPED, &of, length(sums.capped));
        scrape.add_known(&m::CAPPED_BEST, &of, sums.best.map(length));
        scrape.add(&m::UNKNOWN, &of, length(sums.unknown));
        if sums.started {
            scrape.add_known(&m::UTILISATION, &of, Ratio::of_minutes(sums.capped, sums.planned).map(Ratio::as_f64));
        }
        if held.iter().any(|list| has_target(list)) {
            scrape.add_known(&m::UTILISATION_TARGET, &of, source.target().map(Ratio::as_f64));
        }
        scrape.add(&m::CASES_BOOKED, &of, count(sums.booked));
        scrape.add(&m::CASES_COMPLETED, &of, count(sums.completed));
        scrape.add_known(&m::LATE_START, &of, sums.late.map(length));
        scrape.add_known(&m::OVERRUN, &of, sums.overrun.map(length));
    }
}

/// Sums over the lists of one kind; a ratio of sums, never a mean of ratios.
#[derive(Debug, Default)]
struct Sums {
    planned: Minutes,
    capped: Minutes,
    best: Option<Minutes>,
    unknown: Minutes,
    started: bool,
    booked: u64,
    completed: u64,
    late: Option<Minutes>,
    overrun: Option<Minutes>,
}

impl Sums {
    fn of(lists: &[&SessionResult], view: &RoomView<'_>, rules: &RuleSet) -> Self {
        let mut sums = Self { best: Some(Minutes::ZERO), ..Self::default() };
        for list in lists {
            let is_row = view.list.is_some_and(|row| row.id == list.id);
            let now = if is_row { standing(view, list, rules) } else { Standing::of(list, rules.variant) };
            sums.planned += now.planned;
            sums.capped += now.counted;
            sums.best = sums.best.zip(now.best).map(|(sum, best)| sum + best);
            sums.unknown += now.unknown;
            sums.started |= list.figures.cases_started > 0;
            sums.booked += u64::from(list.figures.cases_booked);
            sums.completed += u64::from(list.figures.cases_completed);
            let unknown = is_row && view.silent.is_some();
            add_to(&mut sums.late, list.figures.late_start.or_else(|| late_by_now(list, view, unknown)));
            add_to(&mut sums.overrun, list.figures.overrun.or_else(|| over_by_now(list, view, unknown)));
        }
        sums
    }
}

fn add_to(sum: &mut Option<Minutes>, part: Option<Minutes>) {
    if let Some(part) = part {
        *sum = Some(sum.unwrap_or_default() + part);
    }
}

/// Of a list that is due, and nobody has come: how late that is by now, inside the plan.
fn late_by_now(list: &SessionResult, view: &RoomView<'_>, unknown: bool) -> Option<Minutes> {
    let due = list.state == SessionState::Running && list.figures.cases_started == 0 && !unknown;
    due.then(|| Minutes::between(list.planned_start, view.now.min(list.planned_end)).at_least_zero())
}

/// Of an open list past its planned end.
fn over_by_now(list: &SessionResult, view: &RoomView<'_>, unknown: bool) -> Option<Minutes> {
    let over = Minutes::between(list.planned_end, view.now);
    let open = list.state == SessionState::Running && list.figures.cases_started > 0 && !unknown;
    (open && over > Minutes::ZERO).then_some(over)
}

fn add_scanner(scrape: &mut Scrape, of: [&str; 3], day: &SiteDay, room: &RoomDay, source: &dyn Source) {
    let view = ScannerView::new(day.as_at, room, source.rules());
    scrape.add_state(&m::ROOM_STATE, &of, &ScanState::NAMES, view.state.name());
    for state in SESSION_STATES {
        let sessions = room.scans.iter().filter(|session| session.state == state).count() as u64;
        scrape.add(&m::SCANNER_SESSIONS, &[of[0], of[1], of[2], state.name()], count(sessions));
    }
    for sums in aggregate(&room.scans, By::Room) {
        scrape.add(&m::SCANNER_EXAMS, &of, f64::from(sums.exams_completed + sums.exams_inferred));
        scrape.add(&m::SCANNER_ELAPSED, &of, length(sums.elapsed));
        scrape.add(&m::SCANNER_OBSERVED, &of, length(sums.observed));
        scrape.add(&m::SCANNER_OCCUPIED, &of, length(sums.occupied));
        scrape.add_known(&m::SCANNER_RATE, &of, sums.exams_per_hour());
        scrape.add_known(&m::SCANNER_TARGET, &of, sums.target);
        scrape.add_known(&m::SCANNER_SHORT, &of, sums.short_of_target.map(f64::from));
    }
}
