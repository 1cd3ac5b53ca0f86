//! Date orders, clock changes, and times that take their date from elsewhere.

use crate::{IN_AND_OUT, check, in_and_out, with};

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
