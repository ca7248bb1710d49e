//! Links of deduplicated files that nothing shares any more.

use std::{
    fs::{self, Metadata},
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::lock::failed;
use crate::store::Result;

/// What `st_blocks` counts.
const BLOCK_BYTES: u64 = 512;

/// Removes the links that are the only ones of their files; returns how many, and their bytes.
///
/// A file that is linked meanwhile loses nothing but the link that others would find it by.
pub(super) fn remove_unused(links: &Path) -> Result<(usize, u64)> {
    let (mut count, mut bytes) = (0, 0);
    let mut waiting = vec![links.to_owned()];
    while let Some(dir) = waiting.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed("read", &dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &dir))?;
            let path = entry.path();
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("read", &path)(error)),
            };
            if metadata.is_dir() {
                waiting.push(path);
            } else if metadata.nlink() == 1 && remove(&path)? {
                count += 1;
                bytes += size(&metadata);
            }
        }
    }
    Ok((count, bytes))
}

fn size(metadata: &Metadata) -> u64 {
    metadata.blocks().saturating_mul(BLOCK_BYTES)
}

fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("remove", path)(error)),
    }
}
