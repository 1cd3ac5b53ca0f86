//! The kept inputs: `corpus/TARGET/`, one file an input, in order of name.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::Target;

/// A search keeps so many inputs in memory.
pub const MAX_POOL: usize = 4096;

/// Where a target's inputs are.
pub fn folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name())
}

/// All inputs of a target, with their names.
pub fn inputs(target: Target) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = folder(target);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.sort();
    files.into_iter().map(|file| Ok((file.clone(), std::fs::read(&file)?))).collect()
}

/// Keeps an input under a name made of its bytes, and says where.
pub fn keep(target: Target, input: &[u8]) -> anyhow::Result<PathBuf> {
    let digest = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let file = folder(target).join(format!("found-{digest:016x}"));
    std::fs::write(&file, input).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}
