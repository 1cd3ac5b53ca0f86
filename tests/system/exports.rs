//! Files for others: what other programs read in them is what Touchtime reports.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
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

/// `export` of a store in CSV and in Parquet, compared.
fn exports_are_equal(what: &str, store: &Path, dir: &Path) {
    let named = |format: &str| dir.join(format!("export-{what}.{format}"));
    for format in ["csv", "parquet"] {
        let mut command = touchtime();
        run(command.args(["export", what, "--format", format, "--store"]).arg(store).arg(named(format))).good();
    }
    run(python(Peer::DuckDb, "parquet_equals_csv.py").arg(named("csv")).arg(named("parquet"))).good();
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
    exports_are_equal("events", &store, dir.path());
}

/// The reports that dashboards/sql computes too.
const THEATRES: &[&str] = &["sessions", "rooms", "sites", "trusts", "specialties", "weeks", "months", "system"];
const SCANNERS: &[&str] = &["scanners", "scanner-months"];

/// The same text of SQL on an engine gives of a dataset what `touchtime report` gives of the input.
fn sql_equals_reports(engine: Peer, name: &str, dataset: &Path, input: &[&OsStr], reports: &[&str]) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut compare = python(engine, "sql_equals_report.py");
    compare.arg(name).arg(dataset);
    for by in reports {
        let file = dir.path().join(by);
        run(touchtime().args(["report", by, "--format", "json", "--output"]).arg(&file).args(input)).good();
        compare.arg(format!("{by}={}", file.display()));
    }
    run(&mut compare).good();
}

/// The bundled cases, and some weeks of 13 trusts with theatres and scanners.
fn sql_on(engine: Peer, name: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let (cases, mapping) = (cases(), mapping());
    let bundled: [&OsStr; 4] = ["--cases".as_ref(), cases.as_ref(), "--mapping".as_ref(), mapping.as_ref()];
    let dataset = dir.path().join("bundled");
    run(touchtime().args(["export", "dataset", "--format", "parquet"]).args(bundled).arg(&dataset)).good();
    sql_equals_reports(engine, name, &dataset, &bundled, THEATRES);

    let store = collaborative(engine, dir.path());
    let input: [&OsStr; 2] = ["--store".as_ref(), store.as_ref()];
    let dataset = dir.path().join("collaborative");
    run(touchtime().args(["export", "dataset", "--format", "parquet"]).args(input).arg(&dataset)).good();
    let reports: Vec<&str> = THEATRES.iter().chain(SCANNERS).copied().collect();
    sql_equals_reports(engine, name, &dataset, &input, &reports);
}

fn collaborative(engine: Peer, dir: &Path) -> PathBuf {
    let (events, store) = (dir.join("events.ndjson"), dir.join("store"));
    let mut make = Command::new(engine.program().expect("a Python is installed"));
    make.arg(root().join("tests/benchmarks/make_collaborative.py")).arg(&events);
    run(make.args(["--days", "38", "--theatres", "16", "--scanners", "7"])).good();
    run(touchtime().args(["import", "events"]).arg(&events).arg("--store").arg(&store)).good();
    store
}

pub fn duckdb_computes_the_reports() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = collaborative(Peer::DuckDb, dir.path());
    exports_are_equal("sessions", &store, dir.path());
    exports_are_equal("cases", &store, dir.path());
    sql_on(Peer::DuckDb, "duckdb");
}

pub fn datafusion_computes_the_reports() {
    sql_on(Peer::DataFusion, "datafusion");
}

pub fn a_month_of_a_dataset_is_replaced_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let export = |more: &[&str]| {
        let mut command = touchtime();
        command.args(["export", "dataset", "--format", "parquet", "--cases"]).arg(cases());
        run(command.arg("--mapping").arg(mapping()).arg(dir.path()).args(more)).good()
    };
    let file = |month: &str| dir.path().join(format!("lists/trust=local/month={month}/lists.parquet"));
    let bytes = |month: &str| std::fs::read(file(month)).expect("a file");
    export(&[]);
    let (january, february) = (bytes("2022-01"), bytes("2022-02"));
    assert!(january.starts_with(b"PAR1") && january.ends_with(b"PAR1"));

    for month in ["2021-12", "2022-01", "2022-02"] {
        std::fs::create_dir_all(file(month).parent().expect("a folder")).expect("made");
        std::fs::write(file(month), "an older export").expect("written");
    }
    export(&["--month", "2022-01"]);
    assert_eq!(bytes("2022-01"), january, "the same events give the same bytes");
    assert_eq!(bytes("2022-02"), b"an older export", "it was not asked for");
    export(&[]);
    assert_eq!(bytes("2022-02"), february);
    assert_eq!(bytes("2021-12"), b"an older export", "what is not known to be gone stays");
    export(&["--month", "2021-12"]);
    assert!(!file("2021-12").exists(), "the month was asked for and has no list");
    let names = std::fs::read_dir(file("2022-01").parent().expect("a folder")).expect("read").count();
    assert_eq!(names, 1, "nothing is left beside the file");
}

pub fn openpyxl_reads_the_workbook() {
    let dir = tempfile::tempdir().expect("a folder");
    let book = dir.path().join("book.xlsx");
    report("all", "xlsx", &book, &[]);
    let mut compare = python(Peer::OpenPyxl, "workbook_equals_csv.py");
    compare.arg(&book);
    for by in ["system", "rooms", "specialties", "months", "weeks", "sessions"] {
        let file = dir.path().join(format!("{by}.csv"));
        report(by, "csv", &file, &[]);
        compare.arg(format!("{by}={}", file.display()));
    }
    run(&mut compare).good();

    let store = store_with_a_day(dir.path());
    let write = |by: &str, format: &str, file: &Path| {
        run(touchtime().args(["report", by, "--format", format, "--store"]).arg(&store).arg("--output").arg(file))
            .good();
    };
    write("all", "xlsx", &book);
    let mut compare = python(Peer::OpenPyxl, "workbook_equals_csv.py");
    compare.arg(&book);
    for by in ["scanners", "scanner-sessions", "scanner-hours", "scanner-weeks", "protocols"] {
        let file = dir.path().join(format!("{by}.csv"));
        write(by, "csv", &file);
        compare.arg(format!("{by}={}", file.display()));
    }
    run(&mut compare).good();

    let refused = run(touchtime().args(["report", "all", "--store"]).arg(&store));
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("--format xlsx"), "{}", refused.err);
}

pub fn small_numbers_are_hidden_in_every_form() {
    let dir = tempfile::tempdir().expect("a folder");
    // One day: most specialties have few cases.
    let day = ["--from", "2022-02-11", "--to", "2022-02-11", "--suppress-below", "8"];
    let written = |format: &str| {
        let file = dir.path().join(format);
        report("specialties", format, &file, &day);
        std::fs::read_to_string(file).expect("written")
    };
    let csv = written("csv");
    let rows = super::path::rows(&csv);
    let hidden = rows.iter().filter(|row| row["cases_started"] == "*").count();
    assert!(hidden >= 2 && hidden < rows.len(), "{csv}");
    for row in &rows {
        for (column, value) in row {
            let of_patients =
                column.starts_with("cases_") && !column.starts_with("cases_per") || *column == "turnovers";
            if let (true, Ok(count)) = (of_patients, value.parse::<u64>()) {
                assert!(count == 0 || (count >= 8 && count.is_multiple_of(5)), "{column} is {count}");
            }
        }
        if row["cases_started"] == "*" {
            for column in ["touch_min", "capped_utilisation", "cases_per_list", "late_start_mean_all_min"] {
                assert_eq!(row[column], "*", "{column} is about the same few patients");
            }
            assert!(row["planned_min"].parse::<f64>().is_ok(), "a plan is about nobody");
        }
    }

    let json: Vec<serde_json::Value> = serde_json::from_str(&written("json")).expect("JSON");
    let ndjson: Vec<serde_json::Value> =
        written("ndjson").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(json, ndjson);
    let names = |row: &serde_json::Value| row["suppressed"].as_array().expect("names").clone();
    for (typed, text) in json.iter().zip(&rows) {
        for (column, value) in text {
            assert_eq!(*value == "*", names(typed).contains(&(*column).into()), "{column}");
            assert!(*value != "*" || typed[*column].is_null(), "{column}");
        }
    }

    for (by, said) in [("sessions", "few patients"), ("all", "one report")] {
        let mut command = touchtime();
        command.args(["report", by, "--format", "xlsx", "--suppress-below", "8", "--cases"]).arg(cases());
        let refused = run(command.arg("--mapping").arg(mapping()).arg("--output").arg(dir.path().join("refused")));
        assert_eq!(refused.code, Some(2));
        assert!(refused.err.contains(said), "{}", refused.err);
    }
    assert!(!dir.path().join("refused").exists(), "nothing is written");
}

pub fn small_numbers_are_hidden_in_parquet() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("specialties.parquet");
    report("specialties", "parquet", &file, &["--from", "2022-02-11", "--to", "2022-02-11", "--suppress-below", "8"]);
    let mut ask = Command::new(Peer::DuckDb.program().expect("installed"));
    ask.args([
        "-c",
        "import duckdb, sys; print(duckdb.execute(\"SELECT count(*), count(*) FILTER (suppressed LIKE '%cases_started%' \
         AND cases_started IS NULL AND touch_min IS NULL), count(*) FILTER (cases_started BETWEEN 1 AND 7) \
         FROM read_parquet(?)\", [sys.argv[1]]).fetchone())",
    ]);
    let said = run(ask.arg(&file)).good();
    let counts: Vec<u32> =
        said.trim().trim_matches(['(', ')']).split(", ").map(|n| n.parse().expect("a count")).collect();
    let [all, hidden, small] = counts[..] else { panic!("{said}") };
    assert!(hidden >= 2 && hidden < all && small == 0, "{said}");
}

pub fn what_is_binary_is_refused_on_a_terminal() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = store_with_a_day(dir.path());
    let on_a_terminal = |arguments: &[&str]| {
        // What a terminal is to the program, Python makes.
        let mut command = Command::new(Peer::DuckDb.program().expect("a Python is installed"));
        let script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
        command.args(["-c", script]).arg(touchtime().get_program()).args(arguments).arg("--store").arg(&store);
        run(&mut command)
    };
    for format in ["parquet", "xlsx"] {
        let refused = on_a_terminal(&["report", "scanners", "--format", format]);
        assert_eq!(refused.code, Some(2), "{}", refused.out);
        assert!(refused.out.contains("is not for a terminal"), "{}", refused.out);
    }
    let refused = on_a_terminal(&["export", "events", "-", "--format", "parquet"]);
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert_eq!(on_a_terminal(&["report", "scanners", "--format", "csv"]).code, Some(0));
}
