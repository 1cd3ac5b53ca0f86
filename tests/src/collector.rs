//! A collector of the release build for benchmarks, and what it has used.

use std::path::Path;
use std::process::Command;

use crate::peer::Running;
use crate::programs::release_program;

/// Starts one that collects from the broker on that port; `TOUCHTIME_PROGRAM` names another program than the built one.
pub fn release_collector(dir: &Path, broker: u16, board: u16) -> Running {
    let program = release_program();
    let config = dir.join("gateway.toml");
    let text = format!(
        "trust = \"demo\"\n[store]\ndir = '{}'\n[broker]\nhost = \"127.0.0.1\"\nport = {broker}\n[board]\nlisten = \"127.0.0.1:{board}\"\n\
         [[sites]]\nid = 'main'\nzone = 'Europe/London'\n",
        dir.join("store").display()
    );
    std::fs::write(&config, text).expect("written");
    let level = std::env::var_os("TOUCHTIME_LOG").unwrap_or_else(|| "off".into());
    Running::start(Command::new(program).args(["run", "--config"]).arg(&config).env("TOUCHTIME_LOG", level))
}

/// The most memory that a process has had, in MiB.
pub fn peak_mib(process: &Running) -> u64 {
    status_kib(process, "VmHWM:") / 1024
}

/// The memory that a process has for itself alone, in KiB: without mapped files.
pub fn anonymous_kib(process: &Running) -> u64 {
    status_kib(process, "RssAnon:")
}

fn status_kib(process: &Running, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0)
}
