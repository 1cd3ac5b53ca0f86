//! Planned sessions: in columns, in a file of their own, made of bookings.

use case_extract::{Mapping, Reader};

use crate::support::OpenTokens;
use crate::{check, check_plan, in_and_out, with};

#[test]
fn planned_sessions_come_from_a_plan_file() {
    let mapping = with(
        "time-formats = [\"%d/%m/%Y %H:%M\"]\nroom-kind = \"theatre\"",
        r#"
[milestones]
into_theatre = "In"
[booking]
start = "Start"
session = ["List"]
[sessions]
from = "plan-file"
room = { column = "Room", prefix = "th-" }
start = "From"
end = "To"
key = "List"
specialty = "Specialty"
team = "Team"
kind = { column = "Kind", values = { CEPOD = "emergency", EL = "elective" } }
cases = "Cases"
issued = "Issued"
withdrawn = "Withdrawn"
"#,
    );
    check_plan(
        "a plan with a revision, a withdrawal and a room without cases",
        &mapping,
        b"Id,Theatre,Start,In,List\nA1,1,03/01/2022 08:30,03/01/2022 08:41,LST 1\nA2,1,03/01/2022 09:30,,LST 1\n",
        Some(
            b"Room;List;From;To;Specialty;Team;Kind;Cases;Issued;Withdrawn\r\n\
              1;LST 1;03/01/2022 08:30;03/01/2022 12:30;ENT;T1;EL;4;01/12/2021 10:00;\r\n\
              1;LST 1;03/01/2022 08:30;03/01/2022 11:30;ENT;T1;el;3;01/01/2022 10:00;no\r\n\
              2;LST 2;03/01/2022 13:30;03/01/2022 17:30;;T2;CEPOD;;01/12/2021 10:00;No\r\n\
              2;LST 2;03/01/2022 13:30;03/01/2022 17:30;;T2;CEPOD;;02/01/2022 10:00;Yes\r\n\
              ;LST 3;03/01/2022 13:30;03/01/2022 17:30;;;EL;;;\r\n\
              3;LST 4;03/01/2022 13:30;;;;EL;;;\r\n\
              3;LST 5;03/01/2022 13:30;03/01/2022 17:30;;;trauma;many;;maybe\r\n",
        ),
        "
main/th-1 (theatre)
  A1: booked 2022-01-03T08:30Z, session lst-1, into_theatre 2022-01-03T08:41Z
  A2: booked 2022-01-03T09:30Z, session lst-1
  plan lst-1: 2022-01-03T08:30Z to 2022-01-03T12:30Z elective, specialty \"ENT\", team \"T1\", cases 4, issued 2021-12-01T10:00Z, line 2
  plan lst-1: 2022-01-03T08:30Z to 2022-01-03T11:30Z elective, specialty \"ENT\", team \"T1\", cases 3, issued 2022-01-01T10:00Z, line 3
main/th-2 (theatre)
  plan lst-2: 2022-01-03T13:30Z to 2022-01-03T17:30Z emergency, team \"T2\", issued 2021-12-01T10:00Z, line 4
  plan lst-2: 2022-01-03T13:30Z to 2022-01-03T17:30Z emergency, team \"T2\", issued 2022-01-02T10:00Z, withdrawn yes, line 5
main/th-3 (theatre)
  plan lst-5: 2022-01-03T13:30Z to 2022-01-03T17:30Z elective, line 8
plan.csv:6: column \"Room\": the room is empty (every row needs its room)
plan.csv:7: column \"To\": a planned session has only a start or only an end (give both, or neither)
plan.csv:8: column \"Kind\": \"trauma\" has no meaning in sessions.kind (add it to sessions.kind.values)
plan.csv:8: column \"Cases\": \"aaaa\" is not a whole number from 0 to 65535 (correct the cell, or empty it)
plan.csv:8: column \"Withdrawn\": \"maybe\" has no meaning in sessions.withdrawn (add it to sessions.withdrawn.values)
9 rows read: 2 cases in 3 rooms, 3 planned sessions
1 row left out: room empty 1
4 cells not understood: not a number 1, code not in the value map 2, planned session incomplete 1
no time recorded: into_theatre 1",
    );
    check_plan(
        "a plan file without its column",
        &mapping,
        b"Id,Theatre,Start,In,List\n",
        Some(b"Room,List,From,End,Specialty,Team,Kind,Cases,Issued,Withdrawn\n"),
        "refused: plan.csv:1: column \"To\" is not in the header (none is near; correct the mapping, or the delimiter)",
    );
    let mapping = Mapping::parse("m.toml", &in_and_out()).unwrap();
    assert!(!mapping.wants_plan_file() && Reader::plan(&mapping, "plan.csv").is_none());
    assert!(Reader::cases(&mapping, "cases.csv", &OpenTokens).second().is_none());
}

#[test]
fn a_row_without_a_case_plans_an_empty_list() {
    let mapping = with(
        "",
        r#"
[milestones]
into_theatre = "In"
[sessions]
from = "columns"
start = "From"
end = "To"
key = ["Unit", "Slot"]
"#,
    );
    check(
        "columns",
        &mapping,
        b"Id,Theatre,Unit,Slot,From,To,In\n\
          A1,1,Day Unit,AM,2022-01-03 08:30,2022-01-03 12:30,2022-01-03 08:41\n\
          A2,1,Day Unit,AM,2022-01-03 08:30,2022-01-03 12:30,2022-01-03 09:41\n\
          ,1,Day Unit,PM,2022-01-03 13:30,2022-01-03 17:30,\n\
          NULL,2,,,2022-01-03 13:30,2022-01-03 17:30,\n\
          ,1,Day Unit,PM,,,\n\
          A3,1,,,,,2022-01-03 19:00\n\
          A4,1,,,2022-01-03 08:30,,2022-01-03 19:00\n",
        "
main/th-1
  A1: session day-unit-am, into_theatre 2022-01-03T08:41Z
  A2: session day-unit-am, into_theatre 2022-01-03T09:41Z
  A3: into_theatre 2022-01-03T19:00Z
  A4: into_theatre 2022-01-03T19:00Z
  plan day-unit-am: 2022-01-03T08:30Z to 2022-01-03T12:30Z elective, line 2
  plan day-unit-pm: 2022-01-03T13:30Z to 2022-01-03T17:30Z elective, line 4
main/th-2
  plan 2022-01-03-1330: 2022-01-03T13:30Z to 2022-01-03T17:30Z elective, line 5
cases.csv:6: column \"Id\": the case id is empty (give the row its case id, or a planned session if it stands for an empty list)
cases.csv:8: column \"To\": a planned session has only a start or only an end (give both, or neither)
7 rows read: 4 cases in 2 rooms, 3 planned sessions, 2 rows of empty lists
1 row left out: case id empty 1
1 cell not understood: planned session incomplete 1",
    );
}

#[test]
fn a_planned_session_without_length_is_told_and_kept() {
    let mapping = with(
        "[milestones]\ninto_theatre = \"In\"\n",
        "[sessions]\nfrom = \"columns\"\nstart = \"From\"\nend = \"To\"\n",
    );
    check(
        "the plan ends before it starts",
        &mapping,
        b"Id,Theatre,From,To,In\n\
          A1,1,2022-01-03 12:30,2022-01-03 08:30,2022-01-03 08:41\n",
        "
main/th-1
  A1: session 2022-01-03-1230, into_theatre 2022-01-03T08:41Z
  plan 2022-01-03-1230: 2022-01-03T12:30Z to 2022-01-03T08:30Z elective, line 2
cases.csv:2: column \"To\": \"2022-01-03 08:30\" is at or before the planned session's start (correct the planned start or end; the session counts in no rate until then)
1 row read: 1 case in 1 room, 1 planned session
1 cell not understood: planned session without length 1",
    );
}

#[test]
fn planned_sessions_are_made_of_bookings() {
    let tables = r#"
[booking]
start = "Start"
minutes = "Minutes"
specialty = "Specialty"
[sessions]
from = "bookings"
kind = "emergency"
"#;
    check(
        "the earliest start to the latest end, the specialty of most",
        &with("", tables),
        b"Id,Theatre,Start,Minutes,Specialty\n\
          A1,1,2022-07-14 10:30,60,ENT\n\
          A2,1,2022-07-14 08:30,1:30,Gynae\n\
          A3,1,2022-07-14 09:30,90.0,ENT\n\
          A4,1,2022-07-15 08:30,,ENT\n\
          A5,1,2022-07-15 08:30,-5,\n",
        "
main/th-1
  A1: booked 2022-07-14T09:30Z, minutes 60, session 2022-07-14, specialty \"ENT\"
  A2: booked 2022-07-14T07:30Z, minutes 90, session 2022-07-14, specialty \"Gynae\"
  A3: booked 2022-07-14T08:30Z, minutes 90, session 2022-07-14, specialty \"ENT\"
  A4: booked 2022-07-15T07:30Z, session 2022-07-15, specialty \"ENT\"
  A5: booked 2022-07-15T07:30Z, session 2022-07-15
  plan 2022-07-14: 2022-07-14T07:30Z to 2022-07-14T10:30Z emergency, specialty \"ENT\"
  plan 2022-07-15: 2022-07-15T07:30Z to 2022-07-15T07:30Z emergency, specialty \"ENT\"
cases.csv:6: column \"Minutes\": \"-5\" is not a whole number from 0 to 65535 (correct the cell, or empty it)
5 rows read: 5 cases in 1 room, 2 planned sessions
1 cell not understood: not a number 1",
    );
}
