//! The check of one list: its figures, every minute, the arithmetic, the stamps and where they came from.

use maud::{Markup, html};
use utilisation::quantity::{Minutes, Ratio};
use utilisation::result::{Figures, SessionResult, SessionState};
use utilisation::rules::{CappedVariant, TouchStart};

use crate::audit_arithmetic::{Line, LineKind, Sum, add_up, terms};
use crate::audit_gantt::gantt;
use crate::audit_records::{left_out, plans, stamps};
use crate::board_row::{percent_sign, room_row_id};
use crate::corrections::said::said;
use crate::glyphs::Glyph;
use crate::live::Wish;
use crate::room_state::is_open;
use crate::shell::{Theme, page};
use crate::source::Audit;
use crate::standing::{Standing, counted_by, has_target, is_held, is_inferred};
use crate::wording::{Local, count, exact, long_date};

/// The page. The target is left out where it does not apply to the list.
/// `beneath` is what stands under it and does not follow events.
pub(crate) fn audit_page(audit: &Audit, target: Option<Ratio>, theme: Option<Theme>, beneath: &Markup) -> Markup {
    let list = &audit.result;
    let target = target.filter(|_| has_target(list));
    let name = title(audit);
    let sum = add_up(list, audit.as_at);
    let row = room_row_id(&list.room);
    let measured = is_held(list) && list.figures.cases_started > 0;
    let body = html! {
        div.read.audit #check data-row=(row) {
            header.head {
                div {
                    div.crumb {
                        a href=(format!("/?site={}&date={}#{row}", list.site, list.local_date)) { "Board" }
                        " / " (audit.site_name) " / " (audit.room_name)
                    }
                    h1 { (name) }
                }
                span.sp {}
                div.fresh { "Rules " b { (audit.rules.name) } ", variant " b { (audit.rules.variant.name()) } br; (finality(audit)) }
            }
            (facts(audit, target))
            @if measured {
                h2 { "Every minute of the session" }
                p.lede { "Grey is the planned window; the thin line is the booking; the bar is the touch time in minutes, its dark part the procedure. The strip adds up to the plan." }
                (gantt(audit))
                (equation(list))
                h2 { "The same list under other rules" }
                (comparison(audit, target))
                div.half {
                    section { h2 { "Arithmetic" } (arithmetic(audit, &sum)) (left_out(audit)) }
                    section { (stamps(audit)) (said(audit)) (plans(audit)) }
                }
            } @else {
                p.note { (why_not_measured(list)) }
                (gantt(audit))
                div.half { section { (left_out(audit)) } section { (stamps(audit)) (said(audit)) (plans(audit)) } }
            }
        }
        (beneath)
    };
    let wish = Wish { site: Some(list.site.clone()), date: Some(list.local_date) };
    page(&name, theme, Some(&wish.events()), false, &body)
}

fn title(audit: &Audit) -> String {
    let specialty = audit.result.specialty.as_ref().map(|specialty| format!(", {specialty}")).unwrap_or_default();
    format!("{}{specialty}, {}", audit.room_name, long_date(audit.result.local_date))
}

fn why_not_measured(list: &SessionResult) -> &'static str {
    match list.state {
        SessionState::Cancelled => {
            "This list was withdrawn. It has no utilisation and is left out of every percentage."
        }
        SessionState::Unused => {
            "Nobody ever came. An unused list has no utilisation and is left out of it; its minutes count as scheduled capacity."
        }
        SessionState::Planned | SessionState::Running | SessionState::Closed => {
            "No case has started yet, so there is nothing to add up."
        }
    }
}

fn finality(audit: &Audit) -> String {
    let list = &audit.result;
    let as_at = Local::new(audit.zone).date_and_time(audit.as_at);
    match list.state {
        SessionState::Planned => format!("Planned; as at {as_at}"),
        SessionState::Running => format!("Provisional, as at {as_at}"),
        SessionState::Cancelled => "Cancelled".to_owned(),
        SessionState::Unused => "Closed, not used".to_owned(),
        SessionState::Closed if !list.complete => "Closed, incomplete: the figure is a range".to_owned(),
        SessionState::Closed => {
            let revised = if list.revised { ", revised after closing" } else { "" };
            let cases = count(list.figures.cases_started, "case", "cases");
            let known = if is_inferred(list) { "inferred from signals" } else { "with both stamps" };
            format!("Final: {cases} {known}{revised}")
        }
    }
}

fn facts(audit: &Audit, target: Option<Ratio>) -> Markup {
    let figures = &audit.result.figures;
    let standing = Standing::of(&audit.result, audit.rules.variant);
    let measured = is_held(&audit.result) && figures.cases_started > 0;
    let minutes = |minutes: Option<Minutes>| {
        html! { @match minutes { Some(minutes) => { (exact(minutes)) span.pc { " min" } }, None => "–", } }
    };
    let share = standing.share().filter(|_| measured);
    let best = standing.best_share().filter(|_| measured && standing.best.is_some_and(|best| best > standing.counted));
    let closed = audit.result.state == SessionState::Closed;
    let over_so_far = Some(Minutes::between(audit.result.planned_end, audit.as_at))
        .filter(|&over| audit.result.state == SessionState::Running && over > Minutes::ZERO);
    html! {
        dl.facts {
            div {
                dt { "Capped utilisation" @if audit.result.provisional { " so far" } }
                dd {
                    @match share { Some(share) => { (share.percent(2)) @if let Some(best) = best.filter(|_| closed) { " to " (best.percent(2)) } (percent_sign()) }, None => "–", }
                    small {
                        (exact(standing.counted))
                        @if let Some(best) = standing.best.filter(|&best| closed && best > standing.counted) { " to " (exact(best)) }
                        " of " (exact(standing.planned)) " planned min"
                        @if let Some(target) = target { ", target " (target.percent(0)) " %" }
                        @if let Some(best) = best.filter(|_| !closed) { br; "best still reachable " (best.percent(2)) " %" }
                    }
                }
            }
            div { dt { "Late start" } dd { (minutes(figures.late_start)) small {
                @if figures.late_due_to_previous > Minutes::ZERO { (exact(figures.late_due_to_previous)) " due to the previous list" }
                @else { "flagged above " (audit.rules.late_start_flag) }
            } } }
            div { dt { "Gaps in session" } dd { (minutes(Some(figures.gaps_in_session).filter(|_| measured))) small {
                (count(figures.turnovers, "turnover", "turnovers")) ", " (exact(figures.turnover)) " min in all"
            } } }
            div { dt { "Early finish" } dd { (minutes(figures.early_finish)) small { "flagged above " (audit.rules.early_finish_flag) } } }
            div { dt { "Overrun" @if over_so_far.is_some() { " so far" } } dd { (minutes(figures.overrun.or(over_so_far))) small { "flagged above " (audit.rules.overrun_flag) } } }
            div { dt { "Cases" } dd { (figures.cases_completed)
                @if figures.cases_outcome_unknown > 0 { " to " (figures.cases_completed + figures.cases_outcome_unknown) }
                span.pc { " of " (figures.cases_booked) }
                small { "completed of booked" @if figures.cases_cancelled_on_day > 0 { ", " (figures.cases_cancelled_on_day) " cancelled" } }
            } }
        }
    }
}

/// "220 counted + 15 late start + ... = 300 planned minutes".
fn equation(list: &SessionResult) -> Markup {
    let Some(terms) = terms(list) else { return html! {} };
    let total: Minutes = terms.iter().map(|term| term.minutes).sum();
    html! {
        p.eq {
            @for (i, term) in terms.iter().enumerate() { @if i > 0 { " + " } b { (exact(term.minutes)) } " " (term.name) }
            " = " b { (exact(total)) } " planned minutes"
        }
        @if total != list.figures.planned {
            p.wrong { "This does not come to the plan's " (exact(list.figures.planned)) " minutes: please report it." }
        }
    }
}

struct Variant {
    name: &'static str,
    minutes: Minutes,
    meaning: &'static str,
    sum: String,
    note: String,
}

fn variants(audit: &Audit) -> [Variant; 4] {
    let list = &audit.result;
    let figures = &list.figures;
    let local = Local::new(audit.zone);
    let end = local.time(list.planned_end);
    let window = format!("{}–{end}", local.time(list.planned_start));
    [
        Variant {
            name: "window",
            minutes: figures.capped,
            meaning: "minutes inside the plan, each once",
            sum: format!("union of touch inside {window}"),
            note: "the default of girft-2024.1".to_owned(),
        },
        Variant {
            name: "sum",
            minutes: figures.capped_sum,
            meaning: "minutes inside the plan, overlaps twice",
            sum: format!("sum of touch inside {window}"),
            note: format!("overlap inside the plan {} min", exact(figures.capped_sum - figures.capped)),
        },
        Variant {
            name: "duration",
            minutes: figures.capped_duration,
            meaning: "all touch, cut off at the planned length",
            sum: format!("min({}, {})", exact(figures.touch), exact(figures.planned)),
            note: format!("cases after {end} make up for gaps before it"),
        },
        Variant {
            name: "uncapped",
            minutes: figures.touch,
            meaning: "all touch, nothing cut off",
            sum: "sum of all touch".to_owned(),
            note: format!("includes {} min outside {window}", exact(figures.touch - figures.capped_sum)),
        },
    ]
}

fn meets(minutes: Minutes, figures: &Figures, target: Ratio) -> bool {
    i128::from(minutes.millis()) * i128::from(target.denominator())
        >= i128::from(figures.planned.millis()) * i128::from(target.numerator())
}

fn comparison(audit: &Audit, target: Option<Ratio>) -> Markup {
    let figures = &audit.result.figures;
    let variants = variants(audit);
    let is_final = !is_open(&audit.result) && audit.result.complete;
    let met = target
        .filter(|_| is_final)
        .map(|target| variants.iter().filter(|variant| meets(variant.minutes, figures, target)).count());
    let most = variants.iter().map(|variant| variant.minutes + figures.unknown).max().unwrap_or_default();
    let most = most.max(figures.planned);
    html! {
        p.lede {
            "Nothing but the rule differs."
            @if let (Some(met @ 1..=3), Some(target)) = (met, target) {
                " The list reaches " (target.percent(0)) " % under " (met) " of 4 rules: a percentage without its rule set cannot be compared."
            } @else { " A percentage without its rule set cannot be compared." }
        }
        div.variants {
            @for variant in &variants { (variant_card(variant, &audit.result, target, most)) }
        }
        @if !audit.others.is_empty() {
            details {
                summary { "Under each named rule set" }
                div.scroll { table {
                    thead { tr { th { "Rule set" } th { "Counts" } th { "Touch begins at" } th.n { "Minutes" } th.n { "of" } th.n { "%" } @if target.is_some() { th { "Target" } } } }
                    tbody {
                        (rule_set_row(&audit.rules, &audit.result, target))
                        @for other in &audit.others { (rule_set_row(&other.rules, &other.result, target)) }
                    }
                } }
            }
        }
    }
}

fn rule_set_row(rules: &utilisation::rules::RuleSet, result: &SessionResult, target: Option<Ratio>) -> Markup {
    let minutes = counted_by(&result.figures, rules.variant);
    html! {
        tr {
            td { (rules.name) }
            td { @match rules.variant { CappedVariant::Window => "each minute inside the plan once", CappedVariant::Sum => "overlaps inside the plan twice", CappedVariant::Duration => "all touch up to the planned length", } }
            td { @match rules.touch_start { TouchStart::FirstInOrder => "the first present in the fixed order", TouchStart::Earliest => "the earliest in time", } }
            td.n { (exact(minutes)) }
            td.n { (exact(result.figures.planned)) }
            td.n { @if let Some(share) = Ratio::of_minutes(minutes, result.figures.planned) { (share.percent(2)) } }
            @if let Some(target) = target { td { (verdict(minutes, result, target).1) } }
        }
    }
}

/// What the target makes of a variant. Minutes that are not known, or still to come, may lift a variant that is below.
fn verdict(minutes: Minutes, list: &SessionResult, target: Ratio) -> (Glyph, String) {
    let target_text = target.percent(0);
    let below = |suffix| (Glyph::Cancelled, format!("below {target_text} %{suffix}"));
    if meets(minutes, &list.figures, target) {
        (Glyph::Done, format!("meets {target_text} %"))
    } else if is_open(list) {
        below(" so far")
    } else if meets(minutes + list.figures.unknown, &list.figures, target) {
        (Glyph::Unknown, format!("{target_text} % not known"))
    } else {
        below("")
    }
}

fn variant_card(variant: &Variant, list: &SessionResult, target: Option<Ratio>, most: Minutes) -> Markup {
    let figures = &list.figures;
    // The widest bar of the four leaves a little air, so that all share one scale.
    let scale = most.as_f64().max(1.0) * 1.04;
    let width = |minutes: f64| format!("{:.2}%", minutes / scale * 100.0);
    let planned = figures.planned.as_f64();
    let inside = variant.minutes.as_f64().min(planned);
    html! {
        div {
            h3 { (variant.name) }
            div.pct { @match Ratio::of_minutes(variant.minutes, figures.planned) { Some(share) => { (share.percent(2)) (percent_sign()) }, None => "–", } }
            @if let Some(target) = target {
                @let (glyph, words) = verdict(variant.minutes, list, target);
                div.verd { (glyph.at(20)) " " (words) }
            }
            svg width="100%" height="26" aria-hidden="true" {
                rect x="0" y="6" width=(width(planned)) height="14" class="f-plan" {}
                @if figures.unknown > Minutes::ZERO {
                    rect x="0" y="6" width=(width((variant.minutes + figures.unknown).as_f64())) height="14" class="f-unk s-unk" {}
                }
                rect x="0" y="6" width=(width(inside)) height="14" class="f-ink" {}
                @if variant.minutes.as_f64() > planned {
                    rect x=(width(planned)) y="6" width=(width(variant.minutes.as_f64() - planned)) height="14" class="f-overp s-over" {}
                }
                @if let Some(target) = target {
                    @let x = width(planned * target.as_f64());
                    line x1=(x) x2=(x) y1="0" y2="26" class="s-page w7" {}
                    line x1=(x) x2=(x) y1="0" y2="26" class="s-ink w3" {}
                }
            }
            p.def { (variant.meaning) }
            p { b { (exact(variant.minutes)) " / " (exact(figures.planned)) " min" } " = " (variant.sum) }
            p { (variant.note) }
        }
    }
}

fn arithmetic(audit: &Audit, sum: &Sum) -> Markup {
    let list = &audit.result;
    let overlaps = sum.inside > sum.counted;
    let local = Local::new(audit.zone);
    html! {
        div.scroll { table {
            thead { tr {
                th { "Case" } th { "Interval" } th.n { "from" } th.n { "to" } th.n { "minutes" } th.n { "inside plan" }
                @if overlaps { th.n { "each once" } }
                th.n { "running" }
            } }
            tbody {
                @for line in &sum.lines { (arithmetic_line(line, overlaps, local)) }
                tr.tot {
                    td {} td { "Touch minutes" } td {} td {}
                    td.n { (exact(sum.touch)) } td.n { (exact(sum.inside)) }
                    @if overlaps { td.n { (exact(sum.counted)) } }
                    td.n { (exact(sum.counted)) }
                }
            }
        } }
        @if !sum.agrees_with(list) {
            p.wrong { "These lines come to " (exact(sum.counted)) " minutes, the stored figure is " (exact(list.figures.capped)) ": please report it." }
        }
        (quotient(audit))
    }
}

fn arithmetic_line(line: &Line, overlaps: bool, local: Local) -> Markup {
    let (class, number, name) = match &line.kind {
        LineKind::Stretch(name) => ("gap", None, html! { (name) }),
        LineKind::Touch { number, name } => ("", Some(*number), html! { (name) }),
        LineKind::Unknown { number, name, why } => {
            ("unknown", Some(*number), html! { (name) ": " (why) ", not counted" })
        }
    };
    let minutes = |minutes: Option<Minutes>| minutes.map(exact).unwrap_or_default();
    html! {
        tr class=(class) {
            td { @if let Some(number) = number { (number) } }
            td { (name) }
            td.n { (local.exact_time(line.from)) }
            td.n { (local.exact_time(line.to)) }
            td.n { @match line.minutes { Some(minutes) => (exact(minutes)), None => "–", } }
            td.n { @if line.counted.is_some() { b { (exact(line.inside)) } } @else { (exact(line.inside)) } }
            @if overlaps { td.n { (minutes(line.counted)) } }
            td.n { (minutes(line.running)) }
        }
    }
}

/// "220 / 300 = 0.7333 = 73.33 %", and the other end of the range where there is one.
fn quotient(audit: &Audit) -> Markup {
    let standing = Standing::of(&audit.result, audit.rules.variant);
    let line = |minutes: Minutes| {
        html! {
            @if let Some(share) = Ratio::of_minutes(minutes, standing.planned) {
                (exact(minutes)) " / " (exact(standing.planned)) " = " (format!("{:.4}", share.as_f64())) " = " b { (share.percent(2)) " %" }
            }
        }
    };
    let upper = standing.best.filter(|&best| standing.unknown > Minutes::ZERO && best > standing.counted);
    html! {
        p.eq { (line(standing.counted)) }
        @if let (Some(upper), SessionState::Closed) = (upper, audit.result.state) {
            p.eq { "at most (" (exact(standing.counted)) " + " (exact(standing.unknown)) " not known) " (line(upper)) }
        }
    }
}
