//! Session results for tests: plain ones by hand, arbitrary ones by proptest.
#![allow(dead_code, clippy::unwrap_used, reason = "each test crate uses its own part; helpers of tests may panic")]

use chrono::NaiveDate;
use proptest::prelude::*;
use room_events::{Label, ListKind, RoomId, RoomKind, SessionKey, SiteId, TrustId, UtcMillis};
use utilisation::quantity::Minutes;
use utilisation::result::{Figures, QualityFlag, SessionResult, SessionState};

pub fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

/// A closed elective theatre list of `planned` minutes on 3 January 2022 with nothing in it.
pub fn closed(planned: i64) -> SessionResult {
    let start = UtcMillis::new(1_641_193_200_000).unwrap();
    SessionResult {
        id: "main.suite-1.2022-01-03.0700".to_owned(),
        trust: TrustId::new("trust-a").unwrap(),
        site: SiteId::new("main").unwrap(),
        room: RoomId::new("suite-1").unwrap(),
        room_kind: RoomKind::Theatre,
        key: SessionKey::new("s1").unwrap(),
        specialty: Some(label("Ophthalmology")),
        team: None,
        kind: ListKind::Elective,
        local_date: NaiveDate::from_ymd_opt(2022, 1, 3).unwrap(),
        planned_start: start,
        planned_end: start.plus_minutes(planned),
        state: SessionState::Closed,
        closed_at: Some(start.plus_minutes(planned)),
        complete: true,
        provisional: false,
        revised: false,
        rule_set: "girft-2024.1".to_owned(),
        variant: utilisation::rules::CappedVariant::Window,
        figures: Figures {
            planned: Minutes::whole(planned),
            first_planned: Minutes::whole(planned),
            scheduled_capacity: true,
            late_start: Some(Minutes::ZERO),
            early_start: Some(Minutes::ZERO),
            early_finish: Some(Minutes::ZERO),
            overrun: Some(Minutes::ZERO),
            ..Figures::default()
        },
        cases: Vec::new(),
        segments: Vec::new(),
        excluded: Vec::new(),
        quality: Vec::new(),
    }
}

/// One case has started; sets capped minutes, and touch the same.
pub fn with_capped(mut session: SessionResult, minutes: i64) -> SessionResult {
    session.figures.cases_started = 1;
    session.figures.capped = Minutes::whole(minutes);
    session.figures.capped_sum = Minutes::whole(minutes);
    session.figures.capped_duration = Minutes::whole(minutes);
    session.figures.touch = Minutes::whole(minutes);
    session
}

/// Planned, and nobody came: no time measure.
pub fn unused(planned: i64) -> SessionResult {
    let mut session = closed(planned);
    session.state = SessionState::Unused;
    session.figures.late_start = None;
    session.figures.early_start = None;
    session.figures.early_finish = None;
    session.figures.overrun = None;
    session
}

const FLAGS: [QualityFlag; 4] =
    [QualityFlag::LatePlan, QualityFlag::OpenCase, QualityFlag::Overlap, QualityFlag::ClassUnknown];
const STATES: [SessionState; 5] =
    [SessionState::Planned, SessionState::Running, SessionState::Closed, SessionState::Unused, SessionState::Cancelled];

fn minutes() -> impl Strategy<Value = Minutes> {
    prop_oneof![
        4 => (-600_i64..2000).prop_map(Minutes::whole),
        1 => (-40_000_000_i64..120_000_000).prop_map(Minutes::from_millis),
    ]
}

fn figures() -> impl Strategy<Value = Figures> {
    (
        prop::array::uniform8(minutes()),
        prop::array::uniform4(prop::option::of(minutes())),
        prop::array::uniform10(0_u32..30),
        (prop::option::of(0_u32..5), any::<[bool; 2]>(), minutes(), minutes()),
    )
        .prop_map(|(m, known, n, (extra, flags, unknown, due))| Figures {
            planned: m[0],
            first_planned: m[1],
            touch: m[2],
            capped: m[3],
            capped_sum: m[4],
            capped_duration: m[5],
            overlap: m[6],
            gaps_in_session: m[7],
            turnover: m[7],
            unknown,
            late_due_to_previous: due,
            late_start: known[0],
            early_start: known[1],
            early_finish: known[2],
            overrun: known[3],
            cases_booked: n[0],
            cases_started: n[1],
            cases_completed: n[2],
            cases_outcome_unknown: n[3],
            cases_cancelled_on_day: n[4],
            cases_cancelled_qmco_like: n[5],
            day_cases: n[6],
            inpatients: n[7],
            class_unknown: n[8],
            turnovers: n[9],
            extra_cases_possible: extra,
            scheduled_capacity: flags[0],
            early_finish_uncertain: flags[1],
            ..Figures::default()
        })
}

/// Any session, plausible or not.
pub fn any_session() -> impl Strategy<Value = SessionResult> {
    (
        figures(),
        prop::option::of("[A-Za-z ,&]{1,12}"),
        (prop::sample::select(&STATES[..]), any::<[bool; 3]>()),
        (-2_000_000_000_000_i64..10_000_000_000_000, 0_i32..60),
        prop::sample::subsequence(&FLAGS[..], 0..=FLAGS.len()),
        (prop::sample::select(&["main", "east"][..]), prop::sample::select(&["suite-1", "suite-2", "x"][..])),
        (prop::sample::select(ListKind::ALL), prop::sample::select(&["a", "b, \"c\"\n"][..])),
    )
        .prop_map(|(figures, specialty, (state, flags), (start, day), quality, (site, room), (kind, rule_set))| {
            let mut session = closed(240);
            session.id = format!("{site}.{room}.{day}");
            session.figures = figures;
            session.specialty = specialty.and_then(|text| Label::fitted(&text));
            session.state = state;
            [session.complete, session.provisional, session.revised] = flags;
            session.planned_start = UtcMillis::saturating(start);
            session.planned_end = UtcMillis::saturating(start + 14_400_000);
            session.local_date = NaiveDate::from_epoch_days(18_900 + day).unwrap();
            session.quality = quality;
            session.site = SiteId::new(site).unwrap();
            session.room = RoomId::new(room).unwrap();
            session.kind = kind;
            session.rule_set = rule_set.to_owned();
            session
        })
}
