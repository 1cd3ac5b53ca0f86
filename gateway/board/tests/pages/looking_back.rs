//! Yesterday on one page, the month as a file, and what coming lists have room for.

use std::sync::Arc;

use board::history::{ComingList, History};
use board::{daily_file, monthly_file};
use chrono::NaiveDate;
use utilisation::aggregate::aggregate;
use utilisation::forecast::Spare;
use utilisation::quantity::Minutes;
use utilisation::result::{SessionResult, SessionState};
use utilisation::rules::RuleSet;

use crate::fixed_source::FixedSource;
use crate::fixture::{at, every_state, past};
use crate::http::{get, serve};

fn monday(week: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2022, 1, 3).unwrap() + chrono::Days::new(7 * week)
}

#[test]
fn a_day_is_a_file_of_its_own_with_the_figures_of_the_report() {
    let (history, rules) = (past::weeks(), RuleSet::default());
    let html = daily_file(&history, None, None, &rules, None).unwrap();
    assert!(html.contains("Monday 21 March 2022"), "the latest day with a list before today");
    for outside in ["/assets/", " href=\"", " src=\"", "<script", "url(http"] {
        assert!(!html.contains(outside), "{outside} leads out of the file");
    }
    let of_day = |date| history.lists.iter().map(|list| &list.session).filter(move |s| s.local_date == date);
    let row = &aggregate(of_day(monday(11)), &[], &rules)[0];
    let capped = format!("{} %", row.capped_utilisation.unwrap().percent(1));
    assert!(html.contains(&format!("<b>{capped}</b>")) && html.contains("girft-2024.1"));
    for list in of_day(monday(11)) {
        assert!(html.contains(&format!("{} %", list.capped_utilisation().unwrap().percent(1))), "{}", list.id);
    }
    // 1,200 planned minutes: those in use, late, early and between cases are all of them.
    let parts = [row.capped_min, row.late_start_min, row.gaps_in_session_min, row.early_finish_min, row.unknown_min];
    assert_eq!(parts.into_iter().sum::<Minutes>(), row.planned_min);
    assert!(html.contains("Where the 1,200 planned minutes went"));
    let linked = daily_file(&history, None, Some(monday(3)), &rules, Some("https://board.example.nhs.uk")).unwrap();
    assert!(linked.contains("<base href=\"https://board.example.nhs.uk\">") && linked.contains("href=\"/lists/"));
}

#[test]
fn a_month_is_a_file_beside_the_month_before() {
    let (history, rules) = (past::weeks(), RuleSet::default());
    let html = monthly_file(&history, Some("2022-02"), &rules, None).unwrap();
    assert!(html.contains("February 2022") && html.contains("<th class=\"n\">January 2022</th>"));
    assert!(html.contains("Upper quartile: <b>"), "peers by name");
    assert!(!html.contains(" href=\"") && !html.contains("/assets/"));
    let latest = monthly_file(&history, None, &rules, None).unwrap();
    assert!(latest.contains("<h1>February 2022</h1>"), "March is not over on 28 March");
    for (month, said) in [("2022-13", "is not a month"), ("2021-01", "there is no list in January 2021")] {
        assert!(monthly_file(&history, Some(month), &rules, None).unwrap_err().contains(said), "{month}");
    }
}

/// Of the list of a room's last week, as if it were to come.
fn coming(history: &History, room: usize, booked: u32, whole_cases: Option<u32>) -> ComingList {
    let last = history.lists.iter().rfind(|list| list.session.room == history.rooms[room].1).unwrap();
    let session = SessionResult { state: SessionState::Planned, ..last.session.clone() };
    let finish = (booked > 0).then(|| session.planned_start.plus_minutes(110));
    let spare = Spare { booked, finish, free: Minutes::whole(130), each: Some(Minutes::whole(60)), whole_cases };
    ComingList { session, spare, zone: chrono_tz::Europe::London }
}

#[tokio::test]
async fn coming_lists_with_room_are_summed_by_site_and_listed() {
    let mut history = past::weeks();
    history.coming =
        vec![coming(&history, 0, 0, Some(3)), coming(&history, 1, 2, Some(2)), coming(&history, 2, 2, Some(0))];
    let mut source = FixedSource::new(every_state(at("13:10")));
    source.history = Arc::new(history);
    let address = serve(&Arc::new(source)).await;
    let html = get(address, "/spare-capacity").await.body;
    assert!(html.contains("2 lists with room of 3 that are planned"));
    assert!(html.contains(
        "<td>Main site</td><td>theatres</td><td class=\"n\">1</td><td class=\"n\">1</td><td class=\"n\">260</td><td class=\"n\">5</td>"
    ));
    assert!(html.contains(">Theatre 1</a>") && html.contains(">Theatre 2</a>") && !html.contains(">Theatre 3</a>"));
    let none = get(address, "/spare-capacity?kind=endoscopy").await.body;
    assert!(none.contains("No coming list is without bookings"));
    for (path, said) in [
        ("/spare-capacity?days=0", "is no number of days"),
        ("/spare-capacity?kind=mri", "is no kind of room of this page"),
        ("/daily?date=monday", "is not a date"),
        ("/daily?site=east", "There is no site “east”."),
    ] {
        let answer = get(address, path).await;
        assert_eq!((answer.status, answer.body.contains(said)), (400, true), "{path}");
    }
    let day = get(address, "/daily?site=main&date=2022-02-14").await.body;
    assert!(day.contains("Monday 14 February 2022") && day.contains("‹ 7 February 2022"));
}
