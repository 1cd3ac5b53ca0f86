//! Codes, names and ids, and a case in several rows.

use crate::{check, outcome, with};

#[test]
fn codes_mean_what_their_value_maps_say() {
    let mapping = with(
        "",
        r#"
[booking]
start = "Start"
patient-class = { column = "Class", values = { D = "day_case", "Over Night" = "inpatient" } }
admission = { column = "Method", values = { "11" = "elective", "21" = "emergency" } }
[cancellation]
time = "Cancelled"
class = { column = "Whose", values = { H = "hospital_non_clinical", C = "clinical" } }
reason = "Reason"
"#,
    );
    check(
        "codes",
        &mapping,
        b"Id,Theatre,Start,Class,Method,Cancelled,Whose,Reason\n\
          A1,1,2022-01-03 08:30,D,11,,,\n\
          A2,1,2022-01-03 08:30,d,21,,,\n\
          A3,1,2022-01-03 08:30,over night,Elective,,,\n\
          A4,1,2022-01-03 08:30,Day case,,2022-01-03 07:10,H,No bed\n\
          A5,1,2022-01-03 08:30,,,2022-01-03,Patient,\n\
          A6,1,2022-01-03 08:30,X,99,2022-01-02 15:00,?,Unfit\n\
          A7,1,2022-01-03 08:30,,,,H,No bed\n",
        "
main/th-1
  A1: booked 2022-01-03T08:30Z, class day_case, admission elective
  A2: booked 2022-01-03T08:30Z, class day_case, admission emergency
  A3: booked 2022-01-03T08:30Z, class inpatient, admission elective
  A4: booked 2022-01-03T08:30Z, class day_case, cancelled 2022-01-03T07:10Z, because hospital_non_clinical, reason \"No bed\"
  A5: booked 2022-01-03T08:30Z, cancelled 2022-01-03T00:00Z, because patient
  A6: booked 2022-01-03T08:30Z, cancelled 2022-01-02T15:00Z, reason \"Unfit\"
  A7: booked 2022-01-03T08:30Z
cases.csv:7: column \"Class\": \"X\" has no meaning in booking.patient-class (add it to booking.patient-class.values)
cases.csv:7: column \"Method\": \"99\" has no meaning in booking.admission (add it to booking.admission.values)
cases.csv:7: column \"Whose\": \"?\" has no meaning in cancellation.class (add it to cancellation.class.values)
cases.csv:8: column \"Cancelled\": a cancellation has a class or reason and no time (give its time, or empty the class and the reason)
7 rows read: 7 cases in 1 room, 0 planned sessions
4 cells not understood: code not in the value map 3, cancellation without a time 1",
    );
    check(
        "a code that does not exist",
        &with("", "[booking]\npatient-class = { column = \"Class\", values = { D = \"daycase\" } }"),
        b"",
        "refused: cases.mapping.toml: key \"booking.patient-class.values.D\": \"daycase\" is not known (use one of day_case, inpatient, outpatient)",
    );
}

#[test]
fn a_case_column_can_hold_accession_numbers() {
    let mapping = r#"
zone = "Europe/London"
site = "main"
room = "Scanner"
room-kind = "mri"
case = { column = "Accession No", kind = "accession" }
booking = { start = "Slot" }
"#;
    check(
        "accession numbers",
        mapping,
        b"Accession No,Scanner,Slot\nE1 ,mri-1,2022-01-03 08:30\n,mri-1,2022-01-03 09:00\n",
        "
main/mri-1 (mri)
  accession E1: booked 2022-01-03T08:30Z
cases.csv:3: column \"Accession No\": the case id is empty (give the row its case id, or a planned session if it stands for an empty list)
2 rows read: 1 case in 1 room, 0 planned sessions
1 row left out: case id empty 1",
    );
}

#[test]
fn names_that_are_cut_are_counted() {
    let tables = "[booking]\nstart = \"Start\"\nspecialty = \"Specialty\"\nprocedure = \"Procedure\"\n";
    let (fits, longer) = ("x".repeat(32), "x".repeat(33));
    let rows = format!(
        "Id,Theatre,Start,Specialty,Procedure\n\
         A1,1,2022-01-03 08:30,ENT,{fits}\n\
         A2,1,2022-01-03 09:30,{longer},{longer}\n\
         A3,1,2022-01-03 10:30,\u{a0}{fits},{longer}\n"
    );
    let found = outcome(&with("", tables), rows.as_bytes(), None, usize::MAX);
    let summary = "3 rows read: 3 cases in 1 room, 0 planned sessions\n3 names cut to 32 bytes";
    assert!(found.ends_with(summary), "{found}");
}

#[test]
fn sites_and_rooms_become_ids_by_their_rules() {
    let mapping = r#"
zone = "Europe/London"
site = { column = "Site", values = { "St. Mary's (main)" = "st-marys" }, dashes = true }
room = { column = "Theatre", values = { "Main 1" = "th-1" }, prefix = "th-", dashes = true }
room-kind = { column = "Kind", values = { OT = "theatre", MR = "mri" } }
case = "Id"
[milestones]
into_theatre = "In"
"#;
    check(
        "ids",
        mapping,
        b"Id,Site,Theatre,Kind,In\n\
          A1,St. Mary's (main),Main 1,OT,2022-01-03 08:41\n\
          A2,Queen's Road,Day  Unit #4,MR,2022-01-03 08:41\n\
          A3,,Main 1,,2022-01-03 08:41\n\
          A4,St. Mary's (main),A theatre with a name far too long for any id,OT,2022-01-03 08:41\n\
          A5,St. Mary's (main),1,Lab,2022-01-03 08:41\n",
        "
queen-s-road/th-day-unit-4 (mri)
  A2: into_theatre 2022-01-03T08:41Z
st-marys/th-1 (theatre)
  A1: into_theatre 2022-01-03T08:41Z
  A5: into_theatre 2022-01-03T08:41Z
cases.csv:4: column \"Site\": the site is empty (every row needs its site)
cases.csv:5: column \"Theatre\": \"A theatre with a name far too long for a\u{2026}\" cannot be a room id: it is longer than 32 characters (give it an id in room.values)
cases.csv:6: column \"Kind\": \"Lab\" has no meaning in room-kind (add it to room-kind.values)
5 rows read: 3 cases in 2 rooms, 0 planned sessions
2 rows left out: room not an id 1, site empty 1
1 cell not understood: code not in the value map 1",
    );
}

#[test]
fn a_later_row_of_a_case_wins() {
    let mapping =
        with("", "[booking]\nstart = \"Start\"\n[milestones]\ninto_theatre = \"In\"\nout_of_theatre = \"Out\"\n");
    check(
        "corrections",
        &mapping,
        b"Id,Theatre,Start,In,Out\n\
          A1,1,2022-01-03 08:30,2022-01-03 08:41,\n\
          A1,1,,2022-01-03 08:43,2022-01-03 09:30\n\
          A1,2,2022-01-03 10:30,,\n",
        "
main/th-1
  A1: booked 2022-01-03T08:30Z, into_theatre 2022-01-03T08:43Z, out_of_theatre 2022-01-03T09:30Z
main/th-2
  A1: booked 2022-01-03T10:30Z
3 rows read: 2 cases in 2 rooms, 0 planned sessions
no time recorded: into_theatre 1, out_of_theatre 2",
    );
}
