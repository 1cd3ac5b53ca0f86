//! The board: what each row says, what needs attention, and what a hostile label cannot do.

use std::sync::Arc;

use board::source::{Condition, Feed, RoomDay, Severity, SourceError};
use room_events::{Label, RoomKind, UtcMillis};
use utilisation::quantity::Minutes;
use utilisation::rules::RuleSet;

use crate::fixed_source::FixedSource;
use crate::fixture::scanners::{every_scanner, scanner, steps};
use crate::fixture::{at, case, every_state, plan, room, site};
use crate::http::{element, get, page, serve, text};

async fn board_of_every_state() -> String {
    page(FixedSource::new(every_state(at("13:10"))), "/").await
}

#[tokio::test]
async fn every_state_is_told_in_words() {
    let html = board_of_every_state().await;
    for (suite, class, words) in [
        (1, "wait", "Not started Orthopaedics · 2 booked"),
        (2, "late", "Late start 40 min Plastics · due 12:30"),
        (3, "anaesthetic", "Anaesthetic 24 min Vascular · case 3 of 5"),
        (4, "procedure", "Procedure 60 min Obs and gynae · case 3 of 4"),
        (5, "leaving", "Leaving 4 min ENT · case 3 of 4"),
        (6, "turnover", "Turnover 18 min Urology · 3 of 4 done"),
        (7, "procedure", "Overrun + 70 on 12:00"),
        (8, "procedure", "Overrun + 25 on 12:45"),
        (9, "done", "All done Ophthalmology · 3 of 3 done"),
        (10, "procedure", "list 2 of 2"),
        (11, "done", "Finished Colorectal · 3 of 3 done"),
        (12, "cancelled", "Not held left out of %"),
        (13, "unused", "Not used left out of %"),
        (14, "unknown", "Unknown no data since 12:20"),
        (15, "procedure", "list 1 of 2"),
        (16, "anaesthetic", "Anaesthetic 8 min Cataract · case 5 of 6"),
        (17, "procedure", "1 cancelled"),
    ] {
        let row = element(&html, "section", &format!("room-suite-{suite}"));
        assert!(row.contains(&format!("class=\"tile {class}\"")), "suite {suite} is not {class}");
        assert!(text(row).contains(words), "suite {suite} does not say `{words}`: {}", text(row));
    }
}

#[tokio::test]
async fn a_row_is_a_sentence_for_those_who_hear_it() {
    let html = board_of_every_state().await;
    let row = element(&html, "section", "room-suite-7");
    assert!(
        row.contains(
            "aria-label=\"Theatre 7: Procedure for 25 minutes, Orthopaedics · case 3 of 4. Capped so far 68 % \
             (163 of 240 minutes), best still reachable 68 %. Planned 08:00 to 12:00. Started 26 minutes late. \
             70 minutes over the plan.\""
        ),
        "{}",
        row.get(..600).unwrap()
    );
}

#[tokio::test]
async fn a_silent_room_is_hatched_and_keeps_its_last_known_figure() {
    let html = board_of_every_state().await;
    let row = element(&html, "section", "room-suite-14");
    let words = text(row);
    // 70 + 76 minutes, and 35 of the open case until the feed was last heard at 12:20; not the 85 until now.
    assert!(words.contains("35 % at 12:20") && words.contains("181 of 510 min not known"), "{words}");
    assert!(words.contains("Silent") && !words.contains("best"), "{words}");
    assert_eq!(row.matches("class=\"f-unk s-unk\"").count(), 2, "the time since and the bar are hatched");
    assert!(row.contains("class=\"f-unk s-unk w15\""), "so is the glyph");
    assert!(!row.contains("class=\"to-come\""), "nothing is said of what is to come");
}

#[tokio::test]
async fn the_head_is_the_sum_of_the_rows() {
    let now = at("13:10");
    let mut day = every_state(now);
    let of_one_list = ["suite-3", "suite-4", "suite-7", "suite-9", "suite-11", "suite-12", "suite-13", "suite-14"];
    day.rooms.retain(|room| of_one_list.contains(&room.room.as_str()));
    let html = page(FixedSource::new(day), "/").await;
    let (mut counted, mut planned) = (0, 0);
    for suite in of_one_list.into_iter().filter(|suite| !["suite-12", "suite-13"].contains(suite)) {
        let row = text(element(&html, "section", &format!("room-{suite}")));
        let words: Vec<&str> = row.split(' ').collect();
        let of = words.windows(4).find(|words| words[1] == "of" && words[3] == "min").unwrap();
        counted += of[0].parse::<i64>().unwrap();
        planned += of[2].parse::<i64>().unwrap();
    }
    let head = text(element(&html, "header", "kpis")).replace(',', "");
    assert!(head.contains(&format!("capped so far {counted} of {planned} planned min")), "{head}");
}

#[tokio::test]
async fn what_needs_attention_stands_worst_first() {
    let mut day = every_state(at("13:10"));
    day.conditions.push(Condition {
        severity: Severity::Bad,
        room: None,
        subject: "Clock".to_owned(),
        standing: "1 h off".to_owned(),
        text: "The clock of agent th-main is wrong.".to_owned(),
        advice: Some("Set it.".to_owned()),
    });
    let html = page(FixedSource::new(day), "/").await;
    let side = text(element(&html, "aside", "side"));
    let order = [
        "Theatre 14 silent 50 min No events since 12:20.",
        "Clock 1 h off",
        "Theatre 2 late 40 min Due 12:30; 2 cases booked, nobody in yet.",
        "Theatre 7 +70 min Plan ended 12:00. One case still to start.",
        "Theatre 15 +40 min Plan ended 12:30. Last case in the room.",
        "Theatre 8 +25 min",
        "Theatre 10 check stamps Closed with one case without an end: the figure lies between 61 and 85 %.",
        "Theatre 16 check stamps Two patients in the room at once since 13:02.",
    ];
    let places: Vec<usize> =
        order.iter().map(|item| side.find(item).unwrap_or_else(|| panic!("no `{item}` in {side}"))).collect();
    assert!(places.is_sorted(), "{side}");
    assert!(side.starts_with("Needs attention 8, worst first"), "{side}");
}

#[tokio::test]
async fn a_list_kept_waiting_by_the_one_before_says_so() {
    let now = at("13:25");
    let cases = vec![case(1, "11:00", 90, &["11:05", "11:20"]), case(2, "13:00", 60, &[])];
    let plans = [plan("08:30", "12:30", "Breast"), plan("13:00", "17:00", "Podiatry")];
    let html = page(FixedSource::new(site(vec![room("suite-1", &plans, cases, now)], now)), "/").await;
    let side = text(element(&html, "aside", "side"));
    assert!(
        side.contains("late 25 min Due 13:00; 1 case booked, nobody in yet. The list before still has the room."),
        "{side}"
    );
}

#[tokio::test]
async fn rows_stand_still_within_a_minute() {
    let rows = |html: &str| html.split("<main").nth(1).unwrap().split("</main>").next().unwrap().to_owned();
    let first = page(FixedSource::new(every_state(at("13:10"))), "/").await;
    let later = page(FixedSource::new(every_state(at("13:10").plus_millis(20_000))), "/").await;
    assert_eq!(rows(&first), rows(&later));
    let minute = page(FixedSource::new(every_state(at("13:11"))), "/").await;
    assert_ne!(rows(&first), rows(&minute));
}

#[tokio::test]
async fn a_quiet_day_asks_for_nothing() {
    let now = at("09:00");
    let rooms = vec![room("suite-1", &[plan("08:30", "12:30", "ENT")], vec![case(1, "08:30", 60, &["08:31"])], now)];
    let html = page(FixedSource::new(site(rooms, now)), "/").await;
    assert!(text(element(&html, "aside", "side")).starts_with("Needs attention nothing Nothing to do now"));
}

#[tokio::test]
async fn a_start_within_the_grace_is_not_late() {
    for (time, word) in [("08:40", "Not started"), ("08:41", "Late start")] {
        let now = at(time);
        let rooms = vec![room("suite-1", &[plan("08:30", "12:30", "ENT")], vec![case(1, "08:30", 60, &[])], now)];
        let html = page(FixedSource::new(site(rooms, now)), "/").await;
        assert!(text(element(&html, "section", "room-suite-1")).contains(word), "{time}");
    }
}

#[tokio::test]
async fn a_hostile_label_stays_a_text() {
    let hostile = "<script>alert(1)</script>";
    let now = at("09:00");
    let mut booked = case(1, "08:30", 60, &["08:31"]);
    booked.procedure = Label::fitted("<img src=x onerror=alert(1)>");
    let mut theatre = room("suite-1", &[plan("08:30", "12:30", hostile)], vec![booked], now);
    theatre.name = format!("Theatre {hostile}");
    theatre.short = "\"><u>".to_owned();
    let mut day = site(vec![theatre], now);
    day.site_name = hostile.to_owned();
    day.trust_name = format!("'{hostile}'");
    day.conditions.push(Condition {
        severity: Severity::Warning,
        room: None,
        subject: hostile.to_owned(),
        standing: hostile.to_owned(),
        text: hostile.to_owned(),
        advice: Some(hostile.to_owned()),
    });
    let source = Arc::new(FixedSource::new(day));
    let address = serve(&source).await;
    for path in ["/", "/lists/main.suite-1.2022-02-11.0830"] {
        let html = get(address, path).await.body;
        assert!(!html.contains("<script>") && !html.contains("<img") && !html.contains("<u>"), "{path}");
        assert!(html.contains("&lt;script&gt;"), "{path}");
    }
    let answer = get(address, "/?site=%3Cscript%3E&date=%3Cb%3E").await;
    assert!(!answer.body.contains("<b>") && !answer.body.contains("<script>"), "{}", answer.body);
}

#[tokio::test]
async fn pages_need_nothing_inline_and_nothing_from_elsewhere() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    for path in ["/", "/?kiosk=1&theme=dark", "/lists/main.suite-7.2022-02-11.0800", "/nowhere"] {
        let answer = get(address, path).await;
        assert!(
            answer.head.contains("content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'")
        );
        assert!(!answer.head.contains("unsafe-inline"));
        for forbidden in [" style=", "<style", "onclick", "onload", "javascript:", "http://", "https://", "<script>"] {
            assert!(!answer.body.contains(forbidden), "{path} has {forbidden}");
        }
    }
}

#[tokio::test]
async fn assets_are_named_by_content_and_kept_for_ever() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    let html = get(address, "/").await.body;
    let links: Vec<&str> = html.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert_eq!(links.len(), 3);
    for link in links {
        let answer = get(address, link).await;
        assert_eq!(answer.status, 200, "{link}");
        assert!(answer.head.contains("immutable") && answer.head.contains("max-age=31536000"), "{}", answer.head);
        assert!(answer.head.contains("nosniff"));
    }
    assert_eq!(get(address, "/assets/touchtime.0000000000000000.css").await.status, 404);
    assert_eq!(get(address, "/assets/..%2F..%2FCargo.toml").await.status, 404);
    assert!(get(address, "/").await.head.contains("cache-control: no-store"));
}

#[tokio::test]
async fn wrong_addresses_get_a_remedy() {
    let source = Arc::new(FixedSource::new(every_state(at("13:10"))));
    let address = serve(&source).await;
    for (path, status, words) in [
        ("/?date=11/02/2022", 400, "write it like 2022-02-11"),
        ("/?date=-2022-02-11", 400, "write it like 2022-02-11"),
        ("/?site=Main%20Site", 400, "use a-z, 0-9 and -"),
        ("/?site=north", 404, "There is no site `north`"),
        ("/lists/main.suite-99.2022-02-11.0830", 404, "no list of this name"),
        ("/lists/%00%ff", 400, ""),
        ("/nowhere", 404, "This page does not exist"),
        ("/events?date=tomorrow", 400, "no such date"),
        ("/healthz", 200, "ok"),
    ] {
        let answer = get(address, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(text(&answer.body).contains(words), "{path}: {}", answer.body);
    }
    *source.day.lock().unwrap() = Err(SourceError::Unavailable("the store is locked".to_owned()));
    let answer = get(address, "/").await;
    assert_eq!(answer.status, 503);
    assert!(text(&answer.body).contains("The figures cannot be read: the store is locked"), "{}", answer.body);
}

#[tokio::test]
async fn a_day_without_a_list_says_where_the_lists_are() {
    let html = page(FixedSource::new(every_state(at("13:10"))), "/?date=2022-02-12").await;
    let words = text(element(&html, "main", "rooms"));
    assert_eq!(words, "No list on Saturday 12 February 2022. The latest day with a list is Friday 11 February 2022 .");
    assert!(html.contains("href=\"/?date=2022-02-11\""));
}

#[tokio::test]
async fn scanner_rooms_are_not_shown_by_theatre_measures() {
    let now = at("13:10");
    let mut scanner = room("ct-1", &[plan("08:00", "18:00", "CT")], Vec::new(), now);
    scanner.kind = RoomKind::Ct;
    let mut endoscopy =
        room("endo-1", &[plan("08:00", "12:00", "Endoscopy")], vec![case(1, "08:00", 30, &["08:02"])], now);
    endoscopy.kind = RoomKind::Endoscopy;
    for list in &mut endoscopy.lists {
        list.room_kind = RoomKind::Endoscopy;
    }
    let html = page(FixedSource::new(site(vec![scanner, endoscopy], now)), "/").await;
    assert!(!html.contains("room-ct-1"));
    let row = text(element(&html, "section", "room-endo-1"));
    assert!(!row.contains("85 %"), "the target is for elective theatre lists only: {row}");
    assert!(text(element(&html, "header", "kpis")).contains("no elective list"));
}

/// A CT session from 08:00 with an exam of 20 minutes and one in progress, measured at `now`.
pub fn scanning(now: UtcMillis, alive_to: UtcMillis) -> RoomDay {
    use room_events::{RoomId, StepState, Token};
    use utilisation::facts::{ScannerFacts, SessionPlan, Step};
    use utilisation::scanner::{Conditions, rules::ScannerRules};
    use utilisation::targets::Targets;

    let mut day = room("ct-1", &[plan("08:00", "18:00", "CT")], Vec::new(), now);
    day.kind = RoomKind::Ct;
    day.feed.last_heard = Some(alive_to);
    let step = |id, start, end: Option<&str>| Step {
        id: Token { key: 1, digest: id },
        state: if end.is_some() { StepState::Completed } else { StepState::InProgress },
        start: at(start),
        end: end.map(at),
        last_image: None,
        acquired: None,
        accessions: Vec::new(),
        visit: None,
        patient: None,
        protocol: None,
        reason: None,
        captured: at(start),
        conflicting: false,
        inferred: false,
    };
    let facts = ScannerFacts {
        sessions: vec![SessionPlan {
            key: room_events::SessionKey::new("day").unwrap(),
            revisions: vec![plan("08:00", "18:00", "CT")],
        }],
        cases: Vec::new(),
        steps: vec![step(1, "08:05", Some("08:25")), step(2, "08:50", None)],
        alive: (0..).map(|n| at("08:00").plus_minutes(5 * n)).take_while(|beat| *beat <= alive_to).collect(),
    };
    let ct = utilisation::facts::Room {
        trust: room_events::TrustId::new("t").unwrap(),
        site: room_events::SiteId::new("main").unwrap(),
        room: RoomId::new("ct-1").unwrap(),
        kind: RoomKind::Ct,
        zone: chrono_tz::Europe::London,
    };
    let (rules, scanner, targets) =
        (utilisation::rules::RuleSet::default(), ScannerRules::default(), Targets::built_in());
    let under = Conditions { rules: &rules, scanner: &scanner, closures: &[], targets: &targets };
    day.scans = utilisation::scanner::measure_room(&ct, &facts, under, now).sessions;
    day
}

#[tokio::test]
async fn every_state_of_a_scanner_is_told_in_words() {
    let now = at("13:25");
    let html = page(FixedSource::new(site(every_scanner(now), now)), "/").await;
    for (room, class, words) in [
        ("mri-1", "procedure", "Scanning 6 min first +5 · changeover"),
        ("mri-1", "procedure", "1.8 per h target 2.5"),
        ("mri-1", "procedure", "4 short 9 in 4.9 h 5 to come in band 1.5–3"),
        ("mri-2", "late", "Idle 25 min first +17 · changeover"),
        ("mri-2", "late", "7 short 6 in 4.9 h Idle 5 booked"),
        ("ct-1", "turnover", "Changeover 3 min first +2"),
        ("ct-1", "turnover", "4.3 per h target 4 on target 21 in 4.9 h 215 min left"),
        ("ct-2", "unknown", "Unknown 41 min no data since 12:44 3.1 per h at 12:44 – not known Silent"),
        ("us-1", "late", "Idle 25 min"),
        ("echo-1", "procedure", "Scanning 20 min first +1 · changeover"),
        ("echo-1", "procedure", "5 in 4.9 h"),
        ("mri-3", "late", "Late start 325 min due 08:00"),
        ("ct-3", "done", "All done"),
    ] {
        let row = element(&html, "section", &format!("scanner-{room}"));
        assert!(row.contains(&format!("class=\"tile {class}\"")), "{room} is not {class}: {row}");
        assert!(text(row).contains(words), "{room}: no `{words}` in {}", text(row));
    }
    let echo = element(&html, "section", "scanner-echo-1");
    assert!(!text(echo).contains("target"), "a rate of echocardiograms is never judged: {}", text(echo));
    assert!(html.contains("<h1>Imaging"));
}

#[tokio::test]
async fn scanners_that_need_somebody_stand_among_what_needs_attention() {
    let now = at("13:25");
    let html = page(FixedSource::new(site(every_scanner(now), now)), "/").await;
    let side = text(element(&html, "aside", "side"));
    let order = [
        "CT 2 silent 41 min No events since 12:44; 5 booked. Check the agent; state and rate are unknown.",
        "MRI 3 late 325 min Due 08:00, nothing scanned yet.",
        "MRI 2 idle 25 min 5 booked, nobody in the room since 13:00.",
        "US 1 idle 25 min Nobody in the room since 13:00.",
    ];
    let places: Vec<usize> =
        order.iter().map(|item| side.find(item).unwrap_or_else(|| panic!("no `{item}` in {side}"))).collect();
    assert!(places.is_sorted() && side.starts_with("Needs attention 4, worst first"), "{side}");
    let kpis = text(element(&html, "header", "kpis"));
    assert!(!kpis.contains("capped") && kpis.contains("short of target so far"), "{kpis}");
}

#[tokio::test]
async fn a_scanner_of_which_too_little_was_seen_has_no_rate() {
    let now = at("15:00");
    let day = scanner(("ct-2", "CT 2", RoomKind::Ct), steps("08:05", 14, 11, 8), Vec::new(), at("12:44"), now);
    let html = page(FixedSource::new(site(vec![day], now)), "/").await;
    let row = text(element(&html, "section", "scanner-ct-2"));
    assert!(row.contains("– 3.1 per observed h") && !row.contains("target") && !row.contains("Idle"), "{row}");
}

#[tokio::test]
async fn a_scanner_in_its_break_is_neither_idle_nor_changed_over() {
    let now = at("12:55");
    let mri = ("mri-1", "MRI 1", RoomKind::Mri);
    let of = |day| async move { page(FixedSource::new(site(vec![day], now)), "/").await };
    let html = of(scanner(mri, steps("08:05", 8, 20, 10), Vec::new(), now, now)).await;
    let row = text(element(&html, "section", "scanner-mri-1"));
    assert!(row.contains("Break 25 min") && row.contains("Break until 13:00"), "{row}");
    assert!(text(element(&html, "aside", "side")).contains("nothing"));
}

#[tokio::test]
async fn a_scanners_picture_tells_scans_from_what_is_not_known() {
    let now = at("13:25");
    let html = page(FixedSource::new(site(every_scanner(now), now)), "/").await;
    let row = |room: &str| element(&html, "section", &format!("scanner-{room}")).to_owned();
    // Nine completed and the one in progress; the discontinued one is hollow.
    assert_eq!(row("mri-1").matches("class=\"f-proc s-edge\"").count(), 10);
    assert_eq!(row("mri-1").matches("height=\"25\" class=\"f-page s-ink2\"").count(), 1);
    assert_eq!(row("mri-1").matches("class=\"to-come\"").count(), 5);
    assert!(row("ct-2").contains("class=\"f-unk s-unk\"") && !row("ct-2").contains("to-come"));
    assert!(row("mri-2").contains("class=\"f-late s-edge\""));
    let tables = html.split("id=\"tables\"").nth(1).unwrap();
    assert!(text(tables).contains("MRI 1 08:00–17:00 Scanning 9 0 1"), "{}", text(tables));
}

#[tokio::test]
async fn a_feed_without_a_promise_of_life_is_never_silent() {
    let mut day = every_state(at("13:10"));
    for room in &mut day.rooms {
        room.feed = Feed { last_heard: None, expected_every: None };
    }
    let html = page(FixedSource::new(day), "/").await;
    assert!(!text(&html).contains("Silent"));
}

#[tokio::test]
async fn a_finished_list_is_not_made_unknown_by_later_silence() {
    let now = at("16:00");
    let cases = vec![case(1, "08:30", 60, &["08:31", "08:45", "11:30", "12:10"])];
    let mut done = room("suite-1", &[plan("08:30", "12:00", "ENT")], cases, now);
    done.feed = Feed { last_heard: Some(at("12:30")), expected_every: Some(Minutes::whole(5)) };
    let mut doubtful = done.clone();
    doubtful.room = room_events::RoomId::new("suite-2").unwrap();
    doubtful.feed.last_heard = Some(at("11:45"));
    let html = page(FixedSource::new(site(vec![done, doubtful], now)), "/").await;
    assert!(text(element(&html, "section", "room-suite-1")).contains("Finished"));
    assert!(text(element(&html, "section", "room-suite-2")).contains("Unknown"));
}

#[tokio::test]
async fn a_rule_set_without_a_bound_shows_no_best() {
    let mut source = FixedSource::new(every_state(at("13:10")));
    source.rules = RuleSet::named("girft-2024.1-duration").unwrap();
    let html = page(source, "/").await;
    let row = text(element(&html, "section", "room-suite-4"));
    assert!(!row.contains("best") && row.contains("85 % possible"), "{row}");
    assert!(text(&html).contains("Rules girft-2024.1-duration duration"), "the rule set stands near its percentages");
}

#[tokio::test]
async fn the_day_is_a_table_too() {
    let html = board_of_every_state().await;
    let tables = html.split("id=\"tables\"").nth(1).unwrap();
    assert!(text(tables).contains("Theatre 7 Orthopaedics Procedure 08:00–12:00 26 163 240 67.9"), "{}", text(tables));
    assert!(text(tables).contains("Theatre 10 3"), "every case has a line");
}

#[tokio::test]
async fn rooms_without_a_list_stand_beside_lists_but_do_not_fill_an_empty_day() {
    let now = at("09:00");
    let free = room("suite-2", &[], Vec::new(), now);
    let html = page(FixedSource::new(site(vec![free.clone()], now)), "/").await;
    assert!(!html.contains("<section") && text(&html).contains("No list on Friday 11 February 2022."));
    let used = room("suite-1", &[plan("08:30", "12:30", "ENT")], vec![case(1, "08:30", 60, &["08:31"])], now);
    let html = page(FixedSource::new(site(vec![used, free], now)), "/").await;
    assert!(text(element(&html, "section", "room-suite-2")).contains("No list nothing planned"));
}
