//! The synthetic UK-style extract: one date column, times of day, AM and PM lists on each row, an empty list,
//! cancellations by class, one time that is none.

use case_extract::{LocalTokens, Mapping, Reader};
use room_events::{CancellationClass, ListKind, PatientClass};

const CSV: &[u8] = include_bytes!("../../../tests/data/uk_theatre_extract.csv");
const MAPPING: &str = include_str!("../../../tests/data/uk_theatre_extract.mapping.toml");

#[test]
fn the_uk_example_is_read_but_for_the_one_time_that_is_none() {
    let mapping = Mapping::parse("uk_theatre_extract.mapping.toml", MAPPING).unwrap();
    let tokens = LocalTokens::new([1, 2]);
    let mut reader = Reader::cases(&mapping, "cases.csv", &tokens);
    reader.push(CSV).unwrap();
    let extract = reader.finish().unwrap();

    let errors: Vec<String> = extract.errors().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "cases.csv:17: column \"Knife To Skin\": \"25:12\" is not a time in \"%d/%m/%Y\" or \"%H:%M\" (correct the cell, \
          or add its format to time-formats)"
        ]
    );
    assert_eq!(
        extract.summary().to_string(),
        "30 rows read: 29 cases in 2 rooms, 9 planned sessions, 1 row of an empty list\n\
         1 cell not understood: not a time 1\n\
         no time recorded: sent_for 7, anaesthetic_start 2, into_theatre 2, procedure_start 2, procedure_end 2, \
         out_of_theatre 2, into_recovery 2"
    );

    let (mut day_cases, mut cancelled, mut sessions) = (0, Vec::new(), Vec::new());
    for room in extract.rooms() {
        let planned = room.visit(|case| {
            day_cases += u32::from(case.class == Some(PatientClass::DayCase));
            if let Some(at) = case.cancelled_at() {
                cancelled.push((at.to_string(), case.cancelled_class));
            }
        });
        sessions.extend(planned.into_iter().map(|plan| (room.room().to_string(), plan)));
    }
    cancelled.sort();
    assert_eq!(day_cases, 22);
    assert_eq!(
        cancelled,
        [
            ("2022-07-04T06:55:00Z".to_owned(), Some(CancellationClass::HospitalNonClinical)),
            ("2022-07-05T08:10:00Z".to_owned(), Some(CancellationClass::Patient)),
        ]
    );
    assert!(sessions.iter().all(|(_, plan)| plan.end.millis_since(plan.start) == 4 * 3_600_000));
    let emergency: Vec<_> = sessions.iter().filter(|(_, plan)| plan.kind == ListKind::Emergency).collect();
    assert_eq!(emergency.len(), 1);
    let (room, empty) = sessions.iter().find(|(_, plan)| plan.line == Some(31)).unwrap();
    assert_eq!((room.as_str(), empty.key.as_str()), ("th-2", "2022-07-06-1330"));
}
