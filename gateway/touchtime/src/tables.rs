//! The tables that are exported and what each column of them holds: its kind, its unit and what it says.
//!
//! Parquet takes its types and its metadata from here, the workbook its number formats and its first sheet, and
//! docs/exports.md is held to it by a test. Names and order are those of the rows themselves.

use utilisation::aggregate::AggregateRow;
use utilisation::rows::{
    Kind, SCANNER_AGGREGATE_COLUMNS, SCANNER_CHANGE_COLUMNS, SCANNER_HOUR_COLUMNS, SCANNER_SESSION_COLUMNS,
    SCANNER_SPLIT_COLUMNS, SCANNER_WEEK_COLUMNS, SESSION_COLUMNS, SPREAD_COLUMNS,
};

use crate::case_rows::CASE_COLUMNS;
use crate::spare_report::SPARE_COLUMNS;
use crate::transfer::EVENT_COLUMNS;
use crate::waiting_report::{REPORTING_COLUMNS, WAITING_COLUMNS};

/// A kind of table; several reports may have the same one.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name in the documentation and in files.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// The columns in order.
    pub header: &'static [&'static str],
    /// Where its columns are looked up first.
    own: &'static [&'static [Described]],
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Its unit; empty for texts, flags, dates and instants.
    pub unit: &'static str,
    /// What it says.
    pub about: &'static str,
}

/// The unit of a kind whose columns all have the same one.
const fn unit_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Count => "count",
        Kind::Minutes => "min",
        Kind::Share => "share of 1",
        Kind::Number | Kind::Text | Kind::Names | Kind::Flag | Kind::Instant | Kind::Date => "",
    }
}

macro_rules! described {
    ($($name:ident $kind:ident $(($unit:literal))?: $about:literal,)*) => {
        &[$(Described {
            name: stringify!($name),
            kind: Kind::$kind,
            unit: { #[allow(unused_mut, unused_assignments)] { let mut unit = unit_of(Kind::$kind); $(unit = $unit;)? unit } },
            about: $about,
        },)*]
    };
}

impl Table {
    /// What is said of each column, in the order of the header.
    pub fn columns(&self) -> impl Iterator<Item = Described> {
        self.header.iter().map(|name| self.column(name))
    }

    /// What is said of a column; a column that nothing is said of is a text without a meaning, which a test excludes.
    pub fn column(&self, name: &'static str) -> Described {
        let found = self.own.iter().copied().flatten().chain(SHARED).find(|column| column.name == name).copied();
        found.or_else(|| of_group(name)).unwrap_or(Described { name, kind: Kind::Text, unit: "", about: "" })
    }
}

/// The columns of groups of lists carry their own description.
fn of_group(name: &'static str) -> Option<Described> {
    let at = AggregateRow::COLUMNS.iter().position(|column| *column == name)?;
    let (kind, about) = *AggregateRow::MEANINGS.get(at)?;
    let unit = match (kind, name) {
        (Kind::Number, "cases_per_list" | "cases_per_list_upper") => "cases per list",
        (Kind::Number, name) if name.contains("per_4h") => "cases per 4 h",
        (Kind::Number, name) if name.ends_with("_min") => "min",
        (kind, _) => unit_of(kind),
    };
    Some(Described { name, kind, unit, about: about.trim() })
}

/// Columns that say the same wherever they are.
static SHARED: &[Described] = described! {
    session_id Text: "site, room, local date and time of the first known planned start: SITE.ROOM.DATE.TIME",
    trust Text: "trust",
    site Text: "site, within its trust; empty where the row has several",
    room Text: "room, within its site; empty where the row has several",
    room_kind Text: "what the room is: theatre, cath_lab, endoscopy, mri, ct, nous or echo",
    specialty Text: "specialty of the frozen plan",
    kind Text: "elective or emergency",
    local_date Date: "local date of the frozen planned start",
    planned_start Instant: "frozen planned start",
    planned_end Instant: "frozen planned end",
    month Text: "month of the local date, such as 2022-01",
    state Text: "planned, running, closed, unused or cancelled",
    provisional Flag: "still running: figures count up to now",
    revised Flag: "something came after it had closed",
    rule_set Text: "name of the rule set",
    planned_min Minutes: "planned minutes of the frozen plan",
    quality Names: "named flags, separated by a space in texts",
    target_per_hour Number("exams per hour"): "the target for exams per hour in force; none where several are",
    scans_short_of_target Count: "whole exams missing to the target, of what was observed",
    exams_per_hour Number("exams per hour"): "exams over observed operational hours; none where too little was observed",
    exams_completed Count: "accessions completed inside the plan",
    exams_inferred Count: "exams inside the plan whose end is inferred from the last image",
    exams_provisional Count: "exams without an end",
    exams_discontinued Count: "exams of which nothing was completed",
    out_of_hours_exams Count: "exams that ended outside every plan",
    attendances Count: "patients scanned, each once in its row: rows do not add up where a patient has come to several of them",
    open_min Minutes: "planned minutes",
    staffed_min Minutes: "planned minutes less staff breaks",
    operational_min Minutes: "planned minutes less breaks and every other closure",
    elapsed_min Minutes: "operational minutes that have passed",
    observed_min Minutes: "of these, the minutes in which every feed was known to be alive",
    observed_share Share: "observed over elapsed operational minutes",
    attendances_per_hour Number("patients per hour"): "patients over observed operational hours",
    occupied_utilisation Share: "time with a patient over elapsed operational time",
    productive_utilisation Share: "time from first to last image of exams over elapsed operational time",
    changeover_mean_min Number("min"): "mean of the known gaps between one patient and the next",
    discontinued Share: "exams of which nothing was completed, over all that have ended",
    discontinued_steps Count: "performed steps that were discontinued",
    did_not_attend_rate Share: "did not attend over booked",
    exams Count: "exams ended",
    machines Count: "machines that the figures are over",
};

static LIST: &[Described] = described! {
    complete Flag: "no case is open, rejected or known by its end only",
    cases_booked Count: "on the list at 00:00 of its day, or added later",
    cases_completed Count: "completed",
    cases_cancelled_on_day Count: "cancelled on the day, all reasons",
    touch_min Minutes: "sum of touch, wherever it lies",
    capped_min Minutes: "union of touch inside the plan",
    capped_utilisation Share: "the headline: capped minutes of the rule set's variant over planned minutes",
    capped_sum_min Minutes: "sum of touch inside the plan",
    capped_duration_min Minutes: "touch cut off at the planned length",
    uncapped_utilisation Share: "touch over planned minutes",
    overlap_min Minutes: "touch less the length of its union",
    unknown_min Minutes: "taken inside the plan, and not known to be touch",
    late_start_min Minutes: "planned start to first touch, 0 if not late; empty if not known",
    late_due_to_previous_min Minutes: "the part of it in which a case of another list had the room",
    early_start_min Minutes: "first touch before the planned start",
    early_finish_min Minutes: "last touch to planned end, 0 if not early; empty if not known",
    overrun_min Minutes: "planned end to last touch, 0 if none; empty if not known",
    gaps_in_session_min Minutes: "gaps between touch inside the plan",
    turnovers Count: "known turnovers",
    turnover_min Minutes: "their sum",
    cases_per_4h Number("cases per 4 h"): "completed cases per 4 planned hours",
    day_case_rate Share: "completed elective cases that were day cases, of those whose class is known",
    extra_cases_possible Count: "whole further cases that would have fitted",
};

static SCANNER_SESSION: &[Described] = described! {
    occupied_min Minutes: "operational time with a patient in the room",
    productive_min Minutes: "operational time from first to last image of exams",
    unknown_min Minutes: "operational time of which nothing is known",
    exams_per_observed_hour Number("exams per hour"): "the same without the least observed share",
    changeovers Count: "known gaps between one patient and the next",
    changeovers_unknown Count: "gaps of which an end is not known",
    first_scan_delay_min Minutes: "planned start to first exam; below 0 if it began before",
    discontinued_reasons Text: "reasons with their counts",
    booked Count: "booked for the session",
    acquisition_min Minutes: "time in which images were taken",
    target_low Number("exams per hour"): "lower end of the target's band",
    target_high Number("exams per hour"): "upper end of the target's band",
    standing Text: "met, in_band, missed or not_judged",
    median_slot_min Number("min"): "median length of the booked slots",
};

static SCANNER_GROUP: &[Described] = described! {
    sessions Count: "sessions that have begun",
    sessions_observed Count: "of these, with enough observed time for a rate; the rates are theirs",
    counted_elsewhere Count: "exams left out because they count in another room",
    first_scan_delay_mean_min Number("min"): "mean of planned start to first exam; below 0 if before",
};

static SCANNER_HOUR: &[Described] = described! {
    hour Instant: "start of the hour, UTC",
    exams_completed Count: "accessions completed in the hour",
    exams_inferred Count: "exams whose end is inferred to lie in the hour",
    exams_discontinued Count: "exams given up in the hour",
};

static PROTOCOL: &[Described] = described! {
    protocol Text: "the scanner's protocol; empty for steps without one",
    steps Count: "completed steps with a known end",
    mean_min Number("min"): "their mean length",
    duration_spread Number("ratio"): "standard deviation (n-1) over mean; empty for too few",
};

static SCANNER_WEEK: &[Described] = described! {
    week Text: "ISO week, such as 2022-W01",
    first_date Date: "Monday",
    last_date Date: "Sunday",
    centre Number("exams per hour"): "centre line of the control chart",
    lower_limit Number("exams per hour"): "lower control limit (XmR)",
    upper_limit Number("exams per hour"): "upper control limit (XmR)",
    trial_limits Flag: "fewer than 12 weeks are behind the limits",
    special_cause Text: "the rule by which the week is no chance",
    verdict Text: "whether that is better or worse",
    stretch Text: "why the limits begin anew",
    complete Flag: "the week is over",
};

static SCANNER_CHANGE: &[Described] = described! {
    changed_on Date: "first date after the change",
    weeks_before Count: "weeks before",
    exams_before Count: "exams in them",
    observed_before_min Minutes: "observed operational minutes in them",
    exams_per_hour_before Number("exams per hour"): "exams over observed hours before",
    centre_before Number("exams per hour"): "centre line before",
    lower_limit_before Number("exams per hour"): "lower control limit before",
    upper_limit_before Number("exams per hour"): "upper control limit before",
    trial_limits_before Flag: "fewer than 12 weeks are behind these limits",
    weeks_after Count: "weeks after",
    exams_after Count: "exams in them",
    observed_after_min Minutes: "observed operational minutes in them",
    exams_per_hour_after Number("exams per hour"): "exams over observed hours after",
    centre_after Number("exams per hour"): "centre line after",
    lower_limit_after Number("exams per hour"): "lower control limit after",
    upper_limit_after Number("exams per hour"): "upper control limit after",
    trial_limits_after Flag: "fewer than 12 weeks are behind these limits",
    change_per_hour Number("exams per hour"): "after less before",
    operational_hours_per_machine_year Number("h"): "operational hours of a machine in 365 days at the hours of after",
    extra_exams_per_machine_year Number("exams"): "exams more in that year",
    finding Text: "what the weeks after are under the limits of before",
};

static SCANNER_SPLIT: &[Described] = described! {
    split Text: "by what exams are told apart",
    part Text: "the part; empty for an unknown one",
    share Share: "its share of the exams",
    out_of_hours_exams Count: "of these, ended outside every plan",
};

static SPARE_CAPACITY: &[Described] = described! {
    cases_booked Count: "booked and not cancelled",
    expected_end Instant: "when the bookings are expected to end (median); empty without bookings",
    free_min Minutes: "planned minutes after that, or all of them",
    minutes_a_case Minutes: "usual touch and turnover of a further case; empty where too few are known",
    whole_cases Count: "so many further cases fit",
};

static WAITING: &[Described] = described! {
    room_kind Text: "kind of scanner; empty where it is not known",
    scanned Count: "scanned in the month",
    within_six_weeks Count: "of these, within 6 weeks of the request",
    share_within_six_weeks Share: "of those with a request",
    target_share Share: "the target for it",
    after_thirteen_weeks Count: "scanned 13 weeks or more after the request",
    without_request Count: "scanned without a known request",
    waiting Count: "requested and not scanned at the month's end, or now",
    waiting_six_weeks Count: "of these, for 6 weeks or more",
    waiting_thirteen_weeks Count: "of these, for 13 weeks or more",
    beyond_thirteen_weeks Count: "scanned after or still waiting at 13 weeks or more",
};

static REPORTING: &[Described] = described! {
    room_kind Text: "kind of scanner; empty where it is not known",
    urgency Text: "urgency of the request",
    scanned Count: "scanned in the month",
    reported Count: "of these, reported",
    within Count: "of these, within the target's days",
    open Count: "not reported and still in time: in no share",
    share_within Share: "reported in time, of those that were or should have been",
    target_days Count("days"): "the target's days from scan to report",
    target_share Share: "the target for the share",
};

static EVENT: &[Described] = described! {
    site Text: "site of the agent",
    agent Text: "the agent that sent it",
    stream Text: "the agent's stream, 32 hexadecimal digits",
    seq Count("number"): "its number in the stream",
    received Instant: "when the collector had it",
    room_site Text: "site of the room",
    room Text: "room; empty where it is about none",
    source Text: "the system that said it",
    source_order Count("number"): "its place among what the source said",
    at Instant: "when it happened, by the source",
    kind Text: "kind of observation",
    event Text: "the event as it came, JSON",
};

/// Each list.
pub static LISTS: Table = Table { name: "sessions", about: "a theatre list", header: &SESSION_COLUMNS, own: &[LIST] };
/// Lists summed up.
pub static GROUPS: Table = Table {
    name: "rooms, sites, trusts, system, specialties, teams, weeks, months",
    about: "the lists of a group; elective and emergency lists, and kinds of room, each have their own row",
    header: AggregateRow::COLUMNS,
    own: &[OF_GROUP],
};
/// What is said of a group's column is with the column, but for those of [`SHARED`] that mean something else there.
static OF_GROUP: &[Described] = described! {
    planned_min Minutes: "planned minutes of the frozen plans of held lists",
    room_kind Text: "what the rooms are",
};
/// Each scanner session.
pub static SCANNER_SESSIONS: Table = Table {
    name: "scanner-sessions",
    about: "a scanner's planned session",
    header: SCANNER_SESSION_COLUMNS,
    own: &[SCANNER_SESSION],
};
/// Scanner sessions summed up.
pub static SCANNER_GROUPS: Table = Table {
    name: "scanners, scanner-months",
    about: "the sessions of a scanner, or of a scanner in a month",
    header: SCANNER_AGGREGATE_COLUMNS,
    own: &[SCANNER_GROUP],
};
/// Hours of scanners.
pub static SCANNER_HOURS: Table = Table {
    name: "scanner-hours",
    about: "an hour of a scanner in which an exam ended",
    header: SCANNER_HOUR_COLUMNS,
    own: &[SCANNER_HOUR],
};
/// Weeks of scanners.
pub static SCANNER_WEEKS: Table = Table {
    name: "scanner-weeks",
    about: "a week of a scanner, with control limits",
    header: SCANNER_WEEK_COLUMNS,
    own: &[SCANNER_WEEK],
};
/// What a change did.
pub static SCANNER_CHANGES: Table = Table {
    name: "scanner-change",
    about: "what a change did to a scanner",
    header: SCANNER_CHANGE_COLUMNS,
    own: &[SCANNER_CHANGE],
};
/// Splits of exams.
pub static SCANNER_SPLITS: Table = Table {
    name: "scanner-splits",
    about: "a part of a site's exams",
    header: SCANNER_SPLIT_COLUMNS,
    own: &[SCANNER_SPLIT],
};
/// Protocols.
pub static PROTOCOLS: Table =
    Table { name: "protocols", about: "a protocol of a trust's scanners", header: SPREAD_COLUMNS, own: &[PROTOCOL] };
/// Coming lists with room.
pub static SPARE: Table = Table {
    name: "spare-capacity",
    about: "a coming theatre list without a booking or with room for a whole case",
    header: SPARE_COLUMNS,
    own: &[SPARE_CAPACITY],
};
/// From request to scan.
pub static WAITS: Table = Table {
    name: "waiting",
    about: "a month of a kind of scanner on a site, from request to scan",
    header: WAITING_COLUMNS,
    own: &[WAITING],
};
/// From scan to report.
pub static REPORTS: Table = Table {
    name: "reporting",
    about: "a month of a kind of scanner on a site and an urgency, from scan to report",
    header: REPORTING_COLUMNS,
    own: &[REPORTING],
};
/// Events.
pub static EVENTS: Table =
    Table { name: "events", about: "a stored event, as it came", header: &EVENT_COLUMNS, own: &[EVENT] };

/// The last column of what is published without small numbers, where a value cannot say that it is hidden.
pub const SUPPRESSED: Described = Described {
    name: crate::disclosure::SUPPRESSED,
    kind: Kind::Names,
    unit: "",
    about: "the columns of the row that are hidden because they are about few patients",
};

/// What a list has in a dataset beside its row.
pub const LIST_MORE: [&str; 13] = [
    "team",
    "week",
    "held",
    "scheduled_capacity",
    "first_planned_min",
    "counted_min",
    "cases_started",
    "cases_outcome_unknown",
    "cases_cancelled_qmco_like",
    "day_cases",
    "inpatients",
    "class_unknown",
    "early_finish_uncertain",
];
/// What a scanner session has in a dataset beside its row.
pub const SCANNER_SESSION_MORE: [&str; 8] = [
    "enough_observed",
    "counted_completed",
    "counted_inferred",
    "counted_discontinued",
    "counted_out_of_hours",
    "counted_elsewhere",
    "changeover_min",
    "did_not_attend",
];

const CASE_FILE: [&str; CASE_COLUMNS.len() - 1] = without_trust(&CASE_COLUMNS, &[]);
const LIST_FILE: [&str; SESSION_COLUMNS.len() - 1 + LIST_MORE.len()] = without_trust(&SESSION_COLUMNS, &LIST_MORE);
const SCANNER_SESSION_FILE: [&str; SCANNER_SESSION_COLUMNS.len() - 1 + SCANNER_SESSION_MORE.len()] =
    without_trust(SCANNER_SESSION_COLUMNS, &SCANNER_SESSION_MORE);

/// The trust is the second column of a row; in a dataset it is in the path.
pub const TRUST_AT: usize = 1;

const fn without_trust<const N: usize>(row: &[&'static str], more: &[&'static str]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut from, mut to) = (0, 0);
    while to < N {
        if from == TRUST_AT {
            from += 1;
        }
        all[to] = if from < row.len() { row[from] } else { more[from - row.len()] };
        from += 1;
        to += 1;
    }
    all
}

static CASE: &[Described] = described! {
    session_id Text: "the list that it belongs to",
    case Text: "the case's token: a keyed digest, never its number",
    state Text: "booked, running, complete, abandoned, open, end_only, rejected, cancelled or not_started",
    specialty Text: "specialty of the case",
    procedure Text: "planned procedure, as the source has it",
    class Text: "day case or inpatient, as the source has it",
    booked_start Instant: "scheduled start",
    booked_min Minutes: "scheduled length",
    touch_start Instant: "start of touch",
    touch_start_from Text: "the milestone that gave it",
    touch_end Instant: "end of touch",
    touch_end_from Text: "the milestone that gave it",
    touch_min Minutes: "touch; empty where an end is not known or not believed",
    inside_min Minutes: "touch inside the plan, overlaps not removed",
    turnover_before_min Minutes: "turnover before it, where known",
    procedure_start Instant: "knife to skin",
    procedure_end Instant: "end of the procedure",
    cancelled_at Instant: "when it was cancelled",
    cancelled_class Text: "whose reason it was",
    from_ms Count("ms"): "start of touch, in milliseconds since 1970",
    to_ms Count("ms"): "end of touch, the same",
    planned_from_ms Count("ms"): "frozen planned start of the list, the same",
    planned_to_ms Count("ms"): "frozen planned end of the list, the same",
};

static LIST_FILE_OWN: &[Described] = described! {
    team Text: "team of the frozen plan",
    week Text: "ISO week of the local date, such as 2022-W01",
    held Flag: "closed, with a started case and a plan that has a length: in the rates",
    scheduled_capacity Flag: "planned early enough to count as capacity",
    first_planned_min Minutes: "planned minutes of the first known plan",
    counted_min Minutes: "capped minutes of the rule set's variant: the headline's numerator",
    cases_started Count: "started",
    cases_outcome_unknown Count: "open at closing: as many more may have been completed",
    cases_cancelled_qmco_like Count: "cancelled on the day by the hospital for non-clinical reasons",
    day_cases Count: "completed elective cases that were day cases",
    inpatients Count: "completed elective cases that were inpatients",
    class_unknown Count: "completed elective cases whose class is not known",
    early_finish_uncertain Flag: "the last case is open: no early finish is counted",
};

static SCANNER_SESSION_FILE_OWN: &[Described] = described! {
    enough_observed Flag: "enough was observed for a rate",
    counted_completed Count: "accessions completed inside the plan that count in this session",
    counted_inferred Count: "of exams with an inferred end, those that count in this session",
    counted_discontinued Count: "of exams of which nothing was completed, those that count in this session",
    counted_out_of_hours Count: "of exams that ended outside the plan, those that count in this session",
    counted_elsewhere Count: "exams that count in another session: an accession counts once",
    changeover_min Minutes: "sum of the known changeovers",
    did_not_attend Count: "booked and did not attend",
};

/// Lists as they are in a dataset.
pub static LIST_FILES: Table = Table {
    name: "dataset: lists",
    about: "a theatre list; its trust and month are in the path",
    header: &LIST_FILE,
    own: &[LIST, LIST_FILE_OWN],
};
/// Scanner sessions as they are in a dataset.
pub static SCANNER_SESSION_FILES: Table = Table {
    name: "dataset: scanner_sessions",
    about: "a scanner session that has begun; its trust and month are in the path",
    header: &SCANNER_SESSION_FILE,
    own: &[SCANNER_SESSION, SCANNER_SESSION_FILE_OWN],
};

/// Cases of lists.
pub static CASES: Table =
    Table { name: "cases", about: "a case of a theatre list", header: &CASE_COLUMNS, own: &[CASE] };
/// Cases as they are in a dataset.
pub static CASE_FILES: Table = Table {
    name: "dataset: cases",
    about: "a case of a theatre list; its trust and month are in the path",
    header: &CASE_FILE,
    own: &[CASE],
};

/// All of them.
pub static ALL: &[&Table] = &[
    &LISTS,
    &GROUPS,
    &SCANNER_SESSIONS,
    &SCANNER_GROUPS,
    &SCANNER_HOURS,
    &SCANNER_WEEKS,
    &SCANNER_CHANGES,
    &SCANNER_SPLITS,
    &PROTOCOLS,
    &WAITS,
    &REPORTS,
    &SPARE,
    &EVENTS,
    &CASES,
    &LIST_FILES,
    &CASE_FILES,
    &SCANNER_SESSION_FILES,
];

impl Described {
    /// Its type in Parquet, in words.
    pub const fn parquet_type(&self) -> &'static str {
        match self.kind {
            Kind::Text | Kind::Names => "text (UTF-8)",
            Kind::Count => "int64",
            Kind::Minutes | Kind::Share | Kind::Number => "double",
            Kind::Flag => "boolean",
            Kind::Instant => "timestamp (ms, UTC)",
            Kind::Date => "date",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_has_a_meaning_and_each_number_a_unit() {
        for table in ALL {
            for column in table.columns() {
                assert!(!column.about.is_empty(), "{} of {}", column.name, table.name);
                let has_unit = matches!(column.kind, Kind::Count | Kind::Minutes | Kind::Share | Kind::Number);
                assert_eq!(!column.unit.is_empty(), has_unit, "{} of {}", column.name, table.name);
            }
        }
    }

    #[test]
    fn nothing_is_said_of_a_column_that_no_table_has() {
        for table in ALL {
            for column in table.own.iter().copied().flatten() {
                assert!(table.header.contains(&column.name), "{} of {}", column.name, table.name);
            }
        }
        for column in SHARED {
            assert!(ALL.iter().any(|table| table.header.contains(&column.name)), "{}", column.name);
        }
    }

    #[test]
    fn the_documented_schema_is_the_one_of_the_code() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exports.md");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, rest) = text.split_once("<!-- schema -->\n").expect("docs/exports.md has its mark");
        let (documented, _) = rest.split_once("<!-- end of schema -->").expect("docs/exports.md has its end mark");
        let expected = schema_in_words();
        if documented != expected {
            let right = std::env::temp_dir().join("exports-schema.md");
            std::fs::write(&right, &expected).unwrap();
            panic!("between the marks of docs/exports.md belongs what is in {}", right.display());
        }
    }

    fn schema_in_words() -> String {
        let mut out = String::new();
        for table in ALL {
            out.push_str(&format!("\n### {}\n\nA row: {}.\n\n", table.name, table.about));
            out.push_str("| column | type | unit | meaning |\n|---|---|---|---|\n");
            for column in table.columns() {
                let Described { name, unit, about, .. } = column;
                let about = about.replace('|', "\\|");
                out.push_str(&format!("| `{name}` | {} | {unit} | {about} |\n", column.parquet_type()));
            }
        }
        out.push('\n');
        out
    }
}
