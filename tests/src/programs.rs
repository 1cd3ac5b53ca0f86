//! The programs under test, built once for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// The bundled cases.
pub fn cases() -> PathBuf {
    root().join("tests/data/or_utilisation_2022_jan_feb.csv")
}

/// The mapping of the bundled cases.
pub fn mapping() -> PathBuf {
    root().join("tests/data/or_utilisation_2022_jan_feb.mapping.toml")
}

/// `touchtime`, built from this tree.
pub fn touchtime() -> Command {
    Command::new(folder().join("touchtime"))
}

/// `touchtime-agent`, built from this tree.
pub fn agent() -> Command {
    Command::new(folder().join("touchtime-agent"))
}

/// `touchtime` as it is shipped, for benchmarks; another one where `TOUCHTIME_PROGRAM` names it.
pub fn release_program() -> PathBuf {
    let built = || root().join("target/release/touchtime");
    let program = std::env::var_os("TOUCHTIME_PROGRAM").map_or_else(built, PathBuf::from);
    assert!(program.exists(), "{} is not there (cargo build --release)", program.display());
    program
}

/// `touchtime-agent` as it is shipped; another one where `TOUCHTIME_AGENT` names it.
pub fn release_agent() -> PathBuf {
    let built = || root().join("target/release/touchtime-agent");
    let program = std::env::var_os("TOUCHTIME_AGENT").map_or_else(built, PathBuf::from);
    assert!(program.exists(), "{} is not there (cargo build --release -p edge-agent-linux)", program.display());
    program
}

// Cargo builds no binaries for another package's tests, so the first test that needs one builds both.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--package", "touchtime", "--package", "edge-agent-linux", "--bins"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(root())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
        text.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
            .find(|path| path.file_name().is_some_and(|name| name == "touchtime"))
            .and_then(|path| path.parent().map(Path::to_owned))
            .expect("cargo names the program")
    })
}

/// Runs to the end; the output's text is UTF-8.
pub fn run(command: &mut Command) -> Finished {
    let output = command.output().expect("the program starts");
    Finished::new(output)
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; absent if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Finished {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Standard output of a command that must have succeeded.
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.err, self.out);
        self.out
    }
}

/// Tells a figure to whoever reads the test's output.
#[allow(clippy::print_stderr, reason = "a test's output is for people")]
pub fn note(text: &str) {
    eprintln!("{text}");
}
