//! A list's page: everything printed on it must add up for a reader with a pencil.

use std::sync::Arc;

use board::source::{Audit, Change, SiteDay, Source, SourceError, Stamp};
use chrono::NaiveDate;
use room_events::{Milestone, RoomKind, SiteId, UtcMillis};
use tokio::sync::broadcast;
use utilisation::quantity::Minutes;
use utilisation::rules::RuleSet;

use crate::fixed_source::FixedSource;
use crate::fixture::scanners::{booked, discontinued, scanner, step, steps};
use crate::fixture::{at, audit_of, case, every_state, plan, room, site, token};
use crate::http::{get, page, serve, text};

/// The printed minutes of a term, in milliseconds: `72`, `72 m 20 s`.
fn millis(printed: &str) -> i64 {
    let (minutes, seconds) = printed.split_once(" m ").unwrap_or((printed, "0"));
    let (seconds, millis) =
        seconds.trim_end_matches(" s").split_once('.').unwrap_or((seconds.trim_end_matches(" s"), "0"));
    let number = |digits: &str| digits.parse::<i64>().unwrap();
    number(minutes) * 60_000 + number(seconds) * 1000 + number(millis)
}

/// The terms of "220 counted + 15 late start + ... = 300 planned minutes" and what they come to.
fn equation(html: &str) -> Option<(Vec<i64>, i64)> {
    let line = html.split("<p class=\"eq\">").nth(1)?.split("</p>").next()?;
    let (left, right) = line.split_once(" = ")?;
    let bold = |text: &str| -> Vec<i64> {
        text.split("<b>").skip(1).map(|rest| millis(rest.split("</b>").next().unwrap())).collect()
    };
    right.contains("planned minutes").then(|| (bold(left), bold(right)[0]))
}

#[tokio::test]
async fn every_list_adds_up_to_its_plan_at_every_time_of_day() {
    let mut checked = 0;
    for hour in 8..22 {
        for minute in ["00", "25"] {
            let now = at(&format!("{hour}:{minute}"));
            let day = every_state(now);
            let ids: Vec<(String, bool)> = day
                .rooms
                .iter()
                .flat_map(|room| &room.lists)
                .map(|list| (list.id.clone(), list.figures.cases_started > 0))
                .collect();
            let address = serve(&Arc::new(FixedSource::new(day))).await;
            for (id, started) in ids {
                let html = get(address, &format!("/lists/{id}")).await.body;
                assert!(!html.contains("please report"), "{id} at {hour}:{minute}: {}", text(&html));
                if started {
                    let (terms, planned) = equation(&html).unwrap_or_else(|| panic!("{id} has no sum"));
                    assert_eq!(terms.iter().sum::<i64>(), planned, "{id} at {hour}:{minute}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 300, "only {checked} lists were checked");
}

async fn page_of(plans: &[utilisation::facts::Plan], cases: Vec<utilisation::facts::Case>, id: &str) -> String {
    let now = at("23:00");
    page(
        FixedSource::new(site(vec![room("suite-1", plans, cases, now)], now)),
        &format!("/lists/main.suite-1.2022-02-11.{id}"),
    )
    .await
}

#[tokio::test]
async fn the_arithmetic_can_be_followed_line_by_line() {
    let cases = vec![
        case(1, "13:30", 80, &["13:45", "14:00", "14:50", "15:00"]),
        case(2, "15:00", 80, &["15:15", "15:30", "16:30", "16:40"]),
        case(3, "16:30", 60, &["16:55", "17:10", "18:00", "18:10"]),
    ];
    let html = page_of(&[plan("13:30", "17:30", "ENT")], cases, "1330").await;
    let words = text(&html);
    for line in [
        "ENT, Friday 11 February 2022",
        "81.25 % 195 of 240 planned min, target 85 %",
        "195 counted + 15 late start + 30 gaps + 0 early finish = 240 planned minutes",
        "late start 13:30 13:45 15 15",
        "1 Touch 13:45 15:00 75 75 75",
        "turnover 15:00 15:15 15 15",
        "3 Touch 16:55 18:10 75 35 195",
        "Touch minutes 235 195 195",
        "195 / 240 = 0.8125 = 81.25 %",
        "Touch after 17:30 1 40 min not counted as utilisation; the list overran by 40 min",
        "after the plan: 40 touch min not counted; overrun 40 min",
        "The list reaches 85 % under 2 of 4 rules",
        "duration 97.92 % meets 85 %",
        "window 81.25 % below 85 %",
        "Final: 3 cases with both stamps",
    ] {
        assert!(words.contains(line), "no `{line}` in {words}");
    }
}

#[tokio::test]
async fn overlapping_cases_count_each_minute_once() {
    let cases = vec![
        case(1, "08:30", 60, &["08:30", "08:40", "09:20", "09:30"]),
        case(2, "09:00", 60, &["09:10", "09:20", "10:00", "10:10"]),
    ];
    let words = text(&page_of(&[plan("08:30", "12:30", "Cataract")], cases, "0830").await);
    assert!(words.contains("inside plan each once running"), "{words}");
    assert!(words.contains("2 Touch 09:10 10:10 60 60 40 100"), "{words}");
    assert!(words.contains("Touch minutes 120 120 100 100"), "{words}");
    assert!(words.contains("overlap inside the plan 20 min"), "{words}");
}

#[tokio::test]
async fn an_incomplete_list_shows_its_range_and_what_is_not_known() {
    let mut end_only = case(2, "09:40", 60, &[]);
    end_only.stamps.set(Milestone::OutOfTheatre, Some(at("11:00")));
    let cases = vec![
        case(1, "08:30", 60, &["08:30", "08:40", "09:20", "09:30"]),
        end_only,
        case(3, "11:00", 60, &["11:10", "11:20", "11:50", "12:00"]),
    ];
    let html = page_of(&[plan("08:30", "12:30", "ENT")], cases, "0830").await;
    assert!(html.contains("id=\"check\" data-row=\"room-suite-1\""), "the page follows the row of its room");
    assert!(html.contains("data-live=\"/events?site=main&amp;date="), "on the board of its day");
    let words = text(&html);
    for line in [
        "45.83 to 83.33 % 110 to 200 of 240 planned min",
        "110 counted + 90 not known + 0 late start + 10 gaps + 30 early finish = 240 planned minutes",
        "Touch: no start stamp, not counted 09:30 11:00 – 90",
        "at most (110 + 90 not known) 200 / 240 = 0.8333 = 83.33 %",
        "No start stamp 1 in the 90 min not known, not counted",
        "incomplete: the figure is a range",
    ] {
        assert!(words.contains(line), "no `{line}` in {words}");
    }
    assert!(html.matches("class=\"f-unk s-unk\"").count() >= 2, "the case and the strip are hatched");
}

#[tokio::test]
async fn seconds_are_printed_where_they_are_needed_to_add_up() {
    let mut first = case(1, "08:30", 60, &["08:30", "08:40", "09:20", "09:30"]);
    first.stamps.set(Milestone::IntoTheatre, Some(at("08:30").plus_millis(20_000)));
    let html = page_of(&[plan("08:30", "12:30", "ENT")], vec![first], "0830").await;
    let words = text(&html);
    assert!(words.contains("59 m 40 s counted + 0 m 20 s late start + 0 gaps + 180 early finish = 240"), "{words}");
    assert!(words.contains("08:30:20"), "{words}");
}

#[tokio::test]
async fn lists_without_a_case_say_why_there_is_no_figure() {
    let address = serve(&Arc::new(FixedSource::new(every_state(at("13:10"))))).await;
    for (id, words) in [
        ("main.suite-12.2022-02-11.0830", "This list was withdrawn."),
        ("main.suite-13.2022-02-11.0800", "Nobody ever came."),
        ("main.suite-2.2022-02-11.1230", "No case has started yet"),
    ] {
        let html = get(address, &format!("/lists/{id}")).await.body;
        assert!(text(&html).contains(words), "{id}: {}", text(&html));
        assert!(!text(&html).contains("0.00"), "{id} invents a percentage");
    }
}

/// Serves one list's page as it is given.
struct OneAudit {
    rules: RuleSet,
    audit: Audit,
}

impl Source for OneAudit {
    fn now(&self) -> UtcMillis {
        self.audit.as_at
    }

    fn rules(&self) -> &RuleSet {
        &self.rules
    }

    fn site_day(&self, _: Option<&SiteId>, _: NaiveDate) -> Result<SiteDay, SourceError> {
        Err(SourceError::Unavailable("there is but one list".to_owned()))
    }

    fn latest_day(&self) -> Option<NaiveDate> {
        None
    }

    fn audit(&self, _: &str) -> Result<Option<Audit>, SourceError> {
        Ok(Some(self.audit.clone()))
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        broadcast::channel(1).1
    }
}

fn audit_with(change: impl FnOnce(&mut Audit)) -> OneAudit {
    let now = at("23:00");
    let cases = vec![case(1, "08:30", 60, &["08:40", "08:50", "09:20", "09:30"])];
    let theatre = room("suite-1", &[plan("08:30", "12:30", "ENT")], cases, now);
    let mut audit = audit_of(&theatre.lists[0], "Theatre 1", now);
    change(&mut audit);
    OneAudit { rules: RuleSet::default(), audit }
}

async fn page_of_audit(source: OneAudit) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let pages = ::board::router(Arc::new(source));
    tokio::spawn(async move { axum::serve(listener, pages).await });
    get(address, "/lists/any").await.body
}

#[tokio::test]
async fn a_replaced_stamp_is_struck_through_and_kept() {
    let source = audit_with(|audit| {
        audit.stamps.push(Stamp {
            case: token(1),
            milestone: Milestone::OutOfTheatre,
            at: Some(at("09:45")),
            source: "theatre-system of agent th-main".to_owned(),
            order: 9,
            captured: at("09:46"),
            correction: None,
            superseded: true,
        });
        audit.stamps.iter_mut().filter(|stamp| stamp.at == Some(at("09:30"))).for_each(|stamp| {
            stamp.correction = Some("theatre coordinator: typing error".to_owned());
        });
    });
    let html = page_of_audit(source).await;
    assert!(html.contains("<s>09:45</s>"), "{html}");
    let words = text(&html);
    assert!(words.contains("corrected: theatre coordinator: typing error"), "{words}");
    assert!(words.contains("out of theatre 09:30 b theatre-system of agent th-main, record 4"), "{words}");
    assert!(words.contains("5 records, 1 replaced by a correction, none inferred."), "{words}");
}

#[tokio::test]
async fn a_stored_figure_that_does_not_follow_from_its_cases_is_not_passed_over() {
    let source = audit_with(|audit| audit.result.figures.capped += Minutes::whole(5));
    let words = text(&page_of_audit(source).await);
    assert!(words.contains("These lines come to 50 minutes, the stored figure is 55: please report it."), "{words}");
    assert!(words.contains("This does not come to the plan's 240 minutes: please report it."), "{words}");
}

#[tokio::test]
async fn a_scanner_session_shows_steps_exams_what_is_left_out_and_the_arithmetic() {
    let now = at("13:25");
    let mri = ("mri-1", "MRI 1", RoomKind::Mri);
    let mut steps = steps("08:05", 9, 20, 9);
    steps.extend([
        discontinued("13:02", "13:03", 110_514),
        discontinued("13:04", "13:12", 110_501),
        step("13:19", ".."),
    ]);
    let mut bookings = booked(&["12:00", "13:10", "13:30"], 25);
    let reason = room_events::Label::fitted("did not attend");
    bookings[0].cancelled = Some(utilisation::facts::Cancelled { at: at("12:15"), class: None, reason });
    bookings[1].id = steps[11].id;
    let day = scanner(mri, steps, bookings, now, now);
    let html = page(FixedSource::new(site(vec![day], now)), "/lists/main.mri-1.2022-02-11.0800").await;
    assert!(html.contains("id=\"check\" data-row=\"scanner-mri-1\""), "the page follows the row of its room");
    assert!(html.contains("data-live=\"/events?site=main&amp;date=2022-02-11\""), "on the board of its day");
    let words = text(&html);
    for expected in [
        "MRI 1, Friday 11 February 2022",
        "Provisional, as at 11 February 2022, 13:25",
        "540 planned (08:00–17:00) − 30 staff breaks − 0 clean-down, QA, service, downtime = 510 operational minutes, of them 295 passed and 295 observed",
        "exams per hour 1.83 = (9 completed + 0 inferred) / 295 min x 60",
        "short of target 4 = 2.5 x 295 min / 60 - 9, not below 0, rounded up (Board paper)",
        "at 13:02 the wrong worklist entry was chosen (DCM 110514): in no figure",
        "at 13:12 nothing of it was completed",
        "at 13:19 has begun and not ended: not counted yet",
        "12:30–13:00 Break: not operational",
        "MR knee completed 08:05 08:25 20",
        // The one that began, the one that did not come, the one that is waited for; no image was told of.
        "12:00 25 3b07f0 did not attend",
        "13:10 25 13:19 +9 af7936 provisional",
        "13:30 25 7776e3 booked",
        "did not attend 1 of 3 booked",
        "acquisition none no image was told of",
        "From To Minutes Changeover before",
        "DCM 110501",
    ] {
        assert!(words.contains(expected), "{expected:?} is missing in:\n{words}");
    }
}

#[tokio::test]
async fn a_scanner_session_that_has_not_begun_lacks_nothing() {
    let now = at("07:40");
    let day = scanner(("mri-1", "MRI 1", RoomKind::Mri), Vec::new(), booked(&["08:00"], 25), now, now);
    let words = text(&page(FixedSource::new(site(vec![day], now)), "/lists/main.mri-1.2022-02-11.0800").await);
    for expected in [
        "Planned; as at 11 February 2022, 07:40",
        "exams per hour none no operational minute has passed",
        "short of target none target 2.5, no operational minute has passed",
        "changeover none no known one (0 unknown)",
        "Exams None has begun. Bookings",
        "08:00 25",
    ] {
        assert!(words.contains(expected), "{expected:?} is missing in:\n{words}");
    }
    assert!(!words.contains("too little") && !words.contains("Steps"), "{words}");
}
