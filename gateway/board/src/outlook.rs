//! How a forecast reads: finish with its range, the flag against the plan, the mark on the timeline, the sentence.
//!
//! A forecast is shown of a list that is open and whose feed is alive; whatever is known goes before it.

use maud::{Markup, html};
use utilisation::forecast::{Forecast, Likeness};
use utilisation::quantity::Minutes;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;

use crate::axis::Axis;
use crate::room_state::{RoomView, is_open};
use crate::wording::{Local, passed};

/// A finish within so many minutes of the plan is on plan.
const NEAR: Minutes = Minutes::whole(10);

/// The forecast of an open list, if there is one to show.
pub(crate) fn forecast_of<'a>(view: &RoomView<'a>, list: &SessionResult) -> Option<&'a Forecast> {
    let forecasts = &view.room.forecasts;
    let found = forecasts.iter().find(|of| of.list == list.id).filter(|_| is_open(list) && view.silent.is_none());
    // With booked minutes alone and none of them left, nothing can be said.
    found.map(|of| &of.forecast).filter(|forecast| forecast.range.is_some() || forecast.finish > view.now)
}

/// `15:24–16:48`, or what stands in for a range.
pub(crate) fn range_text(forecast: &Forecast, local: Local) -> String {
    match forecast.range {
        Some((from, to)) => format!("{}–{}", local.time(from), local.time(to)),
        None => "as booked".to_owned(),
    }
}

/// The cell under "finish".
pub(crate) fn finish(forecast: &Forecast, local: Local) -> Markup {
    html! {
        div.fin {
            div.v { (local.time(forecast.finish)) }
            div.r { (range_text(forecast, local)) }
        }
    }
}

/// What sets the expected finish apart from the plan.
pub(crate) fn flag(forecast: &Forecast, list: &SessionResult, rules: &RuleSet, local: Local) -> Markup {
    let planned = local.time(list.planned_end);
    let past = forecast.past_plan(list);
    if past > NEAR {
        let (class, word) =
            if past > rules.overrun_flag { ("badge over", "Overrun") } else { ("badge over2", "Late finish") };
        return html! { span class=(class) { (word) small { "+" (passed(past)) " on " (planned) } } };
    }
    if let Some(room) = &forecast.room_for {
        return html! { span.badge.room title=(room.procedure) { "Room for 1" small { (room.procedure) } } };
    }
    html! {
        span.quiet {
            @if past < -NEAR { b { (passed(-past)) " min early" } } @else { b { "On plan" } }
            "plan " (planned)
        }
    }
}

/// Minutes expected beyond the plan, the range, and the finish itself, below the bars.
pub(crate) fn mark(forecast: &Forecast, list: &SessionResult, view: &RoomView<'_>, axis: Axis) -> Markup {
    let from = list.planned_end.max(view.now);
    html! {
        (axis.bar(from, forecast.finish, 58.5, 7.0, "f-overp"))
        @if let Some((early, late)) = forecast.range {
            @if axis.holds(early) && axis.holds(late) {
                line x1=(axis.x(early)) x2=(axis.x(late)) y1="62" y2="62" class="s-ink w15" {}
                (axis.post(early, 58, 66, "s-ink w15")) (axis.post(late, 58, 66, "s-ink w15"))
            }
        }
        @if axis.holds(forecast.finish) {
            svg x=(axis.x(forecast.finish)) y="62" width="1" height="1" { path d="M0-5.5 5.5 0 0 5.5-5.5 0Z" class="f-ink s-page" {} }
        }
    }
}

/// ` Finish about 16:06, 8 times in 10 between 15:24 and 16:48, 81 minutes over the plan.`
pub(crate) fn sentence(forecast: &Forecast, list: &SessionResult, local: Local) -> String {
    let mut text = format!(" Finish about {}", local.time(forecast.finish));
    match forecast.range {
        Some((from, to)) => text += &format!(", 8 times in 10 between {} and {}", local.time(from), local.time(to)),
        None => text += ", by booked minutes alone",
    }
    let past = forecast.past_plan(list);
    if past > NEAR {
        text += &format!(", {} minutes over the plan", passed(past));
    }
    text.push('.');
    if let Some(room) = &forecast.room_for {
        text += &format!(" Room for one more: {}.", room.procedure);
    }
    text
}

/// A list that is expected to overrun by more than the flag allows: by how many minutes, and what is known.
pub(crate) fn overrun(
    forecast: &Forecast,
    list: &SessionResult,
    rules: &RuleSet,
    local: Local,
) -> Option<(i64, String)> {
    let past = forecast.past_plan(list);
    if past <= rules.overrun_flag {
        return None;
    }
    let rests_on = match forecast.rests_on {
        Likeness::Procedure => "",
        Likeness::Specialty | Likeness::Room | Likeness::RoomKind => " Few cases of its procedures are known.",
        Likeness::Booked => " Only booked minutes are known.",
    };
    let text = format!(
        "Plan ends {}, finish {} ({}).{rests_on}",
        local.time(list.planned_end),
        local.time(forecast.finish),
        range_text(forecast, local)
    );
    Some((passed(past), text))
}
