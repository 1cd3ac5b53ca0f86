//! Looking after a store from the command line.

use std::path::Path;

use touchtime_tests::programs::{Finished, run, touchtime};

fn on(dir: &Path, arguments: &[&str]) -> Finished {
    run(touchtime().args(arguments).arg("--store").arg(dir))
}

/// One event as an export writes it.
fn line(seq: u32, event: &str) -> String {
    format!(
        r#"{{"trust":"demo","site":"main","agent":"th-1","stream":"0000000000000000000000000000beef","seq":{seq},"received":1644585002000,"event":{event}}}"#
    )
}

fn stamp(minute: u32) -> String {
    let at = 1_644_585_000_000_u64 + u64::from(minute) * 60_000;
    format!(
        r#"{{"v":1,"at":{at},"captured":{at},"mono":0,"clock":"external","source":"theatre-system","order":1,"room":"suite-1","obs":{{"milestone":{{"case":"1.00000000000000000000000000000001","name":"into_theatre"}}}}}}"#
    )
}

fn import(dir: &Path, file: &Path, lines: &[String]) {
    std::fs::write(file, lines.join("\n")).expect("written");
    let done = run(touchtime().args(["import", "events", "--store"]).arg(dir).arg(file));
    assert_eq!(done.code, Some(0), "{}", done.err);
}

pub fn quarantine_on_the_command_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, file) = (dir.path().join("store"), dir.path().join("events.ndjson"));
    let future = r#"{"v":9,"name":"O'Hara","new":1}"#;
    import(&store, &file, &[line(1, &stamp(0)), line(2, future), line(1, &stamp(1))]);
    let listed = on(&store, &["quarantine", "list"]).good();
    for expected in ["th-1", "version", "upgrade the collector", "1 in quarantine, 1 events in conflict, 0 given up"] {
        assert!(listed.contains(expected), "{expected:?} is missing in:\n{listed}");
    }
    let shown = on(&store, &["quarantine", "show", "1"]).good();
    assert!(shown.contains(r#"{"a":9,"aaaa":"a'aaaa","aaa":9}"#) && !shown.contains("Hara"), "{shown}");
    assert!(on(&store, &["quarantine", "show", "1", "--text"]).good().contains("O'Hara"));
    assert_eq!(on(&store, &["quarantine", "show", "7"]).code, Some(2));
    let conflicts = on(&store, &["quarantine", "conflicts", "--format", "csv"]).good();
    assert_eq!(conflicts.lines().count(), 2, "{conflicts}");
    let retried = on(&store, &["quarantine", "retry"]);
    assert!(
        retried.err.contains("0 left the quarantine: 0 events stored, 0 in conflict with another; 1 stay"),
        "{}",
        retried.err
    );
    assert_eq!(on(&store, &["quarantine", "gaps", "--format", "json"]).good(), "[\n]\n");
    let exported = dir.path().join("all.ndjson");
    run(touchtime().args(["export", "events", "--format", "ndjson", "--store"]).arg(&store).arg(&exported)).good();
    assert_eq!(std::fs::read_to_string(exported).expect("written").lines().count(), 2, "both events of the conflict");
    let mistyped = on(&dir.path().join("stroe"), &["quarantine", "retry"]);
    assert_eq!(mistyped.code, Some(1));
    assert!(!dir.path().join("stroe").exists(), "no store is made where a path was mistyped");
}

pub fn backup_and_restore() {
    let dir = tempfile::tempdir().expect("a folder");
    let (store, file) = (dir.path().join("store"), dir.path().join("events.ndjson"));
    import(&store, &file, &[line(1, &stamp(0))]);
    let backup = dir.path().join("monday.db");
    let name = backup.to_str().expect("UTF-8");
    on(&store, &["backup", name]).good();
    let again = on(&store, &["backup", name]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("is there already"), "{}", again.err);
    import(&store, &file, &[line(2, &stamp(1))]);
    let report =
        || run(touchtime().args(["export", "events", "-", "--format", "ndjson", "--store"]).arg(&store)).good();
    assert_eq!(report().lines().count(), 2);
    let restored = on(&store, &["restore", name]);
    assert!(restored.err.contains("holds 1 events now") && restored.err.contains(".replaced-"), "{}", restored.err);
    assert_eq!(report().lines().count(), 1);
    std::fs::write(&backup, b"not a database, whatever its name says").expect("written");
    let refused = on(&store, &["restore", name]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("monday.db is no backup of a store"), "{}", refused.err);
    assert_eq!(report().lines().count(), 1);
}

/// A database of schema 1, kept from the program that wrote it.
pub fn stores_of_other_versions() {
    let dir = tempfile::tempdir().expect("a folder");
    let old = touchtime_tests::programs::root().join("gateway/store/tests/data/schema-1.db");
    std::fs::copy(old, dir.path().join("touchtime.db")).expect("copied");
    let report = ["report", "rooms", "--format", "csv"];
    let refused = on(dir.path(), &report);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("touchtime upgrade --store"), "{}", refused.err);
    let done = on(dir.path(), &["upgrade"]);
    assert!(done.err.contains("has schema 6, 5 events"), "{}", done.err);
    on(dir.path(), &report).good();
}

/// Runs as root only, who alone may give files away.
pub fn what_root_replaces_stays_its_owners() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    /// Nobody's in particular: root may give files to users that there are not.
    const OWNER: (u32, u32) = (61_234, 61_235);
    let give = |path: &Path| chown(path, Some(OWNER.0), Some(OWNER.1)).expect("root may");
    let owner = |path: &Path| std::fs::metadata(path).map(|file| (file.uid(), file.gid())).expect("it is there");
    let dir = tempfile::tempdir().expect("a folder");

    let (config, access) = (dir.path().join("gateway.toml"), dir.path().join("access"));
    let text = "trust = 't'\n[store]\ndir = 'store'\n[broker]\nhost = 'b'\n[board]\nlisten = '127.0.0.1:1'\n\
        [[sites]]\nid = 'main'\n[[agents]]\nsite = 'main'\nid = 'th-1'\n";
    std::fs::write(&config, text).expect("written");
    std::fs::write(&access, "old").expect("written");
    std::fs::set_permissions(&access, std::fs::Permissions::from_mode(0o640)).expect("the own file");
    give(&access);
    run(touchtime().args(["access-file", "--config"]).arg(&config).arg("--output").arg(&access)).good();
    assert!(std::fs::read_to_string(&access).expect("read").contains("th-1"));
    let mode = std::fs::metadata(&access).expect("it is there").mode() & 0o777;
    assert_eq!((owner(&access), mode), (OWNER, 0o640), "the broker can still read it");

    let (store, file) = (dir.path().join("store"), dir.path().join("events.ndjson"));
    import(&store, &file, &[line(1, &stamp(0))]);
    let backup = dir.path().join("monday.db");
    on(&store, &["backup", backup.to_str().expect("UTF-8")]).good();
    std::fs::remove_dir_all(&store).expect("removed");
    std::fs::create_dir(&store).expect("made");
    give(&store);
    on(&store, &["restore", backup.to_str().expect("UTF-8")]).good();
    for entry in std::fs::read_dir(&store).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(owner(&path), OWNER, "{} can be opened by its collector", path.display());
    }
    assert!(store.join("touchtime.db").is_file());
}
