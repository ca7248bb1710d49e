//! Derivations as their files in a store say them.

use std::{
    fs::OpenOptions,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix_core::{
    derivation::Derivation,
    store_path::{StoreDir, StorePath},
};
use rustix::fs::OFlags;

use crate::store::{Error, Result};

/// The largest derivation that is read, in bytes.
pub(super) const DERIVATION_BYTES_MAX: u64 = 64 << 20;

/// Reads the file of a derivation, or returns nothing where there is none.
///
/// Its contents must be those that its path is computed from: the file may be anybody's.
pub(super) fn read_derivation(
    store_dir: &StoreDir,
    real_store_dir: &Path,
    path: &StorePath,
) -> Result<Option<Derivation>> {
    let Some(name) = path.to_name().without_derivation_suffix() else {
        return Ok(None);
    };
    let Some(text) = read_file(real_store_dir.join(path.base_name()))? else {
        return Ok(None);
    };
    let parsed = Derivation::parse_aterm(store_dir, name, &text);
    let derivation = parsed.map_err(|source| Error::Derivation {
        path: path.clone(),
        source,
    })?;
    let computed = derivation.path(store_dir);
    let computed = computed.map_err(|source| Error::Compute {
        name: path.name().to_owned(),
        source,
    })?;
    if computed == *path {
        return Ok(Some(derivation));
    }
    let path = path.clone();
    Err(Error::OtherPath { path, computed })
}

/// Reads a file without following a symlink or waiting for a pipe.
fn read_file(path: PathBuf) -> Result<Option<Vec<u8>>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut options = OpenOptions::new();
    options.read(true);
    options.custom_flags(i32::from_ne_bytes(flags.bits().to_ne_bytes()));
    let read = match options.open(&path) {
        Ok(file) => read_open(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => Err(error),
    };
    let read = read.map(Some);
    read.map_err(|source| Error::Io {
        action: "read",
        path,
        source,
    })
}

fn read_open(file: &std::fs::File) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    file.take(DERIVATION_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > DERIVATION_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}
