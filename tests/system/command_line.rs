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

pub fn forecasts_are_tried() {
    let forecast = |more: &[&str]| {
        run(touchtime().arg("forecast").arg("--cases").arg(cases()).arg("--mapping").arg(mapping()).args(more))
    };
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&forecast(&["--format", "json"]).good()).expect("an array of rows");
    let half = rows.iter().find(|row| row["moment"] == "half").expect("a row for half of the plan");
    assert_eq!((half["fitted_on_lists"].as_u64(), half["lists"].as_u64()), (Some(232), Some(80)));
    let of = |name: &str| half[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {half}"));
    assert!(of("forecast_error_min") <= of("schedule_error_min") / 2.0, "{half}");
    assert!((0.75..=0.85).contains(&of("inside_range")), "{half}");
    let nothing_left = forecast(&["--fit-weeks", "9"]);
    assert_eq!(nothing_left.code, Some(1), "{}", nothing_left.err);
    assert!(nothing_left.err.contains("give fewer --fit-weeks"), "{}", nothing_left.err);
}

/// Lists of two cases of 50 minutes from 08:10 on, 20 minutes apart, in a plan of 08:00 to 12:00; and one like it to come.
pub fn coming_lists_with_room_are_reported() {
    use std::fmt::Write as _;
    let dir = tempfile::tempdir().expect("a folder");
    let (cases, mapping) = (dir.path().join("cases.csv"), dir.path().join("mapping.toml"));
    let mut text = "id,room,start,minutes,in,out,from,to,specialty\n".to_owned();
    let mut day = |date: &str, id: u32, done: bool| {
        for (n, start, into, out) in [(0, "08:00", "08:10", "09:00"), (1, "09:00", "09:20", "10:10")] {
            let (into, out) =
                if done { (format!("{date} {into}"), format!("{date} {out}")) } else { Default::default() };
            writeln!(text, "{},1,{date} {start},60,{into},{out},{date} 08:00,{date} 12:00,ENT", 2 * id + n)
                .expect("a string takes everything");
        }
    };
    for n in 1..=24 {
        day(&format!("2022-01-{n:02}"), n, true);
    }
    day("2090-01-10", 90, false);
    std::fs::write(&cases, text).expect("written");
    std::fs::write(
        &mapping,
        "zone = \"Europe/London\"\nsite = \"main\"\nroom = { column = \"room\", prefix = \"th-\" }\ncase = \"id\"\n\
         milestones = { into_theatre = \"in\", out_of_theatre = \"out\" }\n\
         booking = { start = \"start\", minutes = \"minutes\", specialty = \"specialty\" }\n\
         sessions = { from = \"columns\", start = \"from\", end = \"to\" }\n",
    )
    .expect("written");
    let report = ["report", "spare-capacity", "--format", "json", "--cases"];
    let said = run(touchtime().args(report).arg(&cases).arg("--mapping").arg(&mapping)).good();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&said).expect("an array of rows");
    assert_eq!(rows.len(), 1, "{said}");
    let row = &rows[0];
    assert_eq!(row["session_id"], "main.th-1.2090-01-10.0800");
    let numbers = ["cases_booked", "free_min", "minutes_a_case", "whole_cases"].map(|name| row[name].as_f64());
    assert_eq!(numbers, [Some(2.0), Some(110.0), Some(70.0), Some(1.0)], "{row}");
    let hidden =
        run(touchtime().args(report).arg(&cases).arg("--mapping").arg(&mapping).args(["--suppress-below", "8"]));
    assert_eq!(hidden.code, Some(2), "{}", hidden.err);
}

pub fn explain_names_the_cases_of_no_list() {
    let dir = tempfile::tempdir().expect("a folder");
    let (cases, mapping) = (dir.path().join("cases.csv"), dir.path().join("mapping.toml"));
    std::fs::write(
        &cases,
        "id,room,start,in,out,from,to\n\
         1,1,2022-01-03 08:30,2022-01-03 08:40,2022-01-03 09:40,2022-01-03 08:30,2022-01-03 12:30\n\
         2,1,,2022-01-03 18:00,2022-01-03 19:15,,\n",
    )
    .expect("written");
    std::fs::write(
        &mapping,
        "zone = \"Europe/London\"\nsite = \"main\"\nroom = { column = \"room\", prefix = \"th-\" }\ncase = \"id\"\n\
         milestones = { into_theatre = \"in\", out_of_theatre = \"out\" }\nbooking = { start = \"start\" }\n\
         sessions = { from = \"columns\", start = \"from\", end = \"to\" }\n",
    )
    .expect("written");
    let explain = ["explain", "main.th-1.2022-01-03.0830", "--cases"];
    let text = run(touchtime().args(explain).arg(&cases).arg("--mapping").arg(&mapping)).good();
    for expected in [
        "Cases of the room that belong to no list",
        "18:00, 75 min: starts 330 min after the planned end of main.th-1.2022-01-03.0830, more than 180 min",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
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
    for command in [
        "demo",
        "run",
        "report",
        "explain",
        "export",
        "import",
        "check",
        "quarantine",
        "primary",
        "backup",
        "restore",
        "upgrade",
        "access-file",
        "completions",
    ] {
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

/// What does not become part of the figures is told, with the reason and the remedy.
pub fn nothing_is_left_out_in_silence() {
    let dir = tempfile::tempdir().expect("a folder");
    let (csv, toml) = (dir.path().join("cases.csv"), dir.path().join("mapping.toml"));
    std::fs::write(
        &toml,
        "zone = \"Europe/London\"\nsite = \"main\"\nroom = { column = \"room\" }\ncase = \"id\"\ntime-formats = [\"%Y-%m-%d %H:%M\"]\n\
         milestones = { into_theatre = \"in\", out_of_theatre = \"out\" }\n\
         sessions = { from = \"columns\", start = \"from\", end = \"to\" }\n",
    )
    .expect("written");
    std::fs::write(
        &csv,
        "id,room,from,to,in,out\n\
         1,a,2022-03-01 08:30,2022-03-01 12:30,2022-03-01 08:30,2022-03-01 09:30\n\
         1,a,2022-03-01 08:30,2022-03-01 12:30,2022-03-01 08:30,2022-03-01 09:45\n\
         2,b,2022-03-01 17:30,2022-03-01 13:30,2022-03-01 14:00,2022-03-01 15:00\n\
         3,c,,,2022-03-01 14:00,2022-03-01 15:00\n",
    )
    .expect("written");
    let finished =
        run(touchtime().args(["report", "system", "--format", "csv", "--cases"]).arg(&csv).arg("--mapping").arg(&toml));
    for expected in [
        "1 rows repeat a case of their room",
        "1 lists are planned to end at or before their start and count in no rate: main.b.2022-03-01.1730",
        "1 cases with 60 touch minutes belong to no list",
    ] {
        assert!(finished.err.contains(expected), "{expected:?} is missing in:\n{}", finished.err);
    }
    let table = finished.good();
    let rows = crate::path::rows(&table);
    assert_eq!((rows[0]["touch_min"], rows[0]["planned_min"], rows[0]["sessions_empty_plan"]), ("75", "240", "1"));
}
