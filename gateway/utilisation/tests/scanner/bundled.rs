//! The bundled sessions of a real scanner, which tells of nothing but images.
//!
//! The expected figures were worked out from the file apart from this code: span = last less first instant of a session.

use std::collections::BTreeMap;

use room_events::{Acquisition, ListKind, Observation, PlanRevision, RoomKind, SessionKey, UtcMillis};
use utilisation::scanner::result::{ScannerRoomResult, ScannerSession};
use utilisation::timeline::{Precedence, Record, RoomTimeline};

use crate::records::record;
use crate::rooms::{measure, scanner, token};

const FILE: &str = include_str!("../../../../tests/data/mri_acquisitions.csv");

struct Row {
    session: &'static str,
    series: &'static str,
    at: UtcMillis,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let [session, series, at] = line.split(',').collect::<Vec<_>>()[..] else { panic!("three columns: {line}") };
        let at: chrono::NaiveDateTime = at.parse().unwrap();
        Row { session, series, at: UtcMillis::saturating(at.and_utc().timestamp_millis()) }
    };
    FILE.lines().skip(1).map(row).collect()
}

fn acquired((seq, row): (u64, &Row)) -> Record {
    let said = Acquisition {
        exam: token(row.session),
        series: Some(token(row.series)),
        step: None,
        first: row.at,
        last: row.at,
        visit: None,
        patient: Some(token("the volunteer")),
        protocol: None,
    };
    record(seq, row.at, Observation::Acquisition(said))
}

/// Planned 07:00 to 18:00 UTC on each date on which there is a series, alive every 5 minutes.
fn measured(rows: &[Row]) -> ScannerRoomResult {
    const DAY: i64 = 86_400_000;
    let mut timeline = RoomTimeline::new(scanner(RoomKind::Mri));
    for record in (1..).zip(rows).map(acquired) {
        timeline.insert(&record);
    }
    let days: std::collections::BTreeSet<i64> =
        self::rows().iter().map(|row| row.at.millis().div_euclid(DAY)).collect();
    let mut alive = Vec::new();
    for (seq, day) in (10_000..).zip(days) {
        let start = UtcMillis::saturating(day * DAY).plus_minutes(7 * 60);
        let plan = PlanRevision {
            session: SessionKey::new(&format!("d{day}")).unwrap(),
            start,
            end: start.plus_minutes(11 * 60),
            specialty: None,
            team: None,
            kind: ListKind::Elective,
            room_kind: None,
            cases: None,
            issued: None,
            withdrawn: false,
        };
        timeline.insert(&record(seq, start, Observation::PlanRevision(plan)));
        alive.extend((0..=132).map(|n| start.plus_minutes(5 * n)));
    }
    timeline.hear(alive);
    let now = rows.iter().map(|row| row.at).max().unwrap().plus_minutes(30 * 24 * 60);
    measure(timeline.room(), &timeline.scanner_facts(&Precedence::default()), &[], now)
}

fn sum(sessions: &[ScannerSession], of: impl Fn(&ScannerSession) -> i64) -> i64 {
    sessions.iter().map(of).sum()
}

#[test]
fn the_bundled_scanner_sessions_give_their_spans() {
    let rows = rows();
    let result = measured(&rows);
    assert_eq!((rows.len(), result.sessions.len(), result.out_of_session.len()), (457, 69, 0));
    assert_eq!(sum(&result.sessions, |session| i64::from(session.figures.exams_inferred)), 70);
    assert_eq!(sum(&result.sessions, |session| i64::from(session.figures.exams_completed)), 0);
    assert_eq!(sum(&result.sessions, |session| session.figures.acquired.millis()), 76_904_835);
    assert_eq!(sum(&result.sessions, |session| session.figures.occupied.millis()), 76_904_835);

    let mut spans: BTreeMap<&str, (UtcMillis, UtcMillis)> = BTreeMap::new();
    for row in &rows {
        let span = spans.entry(row.session).or_insert((row.at, row.at));
        *span = (span.0.min(row.at), span.1.max(row.at));
    }
    for step in result.sessions.iter().flat_map(|session| &session.steps) {
        let session = spans.iter().find(|(name, _)| step.exams == [token(name)]).unwrap().1;
        assert_eq!((step.start, step.end), (session.0, Some(session.1)));
    }
    assert_eq!(spans.values().filter(|(first, last)| first == last).count(), 11, "sessions at one instant count too");
    // The one day with two sessions: 16:00:01.200 to 16:34:04.710, and 17:11:04.015.
    let two: Vec<&ScannerSession> = result.sessions.iter().filter(|session| session.steps.len() > 1).collect();
    assert_eq!(two.len(), 1);
    assert_eq!(two[0].figures.changeovers.iter().map(|c| c.millis()).collect::<Vec<_>>(), [2_219_305]);
    let hours: BTreeMap<i64, u32> = result.hours.iter().fold(BTreeMap::new(), |mut hours, hour| {
        *hours.entry(hour.hour.millis().div_euclid(3_600_000).rem_euclid(24)).or_default() += hour.inferred;
        hours
    });
    assert_eq!(hours.into_iter().collect::<Vec<_>>(), [(7, 47), (8, 4), (16, 1), (17, 18)]);
}

#[test]
fn a_session_whose_series_lie_days_apart_is_told_and_changes_no_other() {
    let mut rows = rows();
    let wrong = rows.iter_mut().find(|row| row.session == "ses-011").unwrap();
    wrong.at = wrong.at.plus_minutes(-4 * 24 * 60);
    let result = measured(&rows);
    assert_eq!(sum(&result.sessions, |session| i64::from(session.figures.exams())), 69);
    // It began on a Sunday without a session: it is told beside them, with no end that could be believed.
    let [stray] = &result.out_of_session[..] else { panic!("one stray") };
    assert_eq!((stray.exams.as_slice(), stray.end, stray.acquired), (&[token("ses-011")][..], None, None));
}
