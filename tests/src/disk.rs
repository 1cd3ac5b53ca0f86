//! A small disk that can be full: a tmpfs of its own. Mounting needs a right that not every machine gives.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::run;

/// A mounted disk; dropping it takes it away.
#[derive(Debug)]
pub struct Disk {
    /// Where it is.
    pub path: PathBuf,
}

impl Disk {
    /// A disk of so many KiB at `path`, which is made; none where this process may not mount.
    pub fn mount(path: &Path, kib: u64) -> Option<Self> {
        std::fs::create_dir_all(path).expect("a folder");
        let options = format!("size={kib}k");
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path));
        (mounted.code == Some(0)).then(|| Self { path: path.to_owned() })
    }

    /// Whether this machine lets a test mount a disk.
    pub fn can_mount() -> bool {
        let dir = tempfile::tempdir().expect("a folder");
        Self::mount(&dir.path().join("disk"), 64).is_some()
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.path.join("filler")).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    /// Gives back what [`Disk::fill`] took.
    pub fn free(&self) {
        std::fs::remove_file(self.path.join("filler")).expect("the filler is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
