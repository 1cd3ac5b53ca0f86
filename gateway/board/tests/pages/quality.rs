//! The pages of data quality and of reasons, over fixed days.

use crate::fixed_source::FixedSource;
use crate::fixture;
use crate::http::{get, page, serve, text};

#[tokio::test]
async fn what_is_in_doubt_stands_with_what_it_does_to_the_figure() {
    let now = fixture::at("22:00");
    let plans = [fixture::plan("08:30", "12:30", "Orthopaedics")];
    let whole = vec![fixture::case(1, "08:30", 60, &["08:34", "08:52", "09:31", "09:44"])];
    let open = vec![
        fixture::case(2, "08:30", 60, &["08:40", "08:52", "09:31", "10:40"]),
        fixture::case(3, "10:30", 60, &["10:50", "11:00"]),
        fixture::case(4, "11:30", 60, &["11:40", "11:50", "12:00", "12:20"]),
    ];
    let rooms = vec![fixture::room("th-1", &plans, whole, now), fixture::room("th-2", &plans, open, now)];
    let seen = text(&page(FixedSource::new(fixture::site(rooms, now)), "/quality").await);
    for expected in [
        "Capped utilisation of elective theatre lists: 47.92 % to 58.33 % (230 to 280 of 480 min)",
        "50 min of the plans are not known. 1 closed list is incomplete",
        "a case without an end its time is unknown: the figure is a range",
        "None of 2 watched rooms is silent now.",
        "is shown to people with the role “admin”",
    ] {
        assert!(seen.contains(expected), "{expected}: {seen}");
    }
}

#[tokio::test]
async fn a_period_that_cannot_be_is_refused_with_its_remedy() {
    let address = serve(&std::sync::Arc::new(FixedSource::new(fixture::site(Vec::new(), fixture::at("13:10"))))).await;
    for (query, expected) in [
        ("from=2022-02-11&to=2022-02-01", "swap them"),
        ("from=1990-02-11&to=2022-02-01", "choose a shorter period"),
        ("from=11.2.2022", "write it like 2022-02-11"),
    ] {
        let answer = get(address, &format!("/reasons?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains(expected), "{query}: {}", answer.body);
    }
    assert!(get(address, "/reasons").await.body.contains("Nothing to explain"));
}
