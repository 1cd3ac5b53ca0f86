//! `touchtime explain` of a scanner session: each exam with its steps, what is left out and why, and the arithmetic.

use std::io::{self, Write};

use board::source::short_token;
use chrono::DateTime;
use chrono_tz::Tz;
use room_events::{Token, UtcMillis};
use store::Reader;
use utilisation::quantity::Minutes;
use utilisation::rules::RuleSet;
use utilisation::scanner::arithmetic::{minutes, percent, sums};
use utilisation::scanner::result::{ExamState, ScannerSession, StepResult};
use utilisation::timeline::Precedence;

use crate::measured::{ScannerSettings, room_of, whole_timeline};
use crate::output::Ink;

/// A scanner session with what it was measured under.
#[derive(Debug)]
pub struct Found {
    session: ScannerSession,
    zone: Tz,
    settings: ScannerSettings,
}

/// The scanner session of that id; none if it belongs to no scanner room or is not there.
pub fn find(
    reader: &Reader,
    session_id: &str,
    settings: ScannerSettings,
    now: UtcMillis,
) -> anyhow::Result<Option<Found>> {
    let precedence = Precedence::new(reader.precedence()?);
    for row in reader.rooms()? {
        let is_its = session_id.starts_with(&format!("{}.{}.", row.site, row.room));
        if !is_its || room_of(&row).kind.is_theatre_like() {
            continue;
        }
        let timeline = whole_timeline(reader, &row)?;
        let zone = timeline.room().zone;
        let sessions = settings.measure(&timeline, &precedence, now).sessions;
        if let Some(session) = sessions.into_iter().find(|session| session.id == session_id) {
            return Ok(Some(Found { session, zone, settings }));
        }
    }
    Ok(None)
}

impl Found {
    /// Prints it.
    pub fn write(&self, out: &mut dyn Write, ink: Ink) -> io::Result<()> {
        self.head(out, ink)?;
        self.steps(out, ink)?;
        self.exams(out, ink)?;
        self.arithmetic(out, ink)
    }

    fn time(&self, at: UtcMillis) -> String {
        let utc = DateTime::from_timestamp_millis(at.millis()).unwrap_or_default();
        let local = utc.with_timezone(&self.zone);
        let shape = if local.date_naive() == self.session.local_date { "%H:%M:%S" } else { "%d %b %H:%M:%S" };
        let text = local.format(shape).to_string();
        text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
    }

    fn head(&self, out: &mut dyn Write, ink: Ink) -> io::Result<()> {
        let s = &self.session;
        writeln!(
            out,
            "{}",
            ink.bold(&format!("{}, {}, {}", s.room, s.room_kind, s.local_date.format("%A %-d %B %Y")))
        )?;
        let provisional = if s.provisional { "; provisional" } else { "" };
        let revised = if s.revised { "; revised by steps that were recorded late" } else { "" };
        writeln!(out, "{}  {}{provisional}{revised}", s.id, s.state.name())?;
        writeln!(out, "rule set {}; times of {}", s.rule_set, self.zone)?;
        if !s.quality.is_empty() {
            let names: Vec<_> = s.quality.iter().map(|flag| flag.name()).collect();
            writeln!(out, "flags: {}", names.join(", "))?;
        }
        let f = &s.figures;
        writeln!(out, "\n{}", ink.bold("Time"))?;
        writeln!(
            out,
            "  open        {} to {} = {} min",
            self.time(s.planned_start),
            self.time(s.planned_end),
            minutes(f.open)
        )?;
        writeln!(
            out,
            "  staffed     {} - {} staff breaks = {} min",
            minutes(f.open),
            minutes(f.open - f.staffed),
            minutes(f.staffed)
        )?;
        writeln!(
            out,
            "  operational {} - {} clean-down, QA, service, downtime = {} min, of them {} passed",
            minutes(f.staffed),
            minutes(f.staffed - f.operational),
            minutes(f.operational),
            minutes(f.elapsed)
        )?;
        writeln!(
            out,
            "  observed    {} of {} min = {} (a rate needs {:.0} %)",
            minutes(f.observed),
            minutes(f.elapsed),
            percent(f.observed_share()),
            f.least_observed * 100.0
        )
    }

    fn steps(&self, out: &mut dyn Write, ink: Ink) -> io::Result<()> {
        writeln!(out, "\n{}", ink.bold("Performed steps"))?;
        writeln!(
            out,
            "  {}",
            ink.dim("from      to            min  changeover  step      exams and what became of it")
        )?;
        for step in &self.session.steps {
            let to = step.end.map_or_else(|| format!("by {}", self.time(step.ends_by)), |end| self.time(end));
            let length = step.end.map_or_else(|| "-".to_owned(), |end| minutes(Minutes::between(step.start, end)));
            let images = step.acquired.map_or_else(String::new, |images| {
                format!(", images {} to {}", self.time(images.first), self.time(images.last))
            });
            let changeover = step.changeover_before.map_or_else(|| "-".to_owned(), minutes);
            writeln!(
                out,
                "  {:<9} {to:<9} {length:>7}  {changeover:>10}  {:<8}  {}{images}",
                self.time(step.start),
                short_token(&step.id),
                outcome(step)
            )?;
        }
        Ok(())
    }

    fn exams(&self, out: &mut dyn Write, ink: Ink) -> io::Result<()> {
        writeln!(out, "\n{}", ink.bold("Exams"))?;
        for exam in &self.session.exams {
            let steps: Vec<String> = exam.steps.iter().map(short_token).collect();
            let outside = if exam.in_plan || exam.state == ExamState::Provisional { "" } else { ", outside the plan" };
            writeln!(
                out,
                "  {:<9} {}  {}{outside}; steps {}",
                self.time(exam.at),
                short_token(&exam.id),
                exam.state.name(),
                steps.join(", ")
            )?;
        }
        Ok(())
    }

    fn arithmetic(&self, out: &mut dyn Write, ink: Ink) -> io::Result<()> {
        writeln!(out, "\n{}", ink.bold("Arithmetic"))?;
        for sum in sums(&self.session, self.target_source()) {
            writeln!(out, "  {:<20} {} {}", sum.name, sum.value, sum.how)?;
        }
        writeln!(out, "{}", ink.dim("Neither a DIDS nor a DM01 count."))
    }

    fn target_source(&self) -> Option<&str> {
        self.settings.target_of(&self.session).map(|target| target.source.as_str())
    }
}

/// Under the rules of a configuration or the built-in ones.
pub fn settings(config: Option<&std::path::Path>, rules: RuleSet) -> anyhow::Result<ScannerSettings> {
    Ok(match config {
        Some(file) => crate::config::GatewayConfig::load(file)?.scanner_settings(rules),
        None => ScannerSettings::built_in(rules),
    })
}

fn outcome(step: &StepResult) -> String {
    let exams: Vec<String> = step.exams.iter().map(|exam: &Token| short_token(exam)).collect();
    let reason = step.reason.map_or_else(String::new, |reason| format!(" (DCM {reason})"));
    let excluded = step.excluded.map_or_else(String::new, |reason| format!(", in no figure: {}", reason.why()));
    let protocol = step.protocol.as_ref().map_or_else(String::new, |protocol| format!(", {}", protocol.as_str()));
    let bound = if step.end.is_none() { ", end not known" } else { "" };
    format!("{}: {}{reason}{bound}{excluded}{protocol}", exams.join("+"), step.state.name())
}
