//! The bundled sessions of a real MRI scanner, image by image through the agent, the broker and the collector into reports.
//!
//! The figures are those that the measures give of the same file (gateway/utilisation/tests/scanner/bundled.rs), where they
//! were worked out by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use touchtime_tests::peer::await_within;
use touchtime_tests::programs::{root, run, touchtime};

use crate::dicom::{department, python};
use crate::path::rows;

const DAY: i64 = 86_400_000;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub fn real_sessions_keep_their_spans() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let (_broker, _collector, department) = department(dir);
    let _agent = department.agent();
    let file = root().join("tests/data/mri_acquisitions.csv").display().to_string();
    let port = department.port.to_string();
    let store = |more: &[&str]| python("mri.py", &[&[&port, "TOUCHTIME", "MR1", &file], more].concat());
    let acquired = || department.events().iter().filter(|event| event.to_string().contains("\"acquisition\"")).count();
    let reported = || {
        let mut report = touchtime();
        report.args(["report", "scanner-sessions", "--format", "csv", "--store"]).arg(dir.join("store"));
        let report = run(&mut report);
        (report.out, report.err)
    };
    assert_eq!(store(&[]), "457 stored, 457 accepted\n");
    await_within(PATIENCE, || format!("{} of 457 series", acquired()), || acquired() == 457);
    // What the feed did not live through: the plan of each day, and that it was heard.
    import_days(dir, &department.events());

    let (csv, told) = reported();
    let sessions = rows(&csv);
    assert_eq!((sessions.len(), sum(&sessions, "exams_inferred"), sum(&sessions, "exams_completed")), (69, 70.0, 0.0));
    for column in ["acquisition_min", "occupied_min"] {
        let millis = sum(&sessions, column) * 60_000.0;
        assert!((millis - 76_904_835.0).abs() < 0.5, "{column}: {millis}");
    }
    assert!(sessions.iter().all(|session| session["observed_share"] == "1"));
    assert!(!told.contains("belong to no session"), "{told}");
    // The one day with two: from 16:34:04.710 to 17:11:04.015.
    let two: Vec<_> = sessions.iter().filter(|session| session["exams_inferred"] == "2").collect();
    assert_eq!((two.len(), two[0]["changeovers"]), (1, "1"));
    let changeover: f64 = two[0]["changeover_mean_min"].parse().expect("minutes");
    assert!((changeover * 60_000.0 - 2_219_305.0).abs() < 0.5, "{changeover}");
    let explained = |id: &str| run(touchtime().args(["explain", id, "--store"]).arg(dir.join("store"))).good();
    let explained = explained(two[0]["session_id"]);
    assert!(explained.contains("16:34:04") && explained.contains("17:11:04"), "{explained}");

    // One more image under the number of a session, four days before it: a session of several days, which is told beside
    // the others and changes none.
    assert_eq!(store(&["ses-011", "-4"]), "1 stored, 1 accepted\n");
    await_within(PATIENCE, || format!("{} of 458 series", acquired()), || acquired() == 458);
    let (csv, told) = reported();
    let after = rows(&csv);
    assert!(told.contains("1 performed steps belong to no session"), "{told}");
    assert_eq!((after.len(), sum(&after, "exams_inferred")), (69, 69.0));
    let others = |sessions: &[BTreeMap<&str, &str>]| -> Vec<String> {
        let others = sessions.iter().filter(|session| session["local_date"] != "2012-10-18");
        others.map(|session| session["acquisition_min"].to_owned()).collect()
    };
    assert_eq!(others(&after), others(&sessions));
}

fn sum(sessions: &[BTreeMap<&str, &str>], column: &str) -> f64 {
    sessions.iter().map(|session| session[column].parse::<f64>().unwrap_or(0.0)).sum()
}

/// 07:00 to 18:00 UTC on each day with an image, a sign of life every 5 minutes.
fn import_days(dir: &Path, events: &[serde_json::Value]) {
    let instants = events.iter().filter_map(|event| event.pointer("/event/obs/acquisition/first")?.as_i64());
    let days: BTreeSet<i64> = instants.map(|at| at.div_euclid(DAY)).collect();
    let mut lines = String::new();
    let mut seq = 0;
    let mut put = |at: i64, obs: serde_json::Value| {
        seq += 1;
        let event = serde_json::json!({"v": 1, "at": at, "captured": at, "mono": 0, "clock": "external", "source": "plan",
            "order": seq, "room": "mri-1", "obs": obs});
        let line = serde_json::json!({"trust": "demo", "site": "main", "agent": "plans",
            "stream": "000000000000000000000000000000aa", "seq": seq, "received": at, "event": event});
        lines += &format!("{line}\n");
    };
    for day in days {
        let start = day * DAY + 7 * 3_600_000;
        let plan = serde_json::json!({"session": format!("d{day}"), "start": start, "end": start + 11 * 3_600_000,
            "kind": "elective", "room_kind": "mri"});
        put(start, serde_json::json!({ "plan_revision": plan }));
        (0..=132).for_each(|n| put(start + n * 300_000, serde_json::json!({"alive": {}})));
    }
    let file = dir.join("days.ndjson");
    fs::write(&file, lines).expect("written");
    run(touchtime().args(["import", "events", "--store"]).arg(dir.join("store")).arg(&file)).good();
}
