//! `touchtime explain`: one list with every interval, clipping and sum, so that it can be checked with a pencil.

use std::io::{self, Write};

use board::source::{Audit, Nearest, Stamp, Stray, record_name, short_token};
use chrono::{DateTime, Datelike as _, NaiveDate, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use room_events::{Token, UtcMillis};
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{CaseResult, CaseState, ExclusionReason, Figures, SegmentKind, SessionResult, SessionState};

use crate::output::Ink;

/// Prints the audit.
pub fn write(out: &mut dyn Write, audit: &Audit, ink: Ink) -> io::Result<()> {
    let page = Page { audit, ink };
    page.head(out)?;
    page.plan(out)?;
    page.minutes(out)?;
    page.cases(out)?;
    page.arithmetic(out)?;
    page.left_out(out)?;
    page.strays(out)?;
    page.other_rules(out)?;
    page.stamps(out)
}

struct Page<'a> {
    audit: &'a Audit,
    ink: Ink,
}

impl Page<'_> {
    fn result(&self) -> &SessionResult {
        &self.audit.result
    }

    fn time(&self, at: UtcMillis) -> String {
        time_text(at, self.audit.zone, self.result().local_date)
    }

    fn heading(&self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        writeln!(out, "\n{}", self.ink.bold(text))
    }

    fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        let r = self.result();
        let specialty = r.specialty.as_ref().map_or("no specialty given", |label| label.as_str());
        let title = format!("{}, {specialty}, {}", self.audit.room_name, long_date(r));
        writeln!(out, "{}", self.ink.bold(&title))?;
        let state = match r.state {
            SessionState::Planned => "not begun".to_owned(),
            SessionState::Running => format!("running, figures as at {}", self.time(self.audit.as_at)),
            SessionState::Closed => {
                format!("closed{}", r.closed_at.map_or_else(String::new, |at| format!(" at {}", self.time(at))))
            }
            SessionState::Unused => "unused: no case started".to_owned(),
            SessionState::Cancelled => "withdrawn".to_owned(),
        };
        let complete = if r.complete { "complete" } else { "incomplete: a stamp is missing or was rejected" };
        writeln!(out, "{}  {} list  {state}; {complete}", r.id, r.kind)?;
        writeln!(
            out,
            "rule set {}, touch counted by `{}`; times of {}",
            r.rule_set,
            self.audit.rules.variant.name(),
            self.audit.zone
        )?;
        if !r.quality.is_empty() {
            let names: Vec<_> = r.quality.iter().map(|flag| flag.name()).collect();
            writeln!(out, "flags: {}", names.join(", "))?;
        }
        Ok(())
    }

    fn plan(&self, out: &mut dyn Write) -> io::Result<()> {
        let r = self.result();
        self.heading(out, "Plan")?;
        writeln!(
            out,
            "  {} to {} = {} min",
            self.time(r.planned_start),
            self.time(r.planned_end),
            minutes(r.figures.planned)
        )?;
        if let Some(text) = other_list_text(&r.figures) {
            writeln!(out, "  {text}")?;
        }
        for plan in &self.audit.plans {
            let issued =
                plan.plan.issued.map_or_else(|| "issue time not given".to_owned(), |at| format!("issued {at}"));
            let mark = if plan.in_force { "in force" } else { "not in force" };
            let span = format!("{} to {}", self.time(plan.plan.start), self.time(plan.plan.end));
            let withdrawn = if plan.plan.withdrawn { ", withdraws the list" } else { "" };
            writeln!(out, "  {}", self.ink.dim(&format!("{mark}: {span}, {issued}{withdrawn} ({})", plan.source)))?;
        }
        Ok(())
    }

    fn minutes(&self, out: &mut dyn Write) -> io::Result<()> {
        let r = self.result();
        if r.segments.is_empty() {
            return Ok(());
        }
        self.heading(out, "Every minute of the plan")?;
        writeln!(out, "  {}", self.ink.dim("from      to            min  what"))?;
        for segment in &r.segments {
            let length = minutes(Minutes::between(segment.from, segment.to));
            let (from, to) = (self.time(segment.from), self.time(segment.to));
            writeln!(out, "  {from:<9} {to:<9} {length:>7}  {}", segment_name(segment.kind))?;
        }
        let f = &r.figures;
        if r.state == SessionState::Closed {
            let parts = [
                (f.capped, "touch"),
                (f.unknown, "unknown"),
                (f.late_start.unwrap_or_default(), "late start"),
                (f.gaps_in_session, "gaps"),
                (f.early_finish.unwrap_or_default(), "early finish"),
            ];
            let sum: Minutes = parts.iter().map(|(part, _)| *part).sum();
            let text: Vec<_> = parts.iter().map(|(part, name)| format!("{} {name}", minutes(*part))).collect();
            writeln!(out, "  {} = {} min; the plan has {} min", text.join(" + "), minutes(sum), minutes(f.planned))?;
        }
        Ok(())
    }

    fn cases(&self, out: &mut dyn Write) -> io::Result<()> {
        let r = self.result();
        self.heading(out, "Cases")?;
        if r.cases.is_empty() {
            return writeln!(out, "  none");
        }
        let head = "#   case    start a   from                   end b     from                  touch  inside  turnover before";
        writeln!(out, "  {}", self.ink.dim(head))?;
        for (n, case) in r.cases.iter().enumerate() {
            let time = |at: Option<UtcMillis>| at.map_or_else(|| "-".to_owned(), |at| self.time(at));
            let touch = match (case.start, case.end) {
                (Some(a), Some(b)) => minutes(Minutes::between(a, b)),
                (Some(_) | None, Some(_) | None) => "-".to_owned(),
            };
            let turnover = case.turnover_before.map_or_else(|| "-".to_owned(), minutes);
            let remark = case_remark(case);
            let line = format!(
                "{:<3} {}  {:<9} {:<22} {:<9} {:<20} {touch:>6}  {:>6}  {turnover:>8}  {remark}",
                n + 1,
                short_token(&case.id),
                time(case.start),
                case.start_from.map_or("-", |m| m.name()),
                time(case.end),
                case.end_from.map_or("-", |m| m.name()),
                minutes(case.inside),
            );
            writeln!(out, "  {}", line.trim_end())?;
        }
        writeln!(
            out,
            "  {}",
            self.ink
                .dim("a and b bound the touch interval; `inside` is its part between planned start and planned end")
        )
    }

    fn arithmetic(&self, out: &mut dyn Write) -> io::Result<()> {
        let r = self.result();
        let f = &r.figures;
        if f.cases_started == 0 {
            return Ok(());
        }
        self.heading(out, "Arithmetic")?;
        let counted: Vec<_> = r.cases.iter().filter(|case| case.start.is_some() && case.end.is_some()).collect();
        let inside = sum_of(counted.iter().map(|case| case.inside));
        let touch = sum_of(counted.iter().filter_map(|case| Some(Minutes::between(case.start?, case.end?))));
        let planned = f.planned;
        let share = |part| {
            Ratio::of_minutes(part, planned).map_or_else(|| "-".to_owned(), |ratio| format!("{} %", ratio.percent(2)))
        };
        let twice = f.capped_sum - f.capped;
        let once = if twice == Minutes::ZERO {
            inside.clone()
        } else {
            format!("{inside}, less {} counted twice = {}", minutes(twice), minutes(f.capped))
        };
        let rows = [
            ("capped (window)", format!("{once} of {}", minutes(planned)), share(f.capped)),
            ("capped (sum)", format!("{inside} of {}", minutes(planned)), share(f.capped_sum)),
            (
                "capped (duration)",
                format!("min({}, {}) of {}", minutes(f.touch), minutes(planned), minutes(planned)),
                share(f.capped_duration),
            ),
            ("uncapped", format!("{touch} of {}", minutes(planned)), share(f.touch)),
        ];
        for (name, sum, share) in rows {
            writeln!(out, "  {name:<18} {share:>9}   {sum}")?;
        }
        if f.unknown > Minutes::ZERO {
            writeln!(
                out,
                "  with the unknown time it lies between {} and {}",
                share(f.capped),
                share(f.capped + f.unknown)
            )?;
        }
        let known =
            |m: Option<Minutes>| m.map_or_else(|| "not known yet".to_owned(), |m| format!("{} min", minutes(m)));
        writeln!(
            out,
            "  late start {} (of it {} min due to the previous list), early start {}",
            known(f.late_start),
            minutes(f.late_due_to_previous),
            known(f.early_start)
        )?;
        writeln!(
            out,
            "  early finish {}, overrun {}, overlap {} min",
            known(f.early_finish),
            known(f.overrun),
            minutes(f.overlap)
        )?;
        writeln!(
            out,
            "  {} turnovers, {} min in all, {} min of them inside the plan",
            f.turnovers,
            minutes(f.turnover),
            minutes(f.gaps_in_session)
        )?;
        let per_4h = f.cases_per_4h().map_or_else(|| "-".to_owned(), |n| format!("{n:.2}"));
        writeln!(
            out,
            "  {} booked, {} completed ({per_4h} per 4 h), {} cancelled on the day",
            f.cases_booked, f.cases_completed, f.cases_cancelled_on_day
        )?;
        if let (Some(touch), Some(turnover), Some(extra)) =
            (f.typical_touch, f.typical_turnover, f.extra_cases_possible)
        {
            writeln!(
                out,
                "  room for {extra} more: max(0, {} + {} - {}) / ({} typical touch + {} typical turnover), rounded down",
                minutes(f.late_start.unwrap_or_default()),
                minutes(f.early_finish.unwrap_or_default()),
                minutes(f.overrun.unwrap_or_default()),
                minutes(touch),
                minutes(turnover)
            )?;
        }
        Ok(())
    }

    fn left_out(&self, out: &mut dyn Write) -> io::Result<()> {
        let r = self.result();
        if r.excluded.is_empty() {
            return Ok(());
        }
        self.heading(out, "Left out, and why")?;
        for exclusion in &r.excluded {
            let length = exclusion.minutes.map_or_else(String::new, |m| format!(", {} min", minutes(m)));
            writeln!(
                out,
                "  {} {}: {}{length}",
                self.number(exclusion.case),
                short_token(&exclusion.case),
                reason_text(exclusion.reason)
            )?;
        }
        Ok(())
    }

    fn strays(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.audit.strays.is_empty() {
            return Ok(());
        }
        self.heading(out, "Cases of the room that belong to no list")?;
        for stray in &self.audit.strays {
            let length = match (stray.case.start, stray.case.end) {
                (Some(a), Some(b)) => format!(", {} min", minutes(Minutes::between(a, b))),
                (Some(_) | None, Some(_) | None) => String::new(),
            };
            let reason = stray_reason(stray, self.audit.rules.belongs_within);
            writeln!(out, "  {}  {}{length}: {reason}", short_token(&stray.case.id), self.time(stray.at))?;
        }
        writeln!(out, "  {}", self.ink.dim("they are in no figure; where one ran inside the plan it had the room"))
    }

    fn other_rules(&self, out: &mut dyn Write) -> io::Result<()> {
        self.heading(out, "Under other rule sets")?;
        for other in &self.audit.others {
            let f = &other.result.figures;
            let part = match other.rules.variant {
                utilisation::rules::CappedVariant::Window => f.capped,
                utilisation::rules::CappedVariant::Sum => f.capped_sum,
                utilisation::rules::CappedVariant::Duration => f.capped_duration,
            };
            let ratio = other.result.capped_utilisation();
            let share = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{} %", ratio.percent(2)));
            writeln!(out, "  {:<24} {share:>9}   {} of {} min", other.rules.name, minutes(part), minutes(f.planned))?;
        }
        Ok(())
    }

    fn stamps(&self, out: &mut dyn Write) -> io::Result<()> {
        self.heading(out, "Stamps and their sources")?;
        let mut stamps: Vec<&Stamp> = self.audit.stamps.iter().collect();
        stamps.sort_by_key(|stamp| (self.place(stamp.case), stamp.at, stamp.milestone, stamp.order));
        for stamp in stamps {
            let at = stamp.at.map_or_else(|| "withdrawn".to_owned(), |at| self.time(at));
            let standing = if stamp.superseded { "  replaced" } else { "" };
            let correction =
                stamp.correction.as_ref().map_or_else(String::new, |text| format!("  corrected by {text}"));
            let line = format!(
                "{} {}  {:<24} {at:<10} {:<12} {}{correction}{standing}",
                self.number(stamp.case),
                short_token(&stamp.case),
                stamp.milestone.name(),
                record_name(stamp.order),
                stamp.source,
            );
            writeln!(out, "  {}", if stamp.superseded { self.ink.dim(&line) } else { line })?;
        }
        Ok(())
    }

    fn place(&self, case: Token) -> usize {
        self.result().cases.iter().position(|c| c.id == case).unwrap_or(usize::MAX)
    }

    fn number(&self, case: Token) -> String {
        self.result()
            .cases
            .iter()
            .position(|c| c.id == case)
            .map_or_else(|| "-  ".to_owned(), |n| format!("{:<3}", n + 1))
    }
}

/// 24-hour local time, with seconds only where there are any; with the UTC offset in the hour that comes twice in autumn,
/// and with the day when it is not the list's.
fn time_text(at: UtcMillis, zone: Tz, list_date: NaiveDate) -> String {
    let Some(utc) = DateTime::from_timestamp_millis(at.millis()) else { return at.to_string() };
    let local = utc.with_timezone(&zone);
    let mut text = format!("{:02}:{:02}", local.hour(), local.minute());
    if local.second() != 0 {
        text.push_str(&format!(":{:02}", local.second()));
    }
    let comes_twice = zone.from_local_datetime(&local.naive_local()).single().is_none();
    if comes_twice {
        text.push_str(&local.format("%:z").to_string());
    }
    let days = local.date_naive().signed_duration_since(list_date).num_days();
    if days != 0 {
        text.push_str(&format!(" {days:+} d"));
    }
    text
}

/// Tells of the planned minutes that another list had the room, if there are any.
fn other_list_text(figures: &Figures) -> Option<String> {
    (figures.occupied_by_other_list > Minutes::ZERO).then(|| {
        format!(
            "another list had the room for {} min of the plan, counted for that list only",
            minutes(figures.occupied_by_other_list)
        )
    })
}

/// `72 + 76 + 72 = 220`, or a single number.
fn sum_of(parts: impl Iterator<Item = Minutes>) -> String {
    let parts: Vec<Minutes> = parts.collect();
    let total: Minutes = parts.iter().copied().sum();
    let texts: Vec<_> = parts.iter().map(|part| minutes(*part)).collect();
    if texts.len() > 1 { format!("{} = {}", texts.join(" + "), minutes(total)) } else { minutes(total) }
}

/// Whole minutes without decimals, others with two.
fn minutes(length: Minutes) -> String {
    if length.millis() % 60_000 == 0 { format!("{length}") } else { format!("{length:.2}") }
}

/// `Friday 11 February 2022`, as the NHS service manual writes dates.
fn long_date(result: &SessionResult) -> String {
    let date = result.local_date;
    format!("{} {} {}", date.format("%A"), date.day(), date.format("%B %Y"))
}

fn segment_name(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::LateStart => "late start",
        SegmentKind::Occupied => "touch, counted",
        SegmentKind::Gap => "gap",
        SegmentKind::Unknown => "unknown: covered by a case without a start or an end",
        SegmentKind::EarlyFinish => "early finish",
        SegmentKind::ToCome => "still to come",
    }
}

fn case_remark(case: &CaseResult) -> String {
    let state = match case.state {
        CaseState::Complete => "",
        CaseState::Booked => "booked",
        CaseState::Running => "in the room",
        CaseState::Abandoned => "abandoned",
        CaseState::Open => "no end: unknown, not counted",
        CaseState::EndOnly => "no start: unknown, not counted",
        CaseState::Rejected => "stamps rejected: unknown, not counted",
        CaseState::Cancelled => "cancelled",
        CaseState::NotStarted => "never started",
    };
    match (case.inferred, state) {
        (false, state) => state.to_owned(),
        (true, "") => "inferred from signals".to_owned(),
        (true, state) => format!("inferred from signals; {state}"),
    }
}

/// Why no list took the case.
fn stray_reason(stray: &Stray, within: Minutes) -> String {
    let what = match (stray.case.start, stray.case.end) {
        (Some(_), _) => "starts",
        (None, Some(_)) => "has no start, and ends",
        (None, None) => "has not started, and is scheduled",
    };
    match &stray.nearest {
        Some(Nearest { list, apart, before }) => {
            let side = if *before { "before the planned start" } else { "after the planned end" };
            format!("{what} {} min {side} of {list}, more than {} min", minutes(*apart), minutes(within))
        }
        None => format!("{what} where the room has no list that is held"),
    }
}

fn reason_text(reason: ExclusionReason) -> &'static str {
    match reason {
        ExclusionReason::NoEnd => "no end stamp; its time is unknown",
        ExclusionReason::NoStart => "no start stamp; its time is unknown",
        ExclusionReason::EndBeforeStart => "its end is before its start; treated as open",
        ExclusionReason::TooLong => "longer than 24 hours; treated as open",
        ExclusionReason::BeforePlan => "touch before the planned start, not counted as capped",
        ExclusionReason::AfterPlan => "touch after the planned end, not counted as capped",
        ExclusionReason::CancelledOnDay => "cancelled on the day",
        ExclusionReason::CancelledEarlier => "cancelled before the day, not on the list",
        ExclusionReason::NeverStarted => "booked and never started",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_the_hour_that_comes_twice_carries_its_offset() {
        let check = |utc: &str, expected: &str| {
            let at = DateTime::parse_from_rfc3339(utc).unwrap().timestamp_millis();
            let date = NaiveDate::from_ymd_opt(2022, 10, 30).unwrap();
            assert_eq!(time_text(UtcMillis::saturating(at), chrono_tz::Europe::London, date), expected, "{utc}");
        };
        check("2022-10-29T23:59:00Z", "00:59");
        check("2022-10-30T00:00:00Z", "01:00+01:00");
        check("2022-10-30T00:30:00Z", "01:30+01:00");
        check("2022-10-30T01:30:05Z", "01:30:05+00:00");
        check("2022-10-30T02:00:00Z", "02:00");
        check("2022-10-31T08:00:00Z", "08:00 +1 d");
    }

    #[test]
    fn minutes_of_another_list_are_told_where_there_are_any() {
        let mut figures = Figures::default();
        assert_eq!(other_list_text(&figures), None);
        figures.occupied_by_other_list = Minutes::whole(30);
        assert_eq!(
            other_list_text(&figures).as_deref(),
            Some("another list had the room for 30 min of the plan, counted for that list only")
        );
    }
}
