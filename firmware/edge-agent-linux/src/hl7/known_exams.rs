//! [`KnownExams`]: starts of exams whose end will come without one, and ends that came before their start.
//!
//! ```text
//! exams.redb   token of the exam -> JSON of [`KnownExam`]
//! ```
//!
//! It holds tokens and no numbers. An exam's event is in the outbox before it is written here: a process that dies between
//! the two has not answered, and a system that sends again gives the same event again, which counts once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use hl7_feed::{ExamEnd, Said};
use redb::{Database, ReadableDatabase, TableDefinition};
use room_events::{Observation, StepState, Token, UtcMillis};
use serde::{Deserialize, Serialize};

const EXAMS: TableDefinition<(u8, u128), &[u8]> = TableDefinition::new("exams");

/// redb's cache; the default of 1 GiB is more than small computers have.
const CACHE_BYTES: usize = 1024 * 1024;

/// How long an exam is remembered after its last message, by the agent's clock.
const REMEMBERED_MS: i64 = 30 * 86_400_000;

/// What is known of an exam.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownExam {
    heard: UtcMillis,
    /// Its start.
    start: Option<UtcMillis>,
    /// Its end, while there is no start.
    end: Option<ExamEnd>,
}

/// The exams on disk.
#[derive(Debug)]
pub(super) struct KnownExams {
    database: Database,
    turn: Mutex<()>,
}

/// What messages change in the known exams; written once their events are on the disk.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<Token, KnownExam>);

impl KnownExams {
    /// Opens or makes the file.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("data-dir {} cannot be made", folder.display()))?;
        let path = folder.join("exams.redb");
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path)
            .with_context(|| format!("{} cannot be opened (is touchtime-agent running already?)", path.display()))?;
        let transaction = database.begin_write()?;
        transaction.open_table(EXAMS)?;
        transaction.commit()?;
        Ok(Self { database, turn: Mutex::default() })
    }

    /// Held while messages about exams read, record and write.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the starts among `said`, and adds the ends that can now be told.
    pub(super) fn join(
        &self,
        said: &mut Vec<Said>,
        ends: Vec<ExamEnd>,
        heard: UtcMillis,
        changes: &mut Changes,
    ) -> anyhow::Result<()> {
        let mut told = Vec::new();
        for one in said.iter() {
            let Observation::PerformedStep(step) = &one.obs else { continue };
            if step.state != StepState::InProgress {
                continue;
            }
            let mut exam = self.get(step.step, heard, changes)?;
            exam.start = Some(step.start);
            told.extend(exam.end.take().map(|end| end.with_start(step.start)));
            changes.0.insert(step.step, exam);
        }
        for end in ends {
            let mut exam = self.get(end.exam(), heard, changes)?;
            let token = end.exam();
            match exam.start {
                Some(start) => told.push(end.with_start(start)),
                None => exam.end = Some(end),
            }
            changes.0.insert(token, exam);
        }
        said.append(&mut told);
        Ok(())
    }

    fn get(&self, exam: Token, heard: UtcMillis, changes: &Changes) -> anyhow::Result<KnownExam> {
        if let Some(changed) = changes.0.get(&exam) {
            return Ok(changed.clone());
        }
        let table = self.database.begin_read()?.open_table(EXAMS)?;
        let bytes = table.get((exam.key, exam.digest))?;
        // One that cannot be read is as good as unknown.
        let known = bytes.and_then(|bytes| serde_json::from_slice(bytes.value()).ok());
        Ok(known.map_or(KnownExam { heard, start: None, end: None }, |known| KnownExam { heard, ..known }))
    }

    /// Writes what has changed. On return it is on the disk.
    pub(super) fn keep(&self, changes: &Changes) -> anyhow::Result<()> {
        if changes.0.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(EXAMS)?;
            for (exam, known) in &changes.0 {
                table.insert((exam.key, exam.digest), serde_json::to_vec(known)?.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Forgets exams last heard of too long ago, and those that cannot be read.
    pub(super) fn forget_old(&self, now: UtcMillis) -> anyhow::Result<()> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(EXAMS)?.retain(|_, bytes| {
            let known: Option<KnownExam> = serde_json::from_slice(bytes).ok();
            known.is_some_and(|known| now.millis_since(known.heard) < REMEMBERED_MS)
        })?;
        Ok(transaction.commit()?)
    }
}
