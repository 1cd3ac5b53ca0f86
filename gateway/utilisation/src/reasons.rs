//! Why lists started late, overran, had gaps or lost cases, as staff said, and which reasons cost most (Pareto).
//!
//! Counted is what a reason was given for, and of late starts, overruns and cancellations on the day also what nobody gave one
//! for: a Pareto of the explained alone would hide how much is not explained.

use chrono::NaiveDate;
use room_events::{Label, RemarkAbout, RoomId, SiteId};

use crate::quantity::{Minutes, Ratio};
use crate::result::{ExclusionReason, SessionResult};
use crate::rules::RuleSet;
use crate::timeline::RemarkRecord;

/// One thing that a reason was, or could have been, given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Id of the list.
    pub list: String,
    /// Site.
    pub site: SiteId,
    /// Room.
    pub room: RoomId,
    /// Specialty of the list.
    pub specialty: Option<Label>,
    /// Local date of the list.
    pub date: NaiveDate,
    /// What.
    pub about: RemarkAbout,
    /// Why; absent: nobody said.
    pub reason: Option<Label>,
    /// Minutes that it cost; absent for a cancellation.
    pub minutes: Option<Minutes>,
}

/// What there is to explain of a list, with the reasons that were given.
pub fn explained(list: &SessionResult, remarks: &[RemarkRecord], rules: &RuleSet) -> Vec<Explained> {
    let figures = &list.figures;
    let reason = |about, case| {
        let word = remarks.iter().find(|remark| remark.used && remark.about == about && remark.case == case);
        word.and_then(|remark| remark.reason.clone())
    };
    let item = |about, reason, minutes| Explained {
        list: list.id.clone(),
        site: list.site.clone(),
        room: list.room.clone(),
        specialty: list.specialty.clone(),
        date: list.local_date,
        about,
        reason,
        minutes,
    };
    let mut items = Vec::new();
    for (about, minutes, flagged_above) in [
        (RemarkAbout::LateStart, figures.late_start, rules.late_start_flag),
        (RemarkAbout::Overrun, figures.overrun, rules.overrun_flag),
    ] {
        let Some(minutes) = minutes.filter(|&minutes| minutes > Minutes::ZERO) else { continue };
        let reason = reason(about, None);
        if reason.is_some() || minutes > flagged_above {
            items.push(item(about, reason, Some(minutes)));
        }
    }
    for case in &list.cases {
        if let (Some(gap), Some(reason)) = (case.turnover_before, reason(RemarkAbout::Gap, Some(case.id))) {
            items.push(item(RemarkAbout::Gap, Some(reason), Some(gap)));
        }
        let on_the_day =
            list.excluded.iter().any(|out| out.case == case.id && out.reason == ExclusionReason::CancelledOnDay);
        let reason = reason(RemarkAbout::Cancellation, Some(case.id));
        if on_the_day || (reason.is_some() && case.cancelled_at.is_some()) {
            items.push(item(RemarkAbout::Cancellation, reason, None));
        }
    }
    items
}

/// One reason of a Pareto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// The reason; absent: nobody said.
    pub reason: Option<Label>,
    /// How often.
    pub times: u32,
    /// Minutes in all.
    pub minutes: Minutes,
    /// Its share with all before it: of the minutes, of the times where there are no minutes.
    pub cumulative: Option<Ratio>,
}

/// The reasons of one subject, the costliest first; what nobody explained comes last.
pub fn pareto<'e>(items: impl IntoIterator<Item = &'e Explained>) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for item in items {
        let bar = match bars.iter_mut().find(|bar| bar.reason == item.reason) {
            Some(bar) => bar,
            None => {
                bars.push(Bar { reason: item.reason.clone(), times: 0, minutes: Minutes::ZERO, cumulative: None });
                let last = bars.len() - 1;
                &mut bars[last]
            }
        };
        bar.times += 1;
        bar.minutes += item.minutes.unwrap_or(Minutes::ZERO);
    }
    bars.sort_by(|a, b| {
        let rank = |bar: &Bar| (bar.reason.is_none(), -bar.minutes.millis(), u32::MAX - bar.times);
        rank(a).cmp(&rank(b)).then_with(|| a.reason.cmp(&b.reason))
    });
    let total: Minutes = bars.iter().map(|bar| bar.minutes).sum();
    let times: u32 = bars.iter().map(|bar| bar.times).sum();
    let (mut so_far, mut times_so_far) = (Minutes::ZERO, 0);
    for bar in &mut bars {
        so_far += bar.minutes;
        times_so_far += bar.times;
        bar.cumulative = if total > Minutes::ZERO {
            Ratio::of_minutes(so_far, total)
        } else {
            Ratio::new(i64::from(times_so_far), i64::from(times))
        };
    }
    bars
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;

    fn item(reason: &str, minutes: i64) -> Explained {
        Explained {
            list: "main.th-1.2022-02-11.0830".to_owned(),
            site: SiteId::new("main").unwrap(),
            room: RoomId::new("th-1").unwrap(),
            specialty: None,
            date: NaiveDate::from_ymd_opt(2022, 2, 11).unwrap(),
            about: RemarkAbout::LateStart,
            reason: Label::new(reason).ok(),
            minutes: Some(minutes).filter(|minutes| *minutes >= 0).map(Minutes::whole),
        }
    }

    fn told(items: &[Explained]) -> Vec<String> {
        let bar = |bar: Bar| {
            let reason = bar.reason.map_or("-".to_owned(), |reason| reason.to_string());
            let share = bar.cumulative.map_or_else(|| "-".to_owned(), |share| share.percent(1));
            format!("{reason} {} {} {share}", bar.times, bar.minutes)
        };
        pareto(items).into_iter().map(bar).collect()
    }

    #[test]
    fn the_costliest_reason_is_first_and_the_unexplained_last() {
        let items = [item("no bed", 20), item("", 90), item("portering", 15), item("no bed", 40), item("kit", 15)];
        assert_eq!(told(&items), ["no bed 2 60 33.3", "kit 1 15 41.7", "portering 1 15 50.0", "- 1 90 100.0"]);
    }

    #[test]
    fn what_has_no_minutes_is_ranked_by_how_often() {
        let items = [item("no bed", -1), item("unfit", -1), item("unfit", -1)];
        assert_eq!(told(&items), ["unfit 2 0 66.7", "no bed 1 0 100.0"]);
        assert_eq!(told(&[]), [""; 0]);
    }
}
