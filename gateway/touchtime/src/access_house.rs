//! What the guard of the pages needs from this machine: the file of people, the record of access, a key for forms.
//!
//! The record is a file of JSON lines, one for each sign-in, refusal and correction, written through to the disk:
//!
//! ```text
//! {"at":"2026-03-02T09:14:05.120Z","who":"coordinator-3","from":"10.1.2.3","what":"corrected","on":"..."}
//! ```
//! It is opened anew for each line, so it may be moved away at any time (`logrotate` needs no signal).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use board::access::{House, Note, Person};
use serde::Serialize;

use crate::clock::wall_now;
use crate::config::GatewayConfig;
use crate::people::PeopleFile;

const SEAL_KEY: &str = "forms.key";
const LOG: &str = "access.log";

/// The files of one collector.
#[derive(Debug)]
pub struct FileHouse {
    people: Option<PeopleFile>,
    log: PathBuf,
    writing: Mutex<()>,
    seal_key: [u8; 32],
}

#[derive(Serialize)]
struct Line<'n> {
    at: String,
    who: &'n str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<std::net::IpAddr>,
    what: &'n str,
    on: &'n str,
}

impl FileHouse {
    /// Reads what the configuration names; none where it knows nobody.
    pub fn open(config: &GatewayConfig) -> anyhow::Result<Option<Self>> {
        if !config.access.knows_people() {
            return Ok(None);
        }
        let people = config.access.people_file.as_deref().map(PeopleFile::open).transpose()?;
        let log = config.access.log_file.clone().unwrap_or_else(|| config.store.dir.join(LOG));
        let seal_key = seal_key(&config.store.dir.join(SEAL_KEY))?;
        Ok(Some(Self { people, log, writing: Mutex::new(()), seal_key }))
    }

    /// How many people the file has.
    pub fn people(&self) -> usize {
        self.people.as_ref().map_or(0, PeopleFile::count)
    }

    fn append(&self, line: &Line<'_>) -> anyhow::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        // One write for a line, and one line at a time: none is ever torn.
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(&self.log)?;
        file.write_all(text.as_bytes())?;
        Ok(file.sync_data()?)
    }
}

impl House for FileHouse {
    fn person_of(&self, token: &str) -> Option<Person> {
        self.people.as_ref()?.person_of(token)
    }

    fn note(&self, note: &Note) -> Result<(), String> {
        let at = chrono::DateTime::from_timestamp_millis(wall_now().millis()).unwrap_or_default();
        let line = Line {
            at: at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            who: &note.who,
            from: note.address,
            what: note.what,
            on: &note.subject,
        };
        self.append(&line).map_err(|error| format!("access.log-file: {}: {error:#}", self.log.display()))
    }

    fn draw(&self) -> Result<u128, String> {
        crate::random::bits_128().map_err(|error| error.to_string())
    }

    fn seal_key(&self) -> [u8; 32] {
        self.seal_key
    }
}

/// The key of the store's folder, made the first time.
fn seal_key(file: &Path) -> anyhow::Result<[u8; 32]> {
    if let Ok(bytes) = std::fs::read(file)
        && let Ok(key) = <[u8; 32]>::try_from(bytes)
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("the system gives no random bits: {error}"))?;
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600);
    let written = open.open(file).and_then(|mut made| {
        made.write_all(&key)?;
        made.sync_all()
    });
    written.with_context(|| format!("{} cannot be written (check the owner of the store's folder)", file.display()))?;
    Ok(key)
}
