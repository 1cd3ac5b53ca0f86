//! `touchtime primary`, `backup`, `restore` and `upgrade`: what a store needs beside being read and written.

use std::path::Path;

use anyhow::bail;
use delivery::ack::RunId;
use store::{FILE_NAME, Reader, StoreError, Writer};

use crate::cli::{BackupArgs, PrimaryArgs, PrimaryWhat, UpgradeArgs};
use crate::clock::wall_now;
use crate::output::say;

/// `touchtime primary`
pub fn primary(arguments: &PrimaryArgs) -> anyhow::Result<()> {
    must_exist(&arguments.store)?;
    let writer = || anyhow::Ok(Writer::open(&arguments.store, RunId(crate::random::bits_128()?))?);
    match arguments.what {
        PrimaryWhat::Show => {}
        PrimaryWhat::Take => {
            writer()?.take_primary(wall_now())?;
        }
        PrimaryWhat::GiveUp => writer()?.give_up_primary(None)?,
    }
    let dir = arguments.store.display();
    match Reader::open(&arguments.store)?.primary_epoch()? {
        Some(epoch) => say(&format!("the collector of {dir} is primary, in epoch {epoch}, and writes the summaries")),
        None => say(&format!("the collector of {dir} is not primary and writes no summaries")),
    }
    Ok(())
}

/// `touchtime backup`
pub fn backup(arguments: &BackupArgs) -> anyhow::Result<()> {
    let done = store::backup(&arguments.store, &arguments.file)?;
    say(&format!("{} holds {} events in {} bytes", arguments.file.display(), done.events, done.bytes));
    Ok(())
}

/// `touchtime restore`
pub fn restore(arguments: &BackupArgs) -> anyhow::Result<()> {
    let done = store::restore(&arguments.store, &arguments.file, wall_now())?;
    say(&format!("{} holds {} events now", arguments.store.display(), done.events));
    if let Some(replaced) = done.replaced {
        say(&format!("the database that was there is {} (remove it when nothing is missing)", replaced.display()));
    }
    if done.schema < store::SCHEMA_VERSION {
        say(&format!(
            "it has schema {}; its collector brings it up to date, or `touchtime upgrade --store {}`",
            done.schema,
            arguments.store.display()
        ));
    }
    say("start the collector: the agents send again what the backup lacks, as far as they still hold it");
    Ok(())
}

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
