//! The trust's token key: HMAC-SHA-256 over the kind of identifier and the identifier, so that a case number never
//! leaves the adapter that read it, and equal numbers still give equal tokens on every agent of the trust.
//!
//! ```text
//! key-id = 7
//! key = "<64 hexadecimal digits>"
//! ```
//!
//! The file is readable by its owner only and is copied to the trust's agents by hand. A rotation is a new file with
//! another key id.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use hmac::{Hmac, KeyInit, Mac};
use room_events::{Identifier, Token, TokenMaker};
use sha2::Sha256;

/// Separates kind and identifier, so that no two pairs of them are the same text.
const SEPARATOR: &[u8] = &[0];

/// A key that was read.
#[derive(Clone)]
pub struct TokenKey {
    id: u8,
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey {{ id: {} }}", self.id)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeyFile {
    key_id: u8,
    key: String,
}

impl TokenKey {
    /// Reads a key file. One that others may read is refused.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let metadata = std::fs::metadata(path)
            .with_context(|| format!("token key file {shown} cannot be read (make one with `touchtime-agent key`)"))?;
        ensure!(
            metadata.permissions().mode() & 0o077 == 0,
            "token key file {shown} can be read by others (run `chmod 600 {shown}`)"
        );
        let text = std::fs::read_to_string(path).with_context(|| format!("token key file {shown} cannot be read"))?;
        // The parser's own message would show the line, and the line is the key.
        let Ok(file) = toml::from_str::<KeyFile>(&text) else {
            bail!(
                "token key file {shown} does not have exactly `key-id = 0..255` and `key = \"64 hexadecimal digits\"`"
            );
        };
        let key =
            bytes_of_hex(&file.key).with_context(|| format!("`key` in {shown} does not have 64 hexadecimal digits"))?;
        let mac = Hmac::<Sha256>::new_from_slice(&key).context("the key cannot be used")?;
        Ok(Self { id: file.key_id, mac })
    }

    /// The key's number.
    pub fn id(&self) -> u8 {
        self.id
    }

    /// The token of an identifier of a kind such as `case`.
    pub fn token(&self, kind: &str, identifier: &str) -> Token {
        let mut mac = self.mac.clone();
        mac.update(kind.as_bytes());
        mac.update(SEPARATOR);
        mac.update(identifier.as_bytes());
        let digest = mac.finalize().into_bytes();
        let first = digest.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte));
        Token { key: self.id, digest: first }
    }
}

impl TokenMaker for TokenKey {
    fn token_of_trimmed(&self, kind: Identifier, text: &str) -> Token {
        self.token(kind.domain(), text)
    }
}

/// Makes a key file with a new random key, readable by its owner only. An existing file is never overwritten.
pub fn create_key_file(path: &Path, key_id: u8) -> anyhow::Result<()> {
    let shown = path.display();
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the operating system gives no random bytes")?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("token key file {shown} cannot be made (is there one already?)"))?;
    write!(file, "# Token key of the trust: keep it secret, copy it to each agent, never lose it.\nkey-id = {key_id}\nkey = \"{hex}\"\n")
        .and_then(|()| file.sync_all())
        .with_context(|| format!("token key file {shown} cannot be written"))
}

fn bytes_of_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_first_half_of_the_keyed_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.toml");
        std::fs::write(&path, format!("key-id = 7\nkey = \"{}\"\n", "0b".repeat(32))).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let key = TokenKey::read(&path).unwrap();
        // echo -ne 'case\x0042' | openssl dgst -sha256 -mac hmac -macopt hexkey:0b0b..0b
        assert_eq!(key.token("case", "42").to_string(), "7.e983cbe278378a3604b1bb984f1133d5");
        assert_ne!(key.token("case", "42"), key.token("visit", "42"));
        assert_eq!(key.token_of(Identifier::Case, " 42 "), Some(key.token("case", "42")));
        assert!(!format!("{key:?}").contains("0b0b"));
    }

    #[test]
    fn a_made_key_file_can_be_read_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.toml");
        create_key_file(&path, 3).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(TokenKey::read(&path).unwrap().token("case", "1").key, 3);
        assert!(create_key_file(&path, 4).is_err());
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused_and_errors_never_show_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.toml");
        std::fs::write(&path, "key-id = 700\nkey = \"c0ffee\"").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(TokenKey::read(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!format!("{:#}", TokenKey::read(&path).unwrap_err()).contains("c0ffee"));
    }
}
