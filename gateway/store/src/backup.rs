//! Copies of a store: taken while its collector runs, put back while it does not.
//!
//! A backup is one file: a database of its own, without a log beside it, that any SQLite opens. What a restored store
//! lacks, the agents send again: it is opened under another run, and they keep what is acknowledged for days.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use room_events::UtcMillis;
use rusqlite::{Connection, OpenFlags};

use crate::{FILE_NAME, Reader, StoreError, file_in, lock, owner, schema};

/// A backup that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Events in it, those in conflict left out.
    pub events: u64,
    /// Its size.
    pub bytes: u64,
}

/// A backup that was put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Events in it, those in conflict left out.
    pub events: u64,
    /// Its schema; the next writer brings an earlier one up to date.
    pub schema: i64,
    /// Where the database is that was there before.
    pub replaced: Option<PathBuf>,
}

/// Writes a copy of the store in `dir`, as it is at this moment, to the new file `to`. A collector may go on writing.
pub fn backup(dir: &Path, to: &Path) -> Result<BackedUp, StoreError> {
    let source = file_in(dir);
    if !source.is_file() {
        return Err(StoreError::Missing(dir.to_owned()));
    }
    if to.exists() {
        return Err(StoreError::Exists(to.to_owned()));
    }
    let connection =
        Connection::open_with_flags(&source, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| StoreError::of_file(&source, error))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    refuse_newer(&connection)?;
    let partial = beside(to, ".partial");
    remove(&partial)?;
    let copied = copy_of(&connection, &source, &partial);
    let done = copied.and_then(|done| move_file(&partial, to).map(|()| done));
    if done.is_err() {
        // Half a backup is none, and may fill the disk. Why it failed matters more than that it cannot be removed.
        for ending in ["", "-journal", "-wal", "-shm"] {
            let _ = remove(&beside(&partial, ending));
        }
    }
    done
}

/// Writes the copy to `partial` and looks through it.
fn copy_of(connection: &Connection, source: &Path, partial: &Path) -> Result<BackedUp, StoreError> {
    // Empty and for nobody else before there is anything in it.
    private().open(partial).map_err(|problem| at(partial, problem))?;
    // One reading transaction: the copy is of one moment, and every row of it has been read.
    connection
        .execute("VACUUM INTO ?1", [partial.to_string_lossy()])
        .map_err(|error| StoreError::of_file(source, error))?;
    let events = check(partial)?;
    let synced = File::open(partial).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    let bytes = synced.map_err(|problem| at(partial, problem))?.len();
    Ok(BackedUp { events, bytes })
}

/// Puts the backup `from` in the place of the store in `dir`, whose collector must not be running. The database that was
/// there is kept beside it under a name with `now`.
pub fn restore(dir: &Path, from: &Path, now: UtcMillis) -> Result<Restored, StoreError> {
    if !from.is_file() {
        let problem = io::Error::new(io::ErrorKind::NotFound, "no such file");
        return Err(StoreError::File { file: from.to_owned(), problem });
    }
    fs::create_dir_all(dir).map_err(|problem| StoreError::Folder { dir: dir.to_owned(), problem })?;
    let _alone = lock::for_replacing(dir)?;
    let file = file_in(dir);
    let new = beside(&file, ".restoring");
    for old in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm")] {
        remove(&old)?;
    }
    let copied = copy_back(from, &new);
    if copied.is_err() {
        // Why it failed matters more than that its remains cannot be removed.
        for ending in ["", "-journal", "-wal", "-shm"] {
            let _ = remove(&beside(&new, ending));
        }
    }
    let (found, events) = copied.map_err(|error| {
        if let StoreError::Broken { problem, .. } = error {
            StoreError::NoBackup { file: from.to_owned(), problem }
        } else {
            error
        }
    })?;
    owner::give_to_owner_of(dir, &new);
    let replaced = if file.exists() { Some(set_aside(&file, now)?) } else { None };
    // Over the old one in one step: at every moment there is one database or the other.
    move_file(&new, &file)?;
    Ok(Restored { events, schema: found, replaced })
}

/// Copies the backup to `new` and looks through it; returns its schema and how many events it has.
fn copy_back(from: &Path, new: &Path) -> Result<(i64, u64), StoreError> {
    copy(from, new)?;
    // A file that somebody copied from a running store has its newest rows in a log.
    if beside(from, "-wal").is_file() {
        copy(&beside(from, "-wal"), &beside(new, "-wal"))?;
    }
    let found = settle(new)?;
    // That of an earlier schema is made to forget them when it is brought up to date.
    if found == schema::SCHEMA_VERSION {
        forget_exports(new)?;
    }
    Ok((found, check(new)?))
}

/// Exporters have sent more than this copy knows of: they start again.
fn forget_exports(file: &Path) -> Result<(), StoreError> {
    let broken = |error| StoreError::of_file(file, error);
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(broken)?;
    connection
        .execute_batch("UPDATE exports SET through = NULL, asked = asked + 1; UPDATE exported SET digest = 0")
        .map_err(broken)?;
    connection.close().map_err(|(_, error)| broken(error))?;
    File::open(file).and_then(|file| file.sync_all()).map_err(|problem| at(file, problem))
}

/// Looks through a database for damage; returns its schema.
pub(crate) fn check_for_damage(file: &Path) -> Result<(Connection, i64), StoreError> {
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|error| StoreError::of_file(file, error))?;
    quick_check(&connection, file)?;
    let found = schema::version(&connection).map_err(|error| error.of_broken(file))?;
    Ok((connection, found))
}

/// The same; returns how many events it has.
fn check(file: &Path) -> Result<u64, StoreError> {
    let broken = |error| StoreError::of_file(file, error);
    let (connection, found) = check_for_damage(file)?;
    let sql = match found {
        // Conflicts have a table of their own.
        1 => "SELECT count(*) FROM events",
        2..=4 => "SELECT count(*) FROM events WHERE digest = x''",
        _ => Reader::COUNT_EVENTS,
    };
    let events: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(broken)?;
    Ok(u64::try_from(events).unwrap_or(0))
}

/// SQLite's own look through the file, without the comparison of indices with tables, which costs several times more.
pub(crate) fn quick_check(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| StoreError::of_file(file, error))?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Broken { file: file.to_owned(), problem: said }) }
}

/// Brings a copy's log into the file; returns its schema.
fn settle(file: &Path) -> Result<i64, StoreError> {
    let broken = |error| StoreError::of_file(file, error);
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(broken)?;
    let found = refuse_newer(&connection).map_err(|error| error.of_broken(file))?;
    let _: String = connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).map_err(broken)?;
    connection.close().map_err(|(_, error)| broken(error))?;
    File::open(file).and_then(|file| file.sync_all()).map_err(|problem| at(file, problem))?;
    Ok(found)
}

fn refuse_newer(connection: &Connection) -> Result<i64, StoreError> {
    match schema::version(connection)? {
        found if found > schema::SCHEMA_VERSION => Err(StoreError::Newer { found, known: schema::SCHEMA_VERSION }),
        found => Ok(found),
    }
}

/// Gives the present database a second name, with its log if that cannot be brought into it.
fn set_aside(file: &Path, now: UtcMillis) -> Result<PathBuf, StoreError> {
    let name: String = now.to_string().chars().filter(|c| !matches!(c, ':' | '.')).collect();
    let aside = beside(file, &format!(".replaced-{name}"));
    if aside.exists() {
        return Err(StoreError::Exists(aside));
    }
    // One that is too damaged for this keeps its log.
    let _ = settle(file);
    fs::hard_link(file, &aside).or_else(|_| copy_privately(file, &aside)).map_err(|problem| at(&aside, problem))?;
    let wal = beside(file, "-wal");
    if wal.exists() {
        let wal_aside = beside(&aside, "-wal");
        fs::rename(&wal, &wal_aside).map_err(|problem| at(&wal, problem))?;
    }
    remove(&beside(file, "-shm"))?;
    Ok(aside)
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    copy_privately(from, to).map_err(|problem| at(from, problem))
}

fn copy_privately(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = private().open(to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

/// Makes a file that only its owner may read: labels of a trust's cases are nobody else's business.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn move_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|problem| at(to, problem))?;
    // The new name is on disk only once its folder is.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|problem| at(to, problem))
}

fn remove(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => Err(at(file, problem)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn at(file: &Path, problem: io::Error) -> StoreError {
    StoreError::File { file: file.to_owned(), problem }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let name = file.file_name().unwrap_or(FILE_NAME.as_ref());
    let mut name = name.to_owned();
    name.push(ending);
    file.with_file_name(name)
}
