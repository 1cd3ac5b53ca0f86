//! The demo's processes: this executable again, in its roles, each with a log file, restarted when it dies.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use room_events::UtcMillis;
use tokio::process::{Child, ChildStdin, Command};

use crate::clock::wall_now;

/// More restarts than this within a minute mean that it will never work.
const MOST_RESTARTS: usize = 20;

/// A process of the demo.
#[derive(Debug)]
pub struct Process {
    name: String,
    arguments: Vec<String>,
    log: PathBuf,
    child: Child,
    // Closing it tells the process to end; so it also ends when the demo is killed.
    stdin: Option<ChildStdin>,
    restarts: VecDeque<UtcMillis>,
}

impl Process {
    /// Starts `touchtime role ...`; its standard error goes to `{name}.log` in `logs`.
    pub fn start(name: &str, arguments: Vec<String>, logs: &Path) -> anyhow::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let (child, stdin) = spawn(&arguments, &log)?;
        Ok(Self { name: name.to_owned(), arguments, log, child, stdin, restarts: VecDeque::new() })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("the {} process", self.name))
    }

    /// Starts it again after it died.
    pub fn restart(&mut self, status: ExitStatus) -> anyhow::Result<()> {
        let now = wall_now();
        while self.restarts.front().is_some_and(|at| now.millis_since(*at) > 60_000) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= MOST_RESTARTS {
            bail!("the {} process keeps failing ({status}); see {}", self.name, self.log.display());
        }
        self.restarts.push_back(now);
        tracing::warn!(process = self.name, %status, "ended; starting it again");
        (self.child, self.stdin) = spawn(&self.arguments, &self.log)?;
        Ok(())
    }

    /// Asks it to end and waits; kills it if it does not.
    pub async fn stop(&mut self) {
        self.stdin.take();
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

fn spawn(arguments: &[String], log: &Path) -> anyhow::Result<(Child, Option<ChildStdin>)> {
    let program = std::env::current_exe().context("this executable cannot be found")?;
    let log_file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("the log {} cannot be written", log.display()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log_file)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("`touchtime {}` cannot be started", arguments.join(" ")))?;
    let stdin = child.stdin.take();
    Ok((child, stdin))
}

/// Ends this process when its parent closes the pipe to it, or dies.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}
