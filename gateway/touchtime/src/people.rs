//! The file of people: whose token is whose, and what they may do.
//!
//! ```text
//! [[people]]
//! name = "coordinator-3"       a role or a pseudonymous staff id; it stands beside what they correct
//! role = "correct"             view, correct or admin
//! token-sha256 = "<64 hexadecimal digits>"
//! ```
//!
//! The file has no token, only what a token is recognised by, so whoever reads it cannot sign in. It is read anew when it
//! has changed: a person who is taken out is out with the next request.

use std::collections::HashMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context as _, bail, ensure};
use board::access::{Person, Role};
use room_events::{Label, personal};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::config::RoleName;

/// Bytes of a token: nobody guesses 256 random bits.
const TOKEN_BYTES: usize = 32;

type Digest = [u8; 32];

/// A file of people, as it was last read.
#[derive(Debug)]
pub struct PeopleFile {
    file: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    changed: Option<SystemTime>,
    people: HashMap<Digest, Person>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    people: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Entry {
    name: Label,
    role: RoleName,
    token_sha256: String,
}

impl PeopleFile {
    /// Reads the file; the error says what is wrong with which entry.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let read = read(file)?;
        Ok(Self { file: file.to_owned(), read: Mutex::new(read) })
    }

    /// How many people it has.
    pub fn count(&self) -> usize {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).people.len()
    }

    /// Whom a token belongs to, as the file says now.
    pub fn person_of(&self, token: &str) -> Option<Person> {
        let mut held = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if changed(&self.file) != held.changed {
            match read(&self.file) {
                Ok(newer) => *held = newer,
                Err(error) => {
                    // Somebody may just have been taken out: better nobody than the wrong one.
                    tracing::error!(error = format!("{error:#}"), "nobody can sign in until this is mended");
                    *held = Read { changed: changed(&self.file), people: HashMap::new() };
                }
            }
        }
        held.people.get(&digest(token)).cloned()
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn read(file: &Path) -> anyhow::Result<Read> {
    let shown = file.display();
    let metadata = file
        .metadata()
        .with_context(|| format!("{shown} cannot be read (`touchtime access-token` prints what belongs into it)"))?;
    ensure!(
        metadata.permissions().mode() & 0o022 == 0,
        "{shown} can be written by others, who could let themselves in (run `chmod go-w {shown}`)"
    );
    let text = std::fs::read_to_string(file).with_context(|| format!("{shown} cannot be read"))?;
    let written: Written = toml::from_str(&text).with_context(|| format!("{shown} is no file of people"))?;
    let mut people = HashMap::new();
    for entry in written.people {
        let name = &entry.name;
        if personal::holds_a_number(name.as_str()) {
            bail!(
                "{shown}: `{name}` has a number in it like a patient's or a telephone's (use a role or a short staff id)"
            );
        }
        let digest = bytes_of_hex(&entry.token_sha256)
            .with_context(|| format!("{shown}: token-sha256 of `{name}` does not have 64 hexadecimal digits"))?;
        let person = Person { name: name.to_string(), author: name.clone(), role: entry.role.0 };
        if let Some(other) = people.insert(digest, person) {
            bail!("{shown}: `{name}` and `{}` have one token (give each their own)", other.name);
        }
    }
    Ok(Read { changed: metadata.modified().ok(), people })
}

fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of_hex(text: &str) -> Option<Digest> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// `touchtime access-token`: a new token, and the entry by which it is recognised.
pub fn new_token(arguments: &crate::cli::AccessTokenArgs) -> anyhow::Result<()> {
    if personal::holds_a_number(arguments.name.as_str()) {
        bail!(crate::Usage(format!(
            "the name `{}` has a number in it like a patient's or a telephone's (use a role or a short staff id)",
            arguments.name
        )));
    }
    let (entry, token) = make(&arguments.name, arguments.role.0)?;
    let mut out = crate::output::open(None)?;
    writeln!(out, "# Into the people file:\n{entry}\n# For the person alone; it is shown this once:\n# {token}")?;
    Ok(out.flush()?)
}

/// A new token with its entry.
pub fn make(name: &Label, role: Role) -> anyhow::Result<(String, String)> {
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random bits: {error}"))?;
    let token = hex(&random);
    let digest = hex(&digest(&token));
    Ok((format!("[[people]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken-sha256 = \"{digest}\"\n"), token))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;

    fn entry(name: &str, role: &str, token: &str) -> String {
        format!("[[people]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken-sha256 = \"{}\"\n", hex(&digest(token)))
    }

    #[test]
    fn a_person_who_is_taken_out_of_the_file_is_out_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("people.toml");
        let write = |text: &str, second: u64| {
            std::fs::write(&file, text).unwrap();
            // Two writes may fall into one tick of the disk's clock.
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + second);
            std::fs::File::options().write(true).open(&file).unwrap().set_modified(at).unwrap();
        };
        let both = entry("anna", "correct", "t1") + &entry("bert", "view", "t2");
        write(&both, 0);
        let people = PeopleFile::open(&file).unwrap();
        let name = |token| people.person_of(token).map(|person| format!("{} {}", person.name, person.role));
        assert_eq!((name("t1"), name("t2"), name("t3")), (Some("anna correct".into()), Some("bert view".into()), None));
        write(&entry("anna", "correct", "t1"), 1);
        assert_eq!((name("t1"), name("t2")), (Some("anna correct".into()), None));
        write("people = 1", 2);
        assert_eq!(name("t1"), None, "a file that cannot be read lets nobody in");
        write(&both, 3);
        assert_eq!(name("t2"), Some("bert view".into()));
    }

    #[test]
    fn a_wrong_file_of_people_is_refused_with_the_entry() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("people.toml");
        let digest = hex(&digest("t"));
        for (text, expected) in [
            (entry("a", "view", "t") + &entry("b", "view", "t"), "`b` and `a` have one token (give each their own)"),
            (entry("a", "boss", "t"), "there is no role `boss` (view, correct or admin)"),
            (entry("a 943 476 5919", "view", "t"), "has a number in it like a patient's"),
            (
                format!("[[people]]\nname=\"a\"\nrole=\"view\"\ntoken-sha256=\"{}\"", &digest[1..]),
                "64 hexadecimal digits",
            ),
            (format!("[[people]]\nname=\"a\"\nrole=\"view\"\ntoken=\"{digest}\""), "unknown field `token`"),
        ] {
            std::fs::write(&file, &text).unwrap();
            let error = format!("{:#}", PeopleFile::open(&file).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(PeopleFile::open(&file).unwrap_err().to_string().contains("chmod go-w"));
    }
}
