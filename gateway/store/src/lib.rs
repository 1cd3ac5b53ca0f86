//! The collector's store: every accepted event on disk, once, with the marks that its acknowledgements rest on.
//!
//! One process writes ([`Writer`]); any number read beside it ([`Reader`]), the command line included. An event and its
//! stream's mark are committed in one transaction, so a restart never finds one without the other. Results are not
//! kept: they are computed from events, so that another rule set restates history.

mod place;
mod reader;
mod schema;
mod writer;

use std::path::{Path, PathBuf};

pub use place::place_of;
pub use reader::{Held, Reader, RoomRow};
pub use schema::SCHEMA_VERSION;
pub use writer::{Acknowledgement, Committed, Inbound, RoomSettings, Writer};

/// The database's file name inside a store's folder.
pub const FILE_NAME: &str = "touchtime.db";

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store in the folder: check the path.
    #[error("{} has no store (no {FILE_NAME} in it; give the folder that `touchtime run` or `demo` writes to)", .0.display())]
    Missing(PathBuf),
    /// The file is of another program version: upgrade, or restore a backup.
    #[error("the store has schema {found}, this program knows {known} (use the program that wrote it, or a newer one)")]
    Schema {
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
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

fn file_in(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}
