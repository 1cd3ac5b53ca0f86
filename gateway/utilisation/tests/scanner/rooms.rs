//! Scanner rooms and their steps, written the way people write them.

use chrono::{NaiveTime, Timelike, Weekday};
use room_events::{Label, ListKind, RoomId, RoomKind, SessionKey, SiteId, StepState, Token, TrustId, UtcMillis};
use utilisation::facts::{Plan, Room, ScannerFacts, SessionPlan, Step};
use utilisation::rules::RuleSet;
use utilisation::scanner::result::ScannerRoomResult;
use utilisation::scanner::rules::{ClosedFor, Closure, ScannerRules};
use utilisation::scanner::{Conditions, measure_room};
use utilisation::targets::Targets;

/// 2026-01-12, a Monday.
pub const MIDNIGHT: i64 = 1_768_176_000_000;

/// Long after everything.
pub const LATER: UtcMillis = UtcMillis::saturating(MIDNIGHT + 30 * 86_400_000);

pub fn scanner(kind: RoomKind) -> Room {
    Room {
        trust: TrustId::new("trust").unwrap(),
        site: SiteId::new("main").unwrap(),
        room: RoomId::new("scanner-1").unwrap(),
        kind,
        zone: chrono_tz::Europe::London,
    }
}

pub fn clock(text: &str) -> NaiveTime {
    NaiveTime::parse_from_str(text, "%H:%M").unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// `09:05` of the day on which the tests play.
pub fn at(text: &str) -> UtcMillis {
    UtcMillis::saturating(MIDNIGHT + i64::from(clock(text).num_seconds_from_midnight()) * 1000)
}

/// So many minutes into that day.
pub fn minute(of_day: i64) -> UtcMillis {
    UtcMillis::saturating(MIDNIGHT).plus_minutes(of_day)
}

/// A token of a name.
pub fn token(name: &str) -> Token {
    // FNV-1a: a name may be longer than a token.
    let digest = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    Token { key: 1, digest: u128::from(digest) }
}

pub fn session(key: &str, start: UtcMillis, end: UtcMillis) -> SessionPlan {
    let plan = Plan {
        start,
        end,
        specialty: Label::fitted("Imaging"),
        team: None,
        kind: ListKind::Elective,
        cases: None,
        issued: None,
        withdrawn: false,
    };
    SessionPlan { key: SessionKey::new(key).unwrap(), revisions: vec![plan] }
}

/// A step as the data file writes it.
pub fn step(text: &str) -> Step {
    let (times, words) = text.split_once(' ').unwrap_or((text, ""));
    let (start, end) = times.split_once('-').unwrap();
    let (image, words) = match words.split_once(' ') {
        _ if end != "image" => (None, words),
        Some((image, rest)) => (Some(at(image)), rest),
        None => (Some(at(words)), ""),
    };
    let ended = !matches!(end, "open" | "image");
    let mut step = Step {
        id: token(text),
        state: if ended { StepState::Completed } else { StepState::InProgress },
        start: at(start),
        end: ended.then(|| at(end)),
        last_image: image,
        acquired: None,
        accessions: Vec::new(),
        visit: None,
        patient: None,
        protocol: None,
        reason: None,
        captured: at(start),
        conflicting: false,
        inferred: false,
    };
    for word in words.split_whitespace() {
        if word == "discontinued" {
            step.state = StepState::Discontinued;
        } else if let Some(reason) = word.strip_prefix("reason=") {
            step.reason = Some(reason.parse().unwrap());
        } else if let Some(visit) = word.strip_prefix("visit=") {
            step.visit = Some(token(visit));
        } else {
            step.accessions = word.split('+').map(token).collect();
        }
    }
    step
}

/// A sign of life every 5 minutes from `from` to `to`, but for those inside `silent`.
pub fn alive(from: UtcMillis, to: UtcMillis, silent: Option<(UtcMillis, UtcMillis)>) -> Vec<UtcMillis> {
    let is_silent = |at: UtcMillis| silent.is_some_and(|(from, to)| at > from && at < to);
    let beats = (0..).map(|n| from.plus_minutes(5 * n)).take_while(|at| *at <= to);
    beats.filter(|at| !is_silent(*at)).collect()
}

/// A staff break on weekdays would be the usual one; this one is each day.
pub fn closure(from: &str, to: &str) -> Closure {
    Closure {
        reason: ClosedFor::StaffBreak,
        from: clock(from),
        to: clock(to),
        first: None,
        last: None,
        weekdays: vec![Weekday::Mon],
    }
}

pub fn measure(room: &Room, facts: &ScannerFacts, closures: &[Closure], now: UtcMillis) -> ScannerRoomResult {
    let (rules, scanner, targets) = (RuleSet::default(), ScannerRules::default(), Targets::built_in());
    measure_room(room, facts, Conditions { rules: &rules, scanner: &scanner, closures, targets: &targets }, now)
}
