//! What is wrong with rows and mappings, and what an error may show.

use case_extract::Mapping;

use crate::support::extract;
use crate::{check, in_and_out, outcome, with};

#[test]
fn good_rows_go_on_and_the_summary_counts_the_rest() {
    let mapping = with(
        "",
        r#"
[milestones]
into_theatre = "In"
out_of_theatre = "Out"
[booking]
minutes = "Minutes"
"#,
    );
    check(
        "bad rows",
        &mapping,
        b"Id,Theatre,In,Out,Minutes,Name\n\
          A1,1,2022-01-03 08:41,2022-01-03 09:30,45,Q1\n\
          ,1,2022-01-03 08:41,2022-01-03 09:30,45,Q2\n\
          A3,,2022-01-03 08:41,2022-01-03 09:30,45,Q3\n\
          A4,Main: theatre,2022-01-03 08:41,2022-01-03 09:30,45,Q4\n\
          A5,1,31/31/2022 08:41,2022-01-03 09:30,45,Q5\n\
          A6,1,2022-01-03 08:41,2022-01-03 09:30,45\n\
          A7,1,2022-01-03 08:41,2022-01-03 09:30,45,Q7,more\n\
          A8,1,2022-01-03 08:41,2022-01-03 09:30,about 45,Q8\n\
          A9,1,,NULL,45,Q9\n\
          A10,1,2022-01-03 11:00,nan,,Q10\n\
          ,,,,,\n",
        "
main/th-1
  A10: into_theatre 2022-01-03T11:00Z
  A1: minutes 45, into_theatre 2022-01-03T08:41Z, out_of_theatre 2022-01-03T09:30Z
  A5: minutes 45, out_of_theatre 2022-01-03T09:30Z
  A8: into_theatre 2022-01-03T08:41Z, out_of_theatre 2022-01-03T09:30Z
cases.csv:3: column \"Id\": the case id is empty (give the row its case id, or a planned session if it stands for an empty list)
cases.csv:4: column \"Theatre\": the room is empty (every row needs its room)
cases.csv:5: column \"Theatre\": \"Main: theatre\" cannot be a room id: it has the character ':' (give it an id in room.values, or set room.dashes = true)
cases.csv:6: column \"In\": \"31/31/2022 08:41\" is not a time in ISO 8601 or another usual form (correct the cell, or add its format to time-formats)
cases.csv:7: the row has 5 cells, the header 6 (put cells with a delimiter in them into quotation marks, and correct the row)
cases.csv:8: the row has 7 cells, the header 6 (put cells with a delimiter in them into quotation marks, and correct the row)
cases.csv:9: column \"Minutes\": \"aaaaa 99\" is not a whole number from 0 to 65535 (correct the cell, or empty it)
cases.csv:10: the row has no scheduled start, milestone or date (give it one of them, so that it can be placed in time)
10 rows read: 4 cases in 1 room, 0 planned sessions
6 rows left out: row too short 1, row too long 1, case id empty 1, room empty 1, room not an id 1, row without any time 1
2 cells not understood: not a time 1, not a number 1
no time recorded: into_theatre 1, out_of_theatre 2",
    );
}

#[test]
fn an_error_never_shows_a_case_id_or_a_value_of_another_column() {
    let mapping = with(
        "",
        r#"
[milestones]
into_theatre = "In"
[booking]
minutes = "Minutes"
specialty = "Specialty"
patient-class = "Class"
session = "List"
"#,
    );
    let secret = "SECRETID";
    let rows = [
        format!("{secret},Main: theatre,x,x,x,x,x,{secret}"),
        format!("{secret},1,{secret},{secret},{secret},x,{},{secret}", secret.repeat(9)),
        format!("{secret},1,2022-01-03 08:00,,{secret},,,{secret},{secret}"),
        format!("{secret},1"),
        format!("{secret},1,,,{secret},,,{secret}"),
        format!("{secret},,,,{secret},,,{secret}"),
        format!("{secret},1,\"{secret},1,{secret}"),
    ];
    let text = format!("Id,Theatre,In,Minutes,Specialty,Class,List,Name\n{}\n", rows.join("\n"));
    let found = outcome(&mapping, text.as_bytes(), None, usize::MAX);
    let errors = found.lines().filter(|line| line.starts_with("cases.csv:")).collect::<Vec<_>>().join("\n");
    assert!(errors.lines().count() >= 8, "{found}");
    assert!(!errors.contains(secret), "{errors}");
}

#[test]
fn only_the_first_hundred_errors_keep_their_text() {
    let text = format!("Id,Theatre,In,Out\n{}", "A1,,2022-01-03 08:41,\n".repeat(250));
    let mapping = Mapping::parse("m.toml", &in_and_out()).unwrap();
    let extract = extract(&mapping, text.as_bytes(), None, 1000).unwrap();
    assert_eq!(extract.errors().len(), case_extract::MAX_KEPT_ERRORS);
    assert_eq!(
        extract.summary().to_string(),
        "250 rows read: 0 cases in 0 rooms, 0 planned sessions\n250 rows left out: room empty 250\n100 errors listed, 150 more counted"
    );
}

#[test]
fn a_mapping_is_refused_with_key_and_remedy() {
    for (name, mapping, expected) in [
        (
            "no zone",
            "site = \"main\"".to_owned(),
            "key \"zone\" is missing (give the IANA time zone, such as zone = \"Europe/London\")",
        ),
        (
            "zone",
            "zone = \"Europe/Londno\"".to_owned(),
            "key \"zone\": \"Europe/Londno\" is not an IANA time zone (did you mean \"Europe/London\"?)",
        ),
        (
            "typing",
            with("time-format = [\"%H:%M\"]", ""),
            "key \"time-format\" is not known (did you mean \"time-formats\"?)",
        ),
        (
            "milestone",
            with("", "[milestones]\nwheels_in = \"In\""),
            "key \"milestones.wheels_in\" is not known (known here: abandoned, anaesthetic_ready, anaesthetic_start, in_reception, into_anaesthetic_room, into_recovery, into_theatre, left_recovery, out_of_theatre, procedure_end, procedure_start, ready_to_leave_recovery, sent_for, sign_in, sign_out, time_out)",
        ),
        (
            "syntax",
            "zone = \n".to_owned(),
            "line 1: not TOML: string values must be quoted, expected literal string (correct the syntax)",
        ),
        (
            "format",
            with("time-formats = [\"%d/%m\"]", ""),
            "key \"time-formats\": time format \"%d/%m\" has only a part of a date (give year, month and day)",
        ),
        (
            "delimiter",
            with("delimiter = \", \"", ""),
            "key \"delimiter\": \", \" is not one character (use \",\", \";\", \"\\t\", \"|\" or \"auto\")",
        ),
        (
            "encoding",
            with("encoding = \"shift_jis\"", ""),
            "key \"encoding\": \"shift_jis\" is not an encoding that can be read (use \"utf-8\", \"utf-16le\", \"utf-16be\", \"windows-1252\" or \"auto\")",
        ),
        (
            "sessions",
            with("", "[sessions]\nfrom = \"colums\""),
            "key \"sessions.from\": \"colums\" is not a source of planned sessions (use \"columns\", \"plan-file\" or \"bookings\")",
        ),
        (
            "bookings",
            with("", "[sessions]\nfrom = \"bookings\""),
            "sessions.from = \"bookings\" needs the scheduled start (give booking.start its column)",
        ),
        (
            "no end",
            with("", "[sessions]\nfrom = \"columns\"\nstart = \"From\""),
            "key \"sessions.end\" is missing (give the column of the planned end)",
        ),
        (
            "no case",
            "zone = \"Europe/London\"\nsite = \"main\"\nroom = \"R\"".to_owned(),
            "key \"case\" is missing (give the column of the case id, such as case = \"encounter_id\")",
        ),
        (
            "an empty column",
            "zone = \"Europe/London\"\nsite = \"main\"\nroom = \"R\"\ncase = \" \"".to_owned(),
            "key \"case\" names no column (give its name in the header, or leave the key out)",
        ),
        (
            "kind of case id",
            "zone = \"Europe/London\"\nsite = \"main\"\nroom = \"R\"\ncase = { column = \"Id\", kind = \"acession\" }"
                .to_owned(),
            "key \"case.kind\": \"acession\" is not known (use one of case, accession)",
        ),
        (
            "a kind of case id without a column",
            "zone = \"Europe/London\"\nsite = \"main\"\nroom = \"R\"\ncase = { kind = \"accession\" }".to_owned(),
            "key \"case.column\" is missing (give the column's name)",
        ),
        (
            "a case id that is no column",
            "zone = \"Europe/London\"\nsite = \"main\"\nroom = \"R\"\ncase = 1".to_owned(),
            "key \"case\" is neither a column nor a table (such as { column = \"Accession No\", kind = \"accession\" })",
        ),
        (
            "site",
            "zone = \"Europe/London\"\nroom = \"R\"\nsite = \"St Mary\"".to_owned(),
            "key \"site\": \"St Mary\" has the character 'S' (use a-z, 0-9 and -)",
        ),
    ] {
        check(name, &mapping, b"", &format!("refused: cases.mapping.toml: {expected}"));
    }
}
