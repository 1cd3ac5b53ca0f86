//! Files for others: what other programs read in them is what Touchtime reports.

use std::path::Path;
use std::process::Command;

use touchtime_tests::peer::Peer;
use touchtime_tests::programs::{cases, mapping, root, run, touchtime};

use crate::scanners::store_with_a_day;

/// Runs a script of `tests/data` with the Python that has the part.
fn python(peer: Peer, script: &str) -> Command {
    let mut command = Command::new(peer.program().expect("a Python with the part is installed"));
    command.arg(root().join("tests/data").join(script));
    command
}

/// A report of the bundled cases, written to `file`.
fn report(by: &str, format: &str, file: &Path, more: &[&str]) {
    let mut command = touchtime();
    command.args(["report", by, "--format", format, "--cases"]).arg(cases());
    run(command.arg("--mapping").arg(mapping()).arg("--output").arg(file).args(more)).good();
}

pub fn duckdb_reads_parquet() {
    let dir = tempfile::tempdir().expect("a folder");
    for by in ["sessions", "rooms", "specialties", "weeks", "months", "system"] {
        let [csv, parquet] = ["csv", "parquet"].map(|format| {
            let file = dir.path().join(format!("{by}.{format}"));
            report(by, format, &file, &[]);
            file
        });
        run(python(Peer::DuckDb, "parquet_equals_csv.py").arg(csv).arg(parquet)).good();
    }
    let store = store_with_a_day(dir.path());
    let named = |what: &str, format: &str| dir.path().join(format!("store-{what}.{format}"));
    for by in
        ["scanners", "scanner-sessions", "scanner-hours", "scanner-weeks", "scanner-splits", "protocols", "waiting"]
    {
        for format in ["csv", "parquet"] {
            let mut command = touchtime();
            command.args(["report", by, "--format", format, "--store"]).arg(&store);
            run(command.arg("--output").arg(named(by, format))).good();
        }
        run(python(Peer::DuckDb, "parquet_equals_csv.py").arg(named(by, "csv")).arg(named(by, "parquet"))).good();
    }
    for format in ["csv", "parquet"] {
        let mut command = touchtime();
        command.args(["export", "events", "--format", format, "--store"]).arg(&store);
        run(command.arg(named("events", format))).good();
    }
    run(python(Peer::DuckDb, "parquet_equals_csv.py").arg(named("events", "csv")).arg(named("events", "parquet")))
        .good();
}
