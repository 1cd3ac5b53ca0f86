//! The command line as people meet it.

use std::process::Stdio;

use touchtime_tests::programs::{agent, cases, mapping, run, touchtime};

pub fn explain_adds_up() {
    let text = run(touchtime()
        .args(["explain", "main.suite-2.2022-02-11.0700", "--cases"])
        .arg(cases())
        .arg("--mapping")
        .arg(mapping()))
    .good();
    for expected in [
        "Orthopedics",
        "Friday 11 February 2022",
        "07:00 to 12:00 = 300 min",
        "220 touch + 0 unknown + 15 late start + 65 gaps + 0 early finish = 300 min; the plan has 300 min",
        "73.33 %   72 + 76 + 72 + 0 + 0 = 220 of 300",
        "girft-2024.1-duration     100.00 %",
        "overrun 213 min",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours in a pipe");
}

pub fn wrong_commands_exit_2() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("gateway.toml");
    std::fs::write(&file, "trust = \"demo\"\n[store]\ndirr = \"x\"\n").expect("written");
    let config = file.to_str().expect("UTF-8");
    let missing = dir.path().join("missing").to_str().expect("UTF-8").to_owned();
    for (arguments, code, said) in [
        (vec!["report"], 2, "Usage"),
        (vec!["report", "sessions"], 2, "--store"),
        (vec!["report", "lists", "--store", "x"], 2, "sessions, rooms"),
        (vec!["report", "rooms", "--store", &missing], 1, "has no store"),
        (
            vec!["report", "rooms", "--store", &missing, "--rules", "girft"],
            2,
            "there is no rule set `girft` (known: girft-2024.1",
        ),
        (vec!["run", "--config", config], 2, "line 3: unknown key `dirr` (did you mean `dir`?)"),
        (vec!["demo", "--speed", "fast"], 2, "`fast` is neither a number above 0 nor `max`"),
    ] {
        let finished = run(touchtime().args(&arguments));
        assert_eq!(finished.code, Some(code), "{arguments:?}: {}", finished.err);
        assert!(finished.err.contains(said), "{arguments:?} should say {said:?}:\n{}", finished.err);
        assert!(finished.out.is_empty(), "nothing on standard output");
    }
}

pub fn help_texts() {
    for command in ["demo", "run", "report", "explain", "export", "import", "check", "completions"] {
        let text = run(touchtime().args([command, "--help"])).good();
        assert!(text.contains("Usage: touchtime"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 110), "{command}: a line is too long for a terminal");
    }
    for command in ["run", "replay", "outbox", "check"] {
        let text = run(agent().args([command, "--help"])).good();
        assert!(text.contains("Usage: touchtime-agent"), "{text}");
    }
    let completions = run(touchtime().args(["completions", "bash"])).good();
    assert!(completions.contains("_touchtime()"));
    assert!(!run(touchtime().arg("--help")).good().contains("role"), "inner commands stay out of the help");
}

pub fn closed_pipe() {
    let mut child = touchtime()
        .args(["report", "sessions", "--format", "csv", "--cases"])
        .arg(cases())
        .arg("--mapping")
        .arg(mapping())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
