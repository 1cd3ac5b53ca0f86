//! Reads an extract file through its mapping: case numbers become tokens here and go no further.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use case_extract::{Extract, FileError, Mapping, Reader, RowError, Summary};
use room_events::UtcMillis;
use room_events::event::order_of_line;
use sha2::{Digest, Sha256};

use crate::replay::Item;
use crate::token_key::TokenKey;

/// A file is read in pieces of this size.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What an extract file holds.
#[derive(Debug)]
pub struct ExtractFile {
    /// Its observations, in the order of the file.
    pub items: Vec<Item>,
    /// How it was read, for people.
    pub summary: Summary,
    /// The first errors, with their places; no error shows an identifier.
    pub errors: Vec<RowError>,
    /// SHA-256 over the files and the mapping.
    pub digest: [u8; 32],
}

/// Which files make up an extract.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The file of cases.
    pub cases: PathBuf,
    /// The file of planned sessions, where the mapping wants one.
    pub plan: Option<PathBuf>,
    /// The mapping.
    pub mapping: PathBuf,
}

/// Reads a mapping.
pub fn read_mapping(path: &Path) -> anyhow::Result<Mapping> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("mapping {shown} cannot be read"))?;
    Ok(Mapping::parse(&shown.to_string(), &text)?)
}

/// Reads an extract.
pub fn read(paths: &Paths, key: &TokenKey) -> anyhow::Result<ExtractFile> {
    let mapping = read_mapping(&paths.mapping)?;
    let mut digest = Sha256::new();
    digest.update(std::fs::read(&paths.mapping)?);
    let modified = modified_at(&paths.cases)?;
    let name = paths.cases.display().to_string();
    let mut extract = push(Reader::cases(&mapping, &name, key), &paths.cases, &mut digest)?;
    match (&paths.plan, Reader::plan(&mapping, &plan_name(paths))) {
        (Some(path), Some(reader)) => extract.add_plan(push(reader, path, &mut digest)?),
        (None, None) => {}
        (None, Some(_)) => {
            anyhow::bail!("mapping {} takes planned sessions from a plan file (give --plan)", paths.mapping.display())
        }
        (Some(_), None) => anyhow::bail!("mapping {} has no plan file (leave --plan out)", paths.mapping.display()),
    }
    let item = |reported: case_extract::Reported| Item {
        at: reported.at,
        release: reported.release,
        site: reported.site,
        room: reported.room,
        obs: reported.obs,
        order: order_of_line(modified, reported.order),
    };
    Ok(ExtractFile {
        items: extract.observations().map(item).collect(),
        summary: extract.summary(),
        errors: extract.errors().to_vec(),
        digest: digest.finalize().into(),
    })
}

fn plan_name(paths: &Paths) -> String {
    paths.plan.as_deref().unwrap_or(&paths.mapping).display().to_string()
}

fn modified_at(path: &Path) -> anyhow::Result<UtcMillis> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("extract {shown} cannot be read"))?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(UtcMillis::saturating(i64::try_from(modified.as_millis()).unwrap_or(i64::MAX)))
}

fn push(mut reader: Reader<'_>, path: &Path, digest: &mut Sha256) -> anyhow::Result<Extract> {
    let cannot = || format!("extract {} cannot be read", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut length = 0_u64;
    loop {
        let read = file.read(&mut chunk).with_context(cannot)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
        length += bytes.len() as u64;
        reader.push(bytes).map_err(|error: FileError| anyhow::Error::new(error))?;
    }
    digest.update(length.to_le_bytes());
    Ok(reader.finish()?)
}
