//! The arithmetic of a scanner session in words, the same on the command line and on the board.

use super::result::{ScannerFigures, ScannerSession};
use crate::quantity::{Minutes, Ratio};

/// One figure with how it comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Its name.
    pub name: &'static str,
    /// The figure; `none` where it is absent.
    pub value: String,
    /// How it comes about, or why it is absent.
    pub how: String,
}

/// The figures of a session. `source` is who set the target.
pub fn sums(session: &ScannerSession, source: Option<&str>) -> Vec<Sum> {
    let f = &session.figures;
    let sum = |name, value: String, how: String| Sum { name, value, how };
    let mut sums = vec![
        rate(f),
        sum(
            "attendances per hour",
            or_none(f.attendances_per_hour().map(|rate| format!("{rate:.2}"))),
            match f.attendances_per_hour() {
                Some(_) => format!("= {} / {} min x 60", f.attendances, minutes(f.observed)),
                None => why_no_rate(f).to_owned(),
            },
        ),
        short(f, source),
    ];
    let share = |name, part: Minutes, share: Option<Ratio>| {
        sum(name, percent(share), format!("= {} of {} min", minutes(part), minutes(f.elapsed)))
    };
    sums.push(share("occupied", f.occupied, f.occupied_utilisation()));
    sums.push(share("productive", f.productive, f.productive_utilisation()));
    let each: Vec<String> = f.changeovers.iter().copied().map(minutes).collect();
    sums.extend([
        acquisition(session),
        sum("unknown", format!("{} min", minutes(f.unknown)), "of steps without an end".to_owned()),
        sum(
            "changeover",
            or_none(f.changeover_mean().map(|mean| format!("mean {mean:.1} min"))),
            if each.is_empty() {
                format!("no known one ({} unknown)", f.changeovers_unknown)
            } else {
                format!("of {} ({} unknown)", each.join(", "), f.changeovers_unknown)
            },
        ),
        sum(
            "first scan",
            or_none(f.first_scan_delay.map(|delay| format!("{delay:.1} min"))),
            "after the planned start".to_owned(),
        ),
        sum(
            "discontinued",
            percent(f.discontinued_rate()),
            format!(
                "of exams; {} {} {}",
                f.discontinued_steps,
                if f.discontinued_steps == 1 { "step" } else { "steps" },
                f.reasons()
            )
            .trim_end()
            .to_owned(),
        ),
        sum("did not attend", f.did_not_attend.to_string(), format!("of {} booked", f.booked)),
        sum("out of hours", f.out_of_hours_exams.to_string(), "exams ended outside the plan".to_owned()),
    ]);
    sums
}

/// Where no image was told of, the time in which images were taken is not known.
fn acquisition(session: &ScannerSession) -> Sum {
    let told = session.steps.iter().any(|step| step.acquired.is_some());
    let (value, how) = if told {
        (format!("{} min", minutes(session.figures.acquired)), "from first to last image of each step")
    } else {
        (or_none(None), "no image was told of")
    };
    Sum { name: "acquisition", value, how: how.to_owned() }
}

fn rate(f: &ScannerFigures) -> Sum {
    let name = "exams per hour";
    match f.exams_per_hour() {
        Some(rate) => Sum {
            name,
            value: format!("{rate:.2}"),
            how: format!(
                "= ({} completed + {} inferred) / {} min x 60",
                f.exams_completed,
                f.exams_inferred,
                minutes(f.observed)
            ),
        },
        None => Sum {
            name,
            value: "none".to_owned(),
            how: match f.exams_per_observed_hour() {
                Some(rate) => format!("{} ({rate:.2} per observed hour)", why_no_rate(f)),
                None => why_no_rate(f).to_owned(),
            },
        },
    }
}

/// Before a session begins nothing is missing yet.
fn why_no_rate(f: &ScannerFigures) -> &'static str {
    if f.elapsed > Minutes::ZERO { "too little was observed" } else { "no operational minute has passed" }
}

fn short(f: &ScannerFigures, source: Option<&str>) -> Sum {
    let (value, how) = match (f.target, f.short_of_target) {
        (Some(target), Some(short)) => (
            short.to_string(),
            format!(
                "= {target} x {} min / 60 - {}, not below 0, rounded up ({})",
                minutes(f.elapsed),
                f.exams(),
                source.unwrap_or("no source")
            ),
        ),
        (Some(target), None) => ("none".to_owned(), format!("target {target}, {}", why_no_rate(f))),
        (None, _) => ("none".to_owned(), "no target".to_owned()),
    };
    Sum { name: "short of target", value, how }
}

fn or_none(value: Option<String>) -> String {
    value.unwrap_or_else(|| "none".to_owned())
}

/// Whole minutes without decimals, others with one.
pub fn minutes(of: Minutes) -> String {
    if of.millis() % 60_000 == 0 { of.to_string() } else { format!("{of:.1}") }
}

/// A share for people.
pub fn percent(share: Option<Ratio>) -> String {
    or_none(share.map(|share| format!("{} %", share.percent(2))))
}
