//! The plan in force of each session: which revision is frozen, what the session is called, whether it was capacity.
//!
//! The measure is very sensitive to restated list times, so the denominator stops moving when the session starts: only
//! what its source had issued before the start then in force counts.

use core::fmt::Write as _;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use room_events::UtcMillis;

use crate::facts::{Plan, Room, SessionPlan};
use crate::rules::RuleSet;

/// A session with the revision that its figures are made under.
pub(crate) struct FrozenPlan<'f> {
    /// The session as it is known.
    pub session: &'f SessionPlan,
    /// The revision in force.
    pub plan: &'f Plan,
    /// Its first known revision.
    pub first: &'f Plan,
    /// Planned start, PS.
    pub start: UtcMillis,
    /// Planned end, PE; never before the start.
    pub end: UtcMillis,
    /// The revision in force was issued after its own start.
    pub late: bool,
    /// A later revision said something else.
    pub revised_on_day: bool,
}

/// Freezes every session's plan; in order of planned start, then key. A session without any revision is not planned.
pub(crate) fn freeze_all(sessions: &[SessionPlan]) -> Vec<FrozenPlan<'_>> {
    let mut frozen: Vec<FrozenPlan<'_>> = sessions.iter().filter_map(freeze).collect();
    frozen.sort_by(|p, q| (p.start, &p.session.key, p.end).cmp(&(q.start, &q.session.key, q.end)));
    frozen
}

fn freeze(session: &SessionPlan) -> Option<FrozenPlan<'_>> {
    let first = session.revisions.first()?;
    let mut in_force: Option<usize> = None;
    for (index, revision) in session.revisions.iter().enumerate() {
        // Against the start of the revision in force when this one was issued; the first can only be held to its own.
        let frozen_at = in_force.and_then(|i| session.revisions.get(i)).unwrap_or(revision).start;
        match revision.issued {
            Some(issued) if issued >= frozen_at => {
                if in_force.is_none() {
                    break;
                }
            }
            Some(_) | None => in_force = Some(index),
        }
    }
    let index = in_force.unwrap_or(0);
    let plan = session.revisions.get(index)?;
    Some(FrozenPlan {
        session,
        plan,
        first,
        start: plan.start,
        end: plan.end.max(plan.start),
        late: plan.issued.is_some_and(|issued| issued >= plan.start),
        revised_on_day: session.revisions.iter().skip(index + 1).any(|later| !says_the_same(later, plan)),
    })
}

/// Whether two revisions differ in nothing but when they were issued.
fn says_the_same(one: &Plan, other: &Plan) -> bool {
    one.start == other.start
        && one.end == other.end
        && one.specialty == other.specialty
        && one.team == other.team
        && one.kind == other.kind
        && one.cases == other.cases
        && one.withdrawn == other.withdrawn
}

impl FrozenPlan<'_> {
    /// Whether the session was planned long enough before its start. A source that never says when it issued a plan
    /// cannot show that it was late, so all its sessions count.
    pub(super) fn is_scheduled_capacity(&self, rules: &RuleSet) -> bool {
        let notice = self.start.plus_millis(-rules.capacity_notice.millis());
        let revisions = &self.session.revisions;
        if revisions.iter().all(|revision| revision.issued.is_none()) {
            return true;
        }
        revisions
            .iter()
            .take_while(|revision| revision.issued.is_none_or(|issued| issued <= notice))
            .last()
            .is_some_and(|revision| !revision.withdrawn)
    }
}

/// What people call a session.
pub(crate) struct Name {
    /// Its id.
    pub id: String,
    /// The local date of its frozen start.
    pub date: NaiveDate,
}

/// Each session's name, in the order of `plans`.
///
/// Of several sessions whose first known start is the same minute, the one that was issued first (then the lower key)
/// has the plain id, so that a session that becomes known later does not take over the name of another.
pub(crate) fn names(room: &Room, plans: &[FrozenPlan<'_>]) -> Vec<Name> {
    let minute = |plan: &FrozenPlan<'_>| plan.first.start.millis().div_euclid(60_000);
    let mut names: Vec<Name> = plans
        .iter()
        .map(|plan| {
            let local = local_time(room.zone, plan.first.start);
            let id = session_id(room, plan.first.start, local);
            // Two searches in the zone's table for nearly every session would be one too many.
            let frozen = if plan.start == plan.first.start { local } else { local_time(room.zone, plan.start) };
            Name { id, date: frozen.date() }
        })
        .collect();

    let mut order: Vec<(i64, usize)> = plans.iter().map(minute).zip(0..).collect();
    order.sort_unstable();
    for namesakes in order.chunk_by(|(one, _), (other, _)| one == other).filter(|same| same.len() > 1) {
        let mut ranked: Vec<(&FrozenPlan<'_>, usize)> =
            namesakes.iter().filter_map(|&(_, index)| plans.get(index).map(|plan| (plan, index))).collect();
        ranked.sort_by_key(|(plan, _)| (plan.first.issued, &plan.session.key, plan.start));
        for ((_, index), ordinal) in ranked.into_iter().zip(1..).skip(1) {
            if let Some(name) = names.get_mut(index) {
                // Writing to a String cannot fail.
                let _ = write!(name.id, ".{ordinal}");
            }
        }
    }
    names
}

/// `{site}.{room}.{local date}.{local HHMM}`; in the repeated autumn hour `.plus0100` or `.minus0400`, the offset from
/// UTC, after it (a sign would not survive a URL's query). The second of that name gets `.2` last.
fn session_id(room: &Room, first_start: UtcMillis, local: NaiveDateTime) -> String {
    let mut id = String::with_capacity(room.site.as_str().len() + room.room.as_str().len() + 18);
    id.push_str(room.site.as_str());
    id.push('.');
    id.push_str(room.room.as_str());
    id.push('.');
    push_digits(&mut id, local.year().unsigned_abs(), 4);
    id.push('-');
    push_digits(&mut id, local.month(), 2);
    id.push('-');
    push_digits(&mut id, local.day(), 2);
    id.push('.');
    push_digits(&mut id, local.hour(), 2);
    push_digits(&mut id, local.minute(), 2);
    if let LocalResult::Ambiguous(one, other) = room.zone.offset_from_local_datetime(&local) {
        let is_one =
            local.and_utc().timestamp_millis() - i64::from(one.fix().local_minus_utc()) * 1000 == first_start.millis();
        let minutes = if is_one { one } else { other }.fix().local_minus_utc() / 60;
        id.push_str(if minutes < 0 { ".minus" } else { ".plus" });
        push_digits(&mut id, minutes.unsigned_abs() / 60, 2);
        push_digits(&mut id, minutes.unsigned_abs() % 60, 2);
    }
    id
}

/// `write!` costs more than the rest of an id together, and there are 300,000 ids in a national roll-up.
fn push_digits(text: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// The first instant of a local date: 00:00, or where the clock skips midnight, when it comes out of the gap.
pub(crate) fn start_of_date(zone: Tz, date: NaiveDate) -> UtcMillis {
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    let instant = match zone.from_local_datetime(&midnight) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp_millis(),
        LocalResult::None => {
            // Moved forward by the gap, which is reading it with the offset of the day before.
            let day_before = midnight.checked_sub_days(Days::new(1)).unwrap_or(midnight);
            let offset = zone.offset_from_utc_datetime(&day_before).fix().local_minus_utc();
            midnight.and_utc().timestamp_millis() - i64::from(offset) * 1000
        }
    };
    UtcMillis::saturating(instant)
}

fn local_time(zone: Tz, at: UtcMillis) -> NaiveDateTime {
    // Every UtcMillis is a chrono instant: its years are 1900 to 9999.
    let utc = DateTime::from_timestamp_millis(at.millis()).unwrap_or(DateTime::UNIX_EPOCH);
    utc.with_timezone(&zone).naive_local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America, Europe};
    use room_events::{RoomId, RoomKind, SiteId, TrustId};

    fn room(zone: Tz) -> Room {
        Room {
            trust: TrustId::new("t").unwrap(),
            site: SiteId::new("main").unwrap(),
            room: RoomId::new("suite-1").unwrap(),
            kind: RoomKind::Theatre,
            zone,
        }
    }

    fn utc(text: &str) -> UtcMillis {
        UtcMillis::new(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()).unwrap()
    }

    #[test]
    fn an_id_is_the_local_start_with_its_offset_in_the_repeated_hour() {
        for (zone, start, id) in [
            (Europe::London, "2022-01-03T07:00:00Z", "main.suite-1.2022-01-03.0700"),
            (Europe::London, "2022-07-03T23:05:00Z", "main.suite-1.2022-07-04.0005"),
            (Europe::London, "2022-10-30T00:30:00Z", "main.suite-1.2022-10-30.0130.plus0100"),
            (Europe::London, "2022-10-30T01:30:00Z", "main.suite-1.2022-10-30.0130.plus0000"),
            (Europe::London, "2022-10-30T02:00:00Z", "main.suite-1.2022-10-30.0200"),
            (America::St_Johns, "2022-11-06T03:45:00Z", "main.suite-1.2022-11-06.0115.minus0230"),
        ] {
            assert_eq!(session_id(&room(zone), utc(start), local_time(zone, utc(start))), id);
        }
    }

    #[test]
    fn a_date_begins_at_local_midnight_or_when_the_clock_comes_out_of_the_gap() {
        for (zone, date, start) in [
            (Europe::London, (2022, 1, 3), "2022-01-03T00:00:00Z"),
            (Europe::London, (2022, 7, 3), "2022-07-02T23:00:00Z"),
            (America::Havana, (2022, 3, 13), "2022-03-13T05:00:00Z"),
        ] {
            let date = NaiveDate::from_ymd_opt(date.0, date.1, date.2).unwrap();
            assert_eq!(start_of_date(zone, date), utc(start), "{zone} {date}");
        }
    }
}
