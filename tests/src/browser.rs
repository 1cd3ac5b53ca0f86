//! A browser that stays open while something happens: chromium, told what to do over two pipes.
//!
//! `--remote-debugging-pipe` reads commands from descriptor 3 and answers on descriptor 4, each message JSON and a NUL.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::peer::{Peer, await_that};

/// One page of a browser; the browser is ended with it.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    sent: u64,
    session: Option<String>,
}

impl Browser {
    /// Starts one with an empty page; its profile goes into the folder.
    pub fn start(dir: &Path) -> Self {
        let program = Peer::Chromium.program().expect("chromium is installed");
        let mut process = Command::new("/bin/sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"])
            .args(["--remote-debugging-pipe", "--window-size=1920,1080"])
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromium starts");
        let commands = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut browser = Self { process, commands, answers, sent: 0, session: None };
        let page = browser.command("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached =
            browser.command("Target.attachToTarget", &json!({ "targetId": page["targetId"], "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser
    }

    /// Goes to an address and waits until the page is there.
    pub fn open(&mut self, address: &str) {
        self.command("Page.navigate", &json!({ "url": address }));
        let there = format!("document.readyState === 'complete' && location.href === {}", json!(address));
        await_that("the page is loaded", || self.evaluate(&there) == Value::Bool(true));
    }

    /// The value of an expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let said = self.command("Runtime.evaluate", &json!({ "expression": expression, "returnByValue": true }));
        said["result"]["value"].clone()
    }

    /// Waits until the page, as it stands then, has the text.
    pub fn await_text(&mut self, text: &str) {
        let has = format!("document.documentElement.outerHTML.includes({})", json!(text));
        await_that(&format!("the page has {text:?}"), || self.evaluate(&has) == Value::Bool(true));
    }

    fn command(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut command = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{command}\0").as_bytes()).expect("the browser reads");
        loop {
            let mut message = Vec::new();
            self.answers.read_until(0, &mut message).expect("the browser answers");
            assert_eq!(message.pop(), Some(0), "the browser has ended");
            let message: Value = serde_json::from_slice(&message).expect("JSON");
            // What it tells by itself has no id.
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
