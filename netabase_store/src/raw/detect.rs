//! Which engine wrote what lies at a path.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use crate::{
    backends::Engine,
    error::{Result, StoreError},
};

/// The first bytes of every redb file.
pub(crate) const REDB_MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// Returns the engine of the store at `path`: redb for a file, sled for a folder.
///
/// Nothing but the name of a folder's files and the first bytes of a file are looked at.
///
/// # Errors
/// Fails when there is nothing, or something that neither engine wrote.
pub fn detect_engine(path: impl AsRef<Path>) -> Result<Engine> {
    let path = path.as_ref();
    let not_a_store = |what: &str| StoreError::NotAStore {
        path: path.into(),
        what: what.into(),
    };
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound { path: path.into() },
        _ => StoreError::Io {
            action: "look at",
            path: path.into(),
            source,
        },
    };
    if fs::metadata(path).map_err(failed)?.is_dir() {
        return if path.join("conf").is_file() && path.join("db").is_file() {
            Ok(Engine::Sled)
        } else {
            Err(not_a_store("it is a folder without the files of sled").into())
        };
    }
    let mut head = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(REDB_MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if head == REDB_MAGIC {
        Ok(Engine::Redb)
    } else {
        Err(not_a_store("it does not begin as a redb file does").into())
    }
}
