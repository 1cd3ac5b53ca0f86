//! `touchtime upgrade`: what a store needs beside being read and written.

use std::path::Path;

use anyhow::bail;
use delivery::ack::RunId;
use store::{FILE_NAME, Reader, StoreError, Writer};

use crate::cli::UpgradeArgs;
use crate::output::say;

/// `touchtime upgrade`
pub fn upgrade(arguments: &UpgradeArgs) -> anyhow::Result<()> {
    must_exist(&arguments.store)?;
    // Opening for writing does it.
    drop(Writer::open(&arguments.store, RunId(crate::random::bits_128()?))?);
    let events = Reader::open(&arguments.store)?.count_events()?;
    say(&format!("{} has schema {}, {events} events", arguments.store.display(), store::SCHEMA_VERSION));
    Ok(())
}

/// A command that looks after a store must not make one where a path was mistyped.
pub fn must_exist(dir: &Path) -> anyhow::Result<()> {
    if !dir.join(FILE_NAME).is_file() {
        bail!(StoreError::Missing(dir.to_owned()));
    }
    Ok(())
}
