//! The password for the broker: the one line of a file.
//!
//! Read anew for each connection, so that a changed one needs no restart. A file without a password is an error, never an
//! empty password: a broker may let that in.

use std::path::Path;

use crate::TlsError;

const KEY: &str = "broker.password-file";

/// The first line of `file`, without its end; blank lines may follow.
pub fn read_password(file: &Path) -> Result<String, TlsError> {
    let wrong = |problem: String| crate::files::problem(KEY, file, problem);
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong(format!("cannot be read: {error} (is it there, and may this user read it?)")))?;
    let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let password = line.strip_suffix('\r').unwrap_or(line);
    if password.trim().is_empty() {
        return Err(wrong("is empty (write the password into it, alone on its first line)".to_owned()));
    }
    if !rest.trim().is_empty() {
        return Err(wrong("has more than one line (the password stands alone in it)".to_owned()));
    }
    Ok(password.to_owned())
}

/// Who connects and with what, or what is wrong with it, for people.
pub fn describe_login(username: Option<&str>, password_file: Option<&Path>) -> Result<String, String> {
    match (username, password_file) {
        (None, None) => Ok("none used".to_owned()),
        (None, Some(_)) => Err(format!("{KEY} without broker.username (add the user name)")),
        (Some(user), None) => Ok(format!("user {user} without a password")),
        (Some(user), Some(file)) => match read_password(file) {
            Ok(_) => Ok(format!("user {user}, password from {}", file.display())),
            Err(error) => Err(error.to_string()),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it stands")]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_and_never_empty() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            read_password(&file).map_err(|error| error.to_string())
        };
        for text in ["se cret ", "se cret \n", "se cret \r\n", "se cret \n\n  \n"] {
            assert_eq!(read(text), Ok("se cret ".to_owned()), "{text:?}");
        }
        for (text, expected) in [
            ("", "is empty"),
            ("\n", "is empty"),
            (" \r\n", "is empty"),
            ("\nsecret", "is empty"),
            ("a\nb\n", "more than one"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(KEY) && error.contains(expected), "{text:?}: {error}");
        }
        let missing = dir.path().join("missing");
        assert!(read_password(&missing).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn a_login_is_described_without_its_password() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "secret").unwrap();
        let described = describe_login(Some("th-1"), Some(&file)).unwrap();
        assert!(described.starts_with("user th-1, password from ") && !described.contains("secret"), "{described}");
        assert!(describe_login(None, Some(&file)).unwrap_err().contains("add the user name"));
        assert_eq!(describe_login(None, None).as_deref(), Ok("none used"));
        assert_eq!(describe_login(Some("th-1"), None).as_deref(), Ok("user th-1 without a password"));
    }
}
