//! The extract feed: looks into a folder for new extract files and reports each once; none is moved or changed.
//!
//! A file is read when two looks in a row found it the same, so one that is still being written is left alone. What was
//! reported is remembered in the outbox by the file's digest. Rows that could not be read are listed in the agent's own
//! data folder, under `extract-errors`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use edge_agent::Observed;
use room_events::{Alive, Observation, SourceId};

use crate::agent::Shared;
use crate::config::Config;
use crate::extract_file::{self, ExtractFile, Paths};
use crate::replay::Replay;
use crate::token_key::TokenKey;

/// What tells one state of a file from another without reading it.
type Look = (u64, SystemTime);

/// The feed's settings.
#[derive(Debug, Clone)]
pub struct ExtractFeed {
    folder: PathBuf,
    mapping: PathBuf,
    key: TokenKey,
    source: SourceId,
    poll: Duration,
    alive_every: Duration,
    errors_folder: PathBuf,
}

impl ExtractFeed {
    /// The feed of a configuration, if it has one. Mapping and key are read once to see whether they can be used.
    pub fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let extract = &config.extract;
        let (Some(folder), Some(mapping), Some(key_file)) =
            (&extract.folder, &extract.mapping, &config.tokens.key_file)
        else {
            return Ok(None);
        };
        let read = extract_file::read_mapping(mapping)?;
        anyhow::ensure!(
            !read.wants_plan_file(),
            "mapping {}: the watched folder takes no plan files (put the sessions into columns, or use `touchtime-agent replay --plan`)",
            mapping.display()
        );
        Ok(Some(Self {
            folder: folder.clone(),
            mapping: mapping.clone(),
            key: TokenKey::read(key_file)?,
            source: SourceId::new(&extract.source).context("extract.source")?,
            poll: Duration::from_secs(extract.poll_seconds.into()),
            alive_every: Duration::from_secs(config.alive.every_seconds.into()),
            errors_folder: config.data_dir.join("extract-errors"),
        }))
    }

    /// Watches until the task is aborted.
    pub async fn watch(self, shared: Arc<Shared>) {
        let mut seen: HashMap<PathBuf, Look> = HashMap::new();
        let mut reported: HashMap<PathBuf, Look> = HashMap::new();
        let mut alive_timer = tokio::time::interval(self.alive_every);
        let mut is_readable = true;
        loop {
            tokio::select! {
                _ = alive_timer.tick() => if is_readable {
                    self.say_alive(&shared);
                },
                () = tokio::time::sleep(self.poll) => {}
            }
            let files = match looks(&self.folder) {
                Ok(files) => files,
                Err(error) => {
                    if is_readable {
                        tracing::error!(error = format!("{error:#}"), "the extract folder cannot be looked into");
                    }
                    is_readable = false;
                    continue;
                }
            };
            is_readable = true;
            for (path, look) in &files {
                let is_settled = seen.get(path) == Some(look);
                if is_settled && reported.get(path) != Some(look) {
                    if let Err(error) = self.report(path, &shared).await {
                        tracing::error!(file = %path.display(), error = format!("{error:#}"), "an extract is not reported");
                    }
                    // A file that is refused as a whole is tried again when it changes.
                    reported.insert(path.clone(), *look);
                }
            }
            seen = files;
        }
    }

    fn say_alive(&self, shared: &Shared) {
        let at = shared.agent().clock().now();
        let observed = Observed {
            source: self.source.clone(),
            order: None,
            site: None,
            room: None,
            at,
            clock: None,
            obs: Observation::Alive(Alive {}),
        };
        shared.agent().record_or_count(&observed);
        shared.recorded.notify_one();
    }

    async fn report(&self, path: &Path, shared: &Shared) -> anyhow::Result<()> {
        let (paths, key) =
            (Paths { cases: path.to_owned(), plan: None, mapping: self.mapping.clone() }, self.key.clone());
        let extract = tokio::task::spawn_blocking(move || extract_file::read(&paths, &key)).await??;
        self.list_errors(path, &extract)?;
        let summary = extract.summary.to_string();
        let alive_ms = i64::try_from(self.alive_every.as_millis()).unwrap_or(i64::MAX);
        let replay = Replay::new(self.source.clone(), extract.items, alive_ms, &[], extract.digest);
        let recorded = replay.record(shared, false).await?;
        if recorded > 0 {
            tracing::info!(file = %path.display(), recorded, summary, "an extract is recorded");
        }
        Ok(())
    }

    fn list_errors(&self, path: &Path, extract: &ExtractFile) -> anyhow::Result<()> {
        for error in &extract.errors {
            tracing::warn!(%error, "a row or cell of an extract");
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let list = self.errors_folder.join(format!("{name}.errors.txt"));
        if extract.errors.is_empty() {
            // The list of an earlier, worse file of this name is out of date.
            let _ = std::fs::remove_file(list);
            return Ok(());
        }
        let mut text = format!("{}\n", extract.summary);
        for error in &extract.errors {
            let _ = writeln!(text, "{error}");
        }
        std::fs::create_dir_all(&self.errors_folder)?;
        std::fs::write(&list, text).with_context(|| format!("{} cannot be written", list.display()))
    }
}

/// The regular files of a folder that are not hidden.
fn looks(folder: &Path) -> anyhow::Result<HashMap<PathBuf, Look>> {
    let mut files = HashMap::new();
    let cannot = || format!("extract.folder {} cannot be read (does it exist?)", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        // One that is gone by now is somebody else's matter.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
            files.insert(entry.path(), (metadata.len(), metadata.modified()?));
        }
    }
    Ok(files)
}
