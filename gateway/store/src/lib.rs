//! The collector's store: every accepted event on disk, once, with the marks that its acknowledgements rest on.
//!
//! One process writes ([`Writer`]); any number read beside it ([`Reader`]), the command line included. An event and its
//! stream's mark are committed in one transaction, so a restart never finds one without the other. Results are not
//! kept: they are computed from events, so that another rule set restates history.

mod backup;
mod desk;
mod filing;
mod gaps;
mod lock;
mod migrate;
mod outgoing;
mod owner;
mod place;
mod primary;
mod quarantine;
mod reader;
mod retention;
mod running_time;
mod schema;
mod sheet;
mod stream_owner;
mod writer;

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

pub use backup::{BackedUp, Restored, backup, restore};
pub use gaps::Gap;
pub use outgoing::{Change, DeadLetter, Exported, Exports, MOST_CHANGES, MOST_DEAD_LETTERS, Position, Span};
pub use place::place_of;
pub use quarantine::{Cause, ForeignStreams, MAX_KEPT_BYTES, MOST_MESSAGES_OF_AN_AGENT, Quarantined, Retried};
pub use reader::{Conflict, Held, Reader, RoomRow};
pub use retention::cut;
pub use running_time::PlacedByRunningTime;
pub use schema::SCHEMA_VERSION;
pub use writer::{Acknowledgement, Committed, Inbound, RoomOccupancy, RoomSettings, Writer};

/// The database's file name inside a store's folder.
pub const FILE_NAME: &str = "touchtime.db";

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store in the folder: check the path.
    #[error("{} has no store (no {FILE_NAME} in it; give the folder that `touchtime run` or `demo` writes to)", .0.display())]
    Missing(PathBuf),
    /// The file is of a later program: upgrade this one, or restore a backup.
    #[error(
        "the store has schema {found}, this program knows {known} at most (use the program that wrote it, or a newer one)"
    )]
    Newer {
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file is of an earlier program: whatever writes to it brings it up to date.
    #[error(
        "the store has schema {found}, this program reads {known} (run `touchtime upgrade --store` on it, or start its collector)"
    )]
    Older {
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Another process holds the store: stop it first.
    #[error("{} is in use by {holder} (stop it first)", .dir.display())]
    InUse {
        /// The store's folder.
        dir: PathBuf,
        /// By what.
        holder: &'static str,
    },
    /// SQLite found the file damaged: nothing is written to it any more.
    #[error("{} is damaged: {problem} (`touchtime restore --store {} BACKUP` puts a backup in its place; agents send again what they still hold)", .file.display(), .file.parent().unwrap_or(.file).display())]
    Broken {
        /// The database.
        file: PathBuf,
        /// What SQLite says of it.
        problem: String,
    },
    /// What was to be restored is no backup, or a damaged one: nothing was changed.
    #[error("{} is no backup of a store: {problem} (take another one; the store is as it was)", .file.display())]
    NoBackup {
        /// The file that was to be restored.
        file: PathBuf,
        /// What SQLite says of it.
        problem: String,
    },
    /// This user may not use the database.
    #[error("{} cannot be opened: {problem} (the collector's user must own it and its folder: `chown -R USER {}`)", .file.display(), .file.parent().unwrap_or(.file).display())]
    Forbidden {
        /// The database.
        file: PathBuf,
        /// What SQLite says of it.
        problem: String,
    },
    /// A file cannot be read, written or moved.
    #[error("{}: {problem}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        problem: std::io::Error,
    },
    /// A backup is not written over a file.
    #[error("{} is there already (give another name, or remove it)", .0.display())]
    Exists(PathBuf),
    /// Storing panicked: nothing of the transaction is stored.
    #[error("storing panicked: {0}")]
    Panicked(String),
    /// The folder cannot be made: check rights and space.
    #[error("the folder {} cannot be made: {problem}", .dir.display())]
    Folder {
        /// Which.
        dir: PathBuf,
        /// Why.
        problem: std::io::Error,
    },
    /// A row is not what this program writes: restore a backup.
    #[error("the store holds something unreadable in {table}: {problem} (restore a backup)")]
    Damaged {
        /// In which table.
        table: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// SQLite refused.
    #[error("the store cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// What SQLite says of a database: damage is told with the remedy.
    pub(crate) fn of_file(file: &Path, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Broken { file: file.to_owned(), problem: error.to_string() }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Forbidden { file: file.to_owned(), problem: error.to_string() }
            }
            Some(_) | None => Self::Sqlite(error),
        }
    }

    /// The same, with the file where SQLite names none.
    pub(crate) fn of(self, file: &Path) -> Self {
        if let Self::Sqlite(error) = self { Self::of_file(file, error) } else { self }
    }

    /// The same of a file that nobody else uses: whatever SQLite finds wrong with it, it is no store.
    pub(crate) fn of_broken(self, file: &Path) -> Self {
        if let Self::Sqlite(error) = self {
            Self::Broken { file: file.to_owned(), problem: error.to_string() }
        } else {
            self
        }
    }

    /// Whether the trouble is the disk's, the file's or another process's, so that it says nothing of the message that was
    /// to be stored.
    pub fn is_of_the_store(&self) -> bool {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) => {
                !matches!(failure.code, ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
            }
            Self::Sqlite(_) | Self::Panicked(_) => false,
            Self::Missing(_)
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::InUse { .. }
            | Self::Broken { .. }
            | Self::NoBackup { .. }
            | Self::Forbidden { .. }
            | Self::File { .. }
            | Self::Exists(_)
            | Self::Folder { .. }
            | Self::Damaged { .. } => true,
        }
    }
}

fn file_in(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}
