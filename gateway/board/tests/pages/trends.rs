//! The page of trends.

use std::sync::Arc;

use board::trends_html;
use utilisation::aggregate::{Dimension, aggregate};
use utilisation::measure::Measure;
use utilisation::result::SessionResult;
use utilisation::rules::RuleSet;

use crate::fixed_source::FixedSource;
use crate::fixture::{at, every_state, past};
use crate::http::{get, serve};

fn page(query: &str) -> String {
    trends_html(&past::weeks(), query, &RuleSet::default()).unwrap()
}

#[tokio::test]
async fn the_address_of_trends_answers_and_a_wrong_choice_is_explained() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    let good = get(address, "/trends?by=room&period=week").await;
    assert_eq!(good.status, 200);
    assert!(good.body.contains("Capped utilisation, 3 January 2022 to 21 March 2022"));
    for (query, said) in [
        ("measure=green_rate", "is no measure of this page (capped_utilisation,"),
        ("by=surgeon", "is no unit of this page (room, site, specialty, trust)"),
        ("period=day", "is no period of this page (week, month)"),
        ("from=yesterday", "is not a date (write it like 2022-02-11)"),
        ("from=2022-03-01&to=2022-02-01", "2022-03-01 is after 2022-02-01 (swap them)"),
        ("rooms=mri", "is no kind of room of this page"),
    ] {
        let answer = get(address, &format!("/trends?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains(said), "{query}: {}", answer.body);
    }
    assert!(get(address, "/").await.body.contains("href=\"/trends\""), "the board leads to the trends");
}

#[test]
fn every_figure_of_the_page_is_a_row_of_the_report() {
    let history = past::weeks();
    let sessions: Vec<&SessionResult> = history.lists.iter().map(|list| &list.session).collect();
    let html = page("period=week");
    let rules = RuleSet::default();
    for by in [&[][..], &[Dimension::Room], &[Dimension::Week]] {
        for row in aggregate(sessions.iter().copied(), by, &rules) {
            let percent = format!("{} %", row.capped_utilisation.unwrap().percent(2));
            assert!(html.contains(&percent), "{percent} of {by:?} is missing");
            let terms = format!("{:.0} of {:.0} min", row.capped_min, row.planned_min);
            assert!(html.replace(',', "").contains(&terms), "{terms} of {by:?} is missing");
        }
    }
    assert!(html.contains("girft-2024.1") && html.contains("variant <b>window</b>"));
}

#[test]
fn every_measure_has_a_page_with_a_table_beside_each_picture() {
    for measure in Measure::ALL
        .iter()
        .filter(|measure| !matches!(measure, Measure::PointsUtilisation | Measure::ExamsPerHour | Measure::MedianSlot))
    {
        for by in ["room", "site", "specialty", "trust"] {
            let html = page(&format!("measure={}&by={by}&period=month", measure.name()));
            let pictures = html.matches("role=\"img\"").count();
            assert!(html.matches("<table").count() >= 4, "{measure:?} by {by}: {pictures} pictures");
            assert!(!html.contains("NaN") && !html.contains("inf"), "{measure:?} by {by}");
        }
    }
}

#[test]
fn limits_begin_anew_with_a_named_change_and_a_shift_is_flagged_without_it() {
    let mut history = past::weeks();
    let by_week = |history: &_| trends_html(history, "period=week", &RuleSet::default()).unwrap();
    let without = by_week(&history);
    assert!(!without.contains("new limits:") && without.contains("outside a limit, improvement"));
    history.changes.push(past::new_template());
    let with = by_week(&history);
    assert!(with.contains("2022-W07 · <b>new limits: New list template</b>"));
    assert!(!with.contains("outside a limit, improvement"));
    // A change of another site is none of this one.
    history.changes[0].site = room_events::SiteId::new("east").ok();
    assert!(!by_week(&history).contains("new limits:"));
}

#[test]
fn the_upper_quartile_is_named_and_narrowing_keeps_every_choice_in_the_address() {
    let html = page("by=room&period=week&from=2022-01-01");
    assert!(html.contains("Upper quartile: <b>Theatre 1, Theatre 2</b>"), "two of five lie on or above the cut");
    assert!(html.contains(
        "/trends?measure=capped_utilisation&amp;by=room&amp;period=week&amp;kind=elective&amp;rooms=theatre&amp;site=main&amp;room=suite-3&amp;from=2022-01-01"
    ));
    let narrowed = page("period=week&site=main&room=suite-3");
    assert!(narrowed.contains("Main site, Theatre 3") && narrowed.contains("12 elective lists held"));
    assert!(page("kind=emergency").contains("No list matches."));
}

#[test]
fn beside_the_charts_of_all_units_stands_a_table_of_their_latest_periods() {
    let html = page("by=room&period=week");
    let from = html.find("Table of the 12 latest of 12 periods").unwrap();
    let table = html[from..].split("</table>").next().unwrap();
    assert_eq!(table.matches("<th class=\"n\">2022-W").count(), 12);
    assert!((1..=5).all(|room| table.contains(&format!("<td>Theatre {room}</td>"))), "{table}");
    assert!(table.contains("<span class=\"dim\">improvement</span>"), "{table}");
}

#[test]
fn a_week_that_is_not_over_is_named_and_not_plotted() {
    let mut history = past::weeks();
    history.today = history.today - chrono::Days::new(2);
    let html = trends_html(&history, "period=week", &RuleSet::default()).unwrap();
    assert!(html.contains("2022-W12 is not over and not plotted."));
    assert!(html.contains("Table of the 11 weeks"));
}
