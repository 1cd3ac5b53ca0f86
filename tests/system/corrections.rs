//! What a person corrects on a list's page, in a real store: figures restate, nothing is lost, nothing counts twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use touchtime_tests::peer::{Running, await_port, free_port};
use touchtime_tests::programs::{run, touchtime};
use touchtime_tests::web::{get_with, post_with};

const LIST: &str = "main.suite-2.2022-02-11.0700";

/// The bundled cases in a store, and a collector with somebody who may correct.
struct Desk {
    dir: PathBuf,
    board: u16,
    token: String,
    collector: Option<Running>,
}

impl Desk {
    fn start(dir: &Path) -> Self {
        let board = free_port();
        let store = dir.join("store");
        let http = format!("127.0.0.1:{board}");
        run(touchtime()
            .args(["demo", "--speed", "max", "--exit-when-done", "--http", &http, "--store"])
            .arg(&store)
            .stderr(Stdio::null()))
        .good();
        let entry = run(touchtime().args(["access-token", "coordinator-3", "--role", "correct"])).good();
        let token = entry.lines().last().and_then(|line| line.strip_prefix("# ")).expect("a token").to_owned();
        std::fs::write(store.join("people.toml"), entry).expect("written");
        let mut desk = Self { dir: store, board, token, collector: None };
        desk.restart();
        desk
    }

    /// Kills the collector and starts it again.
    fn restart(&mut self) {
        self.collector = None;
        let config = self.dir.join("gateway.toml");
        self.collector = Some(Running::start(touchtime().args(["run", "--config"]).arg(config).stderr(Stdio::null())));
        await_port(self.board);
    }

    fn head(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.token)
    }

    fn page(&self, list: &str) -> String {
        let (status, page) = get_with(self.board, &format!("/lists/{list}"), &self.head());
        assert_eq!(status, 200, "{page}");
        page
    }

    /// A form of a fresh page with these fields.
    fn form(&self, list: &str, fields: &str) -> String {
        let page = self.page(list);
        format!("form={}&seal={}&{fields}", value(&page, "form"), value(&page, "seal"))
    }

    /// Sends a form; returns the status and where the answer leads.
    fn send(&self, list: &str, form: &str) -> String {
        post_with(self.board, &format!("/lists/{list}/corrections"), &self.head(), form)
    }

    fn record(&self, list: &str, fields: &str) {
        let answer = self.send(list, &self.form(list, fields));
        assert!(answer.contains("?said=now#correct"), "{fields}: {answer}");
    }

    fn rows(&self) -> BTreeMap<String, String> {
        sessions(&self.dir)
    }

    fn explained(&self) -> String {
        run(touchtime().args(["explain", LIST, "--store"]).arg(&self.dir)).good()
    }
}

/// The value of the first field of that name.
fn value(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let at = page.find(&start).unwrap_or_else(|| panic!("no {name} in {page}")) + start.len();
    page[at..].split('"').next().expect("its end").to_owned()
}

/// Each list's row by its id.
fn sessions(store: &Path) -> BTreeMap<String, String> {
    let csv = run(touchtime().args(["report", "sessions", "--format", "csv", "--store"]).arg(store)).good();
    csv.lines().skip(1).map(|line| (line.split(',').next().unwrap_or_default().to_owned(), line.to_owned())).collect()
}

/// The token of the list's first case.
fn first_case(page: &str) -> String {
    let form = &page[page.find("id=\"stamp-case\"").expect("a form")..];
    let start = "<option value=\"";
    form[form.find(start).expect("a case") + start.len()..].split('"').next().expect("its end").to_owned()
}

pub fn restate_and_count_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut desk = Desk::start(dir.path());
    let before = desk.rows();
    let case = first_case(&desk.page(LIST));
    // A stamp is withdrawn: the case has no end, the list is incomplete, no other list has changed.
    desk.record(LIST, &format!("what=withdraw&stamp={case}+out_of_theatre&reason=wrong+patient"));
    let withdrawn = desk.rows();
    let changed = |rows: &BTreeMap<String, String>| -> Vec<String> {
        before.iter().filter(|(id, row)| rows.get(*id) != Some(row)).map(|(id, _)| id.clone()).collect()
    };
    assert_eq!(changed(&withdrawn), [LIST]);
    assert!(desk.explained().contains("corrected by coordinator-3: wrong patient"), "{}", desk.explained());
    let page = desk.page(LIST);
    assert!(page.contains("coordinator-3: wrong patient") && page.contains("did not happen"), "the history stays");
    // It is set again, by a form that comes three times, the last time to another process.
    let end = desk.explained().lines().find(|line| line.contains("out of theatre")).map(str::to_owned);
    let form = desk.form(
        LIST,
        &format!(
            "what=stamp&case={case}&milestone=out_of_theatre&date=2022-02-11&time=08:00&reason=read+from+the+chart"
        ),
    );
    assert!(desk.send(LIST, &form).contains("?said=now"), "{end:?}");
    let stored = || run(touchtime().args(["report", "system", "--format", "csv", "--store"]).arg(&desk.dir)).good();
    let once = stored();
    assert!(desk.send(LIST, &form).contains("?said=before"));
    desk.restart();
    assert!(desk.send(LIST, &form).contains("?said=before"));
    let stored = run(touchtime().args(["report", "system", "--format", "csv", "--store"]).arg(&desk.dir)).good();
    assert_eq!(stored, once);
    assert_ne!(desk.rows()[LIST], withdrawn[LIST]);

    // A case was in another room: one list has one case fewer, the other one more.
    desk.record(LIST, &format!("what=room&case={case}&room=main/suite-3&reason=theatre+swapped"));
    let moved = desk.rows();
    assert_eq!(changed(&moved), [LIST, "main.suite-3.2022-02-11.0700"]);
    assert!(!desk.page(LIST).contains(&format!("<option value=\"{case}\">Case")), "it is gone from its list");
    assert!(desk.page("main.suite-3.2022-02-11.0700").contains(&case), "it is on the other one");

    // And a reason is given, an emergency named.
    desk.record(LIST, "what=reason&about=late_start&reason=no+bed");
    let second = first_case(&desk.page(LIST));
    desk.record(LIST, &format!("what=admission&case={second}&kind=emergency&reason=came+from+ED"));
    let page = desk.page(LIST);
    for text in ["no bed", "came from ED", "theatre swapped", "coordinator-3"] {
        assert!(page.contains(text), "{text}");
    }

    // The reason is summed up, and what nobody explained stands beside it.
    let (status, csv) =
        get_with(desk.board, "/reasons.csv?from=2022-02-01&to=2022-02-28&about=late_start", &desk.head());
    assert_eq!(status, 200, "{csv}");
    assert!(csv.lines().any(|line| line.starts_with(LIST) && line.contains(",late_start,no bed,")), "{csv}");
    assert!(csv.lines().any(|line| line.contains(",late_start,,")), "{csv}");
    let (_, page) = get_with(desk.board, "/reasons?from=2022-02-01&to=2022-02-28", &desk.head());
    assert!(page.contains("no bed") && page.contains("nobody said"), "{page}");
    let (_, page) = get_with(desk.board, "/quality?date=2022-02-11", &desk.head());
    assert!(page.contains("What it does to the day"), "{page}");

    // The same events in the opposite order give the same lists.
    let (there, back) = (dir.path().join("events.ndjson"), dir.path().join("backwards.ndjson"));
    run(touchtime().args(["export", "events", "--format", "ndjson", "--store"]).arg(&desk.dir).arg(&there)).good();
    let text = std::fs::read_to_string(&there).expect("the export");
    std::fs::write(&back, text.lines().rev().map(|line| format!("{line}\n")).collect::<String>()).expect("written");
    let other = dir.path().join("other");
    run(touchtime().args(["import", "events"]).arg(&back).arg("--store").arg(&other)).good();
    assert_eq!(sessions(&other), desk.rows());

    let log = std::fs::read_to_string(desk.dir.join("access.log")).expect("a record");
    assert_eq!(log.matches("\"what\":\"corrects\"").count(), 5, "one line for each form:\n{log}");
}
