//! Scanner rooms: from stored performed steps to the reports.

use std::path::Path;

use touchtime_tests::browser::Browser;
use touchtime_tests::mqtt::Client;
use touchtime_tests::peer::{Running, await_port, await_that, free_port, mosquitto};
use touchtime_tests::programs::{run, touchtime};
use touchtime_tests::web;

use crate::board::in_chromium;

/// 2026-01-12, a Monday in winter: London is on UTC.
const MIDNIGHT: i64 = 1_768_176_000_000;

pub fn minute(clock: &str) -> i64 {
    let (hour, minute) = clock.split_once(':').expect("HH:MM");
    MIDNIGHT + (hour.parse::<i64>().expect("hour") * 60 + minute.parse::<i64>().expect("minute")) * 60_000
}

/// A day of an MRI scanner as exported events: planned 08:00 to 12:00, alive all the time, five exams, one discontinued,
/// one step for a wrong worklist entry.
fn day_of_a_scanner() -> String {
    let mut events = vec![(
        minute("07:00"),
        format!(
            r#"{{"plan_revision":{{"session":"2026-01-12","start":{},"end":{},"kind":"elective","room_kind":"mri"}}}}"#,
            minute("08:00"),
            minute("12:00")
        ),
    )];
    events.extend((0..=60).map(|n| (minute("07:30") + n * 300_000, r#"{"alive":{}}"#.to_owned())));
    for (n, (start, end, more)) in [
        ("08:05", "08:30", r#""state":"completed","protocol":"MR knee""#),
        ("08:40", "09:05", r#""state":"completed","protocol":"MR knee""#),
        ("09:12", "09:40", r#""state":"discontinued","reason":110501"#),
        ("09:50", "10:20", r#""state":"completed","protocol":"MR knee""#),
        ("10:22", "10:24", r#""state":"discontinued","reason":110514"#),
        ("10:30", "10:55", r#""state":"completed","protocol":"MR knee""#),
        ("11:05", "11:35", r#""state":"completed","protocol":"MR knee""#),
    ]
    .into_iter()
    .enumerate()
    {
        let (start, end) = (minute(start), minute(end));
        events.push((
            end,
            format!(
                r#"{{"performed_step":{{"step":"1.{n:032x}","start":{start},"end":{end},"accessions":["2.{n:032x}"],"patient":"3.{n:032x}",{more}}}}}"#
            ),
        ));
    }
    exported(events)
}

/// Observations with their times as lines of an export.
fn exported(events: Vec<(i64, String)>) -> String {
    let line = |(seq, (at, obs)): (usize, (i64, String))| {
        format!(
            r#"{{"trust":"demo","site":"main","agent":"edge-1","stream":"{:032x}","seq":{},"received":{at},"event":{{"v":1,"at":{at},"captured":{at},"mono":1,"clock":"external","source":"dicom","order":{seq},"room":"mri-1","obs":{obs}}}}}"#,
            7,
            seq + 1
        )
    };
    events.into_iter().enumerate().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

pub fn store_with_a_day(dir: &Path) -> std::path::PathBuf {
    let (file, store) = (dir.join("events.ndjson"), dir.join("store"));
    std::fs::write(&file, day_of_a_scanner()).expect("written");
    run(touchtime().args(["import", "events"]).arg(&file).arg("--store").arg(&store)).good();
    store
}

pub fn rows(store: &Path, report: &str, config: Option<&Path>) -> Vec<serde_json::Value> {
    let mut command = touchtime();
    command.args(["report", report, "--format", "json", "--store"]).arg(store);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    serde_json::from_str(&run(&mut command).good()).expect("JSON rows")
}

pub fn reports_come_from_stored_steps() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = store_with_a_day(dir.path());

    let sessions = rows(&store, "scanner-sessions", None);
    let [session] = &sessions[..] else { panic!("one session: {sessions:?}") };
    assert_eq!(session["session_id"], "main.mri-1.2026-01-12.0800");
    assert_eq!(session["exams_completed"], 5);
    assert_eq!(session["exams_per_hour"], 1.25);
    assert_eq!(session["occupied_min"], 163);
    assert_eq!(session["productive_utilisation"], 0.5625);
    assert_eq!(session["first_scan_delay_min"], 5);
    assert_eq!(session["discontinued_reasons"], "110501:1");
    assert_eq!(session["scans_short_of_target"], 5);
    assert_eq!(session["observed_share"], 1.0);

    let table = run(touchtime().args(["report", "scanners", "--store"]).arg(&store)).good();
    let line = table.lines().nth(1).expect("a room");
    for expected in ["mri-1", "1.25", "2.50", "67.92 %", "56.25 %", "16.67 %"] {
        assert!(line.contains(expected), "{expected:?} is missing in:\n{table}");
    }

    let hours: Vec<u64> =
        rows(&store, "scanner-hours", None).iter().filter_map(|row| row["exams_completed"].as_u64()).collect();
    assert_eq!(hours, [1, 1, 2, 1], "08, 09, 10 and 11 o'clock");
    assert_eq!(rows(&store, "scanner-months", None)[0]["month"], "2026-01");
    let knee =
        rows(&store, "protocols", None).into_iter().find(|row| row["protocol"] == "MR knee").expect("a protocol");
    assert_eq!((&knee["steps"], &knee["mean_min"]), (&5.into(), &27.0.into()));
}

pub fn a_calendar_and_a_target_are_taken_from_the_configuration() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = store_with_a_day(dir.path());
    let config = dir.path().join("gateway.toml");
    std::fs::write(
        &config,
        format!(
            "trust = \"demo\"\n[store]\ndir = {:?}\n[broker]\nhost = \"localhost\"\n\
             [[closures]]\nreason = \"staff-break\"\nfrom = \"11:30\"\nto = \"12:00\"\nweekdays = [\"mon\"]\n\
             [[rooms]]\nsite = \"main\"\nid = \"mri-1\"\nkind = \"mri\"\nmobile = true\n\
             [[closures]]\nsite = \"main\"\nroom = \"mri-2\"\nreason = \"service\"\n\
             [[targets]]\nmeasure = \"exams_per_hour\"\nvalue = 2.0\nroom-kinds = [\"mri\"]\nsource = \"Board paper\"\n",
            store
        ),
    )
    .expect("written");
    let sessions = rows(&store, "scanner-sessions", Some(&config));
    let session = &sessions[0];
    assert_eq!((&session["open_min"], &session["staffed_min"]), (&240.into(), &210.into()));
    assert_eq!(session["target_per_hour"], 2.0);
    assert_eq!(session["scans_short_of_target"], 2, "2 x 3.5 h less 5");
    assert_eq!(session["standing"], "missed");
    let parts = rows(&store, "scanner-splits", Some(&config));
    let part = |split: &str| parts.iter().find(|row| row["split"] == split).expect("a part");
    assert_eq!((&part("unit")["part"], &part("unit")["exams"]), (&"mobile".into(), &5.into()));
    assert!(part("protocol")["part"].is_null(), "the discontinued step has no protocol");
    assert!(parts.iter().any(|row| row["part"] == "MR knee" && row["exams"] == 5), "{parts:?}");

    let text = std::fs::read_to_string(&config).expect("read");
    std::fs::write(&config, text + "[scanners]\nphantom-protocols = [\"mr KNEE\"]\nby-site = true\n").expect("written");
    let session = &rows(&store, "scanner-sessions", Some(&config))[0];
    assert_eq!((&session["exams_completed"], &session["exams_discontinued"]), (&0.into(), &1.into()));
    let table = run(touchtime().args(["report", "scanners", "--store"]).arg(&store).arg("--config").arg(&config));
    let told = format!("{}{}", table.out, table.err);
    assert!(told.contains("neither a DIDS nor a DM01 count; each site counts by itself"), "{told}");

    std::fs::write(
        &config,
        "trust = \"demo\"\n[store]\ndir = \"x\"\n[broker]\nhost = \"h\"\n[[closures]]\nreason = \"qa\"\nfrom = \"7 am\"\n",
    )
    .expect("written");
    let wrong = run(touchtime().args(["report", "scanners", "--store"]).arg(&store).arg("--config").arg(&config));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("closures[0].from: `7 am` is not a time of day"), "{}", wrong.err);
}

/// Weeks of an MRI scanner as exported events: each Monday from 2026-01-12 planned 08:00 to 18:00, so many exams of 10 min.
fn weeks_of_a_scanner(exams: &[i64]) -> String {
    const WEEK: i64 = 7 * 86_400_000;
    let mut events = Vec::new();
    for (week, exams) in (0..).zip(exams) {
        let (start, end) = (minute("08:00") + week * WEEK, minute("18:00") + week * WEEK);
        events.push((
            start,
            format!(
                r#"{{"plan_revision":{{"session":"w{week}","start":{start},"end":{end},"kind":"elective","room_kind":"mri"}}}}"#
            ),
        ));
        events.extend((0..=120).map(|n| (start + n * 300_000, r#"{"alive":{}}"#.to_owned())));
        events.extend((0..*exams).map(|n| {
            let at = start + n * 1_200_000;
            let obs = format!(
                r#"{{"performed_step":{{"step":"1.{:032x}","start":{at},"end":{},"state":"completed"}}}}"#,
                week * 1000 + n,
                at + 600_000
            );
            (at + 600_000, obs)
        }));
    }
    exported(events)
}

pub fn a_change_date_has_an_effect_with_limits_on_both_sides() {
    let dir = tempfile::tempdir().expect("a folder");
    let (file, store) = (dir.path().join("events.ndjson"), dir.path().join("store"));
    std::fs::write(&file, weeks_of_a_scanner(&[20, 22, 20, 22, 27, 27, 28, 26])).expect("written");
    run(touchtime().args(["import", "events"]).arg(&file).arg("--store").arg(&store)).good();

    let change = |on: &[&str]| run(touchtime().args(["report", "scanner-change", "--store"]).arg(&store).args(on));
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&change(&["--on", "2026-02-09", "--format", "json"]).good()).expect("JSON rows");
    let [row] = &rows[..] else { panic!("one room: {rows:?}") };
    let is = |name: &str, wanted: f64| {
        let value = row[name].as_f64().unwrap_or(f64::NAN);
        assert!((value - wanted).abs() < 1e-9, "{name} is {value}, not {wanted}");
    };
    is("lower_limit_before", 1.568);
    is("upper_limit_before", 2.632);
    is("lower_limit_after", 2.434);
    is("change_per_hour", 0.6);
    is("extra_exams_per_machine_year", 0.6 * 3650.0 / 7.0);
    assert_eq!((&row["finding"], &row["trial_limits_before"]), (&"improvement".into(), &true.into()));
    let table = change(&["--on", "2026-02-09"]).good();
    assert!(table.contains("312.86"), "{table}");

    let weeks = run(touchtime().args(["report", "scanner-weeks", "--on", "2026-02-09", "--store"]).arg(&store)).good();
    assert!(weeks.lines().nth(8).is_some_and(|line| line.starts_with("2026-W10") && line.contains("2.60")), "{weeks}");
    for (wrong, remedy) in [(change(&[]), "--on DATE"), (change(&["--on", "2999-01-01"]), "is still to come")] {
        assert_eq!(wrong.code, Some(2));
        assert!(wrong.err.contains(remedy), "{}", wrong.err);
    }
}

pub fn a_store_without_scanners_says_what_makes_a_room_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let (file, store) = (dir.path().join("events.ndjson"), dir.path().join("store"));
    std::fs::write(&file, exported(vec![(minute("08:00"), r#"{"alive":{}}"#.to_owned())])).expect("written");
    run(touchtime().args(["import", "events"]).arg(&file).arg("--store").arg(&store)).good();
    let report = run(touchtime().args(["report", "scanners", "--store"]).arg(&store));
    assert!(report.err.contains("has no scanner room (a room is one when its plan says so"), "{}", report.err);
    assert_eq!(report.code, Some(0));
}

/// The board of a collector over a store with the day of a scanner, and the port of its pages.
fn board_of_a_day(dir: &Path, broker: u16) -> (Running, u16) {
    let store = store_with_a_day(dir);
    let (config, port) = (dir.join("board.toml"), free_port());
    let text = format!(
        "trust = \"demo\"\n[store]\ndir = '{}'\n[broker]\nhost = \"127.0.0.1\"\nport = {broker}\n\
         [board]\nlisten = \"127.0.0.1:{port}\"\n[[rooms]]\nsite = \"main\"\nid = \"mri-1\"\nkind = \"mri\"\nname = \"MRI 1\"\n",
        store.display()
    );
    std::fs::write(&config, text).expect("written");
    let collector = Running::start(
        touchtime()
            .args(["run", "--config"])
            .arg(&config)
            .env("TOUCHTIME_LOG", "off")
            .stderr(std::process::Stdio::null()),
    );
    await_port(port);
    (collector, port)
}

pub fn a_scanners_row_follows_its_steps() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, broker) = mosquitto(dir.path());
    let (_collector, port) = board_of_a_day(dir.path(), broker);
    let page = web::get(port, "/?date=2026-01-12").1;
    for expected in
        ["id=\"scanner-mri-1\"", "MRI 1: Finished", "1.2 exams per hour, target 2.5. 5 exams short of target."]
    {
        assert!(page.contains(expected), "{expected:?} is missing in:\n{page}");
    }

    // A sixth exam, sent again until the collector listens, while somebody looks at the board.
    let (saw, snapshot) = std::sync::mpsc::channel();
    let looking = std::thread::spawn(move || {
        web::events_until(port, "/events?date=2026-01-12", |seen| {
            if seen.contains("1.2 exams per hour") {
                // Told each time; it is waited for once.
                let _ = saw.send(());
            }
            seen.contains("1.5 exams per hour, target 2.5. 4 exams short of target.")
        })
    });
    snapshot.recv().expect("the stream begins with what is there");
    let mut agent = Client::connect(broker, "edge-2");
    agent.set_patience(std::time::Duration::from_millis(300));
    await_that("the row on the board counts the sixth exam", || {
        tell_exam(&mut agent, 1, "11:37", "11:55");
        looking.is_finished()
    });
    looking.join().expect("the stream told of it");
    let (status, check) = web::get(port, "/lists/main.mri-1.2026-01-12.0800");
    assert_eq!(status, 200);
    assert!(check.contains("= (6 completed + 0 inferred) / 240 min x 60"), "{check}");
}

/// Sends a completed exam of MRI 1, the only event of a stream of its own, and waits a moment for the answer.
fn tell_exam(agent: &mut Client, n: u32, start: &str, end: &str) {
    let (start, end, stream) = (minute(start), minute(end), 7 + n);
    let batch = format!(
        r#"{{"v":1,"stream":"{stream:032x}","first":1,"floor":1,"events":[{{"v":1,"at":{end},"captured":{end},"mono":1,"clock":"external","source":"dicom","order":1,"room":"mri-1","obs":{{"performed_step":{{"step":"1.{:032x}","start":{start},"end":{end},"state":"completed"}}}}}}]}}"#,
        98 + n
    );
    agent.publish_and_wait("touchtime/v1/demo/main/agents/edge-2/events", batch.as_bytes(), drop);
}

pub fn a_scanners_pages_follow_in_a_browser() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_broker, broker) = mosquitto(dir.path());
    let (_collector, port) = board_of_a_day(dir.path(), broker);
    let mut browser = Browser::start(dir.path());
    let mut agent = Client::connect(broker, "edge-2");
    agent.set_patience(std::time::Duration::from_millis(300));
    // Nothing is loaded again: what the script remembers of the page stays.
    let mut follows = |address: &str, before: &str, exam: (u32, &str, &str), after: &str| {
        browser.open(&format!("http://127.0.0.1:{port}{address}"));
        browser.await_text(before);
        browser.evaluate("window.opened = true");
        await_that("the page has followed", || {
            tell_exam(&mut agent, exam.0, exam.1, exam.2);
            browser.evaluate(&format!("document.body.innerText.includes('{after}')")) == true
        });
        assert_eq!(browser.evaluate("window.opened"), true, "{address} was loaded again");
    };
    follows("/?date=2026-01-12", "5 short", (1, "11:37", "11:47"), "4 short");
    let page = "/lists/main.mri-1.2026-01-12.0800";
    follows(page, "(6 completed", (2, "11:50", "11:58"), "(7 completed");
}

pub fn a_browser_shows_scanners() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_collector, port) = board_of_a_day(dir.path(), free_port());
    let dom = in_chromium(dir.path(), &format!("http://127.0.0.1:{port}/?date=2026-01-12"));
    for expected in ["<h1>Imaging", "id=\"scanner-mri-1\"", "5 short", "in 4.0 h"] {
        assert!(dom.contains(expected), "{expected:?} is missing in:\n{dom}");
    }
    let check = in_chromium(dir.path(), &format!("http://127.0.0.1:{port}/lists/main.mri-1.2026-01-12.0800"));
    assert!(check.contains("the wrong worklist entry was chosen (DCM 110514): in no figure"), "{check}");
}

pub fn explain_shows_steps_exams_and_arithmetic() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = store_with_a_day(dir.path());
    let text = run(touchtime().args(["explain", "main.mri-1.2026-01-12.0800", "--store"]).arg(&store)).good();
    for expected in [
        "Monday 12 January 2026",
        "08:00 to 12:00 = 240 min",
        "240 of 240 min = 100.00 %",
        "in no figure: the wrong worklist entry was chosen",
        "1.25 = (5 completed + 0 inferred) / 240 min x 60",
        "5 = 2.5 x 240 min / 60 - 5, not below 0, rounded up (CMAST annual plan",
        "67.92 % = 163 of 240 min",
        "56.25 % = 135 of 240 min",
        "of 10, 7, 10, 10, 10 (0 unknown)",
        "5.0 min after the planned start",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
}
