//! Rooms, lists and cases written the way people write them.

use chrono::{DateTime, NaiveDateTime, TimeZone};
use chrono_tz::{Europe, Tz};
use room_events::{Label, ListKind, Milestone, RoomId, RoomKind, SessionKey, SiteId, Token, TrustId, UtcMillis};
use utilisation::facts::{Case, Plan, Room, SessionPlan};
use utilisation::result::{CaseResult, RoomResult, SessionResult};

pub const LONDON: Tz = Europe::London;

/// A theatre in London.
pub fn theatre() -> Room {
    Room {
        trust: TrustId::new("trust").unwrap(),
        site: SiteId::new("main").unwrap(),
        room: RoomId::new("suite-1").unwrap(),
        kind: RoomKind::Theatre,
        zone: LONDON,
    }
}

/// `2022-01-10T08:30Z`.
pub fn utc(text: &str) -> UtcMillis {
    let at = DateTime::parse_from_str(&text.replace('Z', "+0000"), "%Y-%m-%dT%H:%M%z");
    UtcMillis::new(at.unwrap_or_else(|e| panic!("{text}: {e}")).timestamp_millis()).unwrap()
}

/// `2022-01-10 08:30` or `2022-01-10 08:30:00` in London; of an ambiguous one the first.
pub fn local(text: &str) -> UtcMillis {
    let text = text.get(..16).unwrap();
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap_or_else(|e| panic!("{text}: {e}"));
    UtcMillis::new(LONDON.from_local_datetime(&naive).earliest().unwrap().timestamp_millis()).unwrap()
}

/// A time of the winter day on which most tests play.
pub fn at(time: &str) -> UtcMillis {
    utc(&format!("2022-01-10T{time}Z"))
}

/// Long after everything.
pub const LATER: UtcMillis = UtcMillis::saturating(1_699_999_980_000);

pub fn token(number: u128) -> Token {
    Token { key: 1, digest: number }
}

pub fn key(text: &str) -> SessionKey {
    SessionKey::new(text).unwrap()
}

pub fn plan(start: UtcMillis, end: UtcMillis) -> Plan {
    Plan {
        start,
        end,
        specialty: Label::fitted("General surgery"),
        team: None,
        kind: ListKind::Elective,
        cases: None,
        issued: None,
        withdrawn: false,
    }
}

pub fn list(name: &str, start: UtcMillis, end: UtcMillis) -> SessionPlan {
    SessionPlan { key: key(name), revisions: vec![plan(start, end)] }
}

/// A case with these stamps and nothing else.
pub fn case(number: u128, stamps: &[(Milestone, UtcMillis)]) -> Case {
    let mut case = Case::new(token(number));
    for &(milestone, at) in stamps {
        case.stamps.set(milestone, Some(at));
    }
    case
}

/// In the theatre from when to when, either of them perhaps not known.
pub fn stay(number: u128, from: Option<UtcMillis>, to: Option<UtcMillis>) -> Case {
    let mut case = case(number, &[]);
    case.stamps.set(Milestone::IntoTheatre, from);
    case.stamps.set(Milestone::OutOfTheatre, to);
    case
}

pub fn session<'r>(result: &'r RoomResult, name: &str) -> &'r SessionResult {
    result.sessions.iter().find(|s| s.key.as_str() == name).unwrap_or_else(|| panic!("no session {name}"))
}

pub fn case_of(session: &SessionResult, number: u128) -> &CaseResult {
    session.cases.iter().find(|c| c.id == token(number)).unwrap_or_else(|| panic!("no case {number}"))
}
