//! A night on which everything goes wrong that does on real scanners, from their messages to the report.

use std::fs;

use touchtime_tests::peer::await_that;
use touchtime_tests::programs::{agent, run, touchtime};

use super::dicom::{department, python};

/// 30 October 2022, 00:00 UTC: one o'clock in London, which comes again an hour later.
const PLANNED_START: i64 = 1_667_088_000_000;
const MINUTE: i64 = 60_000;

/// A session from 01:00 summer time to 03:00 winter time, three hours; its feed is alive all the time.
fn plan_and_signs_of_life() -> String {
    let plan = format!(
        r#"{{"plan_revision":{{"session":"night","start":{PLANNED_START},"end":{},"kind":"elective","room_kind":"ct"}}}}"#,
        PLANNED_START + 180 * MINUTE
    );
    let alive = (0..=38).map(|n| (PLANNED_START - 5 * MINUTE + n * 5 * MINUTE, r#"{"alive":{}}"#.to_owned()));
    let line = |(seq, (at, obs)): (usize, (i64, String))| {
        format!(
            r#"{{"trust":"demo","site":"main","agent":"plan","stream":"{:032x}","seq":{},"received":{at},"event":{{"v":1,"at":{at},"captured":{at},"mono":1,"clock":"external","source":"plan","order":{seq},"room":"ct-1","obs":{obs}}}}}"#,
            9,
            seq + 1
        ) + "\n"
    };
    [(PLANNED_START - 600 * MINUTE, plan)].into_iter().chain(alive).enumerate().map(line).collect()
}

/// Duplicates, a wrong entry, a second association, a group with a mixed outcome, the repeated hour, discontinued and
/// repeated, a lost last message: each gives the figures that were calculated by hand, and a wrong clock is told.
pub fn a_night_of_everything_gives_the_right_figures() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let (file, store) = (dir.join("plan.ndjson"), dir.join("store"));
    fs::write(&file, plan_and_signs_of_life()).expect("written");
    run(touchtime().args(["import", "events"]).arg(&file).arg("--store").arg(&store)).good();

    let (_broker, _collector, department) = department(dir);
    let settings = "scanners = [{ calling = 'CT1', room = 'ct-1' }, { calling = 'CT7', room = 'ct-7' }]\n";
    // Each part is sent at its own time, by an agent that was restarted in between.
    let tell = |part: &str, minutes: i64, also: &dyn Fn()| {
        let at = PLANNED_START + minutes * MINUTE;
        // A clock that stands still until the year 2100.
        let clock = format!(r#"{{"wall_anchor_ms":4102444800000,"speed":1.0,"segments":[[{at},{}]]}}"#, at + MINUTE);
        let running = department.agent_at(settings, &clock);
        let answers = python("scanner_night.py", &[&department.port.to_string(), part]);
        also();
        drop(running);
        answers
    };
    let first = tell("first", 50, &|| ());
    assert_eq!(
        first,
        "create 1 0000\ncreate 1 0111\nend 1 0000\nend 1 0110\ncreate 2 0000\nend 2 0000\ncreate 3 0000\nend 3 0000\n"
    );
    let second = tell("second", 110, &|| ());
    assert!(second.lines().all(|line| line.ends_with(" 0000")), "{second}");
    let told_of_clock = || {
        let told = run(agent().args(["check", "--config"]).arg(dir.join("agent.toml")));
        format!("{}{}", told.out, told.err).contains("the clock of \"CT7\" is about 7 min 00 s behind the agent's")
    };
    let third = tell("third", 190, &|| await_that("the wrong clock is told", told_of_clock));
    assert!(third.lines().all(|line| line.ends_with(" 0000")), "{third}");

    // The last agent may have been ended before it had sent all; the next one does.
    let _last = department.agent_at(
        settings,
        r#"{"wall_anchor_ms":4102444800000,"speed":1.0,"segments":[[1667099400000,1667099460000]]}"#,
    );
    let steps =
        || department.events().iter().filter(|event| !event["event"]["obs"]["performed_step"].is_null()).count();
    // Nine steps begun, eight ended, four of another scanner.
    await_that("all steps are stored", || steps() == 21);

    let sessions =
        run(touchtime().args(["report", "scanner-sessions", "--format", "json", "--store"]).arg(&store)).good();
    let sessions: Vec<serde_json::Value> = serde_json::from_str(&sessions).expect("JSON rows");
    let [session] = &sessions[..] else { panic!("one session: {sessions:?}") };
    for (column, expected) in [
        ("open_min", 180.into()),
        // A1, A2, A3, A4 repeated, A5 repeated, A8; A7 by its last image; A6 was given up.
        ("exams_completed", serde_json::Value::from(6)),
        ("exams_inferred", 1.into()),
        ("exams_discontinued", 1.into()),
        ("exams_provisional", 0.into()),
        ("attendances", 6.into()),
        // 15 + 20 + 10 + 15 + 2 + 4 + 16 + 8, and of it without the two discontinued and the inferred 62.
        ("occupied_min", 90.into()),
        ("productive_min", 62.into()),
        ("acquisition_min", 11.into()),
        ("first_scan_delay_min", 5.into()),
        // 5, 25, 5, 2, 1, 11, 34.
        ("changeovers", 7.into()),
        ("changeovers_unknown", 0.into()),
        ("discontinued_steps", 2.into()),
        ("discontinued_reasons", "none:1 110501:1".into()),
    ] {
        assert_eq!(session[column], expected, "{column} in {session}");
    }
    let mean = session["changeover_mean_min"].as_f64().expect("a mean");
    assert!((mean - 83.0 / 7.0).abs() < 0.01, "{mean}");
    assert!(session["quality"].to_string().contains("wrong_worklist_entry"), "{session}");
    assert!(!session["quality"].to_string().contains("conflicting_step"), "{session}");
}
