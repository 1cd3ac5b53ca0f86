//! Session rows as others read them: the header, the form of values, and the fast path against the plain one.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod made_sessions;

use made_sessions::{any_session, closed, label, unused, with_capped};
use proptest::prelude::*;
use utilisation::quantity::Minutes;
use utilisation::result::QualityFlag;
use utilisation::rows::{
    AsObject, RowsAside, SESSION_COLUMNS, session_row, write_csv_header, write_csv_row, write_csv_values,
};
use utilisation::rules::CappedVariant;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn the_header_is_the_contract() {
    assert_eq!(
        text(|out| write_csv_header(&SESSION_COLUMNS, out)),
        "session_id,trust,site,room,room_kind,specialty,kind,local_date,planned_start,planned_end,state,complete,\
         provisional,revised,rule_set,planned_min,cases_booked,cases_completed,cases_cancelled_on_day,touch_min,\
         capped_min,capped_utilisation,capped_sum_min,capped_duration_min,uncapped_utilisation,overlap_min,unknown_min,\
         late_start_min,late_due_to_previous_min,early_start_min,early_finish_min,overrun_min,gaps_in_session_min,\
         turnovers,turnover_min,cases_per_4h,day_case_rate,extra_cases_possible,quality\n"
    );
}

#[test]
fn a_session_is_one_line_and_one_object() {
    let mut session = with_capped(closed(240), 163);
    session.specialty = Some(label("Trauma, upper limb"));
    session.figures.cases_booked = 4;
    session.figures.cases_completed = 3;
    session.figures.late_start = Some(Minutes::from_millis(90_000));
    session.figures.early_finish = None;
    session.quality = vec![QualityFlag::Overlap, QualityFlag::LateStart];
    assert_eq!(
        text(|out| write_csv_row(&session, out)),
        "main.suite-1.2022-01-03.0700,trust-a,main,suite-1,theatre,\"Trauma, upper limb\",elective,2022-01-03,\
         2022-01-03T07:00:00Z,2022-01-03T11:00:00Z,closed,true,false,false,girft-2024.1,240,4,3,0,163,163,\
         0.6791666666666667,163,163,0.6791666666666667,0,0,1.5,0,0,,0,0,0,0,3,,,overlap late_start\n"
    );
    let json = serde_json::to_value(AsObject(&session_row(&session))).unwrap();
    assert_eq!(json["late_start_min"], 1.5);
    assert_eq!(json["early_finish_min"], serde_json::Value::Null);
    assert_eq!(json["capped_utilisation"], 163.0 / 240.0);
    assert_eq!(json["quality"], serde_json::json!(["overlap", "late_start"]));
    assert_eq!(json["planned_start"], "2022-01-03T07:00:00Z");
    assert_eq!(json["complete"], true);
}

#[test]
fn an_unused_list_has_minutes_but_no_ratio() {
    let row = session_row(&unused(240)).map(|(column, value)| (column, value.as_number()));
    for (column, number) in row {
        match column {
            "planned_min" => assert_eq!(number, Some(240.0)),
            "capped_min" | "touch_min" | "turnover_min" => assert_eq!(number, Some(0.0), "{column}"),
            "capped_utilisation" | "uncapped_utilisation" | "cases_per_4h" | "day_case_rate" | "late_start_min" => {
                assert_eq!(number, None, "{column}");
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn the_fast_line_equals_the_plain_one(session in any_session()) {
        let row = session_row(&session);
        prop_assert_eq!(text(|out| write_csv_row(&session, out)), text(|out| write_csv_values(&row, out)));
        prop_assert!(row.iter().map(|(column, _)| *column).eq(SESSION_COLUMNS));
    }

    #[test]
    fn rows_set_aside_are_the_same_rows(mut sessions in prop::collection::vec(any_session(), 1..20)) {
        let mut aside = RowsAside::default();
        for session in &mut sessions {
            // What is one for a report, and what is not known yet.
            session.rule_set.clear();
            session.figures.extra_cases_possible = None;
            aside.put(session);
        }
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        aside.each(|session| write_csv_row(session, &mut found));
        sessions.iter().for_each(|session| write_csv_row(session, &mut expected));
        prop_assert_eq!(String::from_utf8(found).unwrap(), String::from_utf8(expected).unwrap());
    }
}

/// A row names its rule set, so its headline must be that rule set's, as in the aggregate rows.
#[test]
fn the_headline_of_a_row_follows_its_rule_set() {
    let mut session = with_capped(closed(240), 60);
    (session.figures.capped, session.figures.capped_sum, session.figures.capped_duration) =
        (Minutes::whole(60), Minutes::whole(120), Minutes::whole(180));
    for (variant, expected) in
        [(CappedVariant::Window, 0.25), (CappedVariant::Sum, 0.5), (CappedVariant::Duration, 0.75)]
    {
        session.variant = variant;
        let row = session_row(&session);
        let (_, value) = row.iter().find(|(name, _)| *name == "capped_utilisation").unwrap();
        assert_eq!(value.as_number(), Some(expected), "{variant:?}");
    }
}
