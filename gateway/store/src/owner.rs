//! Files that an administrator makes as root in the folder of a collector that runs as somebody else.

use std::path::Path;

/// Gives `file` to whom `folder` belongs. Only root can; for anybody else the file is the own one anyway.
pub(crate) fn give_to_owner_of(folder: &Path, file: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let Ok(owner) = folder.metadata() else { return };
        if file.metadata().is_ok_and(|file| (file.uid(), file.gid()) != (owner.uid(), owner.gid())) {
            // Where it does not work, the collector says that it may not open the file.
            let _ = chown(file, Some(owner.uid()), Some(owner.gid()));
        }
    }
}
