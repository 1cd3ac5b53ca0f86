//! [`KnownSteps`]: what is known of each step, so that its N-SET is understood after a restart.
//!
//! ```text
//! steps.redb   token of the step -> JSON of [`KnownStep`]
//! ```
//!
//! It holds tokens and no numbers. A step's event is in the outbox before it is written here: a process that dies between
//! the two has not answered, and a scanner that asks again gives the same event again, which counts once.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use redb::{Database, ReadableDatabase, TableDefinition};
use room_events::{PerformedStep, RoomId, Token, UtcMillis};
use serde::{Deserialize, Serialize};

const STEPS: TableDefinition<(u8, u128), &[u8]> = TableDefinition::new("steps");

/// redb's cache; the default of 1 GiB is more than small computers have.
const CACHE_BYTES: usize = 1024 * 1024;

/// How long a step is remembered after its last message, by the agent's clock: a scanner's may be years off. A step that
/// no N-SET ended by then never ends.
pub(super) const REMEMBERED_MS: i64 = 30 * 86_400_000;

/// A step and what its later messages do not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownStep {
    /// Its room.
    pub room: RoomId,
    /// When its last message came.
    pub heard: UtcMillis,
    /// The offset from UTC that its first message named.
    pub offset_minutes: Option<i16>,
    /// Its latest state.
    pub step: PerformedStep,
}

/// Opens or makes the file in which the feed keeps what it knows.
pub fn open_database(folder: &Path) -> anyhow::Result<Arc<Database>> {
    let path = folder.join("steps.redb");
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(&path);
    database
        .map(Arc::new)
        .with_context(|| format!("{} cannot be opened (is touchtime-agent running already?)", path.display()))
}

/// The steps on disk.
#[derive(Debug)]
pub struct KnownSteps {
    database: Arc<Database>,
}

impl KnownSteps {
    /// Opens or makes the table.
    pub fn open(database: Arc<Database>) -> anyhow::Result<Self> {
        let transaction = database.begin_write()?;
        transaction.open_table(STEPS)?;
        transaction.commit()?;
        Ok(Self { database })
    }

    /// What is known of a step.
    pub fn get(&self, step: Token) -> anyhow::Result<Option<KnownStep>> {
        let table = self.database.begin_read()?.open_table(STEPS)?;
        let bytes = table.get((step.key, step.digest))?;
        bytes
            .map(|bytes| serde_json::from_slice(bytes.value()).context("steps.redb holds an unreadable step"))
            .transpose()
    }

    /// Remembers the steps' latest states. On return they are on the disk.
    pub fn put<'a>(&self, known: impl IntoIterator<Item = &'a KnownStep>) -> anyhow::Result<()> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(STEPS)?;
            for one in known {
                let bytes = serde_json::to_vec(one)?;
                table.insert((one.step.step.key, one.step.step.digest), bytes.as_slice())?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Forgets steps last heard of too long ago, and those that cannot be read.
    pub fn forget_old(&self, now: UtcMillis) -> anyhow::Result<()> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(STEPS)?.retain(|_, bytes| {
            let known: Option<KnownStep> = serde_json::from_slice(bytes).ok();
            known.is_some_and(|known| now.millis_since(known.heard) < REMEMBERED_MS)
        })?;
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use room_events::StepState;

    #[test]
    fn a_step_is_remembered_across_a_restart_and_forgotten_after_a_month() {
        let folder = tempfile::tempdir().unwrap();
        let heard = UtcMillis::saturating(1_700_000_000_000);
        // A scanner whose clock is years behind.
        let start = heard.plus_minutes(-3_000_000);
        let step = PerformedStep {
            step: Token { key: 1, digest: 2 },
            state: StepState::InProgress,
            start,
            end: None,
            accessions: [Token { key: 1, digest: 3 }].into_iter().collect(),
            visit: None,
            patient: None,
            protocol: None,
            reason: None,
        };
        let known = KnownStep { room: RoomId::new("mri-1").unwrap(), heard, offset_minutes: Some(60), step };
        let open = || KnownSteps::open(open_database(folder.path()).unwrap()).unwrap();
        open().put([&known]).unwrap();
        let steps = open();
        assert_eq!(steps.get(known.step.step).unwrap(), Some(known.clone()));
        steps.forget_old(heard.plus_minutes(29 * 1440)).unwrap();
        assert!(steps.get(known.step.step).unwrap().is_some());
        steps.forget_old(heard.plus_minutes(30 * 1440)).unwrap();
        assert_eq!(steps.get(known.step.step).unwrap(), None);
    }
}
