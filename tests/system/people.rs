//! The pages of a running collector, for people who are known.

use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use touchtime_tests::peer::{Running, await_port, await_that, free_port};
use touchtime_tests::programs::{run, touchtime};
use touchtime_tests::web::{get, get_with};

/// A collector whose broker never answers, with people who may see its pages.
struct Desk {
    board: u16,
    _collector: Running,
}

impl Desk {
    fn start(dir: &Path, people: &str) -> Self {
        let board = free_port();
        let config = dir.join("gateway.toml");
        std::fs::write(dir.join("people.toml"), people).expect("written");
        let text = format!(
            "trust = 'north'\n[store]\ndir = '{0}/store'\n[broker]\nhost = '127.0.0.1'\nport = 1\n\
             [board]\nlisten = '127.0.0.1:{board}'\n[access]\npeople-file = '{0}/people.toml'\n",
            dir.display()
        );
        std::fs::write(&config, text).expect("written");
        let collector = Running::start(touchtime().args(["run", "--config"]).arg(&config).stderr(Stdio::null()));
        await_port(board);
        Self { board, _collector: collector }
    }

    fn status(&self, token: &str) -> u16 {
        get_with(self.board, "/metrics", &format!("Authorization: Bearer {token}\r\n")).0
    }
}

/// A new entry of the people file, and its token.
fn new_token(name: &str, role: &str) -> (String, String) {
    let said = run(touchtime().args(["access-token", name, "--role", role])).good();
    let token = said.lines().last().and_then(|line| line.strip_prefix("# ")).expect("a token").to_owned();
    (said, token)
}

pub fn are_known_by_their_tokens() {
    let dir = tempfile::tempdir().expect("a folder");
    let ((anna, anna_token), (bert, bert_token)) =
        (new_token("coordinator-1", "correct"), new_token("viewer-1", "view"));
    let desk = Desk::start(dir.path(), &format!("{anna}\n{bert}"));
    assert_eq!(get(desk.board, "/healthz").0, 200, "a monitor needs no name");
    assert_eq!(get(desk.board, "/metrics").0, 401);
    assert_eq!((desk.status(&anna_token), desk.status(&bert_token)), (200, 200));
    // Taken out of the file: out of the pages, without a restart.
    std::fs::write(dir.path().join("people.toml"), &anna).expect("written");
    await_that("who was taken out is out", || desk.status(&bert_token) == 401);
    assert_eq!(desk.status(&anna_token), 200);
    let log = std::fs::read_to_string(dir.path().join("store/access.log")).expect("a record");
    assert!(log.lines().all(|line| line.contains(r#""what":"refused""#)), "{log}");
    assert!(!log.contains(&bert_token) && !log.contains(&anna_token), "a token is in the record: {log}");
}

pub fn who_says_nothing_is_hung_up_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let desk = Desk::start(dir.path(), &new_token("viewer-1", "view").0);
    let mut silent = TcpStream::connect(("127.0.0.1", desk.board)).expect("the board listens");
    silent.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let mut said = Vec::new();
    silent.read_to_end(&mut said).expect("the board ends the connection");
    assert_eq!(get(desk.board, "/healthz").0, 200);
}
