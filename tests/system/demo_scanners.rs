//! The demo's simulated scanners: what was measured of them equals what they say themselves.

use std::path::Path;

use touchtime_tests::peer::free_port;
use touchtime_tests::programs::{run, touchtime};

const ROOMS: [&str; 4] = ["ct-1", "ct-2", "mri-1", "mri-2"];

fn rows(report: &str, store: &Path) -> Vec<serde_json::Value> {
    let text = run(touchtime().args(["report", report, "--format", "json", "--store"]).arg(store)).good();
    serde_json::from_str(&text).expect("JSON rows")
}

fn sum(rows: &[serde_json::Value], room: &str, column: &str) -> u64 {
    let of_room = rows.iter().filter(|row| row["room"] == room);
    of_room.map(|row| row[column].as_u64().unwrap_or_else(|| panic!("{column} of {row}"))).sum()
}

pub fn measured_is_what_the_simulator_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("demo");
    let http = format!("127.0.0.1:{}", free_port());
    let mut demo = touchtime();
    demo.args(["demo", "--from", "2022-02-14", "--speed", "max", "--exit-when-done", "--http", &http, "--store"]);
    let done = run(demo.arg(&store));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("0 in quarantine, 0 in conflict, 0 lost"), "{}", done.err);

    let account = std::fs::read_to_string(store.join("scanners.json")).expect("an account");
    let account: serde_json::Value = serde_json::from_str(&account).expect("JSON");
    let sessions = rows("scanner-sessions", &store);
    let exported = run(touchtime().args(["export", "events", "-", "--format", "ndjson", "--store"]).arg(&store)).good();
    for room in ROOMS {
        let own = &account["rooms"][room];
        assert!(done.err.contains(&format!("{} exams completed", own["exams_completed"])), "{}", done.err);
        assert!(own["exams_completed"].as_u64() > Some(100), "{room} worked: {own}");
        for column in ["exams_completed", "out_of_hours_exams", "exams_discontinued", "booked"] {
            assert_eq!(sum(&sessions, room, column), own[column].as_u64().expect("a count"), "{room} {column}");
        }
        let of_room = || sessions.iter().filter(|row| row["room"] == room);
        let missed = |row: &serde_json::Value| {
            row["did_not_attend_rate"].as_f64().unwrap_or(0.0) * row["booked"].as_f64().unwrap_or(0.0)
        };
        let missed: f64 = of_room().map(missed).sum();
        assert_eq!(Some(missed.round()), own["did_not_attend"].as_f64(), "{room}");
        assert_eq!(of_room().count() as u64, own["sessions"].as_u64().expect("a count"));
        assert!(of_room().all(|row| row["observed_share"] == 1.0), "{room} was listened to all day");
        let of_room = |line: &&str| line.contains(&format!("\"room\":\"{room}\"")) && line.contains("performed_step");
        assert_eq!(exported.lines().filter(of_room).count() as u64, own["messages"].as_u64().expect("a count"));
    }
    let splits = rows("scanner-splits", &store);
    for kind in ["ct", "mri"] {
        let of_kind = splits.iter().filter(|row| row["room_kind"] == kind && row["split"] == "booking");
        let exams = |row: &serde_json::Value| {
            ["exams", "out_of_hours_exams", "exams_discontinued"]
                .map(|column| row[column].as_u64().expect("a count"))
                .iter()
                .sum()
        };
        let found: Vec<(&str, u64)> = of_kind.map(|row| (row["part"].as_str().expect("a part"), exams(row))).collect();
        let own = |column: &str| -> u64 {
            let rooms = ROOMS.iter().filter(|room| room.starts_with(kind));
            rooms.map(|room| account["rooms"][room][column].as_u64().expect("a count")).sum()
        };
        let walk_ins = own("walk_ins");
        let all = own("exams_completed") + own("out_of_hours_exams") + own("exams_discontinued");
        assert!(walk_ins > 0, "{kind}: {account}");
        assert_eq!(found, [("booked", all - walk_ins), ("walk_in", walk_ins)], "{kind}");
    }
    let database = std::fs::read(store.join("touchtime.db")).expect("a store").to_ascii_lowercase();
    for invented in ["sim-p", "sim-e", "sim-a", "simulated^"] {
        assert!(!database.windows(invented.len()).any(|part| part == invented.as_bytes()), "{invented} is stored");
        assert!(!exported.to_ascii_lowercase().contains(invented), "{invented} is exported");
    }
    a_day_in_the_middle_is_judged_by_its_own_time(&store);
}

/// The demo's time is put back to an afternoon: what is still to come is neither over nor unobserved.
fn a_day_in_the_middle_is_judged_by_its_own_time(store: &Path) {
    // 2022-02-16T13:00Z.
    let clock = r#"{"wall_anchor_ms": 0, "speed": 1.0, "segments": [[1645016400000, 1645016400000]]}"#;
    std::fs::write(store.join("clock.json"), clock).expect("written");
    let sessions = rows("scanner-sessions", store);
    let of =
        |date: &str| -> Vec<&serde_json::Value> { sessions.iter().filter(|row| row["local_date"] == date).collect() };
    let (before, today, after) = (of("2022-02-15"), of("2022-02-16"), of("2022-02-17"));
    assert_eq!([before.len(), today.len(), after.len()], [4; 3]);
    assert!(before.iter().all(|row| row["state"] == "closed"), "{before:?}");
    assert!(after.iter().all(|row| row["state"] == "planned" && row["observed_share"].is_null()), "{after:?}");
    for row in today {
        assert_eq!((&row["state"], &row["observed_share"]), (&"running".into(), &1.0.into()), "{row}");
        let explained =
            run(touchtime().args(["explain", row["session_id"].as_str().expect("an id"), "--store"]).arg(store));
        assert!(explained.good().contains("running"), "{row}");
    }
    let lists = rows("sessions", store);
    assert!(lists.iter().any(|row| row["local_date"] == "2022-02-15" && row["state"] == "closed"));
    assert!(lists.iter().filter(|row| row["local_date"] == "2022-02-17").all(|row| row["state"] != "closed"));
    let site = &rows("scanners", store);
    assert!(site.iter().all(|row| row["observed_share"] == 1.0), "{site:?}");
}
