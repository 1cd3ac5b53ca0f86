//! Forecasts on the board's rows.

use board::source::ListForecast;
use room_events::{Label, UtcMillis};
use utilisation::forecast::{Forecast, Likeness, RoomFor};

use crate::fixed_source::FixedSource;
use crate::fixture::{at, every_state};
use crate::http::page;

fn forecast(finish: &str, range: Option<(&str, &str)>) -> Forecast {
    Forecast {
        finish: at(finish),
        range: range.map(|(from, to)| (at(from), at(to))),
        rests_on: Likeness::Procedure,
        to_come: 1,
        room_for: None,
    }
}

/// The board at 13:10 with a forecast for the first list of a room, and that room's row of it.
async fn row_with(room: &str, forecast: Forecast) -> (String, String) {
    let now: UtcMillis = at("13:10");
    let mut day = every_state(now);
    let of = day.rooms.iter_mut().find(|of| of.room.as_str() == room).unwrap();
    of.forecasts = vec![ListForecast { list: of.lists[0].id.clone(), forecast }];
    let html = page(FixedSource::new(day), "/").await;
    let from = html.find(&format!("id=\"room-{room}\"")).unwrap();
    let row = html[from..].split("</section>").next().unwrap().to_owned();
    (html, row)
}

#[tokio::test]
async fn a_list_that_is_expected_to_overrun_says_so_and_needs_attention() {
    let (html, row) = row_with("suite-4", forecast("18:20", Some(("17:55", "18:50")))).await;
    assert!(row.contains("<div class=\"v\">18:20</div><div class=\"r\">17:55–18:50</div>"), "{row}");
    assert!(row.contains("Overrun<small>+80 on 17:00</small>"), "{row}");
    assert!(row.contains("Finish about 18:20, 8 times in 10 between 17:55 and 18:50, 80 minutes over the plan."));
    assert!(html.contains("Plan ends 17:00, finish 18:20 (17:55–18:50)."));
    let (html, row) = row_with("suite-4", forecast("17:30", Some(("17:00", "18:00")))).await;
    assert!(row.contains("Late finish<small>+30 on 17:00</small>"), "{row}");
    assert!(!html.contains("Plan ends 17:00, finish"), "half an hour is no alarm");
}

#[tokio::test]
async fn a_list_past_its_plan_is_ranked_by_its_expected_finish() {
    // Planned to 12:00, so 70 minutes over at 13:10.
    let (html, row) = row_with("suite-7", forecast("14:16", Some(("14:05", "14:32")))).await;
    assert!(row.contains("Overrun<small>+136 on 12:00</small>"), "{row}");
    assert!(html.contains("Plan ended 12:00; finish 14:16 (14:05–14:32)."));
    assert!(html.contains("+136 min"));
}

#[tokio::test]
async fn room_for_one_more_names_the_kind_of_case() {
    let room = RoomFor { procedure: Label::new("Tonsillectomy").unwrap(), chance: 0.93 };
    let early = Forecast { room_for: Some(room), ..forecast("15:00", Some(("14:40", "15:30"))) };
    let (_, row) = row_with("suite-4", early).await;
    assert!(row.contains("Room for 1<small>Tonsillectomy</small>"), "{row}");
    assert!(row.contains("Room for one more: Tonsillectomy."));
    let (_, row) = row_with("suite-4", forecast("15:00", Some(("14:40", "15:30")))).await;
    assert!(row.contains("120 min early"), "{row}");
}

#[tokio::test]
async fn what_is_not_known_has_no_forecast() {
    let (_, silent) = row_with("suite-14", forecast("18:20", Some(("17:55", "18:50")))).await;
    assert!(!silent.contains("18:20") && silent.contains("Silent"), "{silent}");
    let (_, booked) = row_with("suite-4", forecast("16:40", None)).await;
    assert!(booked.contains("as booked") && booked.contains("by booked minutes alone"), "{booked}");
    // Booked minutes that are used up say nothing.
    let (_, used_up) = row_with("suite-4", forecast("13:10", None)).await;
    assert!(used_up.contains("planned") && !used_up.contains("as booked"), "{used_up}");
}
