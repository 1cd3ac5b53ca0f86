//! What extracts of theatre systems are like: encodings, delimiters, quoting, date orders, clock changes, plans in three
//! places, value maps and rows that are wrong. Each file is read whole, byte by byte and in odd chunks.

mod support;

use case_extract::{LocalTokens, Mapping, Reader};
use support::{OpenTokens, extract, rendered};

/// The keys that most mappings here share; keys of the top level come before them, tables behind.
const BASE: &str = r#"
zone = "Europe/London"
site = "main"
room = { column = "Theatre", prefix = "th-" }
case = "Id"
"#;

const IN_AND_OUT: &str = r#"
[milestones]
into_theatre = "In"
out_of_theatre = "Out"
"#;

fn outcome(mapping: &str, cases: &[u8], plan: Option<&[u8]>, chunk: usize) -> String {
    let mapping = match Mapping::parse("cases.mapping.toml", mapping) {
        Ok(mapping) => mapping,
        Err(error) => return format!("refused: {error}"),
    };
    match extract(&mapping, cases, plan, chunk) {
        Ok(extract) => rendered(&extract),
        Err(error) => format!("refused: {error}"),
    }
}

fn check_plan(name: &str, mapping: &str, cases: &[u8], plan: Option<&[u8]>, expected: &str) {
    for chunk in [usize::MAX, 1, 7, 64] {
        let found = outcome(mapping, cases, plan, chunk);
        let expected = expected.trim_matches('\n');
        assert!(found == expected, "{name}, in chunks of {chunk}:\n--- found\n{found}\n--- expected\n{expected}\n---");
    }
}

fn check(name: &str, mapping: &str, bytes: &[u8], expected: &str) {
    check_plan(name, mapping, bytes, None, expected);
}

fn in_and_out() -> String {
    format!("{BASE}{IN_AND_OUT}")
}

fn with(top: &str, tables: &str) -> String {
    format!("{BASE}{top}\n{tables}")
}

fn utf_16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

const ONE_ROW: &str = "Id,Theatre,In,Out\nA1,1,2022-01-03 08:41,2022-01-03 09:30\n";
const ONE_CASE: &str = "
main/th-1
  A1: into_theatre 2022-01-03T08:41Z, out_of_theatre 2022-01-03T09:30Z
1 row read: 1 case in 1 room, 0 planned sessions";

#[test]
fn a_file_is_read_in_the_encoding_that_it_shows() {
    let mapping = in_and_out();
    check("plain", &mapping, ONE_ROW.as_bytes(), ONE_CASE);
    check("UTF-8 with a mark", &mapping, format!("\u{feff}{ONE_ROW}").as_bytes(), ONE_CASE);
    check("UTF-16 LE with a mark", &mapping, &utf_16(ONE_ROW, false, true), ONE_CASE);
    check("UTF-16 BE with a mark", &mapping, &utf_16(ONE_ROW, true, true), ONE_CASE);
    check(
        "UTF-16 LE by the mapping",
        &with("encoding = \"utf-16le\"", IN_AND_OUT),
        &utf_16(ONE_ROW, false, false),
        ONE_CASE,
    );
    check(
        "UTF-16 BE by the mapping",
        &with("encoding = \"utf-16be\"", IN_AND_OUT),
        &utf_16(ONE_ROW, true, false),
        ONE_CASE,
    );
    check(
        "UTF-16 LE without a mark",
        &mapping,
        &utf_16(ONE_ROW, false, false),
        "refused: cases.csv:1: looks like utf-16le without a byte order mark (say so: encoding = \"utf-16le\")",
    );
    check(
        "UTF-16 BE without a mark",
        &mapping,
        &utf_16(ONE_ROW, true, false),
        "refused: cases.csv:1: looks like utf-16be without a byte order mark (say so: encoding = \"utf-16be\")",
    );
    check(
        "a mark against the mapping",
        &with("encoding = \"windows-1252\"", IN_AND_OUT),
        format!("\u{feff}{ONE_ROW}").as_bytes(),
        "refused: cases.csv:1: has the byte order mark of utf-8, the mapping says windows-1252 (use encoding = \"auto\")",
    );
    check(
        "UTF-16 with half a character at its end",
        &mapping,
        utf_16(ONE_ROW, false, true).split_last().unwrap().1,
        "refused: cases.csv:2: has bytes that are no text in utf-16le (correct the key encoding)",
    );
}

#[test]
fn an_older_windows_encoding_is_refused_with_the_remedy_and_read_when_the_mapping_says_so() {
    let tables = "[booking]\nstart = \"Start\"\nspecialty = \"Specialty\"\n";
    let bytes =
        b"Id,Theatre,Start,Specialty\nA1,1,2022-01-03 08:30,ENT\nA2,1,2022-01-03 09:30,Chirurgie G\xe9n\xe9rale\n";
    check(
        "not UTF-8",
        &with("", tables),
        bytes,
        "refused: cases.csv:3: is not UTF-8 (if it came from Excel or an older Windows program, set encoding = \"windows-1252\")",
    );
    let expected = "
main/th-1
  A1: booked 2022-01-03T08:30Z, specialty \"ENT\"
  A2: booked 2022-01-03T09:30Z, specialty \"Chirurgie G\u{e9}n\u{e9}rale\"
2 rows read: 2 cases in 1 room, 0 planned sessions";
    for name in ["windows-1252", "latin1", "iso-8859-1"] {
        check(name, &with(&format!("encoding = {name:?}"), tables), bytes, expected);
    }
    check(
        "in the header",
        &with("", tables),
        b"Id,Theatre,Start,Specialty,Op\xe9rateur\nA1,1,2022-01-03 08:30,ENT,x\n",
        "refused: cases.csv:1: is not UTF-8 (if it came from Excel or an older Windows program, set encoding = \"windows-1252\")",
    );
}

#[test]
fn delimiters_and_line_ends_are_found() {
    let mapping = in_and_out();
    for delimiter in [";", "\t", "|"] {
        check(delimiter, &mapping, ONE_ROW.replace(',', delimiter).as_bytes(), ONE_CASE);
        let said = ONE_ROW.replace(',', delimiter);
        check("said", &with(&format!("delimiter = {delimiter:?}"), IN_AND_OUT), said.as_bytes(), ONE_CASE);
    }
    check("another one", &with("delimiter = \"~\"", IN_AND_OUT), ONE_ROW.replace(',', "~").as_bytes(), ONE_CASE);
    check("sep line", &mapping, format!("sep=;\r\n{}", ONE_ROW.replace(',', ";")).as_bytes(), ONE_CASE);
    check("CRLF", &mapping, ONE_ROW.replace('\n', "\r\n").as_bytes(), ONE_CASE);
    check("CR alone", &mapping, ONE_ROW.replace('\n', "\r").as_bytes(), ONE_CASE);
    check("no line end at the end", &mapping, ONE_ROW.trim_end().as_bytes(), ONE_CASE);
    check("all cells quoted", &mapping, quoted(ONE_ROW).as_bytes(), ONE_CASE);
    check("blanks around", &mapping, ONE_ROW.replace(',', " , ").as_bytes(), ONE_CASE);
    check(
        "empty lines before, between and behind",
        &mapping,
        format!("\n\n{}\n,,,\n", ONE_ROW.replace('\n', "\n\n")).as_bytes(),
        ONE_CASE,
    );
    check(
        "commas in the cells of a semicolon file",
        &mapping,
        b"Id;Theatre;In;Out;Note, free, text\nA1;1;2022-01-03 08:41;2022-01-03 09:30;a, b, c, d, e\n",
        ONE_CASE,
    );
    check(
        "the wrong delimiter",
        &with("delimiter = \";\"", IN_AND_OUT),
        ONE_ROW.as_bytes(),
        "refused: cases.csv:1: column \"Theatre\" is not in the header (nearest: \"Id,Theatre,In,Out\"); column \"Id\" is not in the header (none is near; correct the mapping, or the delimiter); column \"In\" is not in the header (none is near; correct the mapping, or the delimiter); column \"Out\" is not in the header (none is near; correct the mapping, or the delimiter)",
    );
    for (name, bytes) in [("empty", ""), ("only empty lines", "\n\n"), ("only a mark", "\u{feff}")] {
        check(
            name,
            &mapping,
            bytes.as_bytes(),
            "refused: cases.csv:1: there is no header (the first line must have the columns' names)",
        );
    }
    check("only a header", &mapping, b"Id,Theatre,In,Out", "0 rows read: 0 cases in 0 rooms, 0 planned sessions");
}

fn quoted(text: &str) -> String {
    let cell = |cell: &str| format!("\"{cell}\"");
    let line = |line: &str| line.split(',').map(cell).collect::<Vec<_>>().join(",");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn quoted_line_ends_are_text_and_lines_are_counted_as_an_editor_shows_them() {
    let mapping = with("", "[booking]\nstart = \"Start\"\nprocedure = \"Procedure\"\n");
    check(
        "quoted",
        &mapping,
        b"Id,Theatre,Start,\"Procedure\n(main)\"\n",
        "refused: cases.csv:1: column \"Procedure\" is not in the header (nearest: \"Procedure\\n(main)\")",
    );
    let expected = "
main/th-1
  A1: booked 2022-01-03T08:30Z, procedure \"Hernia, left  open\"
cases.csv:4: column \"Start\": \"25:00\" is not a time in ISO 8601 or another usual form (correct the cell, or add its format to time-formats)
cases.csv:4: the row has no scheduled start, milestone or date (give it one of them, so that it can be placed in time)
cases.csv:7: column \"Start\": \"aa\" is not a time in ISO 8601 or another usual form (correct the cell, or add its format to time-formats)
cases.csv:7: the row has no scheduled start, milestone or date (give it one of them, so that it can be placed in time)
3 rows read: 1 case in 1 room, 0 planned sessions
2 rows left out: row without any time 2
2 cells not understood: not a time 2";
    for (name, end) in [("LF", "\n"), ("CRLF", "\r\n"), ("CR", "\r")] {
        let text = "Id,Theatre,Start,Procedure\nA1,1,2022-01-03 08:30,\"Hernia,\nleft \"\"open\"\"\"\nA2,1,25:00,\"x\n\ny\"\nA3,1,xx,z\n";
        check(
            name,
            &mapping,
            text.replace('\n', end).as_bytes(),
            // In a label each control character becomes a space.
            &expected.replace("Hernia, left", &format!("Hernia,{}left", " ".repeat(end.len()))),
        );
    }
    check(
        "a quotation mark inside a cell is a character",
        &mapping,
        b"Id,Theatre,Start,Procedure\nA1,1,2022-01-03 08:30,5\" plate\nA2,1,2022-01-03 09:30,z\n",
        "
main/th-1
  A1: booked 2022-01-03T08:30Z, procedure \"5  plate\"
  A2: booked 2022-01-03T09:30Z, procedure \"z\"
2 rows read: 2 cases in 1 room, 0 planned sessions",
    );
    check(
        "a quotation mark that is not closed costs its row",
        &mapping,
        b"Id,Theatre,Start,Procedure\nA1,1,2022-01-03 08:30,\"plate\nA2,1,2022-01-03 09:30,z\n",
        "
main/th-1
  A2: booked 2022-01-03T09:30Z, procedure \"z\"
cases.csv:2: a quotation mark is opened and not closed (close it, or double it if it belongs to the text; reading goes on with the next line)
2 rows read: 1 case in 1 room, 0 planned sessions
1 row left out: quotation mark not closed 1",
    );
}

#[test]
fn dates_are_read_as_the_file_itself_shows() {
    let mapping = in_and_out();
    let expected = "
main/th-1
  A1: into_theatre 2022-01-03T08:41Z, out_of_theatre 2022-01-03T09:30Z
  A2: into_theatre 2022-01-14T08:41Z, out_of_theatre 2022-01-14T09:30Z
2 rows read: 2 cases in 1 room, 0 planned sessions";
    check(
        "day first, shown by a later row",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,03/01/2022 08:41,03/01/2022 09:30\nA2,1,14/01/2022 08:41,14/01/2022 09:30\n",
        expected,
    );
    check(
        "month first, shown by a later row",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,01/03/2022 08:41,01/03/2022 09:30\nA2,1,01/14/2022 08:41,01/14/2022 09:30",
        expected,
    );
    check(
        "month first with AM and PM, dots",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,1.3.2022 8:41 AM,1.3.2022 9:30 am\nA2,1,1.14.2022 8:41 AM,1.14.2022 9:30:00 AM",
        expected,
    );
    check(
        "shown by the first row",
        &mapping,
        b"Id,Theatre,In,Out\nA2,1,14-01-2022 08:41,14-01-2022 09:30\nA1,1,03-01-2022 08:41:00,03-01-2022 09:30\n",
        expected,
    );
    check(
        "names of months need no order",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,03-Jan-2022 08:41,3 JAN 2022 9:30\nA2,1,14 Jan 2022 08:41,14 Jan 2022 09:30\n",
        expected,
    );
    check(
        "ISO 8601 with an offset",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,2022-01-03T09:41+01:00,2022-01-03T09:30Z\nA2,1,2022-01-14T08:41,2022-01-14 09:30:00\n",
        expected,
    );
    let ambiguous =
        b"Id,Theatre,In,Out\nA1,1,03/01/2022 08:41,03/01/2022 09:30\nA2,1,04/01/2022 08:41,04/01/2022 09:30\n";
    check(
        "no date shows the order",
        &mapping,
        ambiguous,
        "refused: cases.csv:2: dates such as 03/04/2022 could be day-first or month-first, and no date shows which (say it, such as time-formats = [\"%d/%m/%Y %H:%M\"])",
    );
    check(
        "the mapping says the order",
        &with("time-formats = [\"%d/%m/%Y %H:%M\"]", IN_AND_OUT),
        ambiguous,
        "
main/th-1
  A1: into_theatre 2022-01-03T08:41Z, out_of_theatre 2022-01-03T09:30Z
  A2: into_theatre 2022-01-04T08:41Z, out_of_theatre 2022-01-04T09:30Z
2 rows read: 2 cases in 1 room, 0 planned sessions",
    );
    check(
        "dates contradict each other",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,14/01/2022 08:41,14/01/2022 09:30\nA2,1,01/14/2022 08:41,01/14/2022 09:30\n",
        "refused: cases.csv:3: a date here is month-first, dates before it are day-first (say which is right, such as time-formats = [\"%d/%m/%Y %H:%M\"])",
    );
    check(
        "the date that shows the order stands behind a quotation mark that is not closed",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,03/01/2022 08:41,03/01/2022 09:30\n\"X,1,,\nA2,1,14/01/2022 08:41,14/01/2022 09:30\n",
        "
main/th-1
  A1: into_theatre 2022-01-03T08:41Z, out_of_theatre 2022-01-03T09:30Z
  A2: into_theatre 2022-01-14T08:41Z, out_of_theatre 2022-01-14T09:30Z
cases.csv:3: a quotation mark is opened and not closed (close it, or double it if it belongs to the text; reading goes on with the next line)
3 rows read: 2 cases in 1 room, 0 planned sessions
1 row left out: quotation mark not closed 1",
    );
    check(
        "the same either way",
        &mapping,
        b"Id,Theatre,In,Out\nA1,1,04/04/2022 08:41,04/04/2022 09:30\n",
        "
main/th-1
  A1: into_theatre 2022-04-04T07:41Z, out_of_theatre 2022-04-04T08:30Z
1 row read: 1 case in 1 room, 0 planned sessions",
    );
}

#[test]
fn clock_changes_follow_the_rules_of_the_measures() {
    let tables = r#"
[milestones]
into_theatre = "In"
procedure_start = "Knife"
out_of_theatre = "Out"
[sessions]
from = "columns"
start = "From"
end = "To"
"#;
    check(
        "the gap moves times forward by its length",
        &with("", tables),
        b"Id,Theatre,From,To,In,Knife,Out\nA1,1,2022-03-27 00:30,2022-03-27 01:30,2022-03-27 00:45,2022-03-27 01:15,2022-03-27 02:05\n",
        "
main/th-1
  A1: session 2022-03-27-0030, into_theatre 2022-03-27T00:45Z, procedure_start 2022-03-27T01:15Z, out_of_theatre 2022-03-27T01:05Z
  plan 2022-03-27-0030: 2022-03-27T00:30Z to 2022-03-27T01:30Z elective, line 2
1 row read: 1 case in 1 room, 1 planned session",
    );
    check(
        "in the repeated hour a planned start is the first, a planned end the second, a milestone not before the last",
        &with("", tables),
        b"Id,Theatre,From,To,In,Knife,Out\nA1,1,2022-10-30 01:00,2022-10-30 01:45,2022-10-30 01:10,2022-10-30 01:50,2022-10-30 01:05\n",
        "
main/th-1
  A1: session 2022-10-30-0100, into_theatre 2022-10-30T00:10Z, procedure_start 2022-10-30T00:50Z, out_of_theatre 2022-10-30T01:05Z
  plan 2022-10-30-0100: 2022-10-30T00:00Z to 2022-10-30T01:45Z elective, line 2
1 row read: 1 case in 1 room, 1 planned session",
    );
    check(
        "an offset needs no rule",
        &with("", tables),
        b"Id,Theatre,From,To,In,Knife,Out\nA1,1,2022-10-30T01:00+00:00,2022-10-30T01:45+00:00,2022-10-30T01:10Z,2022-10-30T01:50+01:00,\n",
        "
main/th-1
  A1: session 2022-10-30-0100, into_theatre 2022-10-30T01:10Z, procedure_start 2022-10-30T00:50Z
  plan 2022-10-30-0100: 2022-10-30T01:00Z to 2022-10-30T01:45Z elective, line 2
1 row read: 1 case in 1 room, 1 planned session
no time recorded: out_of_theatre 1",
    );
}

#[test]
fn times_take_their_date_from_its_column_and_roll_over_midnight() {
    let tables = r#"
[milestones]
sent_for = "Sent"
into_theatre = "In"
out_of_theatre = "Out"
into_recovery = { date = "Rec date", time = "Rec time" }
[booking]
start = "Planned"
[sessions]
from = "columns"
start = "From"
end = "To"
"#;
    let mapping = with("date = \"Date\"", tables);
    check(
        "a day list",
        &mapping,
        b"Id,Theatre,Date,From,To,Planned,Sent,In,Out,Rec date,Rec time\nA1,1,14/07/2022,08:30,12:30,08:30,07:50,08:41,10:05,14/07/2022,10:06\n",
        "
main/th-1
  A1: booked 2022-07-14T07:30Z, session 2022-07-14-0830, sent_for 2022-07-14T06:50Z, into_theatre 2022-07-14T07:41Z, out_of_theatre 2022-07-14T09:05Z, into_recovery 2022-07-14T09:06Z
  plan 2022-07-14-0830: 2022-07-14T07:30Z to 2022-07-14T11:30Z elective, line 2
1 row read: 1 case in 1 room, 1 planned session",
    );
    check(
        "an evening list: milestones and the planned end are of the next day, a small step back stays",
        &mapping,
        b"Id,Theatre,Date,From,To,Planned,Sent,In,Out,Rec date,Rec time\n\
          A1,1,14/07/2022,18:00,02:00,22:30,22:00,23:10,00:45,15/07/2022,00:50\n\
          A2,1,14/07/2022,18:00,02:00,23:50,,00:20,00:15,,\n\
          A3,1,14/07/2022,18:00,00:00,18:00,,17:55,17:50,,\n",
        "
main/th-1
  A1: booked 2022-07-14T21:30Z, session 2022-07-14-1800, sent_for 2022-07-14T21:00Z, into_theatre 2022-07-14T22:10Z, out_of_theatre 2022-07-14T23:45Z, into_recovery 2022-07-14T23:50Z
  A2: booked 2022-07-14T22:50Z, session 2022-07-14-1800, into_theatre 2022-07-14T23:20Z, out_of_theatre 2022-07-14T23:15Z
  A3: booked 2022-07-14T17:00Z, session 2022-07-14-1800, into_theatre 2022-07-14T16:55Z, out_of_theatre 2022-07-14T16:50Z
  plan 2022-07-14-1800: 2022-07-14T17:00Z to 2022-07-15T01:00Z elective, line 2
  plan 2022-07-14-1800: 2022-07-14T17:00Z to 2022-07-14T23:00Z elective, line 4
3 rows read: 3 cases in 1 room, 1 planned session
no time recorded: sent_for 2, into_recovery 2",
    );
    check(
        "dates with a midnight of their own",
        &mapping,
        b"Id,Theatre,Date,From,To,Planned,Sent,In,Out,Rec date,Rec time\nA1,1,14/07/2022 00:00:00,,,08:30:00,,8:41 AM,1:05 PM,14/07/2022 00:00:00,13:06\n",
        "
main/th-1
  A1: booked 2022-07-14T07:30Z, into_theatre 2022-07-14T07:41Z, out_of_theatre 2022-07-14T12:05Z, into_recovery 2022-07-14T12:06Z
1 row read: 1 case in 1 room, 0 planned sessions
no time recorded: sent_for 1",
    );
    check(
        "a time without a date, a date without a time",
        &mapping,
        b"Id,Theatre,Date,From,To,Planned,Sent,In,Out,Rec date,Rec time\nA1,1,,,,2022-07-14 08:30,,08:41,2022-07-14,,13:06\nA2,1,14/07/2022,,,,,,,,\n",
        "
main/th-1
  A1: booked 2022-07-14T07:30Z
  A2:
cases.csv:2: column \"In\": \"08:41\" is a time of day, and the row has no date for it (map the row's date column with the key date)
cases.csv:2: column \"Out\": \"2022-07-14\" is a date without a time of day (give the time of day too, or map the column that has it)
cases.csv:2: column \"Rec time\": \"13:06\" is a time of day, and the row has no date for it (map the row's date column with the key date)
2 rows read: 2 cases in 1 room, 0 planned sessions
3 cells not understood: not a time 1, time without a date 2
no time recorded: sent_for 2, into_theatre 1, out_of_theatre 1, into_recovery 1",
    );
}

#[test]
fn a_date_column_that_several_times_share_is_the_rows_and_one_of_a_single_time_is_taken_as_it_is() {
    let tables = r#"
[milestones]
into_theatre = { date = "Date", time = "In" }
out_of_theatre = { date = "Date", time = "Out" }
into_recovery = { date = "Rec date", time = "Rec time" }
[booking]
start = { date = "Date", time = "Planned" }
"#;
    check(
        "past midnight: the shared date is that of the list, the single one is wrong by a day and stays",
        &with("", tables),
        b"Id,Theatre,Date,Planned,In,Out,Rec date,Rec time\n\
          A1,1,14/07/2022,22:30,23:10,00:45,15/07/2022,00:50\n\
          A2,1,14/07/2022,23:30,00:05,01:15,14/07/2022,01:20\n",
        "
main/th-1
  A1: booked 2022-07-14T21:30Z, into_theatre 2022-07-14T22:10Z, out_of_theatre 2022-07-14T23:45Z, into_recovery 2022-07-14T23:50Z
  A2: booked 2022-07-14T22:30Z, into_theatre 2022-07-14T23:05Z, out_of_theatre 2022-07-15T00:15Z, into_recovery 2022-07-14T00:20Z
2 rows read: 2 cases in 1 room, 0 planned sessions",
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
fn columns_that_are_missing_or_there_twice_are_named_with_the_nearest() {
    let mapping = in_and_out();
    check(
        "missing, with near names",
        &mapping,
        b"ID,Theatre no,In time,Room,Wheels\nA1,1,2022-01-03 08:41,2022-01-03 09:30,x\n",
        "refused: cases.csv:1: column \"Theatre\" is not in the header (nearest: \"Theatre no\"); column \"Id\" is not in the header (nearest: \"ID\"); column \"In\" is not in the header (nearest: \"ID\"); column \"Out\" is not in the header (none is near; correct the mapping, or the delimiter)",
    );
    check(
        "twice",
        &mapping,
        b"Id,Theatre,In,Out,In\nA1,1,2022-01-03 08:41,2022-01-03 09:30,x\n",
        "refused: cases.csv:1: column \"In\" is in the header twice (rename one of them)",
    );
    check(
        "twice, and not mapped",
        &mapping,
        b"Id,Theatre,In,Out,Note,Note\nA1,1,2022-01-03 08:41,2022-01-03 09:30,x,y\n",
        ONE_CASE,
    );
    check(
        "no header: the row that stands for it is not shown",
        &mapping,
        b"9434765919,Smith,2022-01-03 08:41,2022-01-03 09:30\n",
        "refused: cases.csv:1: column \"Theatre\" is not in the header (none is near; correct the mapping, or the delimiter); column \"Id\" is not in the header (none is near; correct the mapping, or the delimiter); column \"In\" is not in the header (none is near; correct the mapping, or the delimiter); column \"Out\" is not in the header (none is near; correct the mapping, or the delimiter)",
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
            "site",
            "zone = \"Europe/London\"\nroom = \"R\"\nsite = \"St Mary\"".to_owned(),
            "key \"site\": \"St Mary\" has the character 'S' (use a-z, 0-9 and -)",
        ),
    ] {
        check(name, &mapping, b"", &format!("refused: cases.mapping.toml: {expected}"));
    }
}

#[test]
fn a_first_row_taken_for_the_header_is_not_quoted() {
    let mapping = Mapping::parse(
        "m.toml",
        "zone = \"Europe/London\"\nsite = \"main\"\nroom = { column = \"room\" }\ncase = \"case\"\ndelimiter = \",\"\n\
         milestones = { into_theatre = \"in\" }\n",
    )
    .unwrap();
    let tokens = LocalTokens::new([1, 2]);
    let mut reader = Reader::cases(&mapping, "x.csv", &tokens);
    let row = b"Jane Case Doe in room two;ward;knee\n";
    let error = reader.push(row).err().map_or_else(|| reader.finish().unwrap_err().to_string(), |e| e.to_string());
    assert!(!error.contains("Jane") && !error.contains("Doe"), "{error}");
    assert!(error.contains("is not in the header"), "{error}");
}
