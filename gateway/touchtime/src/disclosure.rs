//! Small numbers of patients, kept out of what is published.
//!
//! The rule is that of NHS England for Hospital Episode Statistics ("Disclosure control methodology for Hospital Episode
//! Statistics and Emergency Care Data Set", September 2018) with a threshold that can be chosen: theirs is 8.
//!
//! ```text
//! a number of patients: 0                      0
//!                       1 to threshold - 1     hidden
//!                       more                   rounded to the nearest 5
//! a rate of such numbers                       of the rounded ones; hidden if one of them is
//! minutes, means and shares of their time      hidden if they are of 1 to threshold - 1 patients
//! lists, sessions, planned time, targets       as they are: they are about no patient
//! ```
//!
//! Rounded numbers give no hidden one away, minutes would: the minutes of a total less those of the rows that are shown are
//! those of the rows that are not. So what is hidden of a total is always at least two rows and together not fewer patients
//! than the threshold; where it is fewer, the smallest row beside them is hidden too.
//!
//! One report is safe in itself and beside the totals above it. Several reports that cut the same cases differently are not
//! safe beside each other, so a workbook of all reports is refused.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use utilisation::rows::Value;

use crate::Usage;
use crate::output::Row;
use crate::tables::{self, Table};

/// What stands where a number is hidden, in texts.
const HIDDEN: &str = "*";
/// Numbers are rounded to a multiple of this.
const ROUNDED_TO: u64 = 5;

/// How a hidden value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// As `*`.
    AsText,
    /// As an absent value; a last column `suppressed` names the columns.
    AsAbsent,
}

/// The name of the column that names what is hidden.
pub const SUPPRESSED: &str = "suppressed";

/// What a table's columns are about.
struct Rules {
    /// The number of patients that all is about of which nothing else is said here.
    basis: &'static str,
    /// About no patient.
    open: &'static [&'static str],
    /// Numbers of patients, cases or exams.
    people: &'static [&'static str],
    /// What is divided by what; what is no number of patients is left out.
    rates: &'static [(&'static str, &'static [&'static str], &'static [&'static str])],
    /// About other patients than the basis.
    about: &'static [(&'static str, &'static [&'static str])],
    /// Made of all rows: hidden as soon as one row is.
    of_all: &'static [&'static str],
    /// Would give exact numbers away.
    never: &'static [&'static str],
    /// The rows that agree in these add up to a total that is known elsewhere.
    totals: &'static [&'static [&'static str]],
}

const GROUPS: Rules = Rules {
    basis: "cases_started",
    open: &[
        "grouping",
        "trust",
        "site",
        "room",
        "specialty",
        "team",
        "week",
        "month",
        "room_kind",
        "kind",
        "rule_set",
        "variant",
        "sessions",
        "sessions_held",
        "sessions_held_rate",
        "sessions_unused",
        "sessions_cancelled",
        "sessions_withdrawn_early",
        "sessions_incomplete",
        "sessions_provisional",
        "sessions_to_come",
        "planned_min",
        "first_planned_min",
        "planned_change_min",
        "lists_replanned",
        "scheduled_capacity_sessions",
        "scheduled_capacity_min",
        "late_start_flag_above_min",
        "early_finish_flag_above_min",
        "overrun_flag_above_min",
        "units_compared",
        "sessions_empty_plan",
        "extra_cases_lists",
    ],
    people: &[
        "cases_booked",
        "cases_started",
        "cases_completed",
        "cases_outcome_unknown",
        "cases_abandoned",
        "cases_cancelled_on_day",
        "cases_cancelled_qmco_like",
        "day_cases",
        "inpatients",
        "class_unknown",
        "turnovers",
        // Of each of these lists, the first or the last patient.
        "late_start_affected",
        "late_start_flagged",
        "early_finish_affected",
        "early_finish_flagged",
        "overrun_affected",
        "overrun_flagged",
    ],
    rates: &[
        ("cancelled_on_day_rate", &["cases_cancelled_on_day"], &["cases_booked"]),
        ("qmco_like_rate", &["cases_cancelled_qmco_like"], &["cases_booked"]),
        ("cases_per_list", &["cases_completed"], &[]),
        ("cases_per_list_upper", &["cases_completed", "cases_outcome_unknown"], &[]),
        ("cases_per_4h", &["cases_completed"], &[]),
        ("cases_per_4h_upper", &["cases_completed", "cases_outcome_unknown"], &[]),
        ("scheduled_capacity_cases_per_4h", &["cases_completed"], &[]),
        ("day_case_rate", &["day_cases"], &["day_cases", "inpatients"]),
        ("day_case_rate_upper", &["day_cases", "class_unknown"], &["day_cases", "inpatients", "class_unknown"]),
        // Their sums stand beside them: the exact mean would give the exact number.
        ("turnover_mean_min", &[], &["turnovers"]),
        ("late_start_mean_affected_min", &[], &["late_start_affected"]),
        ("early_finish_mean_affected_min", &[], &["early_finish_affected"]),
        ("overrun_mean_affected_min", &[], &["overrun_affected"]),
        ("late_start_share", &["late_start_affected"], &[]),
        ("late_start_flag_rate", &["late_start_flagged"], &[]),
        ("early_finish_share", &["early_finish_affected"], &[]),
        ("early_finish_flag_rate", &["early_finish_flagged"], &[]),
        ("overrun_share", &["overrun_affected"], &[]),
        ("overrun_flag_rate", &["overrun_flagged"], &[]),
    ],
    about: &[
        ("turnover_min", &["turnovers"]),
        ("late_start_min", &["late_start_affected"]),
        ("late_start_mean_all_min", &["late_start_affected"]),
        ("late_due_to_previous_min", &["late_start_affected"]),
        ("early_finish_min", &["early_finish_affected"]),
        ("early_finish_mean_all_min", &["early_finish_affected"]),
        ("overrun_min", &["overrun_affected"]),
        ("overrun_mean_all_min", &["overrun_affected"]),
        ("overrun_share_upper", &["overrun_affected"]),
    ],
    of_all: &["units_lower_quartile", "units_median", "units_upper_quartile", "quartile"],
    never: &[],
    totals: &[&["trust", "site", "room_kind", "kind"], &["trust", "room_kind", "kind"], &["room_kind", "kind"]],
};

const SCANNER_GROUPS: Rules = Rules {
    basis: "attendances",
    open: &[
        "month",
        "trust",
        "site",
        "room",
        "room_kind",
        "sessions",
        "sessions_observed",
        "open_min",
        "staffed_min",
        "operational_min",
        "elapsed_min",
        "observed_min",
        "observed_share",
        "target_per_hour",
    ],
    people: &[
        "exams_completed",
        "exams_inferred",
        "exams_provisional",
        "exams_discontinued",
        "out_of_hours_exams",
        "counted_elsewhere",
        "attendances",
        "discontinued_steps",
    ],
    rates: &[
        ("exams_per_hour", &["exams_completed", "exams_inferred"], &[]),
        ("attendances_per_hour", &["attendances"], &[]),
        (
            "discontinued",
            &["exams_discontinued"],
            &["exams_completed", "exams_inferred", "out_of_hours_exams", "exams_discontinued"],
        ),
    ],
    about: &[],
    of_all: &[],
    // The numbers booked and short of a target are in no column, so they cannot be rounded.
    never: &["did_not_attend_rate", "scans_short_of_target"],
    totals: &[
        &["trust", "site", "room", "room_kind"],
        &["trust", "site", "month", "room_kind"],
        &["trust", "site", "room_kind"],
        &["trust", "month", "room_kind"],
        &["trust", "room_kind"],
        &["month", "room_kind"],
        &["room_kind"],
    ],
};

const SCANNER_WEEKS: Rules = Rules {
    basis: "exams",
    open: &[
        "week",
        "first_date",
        "last_date",
        "trust",
        "site",
        "room",
        "room_kind",
        "machines",
        "operational_min",
        "observed_min",
        "trial_limits",
        "stretch",
        "target_per_hour",
        "complete",
    ],
    people: &["exams"],
    rates: &[("exams_per_hour", &["exams"], &[])],
    about: &[],
    of_all: &["centre", "lower_limit", "upper_limit"],
    never: &[],
    totals: &[
        &["trust", "site", "room", "room_kind"],
        &["trust", "week", "room_kind"],
        &["week", "room_kind"],
        &["trust", "room_kind"],
        &["room_kind"],
    ],
};

const SCANNER_CHANGES: Rules = Rules {
    basis: "exams_before",
    open: &[
        "trust",
        "site",
        "room",
        "room_kind",
        "machines",
        "changed_on",
        "weeks_before",
        "observed_before_min",
        "trial_limits_before",
        "weeks_after",
        "observed_after_min",
        "trial_limits_after",
        "operational_hours_per_machine_year",
        "target_per_hour",
    ],
    people: &["exams_before", "exams_after"],
    rates: &[("exams_per_hour_before", &["exams_before"], &[]), ("exams_per_hour_after", &["exams_after"], &[])],
    about: &[
        ("centre_after", &["exams_after"]),
        ("lower_limit_after", &["exams_after"]),
        ("upper_limit_after", &["exams_after"]),
        ("change_per_hour", &["exams_before", "exams_after"]),
        ("extra_exams_per_machine_year", &["exams_before", "exams_after"]),
        ("finding", &["exams_before", "exams_after"]),
    ],
    of_all: &[],
    never: &[],
    totals: &[&["trust", "site", "room_kind"], &["trust", "room_kind"], &["room_kind"]],
};

const SCANNER_SPLITS: Rules = Rules {
    basis: "exams",
    open: &["trust", "site", "room_kind", "split", "part"],
    people: &["exams", "out_of_hours_exams", "exams_discontinued"],
    rates: &[
        ("share", &["exams"], &[]),
        ("exams_per_hour", &["exams"], &[]),
        ("discontinued", &["exams_discontinued"], &["exams", "out_of_hours_exams", "exams_discontinued"]),
    ],
    about: &[],
    of_all: &[],
    never: &[],
    totals: &[&["trust", "site", "room_kind", "split"], &["trust", "room_kind", "split"], &["room_kind", "split"]],
};

const PROTOCOLS: Rules = Rules {
    basis: "steps",
    open: &["protocol", "trust"],
    people: &["steps"],
    rates: &[],
    about: &[],
    of_all: &[],
    never: &[],
    totals: &[&["trust"], &[]],
};

const WAITS: Rules = Rules {
    basis: "scanned",
    open: &["month", "trust", "site", "room_kind", "target_share"],
    people: &[
        "scanned",
        "within_six_weeks",
        "after_thirteen_weeks",
        "without_request",
        "waiting",
        "waiting_six_weeks",
        "waiting_thirteen_weeks",
        "beyond_thirteen_weeks",
    ],
    rates: &[("share_within_six_weeks", &["within_six_weeks"], &["scanned"])],
    about: &[],
    of_all: &[],
    never: &[],
    totals: &[&["month", "trust", "site"], &["month", "room_kind"], &["trust", "site", "room_kind"], &["month"]],
};

const REPORTS: Rules = Rules {
    basis: "scanned",
    open: &["month", "trust", "site", "room_kind", "urgency", "target_days", "target_share"],
    people: &["scanned", "reported", "within", "open"],
    rates: &[("share_within", &["within"], &["scanned"])],
    about: &[],
    of_all: &[],
    never: &[],
    totals: &[&["month", "trust", "site"], &["month", "room_kind"], &["trust", "site", "room_kind"], &["month"]],
};

/// None for tables of which each row is about few patients.
fn rules_of(table: &Table) -> Option<&'static Rules> {
    let known: [(&Table, &'static Rules); 8] = [
        (&tables::GROUPS, &GROUPS),
        (&tables::SCANNER_GROUPS, &SCANNER_GROUPS),
        (&tables::SCANNER_WEEKS, &SCANNER_WEEKS),
        (&tables::SCANNER_CHANGES, &SCANNER_CHANGES),
        (&tables::SCANNER_SPLITS, &SCANNER_SPLITS),
        (&tables::PROTOCOLS, &PROTOCOLS),
        (&tables::WAITS, &WAITS),
        (&tables::REPORTS, &REPORTS),
    ];
    known.into_iter().find(|(of, _)| of.name == table.name).map(|(_, rules)| rules)
}

/// Hides and rounds what is about fewer than `threshold` patients.
pub fn guard(table: &Table, rows: &mut [Row<'_>], threshold: u64, shown: Shown) -> anyhow::Result<()> {
    let Some(rules) = rules_of(table) else {
        bail!(Usage(format!(
            "--suppress-below is for sums: each row of `{}` is about few patients (report rooms or months instead)",
            table.name
        )));
    };
    let bases = std::iter::once(rules.basis).chain(rules.about.iter().flat_map(|(_, bases)| bases.iter().copied()));
    let hidden: BTreeMap<&str, BTreeSet<usize>> =
        bases.map(|basis| (basis, hidden_rows(rules, rows, basis, threshold))).collect();
    for at in 0..rows.len() {
        let Some(row) = rows.get_mut(at) else { continue };
        guard_row(rules, row, at, threshold, &hidden, shown);
    }
    Ok(())
}

/// Rows whose number of `basis` is small, and those that must be hidden with them.
fn hidden_rows(rules: &Rules, rows: &[Row<'_>], basis: &str, threshold: u64) -> BTreeSet<usize> {
    let counts: Vec<u64> = rows
        .iter()
        .map(|row| match count(row, basis) {
            // Nobody of the basis is not nobody: a scanner may have given up every exam.
            None | Some(0) if basis == rules.basis => {
                rules.people.iter().filter_map(|column| count(row, column)).max().unwrap_or(0)
            }
            None => 0,
            Some(count) => count,
        })
        .collect();
    let small = |count: u64| (1..threshold).contains(&count);
    let mut hidden: BTreeSet<usize> =
        counts.iter().enumerate().filter(|(_, count)| small(**count)).map(|(at, _)| at).collect();
    loop {
        let before = hidden.len();
        for total in rules.totals {
            let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for (at, row) in rows.iter().enumerate().filter(|(at, _)| counts.get(*at).is_some_and(|n| *n > 0)) {
                let key: Vec<String> = total.iter().map(|column| format!("{:?}", find(row, column))).collect();
                members.entry(key.join("\u{1f}")).or_default().push(at);
            }
            for rows_of_total in members.values() {
                hide_enough(rows_of_total, &counts, &mut hidden, threshold);
            }
        }
        if hidden.len() == before {
            return hidden;
        }
    }
}

/// Of a total nothing is hidden, or two rows and `threshold` patients at least.
fn hide_enough(members: &[usize], counts: &[u64], hidden: &mut BTreeSet<usize>, threshold: u64) {
    let count = |at: usize| counts.get(at).copied().unwrap_or(0);
    loop {
        let already: Vec<usize> = members.iter().copied().filter(|at| hidden.contains(at)).collect();
        let patients: u64 = already.iter().map(|at| count(*at)).sum();
        if already.is_empty() || (already.len() >= 2 && patients >= threshold) {
            return;
        }
        let Some(next) = members.iter().copied().filter(|at| !hidden.contains(at)).min_by_key(|at| count(*at)) else {
            return;
        };
        hidden.insert(next);
    }
}

fn guard_row(
    rules: &Rules,
    row: &mut Row<'_>,
    at: usize,
    threshold: u64,
    hidden: &BTreeMap<&str, BTreeSet<usize>>,
    shown: Shown,
) {
    let is_hidden = |basis: &str| hidden.get(basis).is_some_and(|rows| rows.contains(&at));
    let any_row_is_hidden = hidden.get(rules.basis).is_some_and(|rows| !rows.is_empty());
    // The numbers as they were, since rates need them after they are rounded.
    let exact: Vec<(&'static str, Option<u64>)> =
        rules.people.iter().map(|column| (*column, count(row, column))).collect();
    let exact_of = |column: &str| exact.iter().find(|(name, _)| *name == column).and_then(|(_, count)| *count);
    let row_is_hidden = is_hidden(rules.basis);
    let published = |column: &str| match exact_of(column) {
        None | Some(0) => Some(0),
        Some(count) if count < threshold || row_is_hidden || is_hidden(column) => None,
        Some(count) => Some((count + ROUNDED_TO / 2) / ROUNDED_TO * ROUNDED_TO),
    };
    // Rounded over exact; none if one of them is hidden.
    let factor = |columns: &[&str]| -> Option<f64> {
        let rounded = columns.iter().map(|column| published(column)).collect::<Option<Vec<u64>>>()?.iter().sum();
        Some(quotient(rounded, columns.iter().filter_map(|column| exact_of(column)).sum()))
    };
    let mut names: Vec<&'static str> = Vec::new();
    for (column, value) in row.iter_mut() {
        if matches!(value, Value::Absent) || rules.open.contains(column) {
            continue;
        }
        let replaced = if rules.people.contains(column) {
            published(column).map(Value::Count)
        } else if let Some((_, above, below)) = rules.rates.iter().find(|(rate, ..)| rate == column) {
            let scaled = factor(above).zip(factor(below)).zip(value.as_number());
            scaled.map(|((above, below), number)| scale(value, number * above / below)).filter(|_| !row_is_hidden)
        } else if rules.never.contains(column) || (rules.of_all.contains(column) && any_row_is_hidden) {
            None
        } else {
            let about = rules.about.iter().find(|(name, _)| name == column).map_or(&[][..], |(_, bases)| *bases);
            let about_hidden = about.iter().any(|basis| is_hidden(basis));
            Some(value.clone()).filter(|_| !about_hidden && !row_is_hidden)
        };
        *value = replaced.unwrap_or_else(|| {
            names.push(column);
            match shown {
                Shown::AsText => Value::Text(HIDDEN),
                Shown::AsAbsent => Value::Absent,
            }
        });
    }
    if shown == Shown::AsAbsent {
        row.push((SUPPRESSED, Value::Names(names)));
    }
}

/// 1 where there is nothing to round.
#[allow(clippy::cast_precision_loss, reason = "counts of patients")]
fn quotient(rounded: u64, exact: u64) -> f64 {
    if exact == 0 { 1.0 } else { rounded as f64 / exact as f64 }
}

fn scale<'r>(old: &Value<'_>, number: f64) -> Value<'r> {
    if matches!(old, Value::Ratio(_) | Value::Share(_)) { Value::Share(number) } else { Value::Number(number) }
}

fn find<'a, 'r>(row: &'a Row<'r>, column: &str) -> Option<&'a Value<'r>> {
    row.iter().find(|(name, _)| *name == column).map(|(_, value)| value)
}

fn count(row: &Row<'_>, column: &str) -> Option<u64> {
    if let Some(Value::Count(count)) = find(row, column) { Some(*count) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protocols with their number of steps: the table with the fewest columns.
    fn guarded(steps: &[u64], threshold: u64) -> Vec<String> {
        let mut rows: Vec<Row<'_>> = steps
            .iter()
            .map(|steps| {
                vec![
                    ("protocol", Value::Text("knee")),
                    ("trust", Value::Text("north")),
                    ("steps", Value::Count(*steps)),
                    ("mean_min", Value::Number(20.5)),
                    ("duration_spread", Value::Absent),
                ]
            })
            .collect();
        guard(&tables::PROTOCOLS, &mut rows, threshold, Shown::AsText).unwrap();
        let text = |value: &Value<'_>| {
            let mut out = Vec::new();
            value.write_csv(&mut out);
            String::from_utf8(out).unwrap()
        };
        rows.iter().map(|row| format!("{} {}", text(&row[2].1), text(&row[3].1))).collect()
    }

    #[test]
    fn small_numbers_are_hidden_and_others_rounded() {
        assert_eq!(guarded(&[0, 8, 12, 13, 100], 8), ["0 20.5", "10 20.5", "10 20.5", "15 20.5", "100 20.5"]);
        assert_eq!(guarded(&[5, 7], 5), ["5 20.5", "5 20.5"]);
    }

    #[test]
    fn what_is_hidden_of_a_total_is_two_rows_and_the_threshold_at_least() {
        // One alone could be had from the total: the smallest beside it goes with it.
        assert_eq!(guarded(&[3, 40, 20, 90], 8), ["* *", "40 20.5", "* *", "90 20.5"]);
        // Two that are 5 together are still few.
        assert_eq!(guarded(&[2, 3, 20, 90], 8), ["* *", "* *", "* *", "90 20.5"]);
        assert_eq!(guarded(&[4, 4, 20, 90], 8), ["* *", "* *", "20 20.5", "90 20.5"]);
        // A row of nobody hides nobody.
        assert_eq!(guarded(&[3, 0, 20], 8), ["* *", "0 20.5", "* *"]);
        assert_eq!(guarded(&[3], 8), ["* *"]);
    }

    /// Whatever is published, no difference to a total is about fewer patients than the threshold.
    #[test]
    fn no_difference_to_a_total_is_about_few_patients() {
        const THRESHOLD: u64 = 8;
        let mut seed = 1_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..2_000 {
            let (sites, rooms) = (["a", "b", "c"], ["1", "2", "3", "4"]);
            let mut rows: Vec<Row<'_>> = Vec::new();
            for site in sites {
                for room in &rooms[..usize::try_from(1 + next(4)).unwrap()] {
                    let cases = if next(3) == 0 { next(10) } else { next(60) };
                    rows.push(vec![
                        ("trust", Value::Text("t")),
                        ("site", Value::Text(site)),
                        ("room", Value::Text(room)),
                        ("room_kind", Value::Text("theatre")),
                        ("kind", Value::Text("elective")),
                        ("cases_started", Value::Count(cases)),
                        ("touch_min", Value::Number(1.0)),
                    ]);
                }
            }
            let exact = rows.clone();
            guard(&tables::GROUPS, &mut rows, THRESHOLD, Shown::AsText).unwrap();
            let is_shown = |at: &usize| rows[*at][6].1 != Value::Text(HIDDEN);
            let cases = |at: &usize| count(&exact[*at], "cases_started").unwrap();
            for of in [None, Some("a"), Some("b"), Some("c")] {
                let members: Vec<usize> = (0..rows.len())
                    .filter(|at| of.is_none_or(|site| exact[*at][1].1 == Value::Text(site)) && cases(at) > 0)
                    .collect();
                for at in members.iter().filter(|at| is_shown(at)) {
                    assert!(cases(at) >= THRESHOLD, "{exact:?}");
                }
                let left: Vec<usize> = members.iter().copied().filter(|at| !is_shown(at)).collect();
                let patients: u64 = left.iter().map(cases).sum();
                let nothing_shown = left.len() == members.len();
                assert!(left.is_empty() || nothing_shown || (left.len() > 1 && patients >= THRESHOLD), "{exact:?}");
            }
        }
    }

    #[test]
    fn a_rate_is_one_of_the_rounded_numbers() {
        let mut rows: Vec<Row<'_>> = vec![vec![
            ("cases_started", Value::Count(42)),
            ("cases_booked", Value::Count(42)),
            ("cases_completed", Value::Count(42)),
            ("cases_cancelled_on_day", Value::Count(11)),
            ("cancelled_on_day_rate", Value::Share(11.0 / 42.0)),
            ("cases_cancelled_qmco_like", Value::Count(2)),
            ("qmco_like_rate", Value::Share(2.0 / 42.0)),
            ("cases_per_list", Value::Number(42.0 / 10.0)),
            ("sessions_held", Value::Count(10)),
        ]];
        guard(&tables::GROUPS, &mut rows, 8, Shown::AsAbsent).unwrap();
        let value = |column: &str| find(&rows[0], column).unwrap();
        assert_eq!(*value("cases_booked"), Value::Count(40));
        assert!((value("cancelled_on_day_rate").as_number().unwrap() - 10.0 / 40.0).abs() < 1e-12);
        assert!((value("cases_per_list").as_number().unwrap() - 4.0).abs() < 1e-12);
        assert_eq!(*value("qmco_like_rate"), Value::Absent);
        assert_eq!(*value("sessions_held"), Value::Count(10), "lists are nobody");
        assert_eq!(*value(SUPPRESSED), Value::Names(vec!["cases_cancelled_qmco_like", "qmco_like_rate"]));
    }

    #[test]
    fn a_sum_and_its_mean_do_not_give_the_exact_number_and_one_list_s_times_are_hidden() {
        let mut rows: Vec<Row<'_>> = vec![vec![
            ("cases_started", Value::Count(42)),
            ("turnovers", Value::Count(17)),
            ("turnover_min", Value::Number(340.0)),
            ("turnover_mean_min", Value::Number(20.0)),
            ("late_start_affected", Value::Count(9)),
            ("late_start_min", Value::Number(90.0)),
            ("late_start_mean_affected_min", Value::Number(10.0)),
            ("late_start_mean_all_min", Value::Number(9.0)),
            ("overrun_affected", Value::Count(1)),
            ("overrun_min", Value::Number(88.0)),
            ("overrun_mean_affected_min", Value::Number(88.0)),
            ("overrun_mean_all_min", Value::Number(8.8)),
            ("overrun_share", Value::Share(0.1)),
        ]];
        guard(&tables::GROUPS, &mut rows, 8, Shown::AsAbsent).unwrap();
        let number = |column: &str| find(&rows[0], column).unwrap().as_number();
        assert_eq!((number("turnover_min"), number("turnover_mean_min")), (Some(340.0), Some(340.0 / 15.0)));
        assert_eq!((number("late_start_min"), number("late_start_mean_affected_min")), (Some(90.0), Some(9.0)));
        let hidden =
            ["overrun_affected", "overrun_min", "overrun_mean_affected_min", "overrun_mean_all_min", "overrun_share"];
        assert_eq!(*find(&rows[0], SUPPRESSED).unwrap(), Value::Names(hidden.to_vec()));
    }

    #[test]
    fn each_rule_is_about_columns_that_there_are() {
        let mut guarded = 0;
        for table in tables::ALL {
            let Some(rules) = rules_of(table) else { continue };
            guarded += 1;
            let rates = rules
                .rates
                .iter()
                .flat_map(|(rate, above, below)| std::iter::once(rate).chain(above.iter()).chain(below.iter()));
            let about = rules.about.iter().flat_map(|(name, bases)| std::iter::once(name).chain(bases.iter()));
            let flat = [rules.open, rules.people, rules.of_all, rules.never].into_iter().flatten();
            for column in flat.chain(rates).chain(about).chain(rules.totals.iter().copied().flatten()) {
                assert!(table.header.contains(column), "{column} of {}", table.name);
            }
            assert!(rules.people.contains(&rules.basis));
            let parts = rules.rates.iter().flat_map(|(_, above, below)| above.iter().chain(below.iter()));
            for column in parts.chain(rules.about.iter().flat_map(|(_, bases)| bases.iter())) {
                assert!(rules.people.contains(column), "{column} of {}", table.name);
            }
        }
        assert_eq!(guarded, 8);
    }
}
