//! Puts a new file in the place of an old one so that a reader sees the whole old or the whole new one, never a part or none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Of a file that was not there: whoever must obey it can read it.
const NEW_FILE: u32 = 0o644;

/// Writes `bytes` beside `file`, has them on disk, then gives them its name. Mode, owner and group stay what they were.
/// What is no ordinary file (a pipe, a terminal) is written to as it is.
pub fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays a link: what it points to is replaced.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let old = match fs::metadata(&target) {
        Ok(old) if !old.is_file() => return OpenOptions::new().write(true).open(&target)?.write_all(bytes),
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let beside = beside(&target)?;
    // Left behind by one that was killed.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write(&beside, bytes, old.as_ref()).and_then(|()| fs::rename(&beside, &target));
    if let Err(error) = written {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    File::open(folder(&target))?.sync_all()
}

fn write(beside: &Path, bytes: &[u8], old: Option<&fs::Metadata>) -> io::Result<()> {
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    new.write_all(bytes)?;
    if let Some(old) = old {
        let mine = new.metadata()?;
        if (mine.uid(), mine.gid()) != (old.uid(), old.gid()) {
            std::os::unix::fs::fchown(&new, Some(old.uid()), Some(old.gid()))?;
        }
    }
    let mode = old.map_or(NEW_FILE, |old| old.mode() & 0o777);
    new.set_permissions(fs::Permissions::from_mode(mode))?;
    new.sync_all()
}

/// In the same folder, since a rename does not reach into another file system.
fn beside(target: &Path) -> io::Result<PathBuf> {
    let name =
        target.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(folder(target).join(hidden))
}

fn folder(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("access");
        replace(&file, b"first").unwrap();
        assert_eq!(mode(&file), NEW_FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        // Whoever has the old one open reads it to its end: it was not cut under them.
        let mut reader = File::open(&file).unwrap();
        fs::write(dir.path().join(".access.new"), b"left behind").unwrap();
        replace(&file, b"second").unwrap();
        let mut seen = String::new();
        io::Read::read_to_string(&mut reader, &mut seen).unwrap();
        assert_eq!(seen, "first");
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(mode(&file), 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
