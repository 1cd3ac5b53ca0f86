//! Backups, what comes back from them, and who may use a store at the same time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use delivery::ack::RunId;
use fixture::{commit, message, minute, open, stamp};
use store::{FILE_NAME, Reader, StoreError, Writer, backup, restore};

fn count(dir: &Path) -> u64 {
    Reader::open(dir).unwrap().count_events().unwrap()
}

fn collect(dir: &Path, run: u128) -> Result<Writer, StoreError> {
    Writer::open_to_collect(dir, RunId(run))
}

/// Overwrites a page in the middle, as a bad disk does.
fn damage(file: &Path) {
    let mut open = std::fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let pages = open.metadata().unwrap().len() / 4096;
    for page in 2..pages {
        open.seek(SeekFrom::Start(page * 4096)).unwrap();
        open.write_all(&[0xa5; 512]).unwrap();
    }
}

#[test]
fn a_backup_is_of_one_moment_while_the_collector_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("monday.db");
    let store = dir.path().join("store");
    let mut writer = collect(&store, 1).unwrap();
    let _ = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1))])]);
    let done = backup(&store, &file).unwrap();
    assert_eq!((done.events, done.bytes), (1, file.metadata().unwrap().len()));
    let _ = commit(&mut writer, &[message(2, 1, &[stamp(2, minute(2))])]);
    assert!(matches!(backup(&store, &file), Err(StoreError::Exists(_))), "never over another backup");
    drop(writer);

    let restored = restore(&store, &file, minute(60)).unwrap();
    assert_eq!((restored.events, count(&store)), (1, 1));
    let aside = restored.replaced.unwrap();
    assert_eq!(aside.file_name().unwrap(), "touchtime.db.replaced-2022-02-11T080000Z");
    // The one that was there is whole, its last commit included.
    let elsewhere = dir.path().join("elsewhere");
    assert_eq!(restore(&elsewhere, &aside, minute(61)).unwrap().replaced, None);
    assert_eq!(count(&elsewhere), 2);
    // The mark is that of the backup: the agent sends again what came later.
    let done = commit(&mut collect(&store, 2).unwrap(), &[message(2, 1, &[stamp(2, minute(2))])]);
    assert_eq!((done.stored, done.acknowledgements[0].ack.run), (1, RunId(2)));
}

#[test]
fn nothing_is_restored_under_a_running_collector() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("monday.db");
    let store = dir.path().join("store");
    let writer = collect(&store, 1).unwrap();
    let _ = backup(&store, &file).unwrap();
    let refused = restore(&store, &file, minute(0)).unwrap_err();
    assert!(refused.to_string().contains("in use by its collector"), "{refused}");
    let second = collect(&store, 2).unwrap_err();
    assert!(second.to_string().contains("in use by another collector"), "{second}");
    // A command may write beside it.
    drop(open(&store));
    drop(writer);
    let _ = restore(&store, &file, minute(0)).unwrap();
}

#[test]
fn a_damaged_store_is_not_collected_into_and_a_backup_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (store, file) = (dir.path().join("store"), dir.path().join("monday.db"));
    let mut writer = collect(&store, 1).unwrap();
    for first in 0_u32..40 {
        let events: Vec<_> = (1..=64).map(|n| stamp(n, minute(i64::from(first)))).collect();
        let _ = commit(&mut writer, &[message(u64::from(first) * 64 + 1, 1, &events)]);
    }
    let _ = backup(&store, &file).unwrap();
    drop(writer);
    damage(&store.join(FILE_NAME));
    let refused = collect(&store, 2).unwrap_err();
    assert!(matches!(refused, StoreError::Broken { .. }), "{refused}");
    assert!(refused.to_string().contains("touchtime restore --store"), "{refused}");
    assert!(backup(&store, &dir.path().join("late.db")).is_err(), "damage is not backed up");
    let left = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.filter(|name| name.to_string_lossy().starts_with("late")).count(), 0, "nor is half a copy left");

    let restored = restore(&store, &file, minute(0)).unwrap();
    assert_eq!(restored.events, 40 * 64);
    assert!(restored.replaced.is_some());
    drop(collect(&store, 3).unwrap());
}

#[test]
fn a_damaged_or_foreign_backup_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let _ = commit(&mut open(&store), &[message(1, 1, &[stamp(1, minute(1))])]);
    let file = dir.path().join("backup.db");
    let check = |bytes: &[u8], expected: &str| {
        std::fs::write(&file, bytes).unwrap();
        let refused = restore(&store, &file, minute(0)).unwrap_err().to_string();
        assert!(refused.contains(expected) && !refused.contains("restoring"), "{refused}");
        assert_eq!(count(&store), 1);
        let left = std::fs::read_dir(&store).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        assert_eq!(left.filter(|name| name.contains("restoring")).count(), 0, "no half of it is left behind");
    };
    check(b"a letter of the estates department, which is no database at all", "backup.db is no backup of a store");
    check(b"", "backup.db is no backup of a store");
    let good = dir.path().join("good.db");
    let _ = backup(&store, &good).unwrap();
    let mut newer = Vec::new();
    rusqlite::Connection::open(&good).unwrap().execute("UPDATE meta SET value = 99", []).unwrap();
    std::fs::File::open(&good).unwrap().read_to_end(&mut newer).unwrap();
    check(&newer, "schema 99");
}

#[test]
#[cfg(unix)]
fn what_an_administrator_restores_belongs_to_the_folders_owner() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let _ = commit(&mut open(&store), &[message(1, 1, &[stamp(1, minute(1))])]);
    let good = dir.path().join("good.db");
    let _ = backup(&store, &good).unwrap();
    // Only root can make it another's; anybody else owns the folder and so the files.
    let _ = chown(&store, Some(65_534), Some(65_534));
    let owner = store.metadata().unwrap().uid();
    let _ = restore(&store, &good, minute(0)).unwrap();
    for name in [FILE_NAME, "touchtime.lock"] {
        assert_eq!(store.join(name).metadata().unwrap().uid(), owner, "{name}");
    }
}

#[test]
fn a_file_copied_from_a_running_store_brings_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let mut writer = open(&store);
    let _ = commit(&mut writer, &[message(1, 1, &[stamp(1, minute(1))])]);
    for ending in ["", "-wal"] {
        let name = format!("{FILE_NAME}{ending}");
        std::fs::copy(store.join(&name), dir.path().join(&name)).unwrap();
    }
    let elsewhere = dir.path().join("elsewhere");
    assert_eq!(restore(&elsewhere, &dir.path().join(FILE_NAME), minute(0)).unwrap().events, 1);
}
