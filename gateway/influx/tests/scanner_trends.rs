//! Trends of scanners, from sessions that were measured.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use influx::points::trend;
use room_events::{ListKind, RoomId, RoomKind, SessionKey, SiteId, StepState, Token, TrustId, UtcMillis};
use utilisation::facts::{Plan, Room, ScannerFacts, SessionPlan, Step};
use utilisation::rules::RuleSet;
use utilisation::scanner::result::ScannerSession;
use utilisation::scanner::rules::ScannerRules;
use utilisation::scanner::{Conditions, measure_room};
use utilisation::targets::Targets;

/// 2026-01-12T08:00Z.
const START: UtcMillis = UtcMillis::saturating(1_768_204_800_000);

/// A session of four hours, watched all the time, with so many exams of ten minutes.
fn session(trust: &str, rule_set: &str, exams: i64) -> ScannerSession {
    let room = Room {
        trust: TrustId::new(trust).unwrap(),
        site: SiteId::new("main").unwrap(),
        room: RoomId::new("ct-1").unwrap(),
        kind: RoomKind::Ct,
        zone: chrono_tz::UTC,
    };
    let plan = Plan {
        start: START,
        end: START.plus_minutes(240),
        specialty: None,
        team: None,
        kind: ListKind::Elective,
        cases: None,
        issued: None,
        withdrawn: false,
    };
    let step = |n: i64| Step {
        id: Token { key: 1, digest: n.unsigned_abs().into() },
        state: StepState::Completed,
        start: START.plus_minutes(20 * n),
        end: Some(START.plus_minutes(20 * n + 10)),
        last_image: None,
        acquired: None,
        accessions: Vec::new(),
        visit: None,
        patient: None,
        protocol: None,
        reason: None,
        captured: START,
        conflicting: false,
        inferred: false,
    };
    let facts = ScannerFacts {
        sessions: vec![SessionPlan { key: SessionKey::new("day").unwrap(), revisions: vec![plan] }],
        cases: Vec::new(),
        steps: (0..exams).map(step).collect(),
        alive: (-1..=50).map(|n| START.plus_minutes(5 * n)).collect(),
    };
    let rules = RuleSet { name: rule_set.to_owned(), ..RuleSet::default() };
    let scanner = ScannerRules::default();
    let under = Conditions { rules: &rules, scanner: &scanner, closures: &[], targets: &Targets::built_in() };
    let far = START.plus_minutes(60 * 24 * 60);
    measure_room(&room, &facts, under, far).sessions.remove(0)
}

#[test]
fn trusts_whose_sites_and_scanners_have_equal_names_are_told_apart() {
    let sessions = [session("north", "north-rules", 4), session("south", "south-rules", 8)];
    let today = chrono::NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
    let made = trend::scanners(&sessions, &Targets::built_in(), today);
    let lines: Vec<String> = made.iter().flat_map(|series| &series.points).map(|point| point.line().unwrap()).collect();
    let expected = [("north", 1), ("south", 2)].map(|(trust, rate)| {
        format!(
            "touchtime_trend,grouping=room,measure=exams_per_hour,period=month,room=ct-1,room_kind=ct,\
             rule_set={trust}-rules,site=main,trust={trust} present=1i,value={rate},lists=1i"
        )
    });
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(&expected), "{line}");
    }
}
