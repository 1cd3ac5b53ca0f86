//! Everything that the programs can be asked for, put beside what they wrote, so that a test can search all of it for the
//! names and numbers that its messages held.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use touchtime_tests::peer::{Peer, Running, await_port, await_that, free_port};
use touchtime_tests::programs::{agent, root, run, touchtime};

use touchtime_tests::influxdb::take_lines;

use crate::path::rows;

/// The lines that a collector sends to InfluxDB.
const LINES: &str = "influxdb-lines";

/// The part of a collector's configuration by which it sends to InfluxDB what a search then finds in `dir`.
pub fn influxdb_section(dir: &Path) -> String {
    let token = dir.join("influxdb-token");
    fs::write(&token, "user:secret\n").expect("written");
    let port = take_lines(dir.join(LINES));
    format!("[influxdb]\nurl = 'http://127.0.0.1:{port}'\nbucket = 'touchtime'\ntoken-file = '{}'\n", token.display())
}

/// Writes all reports, exports and explanations of `dir/store`, what is held back, a backup, and what agent and collector say
/// of themselves into `dir/asked-for`.
pub fn put_all_beside(dir: &Path) {
    let (asked_for, store) = (dir.join("asked-for"), dir.join("store"));
    fs::create_dir(&asked_for).expect("a folder");
    let put = |mut command: Command, words: &[&str]| {
        command.args(words);
        let said = run(&mut command);
        assert_ne!(said.code, Some(2), "{words:?}: {}", said.err);
        let name = words.iter().filter(|word| !word.contains('/')).copied().collect::<Vec<_>>().join("-");
        fs::write(asked_for.join(name), format!("{}{}", said.out, said.err)).expect("written");
        said
    };
    let store = store.to_str().expect("UTF-8");
    let help = run(touchtime().args(["report", "--help"])).good();
    // The values of BY are listed as `          - rooms:  Each room`, before the options.
    let kinds = help.split("Options:").next().unwrap_or_default().lines();
    let kinds: Vec<&str> = kinds
        .filter_map(|line| line.trim_start().strip_prefix("- ")?.split(':').next())
        .filter(|k| *k != "all")
        .collect();
    assert!(kinds.contains(&"scanner-sessions") && kinds.contains(&"waiting"), "{kinds:?}");
    let mut ids = Vec::new();
    for kind in kinds {
        for format in ["table", "csv", "json"] {
            let mut words = vec!["report", kind, "--format", format, "--store", store];
            if kind == "scanner-change" {
                words.extend(["--on", "2022-07-14"]);
            }
            let said = put(touchtime(), &words);
            // A report that has nothing to tell prints no header.
            if format == "csv" && kind.ends_with("sessions") && !said.out.is_empty() {
                ids.extend(rows(&said.out).iter().map(|row| row["session_id"].to_owned()));
            }
        }
    }
    for id in ids {
        put(touchtime(), &["explain", &id, "--store", store]);
    }
    for pack in ["daily", "monthly"] {
        put(touchtime(), &["pack", pack, "--store", store]);
    }
    for what in ["events", "sessions", "cases"] {
        for format in ["csv", "ndjson"] {
            put(touchtime(), &["export", what, "-", "--format", format, "--store", store]);
        }
    }
    let held = put(touchtime(), &["quarantine", "list", "--store", store]);
    for word in held.out.split_whitespace().filter(|word| word.parse::<u64>().is_ok_and(|n| n > 0)) {
        put(touchtime(), &["quarantine", "show", word, "--store", store]);
    }
    for what in
        [&["quarantine", "gaps"][..], &["quarantine", "conflicts"], &["influx", "status"], &["influx", "dead-letters"]]
    {
        put(touchtime(), &[what, &["--store", store]].concat());
    }
    for kind in ["all", "sessions", "scanner-sessions"] {
        let book = asked_for.join(format!("{kind}.xlsx"));
        run(touchtime().args(["report", kind, "--format", "xlsx", "--store", store, "--output"]).arg(book)).good();
    }
    for what in ["events", "sessions", "cases"] {
        let file = asked_for.join(format!("{what}.parquet"));
        run(touchtime().args(["export", what, "--format", "parquet", "--store", store]).arg(file)).good();
    }
    let dataset = asked_for.join("dataset");
    run(touchtime().args(["export", "dataset", "--format", "parquet", "--store", store]).arg(&dataset)).good();
    let python = Peer::DuckDb.program().expect("a Python with duckdb is installed");
    let unpacked = run(Command::new(python).arg(root().join("tests/data/unpacked.py")).arg(&asked_for)).good();
    assert!(unpacked.trim().parse::<usize>().is_ok_and(|files| files >= 6), "{unpacked}");
    await_that("lines for InfluxDB", || {
        fs::read_to_string(dir.join(LINES)).is_ok_and(|lines| lines.contains("touchtime_"))
    });
    let backup = asked_for.join("backup");
    run(touchtime().args(["backup", "--store", store]).arg(backup)).good();
    put(touchtime(), &["check", "--config", dir.join("gateway.toml").to_str().expect("UTF-8")]);
    for what in ["outbox", "check"] {
        put(agent(), &[what, "--config", dir.join("agent.toml").to_str().expect("UTF-8")]);
    }
}

/// An agent that has just read a name dies of a fault, where a fault leaves an image of all memory behind: it leaves none.
pub fn a_crash_leaves_no_memory_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    run(agent().arg("key").arg(dir.join("token.key"))).good();
    let (shown, port) = (dir.display(), free_port());
    let text = format!(
        "trust = 'demo'\nsite = 'main'\nagent = 'hosp'\ndata-dir = '{shown}/data'\n[broker]\nhost = '127.0.0.1'\nport = {}\n\
         [collectors]\nrequired = ['c1']\n[tokens]\nkey-file = '{shown}/token.key'\n[hl7]\nlisten = '127.0.0.1:{port}'\n\
         mappings = ['{}/docs/hl7/theatre-system.toml']\n",
        free_port(),
        root().display()
    );
    fs::write(dir.join("agent.toml"), text).expect("written");
    let program = agent().get_program().to_owned();
    let run_it = "ulimit -c unlimited; exec \"$0\" run --config agent.toml 2> agent.log";
    let mut crashing = Running::start(Command::new("sh").arg("-c").arg(run_it).arg(program).current_dir(dir));
    await_port(port);
    let send = Peer::Hl7.program().expect("hl7 is installed");
    let messages = root().join("tests/data/theatre_messages.hl7");
    run(Command::new(send).args(["--loose", "--port", &port.to_string(), "--file"]).arg(messages).arg("127.0.0.1"));
    run(Command::new("kill").args(["-ABRT", &crashing.0.id().to_string()])).good();
    let mut ended = None;
    await_that("the agent dies", || {
        ended = crashing.0.try_wait().expect("a child");
        ended.is_some()
    });
    let ended = ended.expect("it has ended");
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended:?}");
    let left: Vec<_> = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("core")), "{left:?}");
}
