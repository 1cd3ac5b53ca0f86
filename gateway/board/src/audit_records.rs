//! What a list's figures rest on: its stamps with their sources, its plans, and what was left out and why.

use maud::{Markup, html};
use room_events::{Milestone, Token};
use utilisation::quantity::Minutes;
use utilisation::result::{CaseResult, ExclusionReason, QualityFlag};

use crate::source::{Audit, Stamp, short_token};
use crate::standing::is_inferred;
use crate::wording::{Local, count, exact};

/// Every record, replaced ones struck through and kept.
pub(crate) fn stamps(audit: &Audit) -> Markup {
    let local = Local::new(audit.zone);
    let cases = by_case(audit);
    let replaced = audit.stamps.iter().filter(|stamp| stamp.superseded).count();
    html! {
        h2 { "Stamps and their source" }
        @if audit.stamps.is_empty() { p.lede { "No milestone has been recorded" @if is_inferred(&audit.result) { ": the cases follow from the room's signals" } "." } } @else {
            div.scroll { table {
                thead { tr { th { "Case" } th { "Milestone" } th.n { "Time" } th { "Used as" } th { "Source" } } }
                tbody {
                    @for (number, token, case, stamps) in &cases {
                        @for (i, stamp) in stamps.iter().enumerate() {
                            tr.first[i == 0] {
                                td title=(short_token(token)) { @if i == 0 { @match number { Some(number) => (number), None => (short_token(token)), } } }
                                td { @if stamp.superseded { s { (words(stamp.milestone)) } } @else { (words(stamp.milestone)) } }
                                td.n { (time(stamp, local)) }
                                td { (used_as(stamp, *case)) }
                                td.dim { (stamp.source) ", " (crate::source::record_name(stamp.order))
                                    @if let Some(correction) = &stamp.correction { br; b { "corrected: " (correction) } }
                                }
                            }
                        }
                    }
                }
            } }
            p.small {
                span.ab.on { "a" } " starts and " span.ab.on { "b" } " ends the touch interval. Local time, " (audit.zone.name()) "; stored in UTC. "
                (audit.stamps.len()) " records, " @if replaced == 0 { "none" } @else { (replaced) } " replaced by a correction, none inferred."
            }
        }
    }
}

type OfCase<'a> = (Option<usize>, Token, Option<&'a CaseResult>, Vec<&'a Stamp>);

/// In the order of the cases; stamps of tokens that are not among them come last.
fn by_case(audit: &Audit) -> Vec<OfCase<'_>> {
    let mut groups: Vec<OfCase<'_>> =
        audit.result.cases.iter().enumerate().map(|(i, case)| (Some(i + 1), case.id, Some(case), Vec::new())).collect();
    for stamp in &audit.stamps {
        match groups.iter_mut().find(|(_, token, _, _)| *token == stamp.case) {
            Some((_, _, _, stamps)) => stamps.push(stamp),
            None => groups.push((None, stamp.case, None, vec![stamp])),
        }
    }
    for (_, _, _, stamps) in &mut groups {
        stamps.sort_by_key(|stamp| (stamp.milestone, stamp.captured, stamp.order));
    }
    groups.retain(|(_, _, _, stamps)| !stamps.is_empty());
    groups
}

fn time(stamp: &Stamp, local: Local) -> Markup {
    match (stamp.at, stamp.superseded) {
        (Some(at), false) => html! { (local.exact_time(at)) },
        (Some(at), true) => html! { s { (local.exact_time(at)) } },
        (None, _) => html! { "did not happen" },
    }
}

fn used_as(stamp: &Stamp, case: Option<&CaseResult>) -> Markup {
    let Some(case) = case else { return html! { span.dim { "not of this list" } } };
    if stamp.superseded {
        return html! { span.dim { "replaced" } };
    }
    let is = |from: Option<Milestone>, at| from == Some(stamp.milestone) && stamp.at.is_some() && stamp.at == at;
    if is(case.start_from, case.start) {
        html! { span.ab.on { "a" } }
    } else if is(case.end_from, case.end) {
        html! { span.ab.on { "b" } }
    } else if matches!(stamp.milestone, Milestone::ProcedureStart | Milestone::ProcedureEnd) {
        html! { span.dim { "phase only" } }
    } else {
        html! { span.dim { "not used" } }
    }
}

/// `into theatre`.
fn words(milestone: Milestone) -> String {
    milestone.name().replace('_', " ")
}

/// Every revision of the plan; one of them is the denominator.
pub(crate) fn plans(audit: &Audit) -> Markup {
    let local = Local::new(audit.zone);
    html! {
        @if !audit.plans.is_empty() {
            h2 { "The plan and its revisions" }
            div.scroll { table {
                thead { tr { th { "Issued" } th.n { "from" } th.n { "to" } th.n { "minutes" } th.n { "cases" } th { "Used as" } th { "Source" } } }
                tbody {
                    @for record in &audit.plans {
                        tr {
                            td { @match record.plan.issued { Some(issued) => (local.date_and_time(issued)), None => span.dim { "not stated" }, } }
                            td.n { (local.exact_time(record.plan.start)) }
                            td.n { (local.exact_time(record.plan.end)) }
                            td.n { (exact(Minutes::between(record.plan.start, record.plan.end))) }
                            td.n { @if let Some(cases) = record.plan.cases { (cases) } }
                            td { @if record.plan.withdrawn { "withdrawn" } @else if record.in_force { b { "denominator" } } @else { span.dim { "kept" } } }
                            td.dim { (record.source) }
                        }
                    }
                }
            } }
        }
    }
}

/// What was left out of the figures, and what that does to them.
pub(crate) fn left_out(audit: &Audit) -> Markup {
    let list = &audit.result;
    let figures = &list.figures;
    let number = |reasons: &[ExclusionReason]| list.excluded.iter().filter(|out| reasons.contains(&out.reason)).count();
    let minutes = |reason: ExclusionReason| -> Minutes {
        list.excluded.iter().filter(|out| out.reason == reason).filter_map(|out| out.minutes).sum()
    };
    let unknown = || format!("in the {} min not known, not counted", exact(figures.unknown));
    let local = Local::new(audit.zone);
    let (start, end) = (local.time(list.planned_start), local.time(list.planned_end));
    let over = figures.overrun.filter(|&over| over > Minutes::ZERO);
    let revised = list.quality.contains(&QualityFlag::PlanRevisedOnDay);
    let late_plan = list.quality.contains(&QualityFlag::LatePlan);
    let rows = [
        ("No end stamp".to_owned(), number(&[ExclusionReason::NoEnd]), unknown()),
        ("No start stamp".to_owned(), number(&[ExclusionReason::NoStart]), unknown()),
        (
            "Stamps that cannot be".to_owned(),
            number(&[ExclusionReason::EndBeforeStart, ExclusionReason::TooLong]),
            format!("taken as open; {}", unknown()),
        ),
        (
            format!("Touch before {start}"),
            number(&[ExclusionReason::BeforePlan]),
            format!("{} min not counted as utilisation", exact(minutes(ExclusionReason::BeforePlan))),
        ),
        (
            format!("Touch after {end}"),
            number(&[ExclusionReason::AfterPlan]),
            format!(
                "{} min not counted as utilisation{}",
                exact(minutes(ExclusionReason::AfterPlan)),
                over.map(|over| format!("; the list overran by {} min", exact(over))).unwrap_or_default()
            ),
        ),
        (
            "Cancelled on the day".to_owned(),
            number(&[ExclusionReason::CancelledOnDay]),
            format!("no touch; {} of {} booked", figures.cases_cancelled_on_day, figures.cases_booked),
        ),
        (
            "Cancelled earlier".to_owned(),
            number(&[ExclusionReason::CancelledEarlier]),
            "no longer on the list".to_owned(),
        ),
        (
            "Never started".to_owned(),
            number(&[ExclusionReason::NeverStarted]),
            "booked, and no touch to count".to_owned(),
        ),
    ];
    html! {
        h2 { "Left out, and what it does" }
        div.scroll { table {
            thead { tr { th { "Reason" } th.n { "Cases" } th { "Effect on the result" } } }
            tbody {
                @for (reason, n, effect) in rows {
                    tr { td { (reason) } td.n { (n) } @if n == 0 { td.dim { "none" } } @else { td { (effect) } } }
                }
                tr {
                    td { "Plan revised after " (start) } td.n {}
                    @if revised { td { "the denominator stays the plan in force at " (start) } } @else { td.dim { "none; the denominator is the plan in force at " (start) } }
                }
                @if late_plan { tr { td { "First plan issued late" } td.n {} td { "the plan was issued after its own start" } } }
                @if is_inferred(list) {
                    tr { td { "Inferred from signals" } td.n { (list.cases.iter().filter(|case| case.inferred).count()) } td { "nobody told of these cases: they follow from table, X-ray lamp and door" } }
                }
                @if list.quality.contains(&QualityFlag::OutOfOrder) {
                    tr { td { "Pressed out of order" } td.n {} td { "counted as pressed; a button may have been the wrong one, or forgotten" } }
                }
                @if figures.occupied_by_other_list > Minutes::ZERO {
                    tr { td { "Another list in the room" } td.n {} td { (exact(figures.occupied_by_other_list)) " min of the plan, counted for that list only" } }
                }
            }
        } }
        (fallbacks(audit))
    }
}

/// How often touch rests on a stamp other than the first choice.
fn fallbacks(audit: &Audit) -> Markup {
    let figures = &audit.result.figures;
    let [anaesthetic_room, theatre, knife] = figures.start_fallbacks;
    let [recovery, procedure_end] = figures.end_fallbacks;
    let told: Vec<String> = [
        (anaesthetic_room, "starts at into anaesthetic room"),
        (theatre, "starts at into theatre"),
        (knife, "starts at procedure start"),
        (recovery, "ends at into recovery"),
        (procedure_end, "ends at procedure end"),
    ]
    .into_iter()
    .filter(|&(n, _)| n > 0)
    .map(|(n, what)| format!("{}: touch {what}", count(n, "case", "cases")))
    .collect();
    html! {
        @if !told.is_empty() {
            p.small { "For want of an earlier stamp in the fixed order: " (told.join("; ")) "." }
        }
    }
}
