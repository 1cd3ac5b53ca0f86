//! Who may do what to a store at the same time: one collector, any number of writing commands beside it, and nobody else
//! while the database is replaced. Readers need no lock.
//!
//! The locks are the operating system's and end with the process, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::{StoreError, owner};

const WRITERS: &str = "touchtime.lock";
const COLLECTOR: &str = "collector.lock";

/// A lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "closing the file gives the lock back")] File);

/// For a writer, beside others.
pub(crate) fn for_writing(dir: &Path) -> Result<Lock, StoreError> {
    let (file, open) = open(dir, WRITERS)?;
    hold(open.try_lock_shared(), dir, &file, "a command that replaces its database")?;
    Ok(Lock(open))
}

/// For the collector; it comes beside the lock for writing.
pub(crate) fn for_collecting(dir: &Path) -> Result<Lock, StoreError> {
    let (file, open) = open(dir, COLLECTOR)?;
    hold(open.try_lock(), dir, &file, "another collector")?;
    Ok(Lock(open))
}

/// For replacing the database: no other writer.
pub(crate) fn for_replacing(dir: &Path) -> Result<Lock, StoreError> {
    let (file, open) = open(dir, WRITERS)?;
    hold(open.try_lock(), dir, &file, "its collector or another command that writes")?;
    Ok(Lock(open))
}

fn open(dir: &Path, name: &str) -> Result<(std::path::PathBuf, File), StoreError> {
    let file = dir.join(name);
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
    match open {
        Ok(open) => {
            owner::give_to_owner_of(dir, &file);
            Ok((file, open))
        }
        Err(problem) => Err(StoreError::File { file, problem }),
    }
}

fn hold(outcome: Result<(), TryLockError>, dir: &Path, file: &Path, holder: &'static str) -> Result<(), StoreError> {
    outcome.map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::InUse { dir: dir.to_owned(), holder },
        TryLockError::Error(problem) => StoreError::File { file: file.to_owned(), problem },
    })
}
