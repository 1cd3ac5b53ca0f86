//! The board over a running demo.

use std::path::Path;
use std::process::Command;

use touchtime_tests::peer::{self, Peer, Running, await_that};
use touchtime_tests::programs::{run, touchtime};
use touchtime_tests::web;

/// A demo that plays 11 February 2022, ten minutes a second, once all its lists are on the board.
fn playing(dir: &Path) -> (Running, u16) {
    let port = peer::free_port();
    let running = Running::start(
        touchtime()
            .args(["demo", "--from", "2022-02-11", "--speed", "600", "--http", &format!("127.0.0.1:{port}"), "--store"])
            .arg(dir.join("demo"))
            .stderr(std::process::Stdio::null()),
    );
    await_that("the board shows eight lists", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() && has_all_lists(&web::get(port, "/").1)
    });
    (running, port)
}

fn has_all_lists(page: &str) -> bool {
    (1..=8).all(|suite| page.contains(&format!("/lists/main.suite-{suite}.2022-02-11.")))
}

pub fn live_day() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_demo, port) = playing(dir.path());
    // The stream begins with a snapshot and goes on by itself: a procedure begins while we look.
    let seen = web::events_until(port, "/events", |seen| seen.contains("Procedure") && seen.matches("id:").count() > 3);
    assert!(has_all_lists(&seen), "every theatre is in the snapshot");
    let (status, page) = web::get(port, "/lists/main.suite-2.2022-02-11.0700");
    assert_eq!(status, 200);
    for expected in ["Theatre 2", "Friday 11 February 2022", "girft-2024.1"] {
        assert!(page.contains(expected), "{expected:?} is missing in:\n{page}");
    }
    assert_eq!(web::get(port, "/lists/main.suite-9.2022-02-11.0700").0, 404);
    assert_eq!(web::get(port, "/healthz").0, 200);
}

pub fn forecasts_and_the_past() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_demo, port) = playing(dir.path());
    await_that("a row says when its list is expected to end", || {
        web::get(port, "/").1.contains("8 times in 10 between")
    });
    let (status, trends) = web::get(port, "/trends?period=week");
    assert_eq!(status, 200);
    for expected in ["Capped utilisation, 3 January 2022 to ", "Peers: upper quartile", "Hour by weekday"] {
        assert!(trends.contains(expected), "{expected:?} is missing in:\n{trends}");
    }
    assert_eq!(web::get(port, "/spare-capacity").0, 200);
    let (status, day) = web::get(port, "/daily?date=2022-02-10");
    assert_eq!(status, 200);
    let store = dir.path().join("demo");
    let one_day = ["--from", "2022-02-10", "--to", "2022-02-10", "--format", "json", "--store"];
    let said = run(touchtime().args(["report", "system"]).args(one_day).arg(&store)).good();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&said).expect("an array of rows");
    let capped = format!("<b>{:.1} %</b>", 100.0 * rows[0]["capped_utilisation"].as_f64().expect("a share"));
    let pack = ["pack", "daily", "--date", "2022-02-10", "--store"];
    let file = run(touchtime().args(pack).arg(&store)).good();
    for page in [&day, &file] {
        assert!(page.contains("Thursday 10 February 2022") && page.contains(&capped), "{capped} in:\n{page}");
    }
}

pub fn in_a_browser() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_demo, port) = playing(dir.path());
    let dom = in_chromium(dir.path(), &format!("http://127.0.0.1:{port}/"));
    assert!(has_all_lists(&dom), "every theatre is on the page:\n{dom}");
}

/// A page as the browser has it once it is loaded.
pub fn in_chromium(dir: &Path, address: &str) -> String {
    let program = Peer::Chromium.program().expect("chromium is installed");
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"])
        // No virtual time: it would wait for the end of a stream that has none. A page that never loads is given up.
        .args(["--timeout=20000", "--window-size=1920,1080", "--dump-dom"])
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(address)
        .output()
        .expect("chromium runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
