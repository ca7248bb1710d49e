//! What the files of an object refer to.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::Path,
};

use nix_core::{references::PathScanner, store_path::StorePath};
use nix_io::nar::{self, PackOptions};

use super::LocalStore;
use crate::store::{Error, Result};

impl LocalStore {
    /// Returns which of some paths occur in a file, a symlink or a directory, by their hash parts.
    ///
    /// Names of files and targets of symlinks count as well as contents. Each file is read once,
    /// whatever the number of candidates.
    ///
    /// # Errors
    /// Fails when it cannot be read or changes meanwhile.
    pub fn scan_references(
        &self,
        real: &Path,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<BTreeSet<StorePath>> {
        let options = PackOptions {
            limits: self.options().limits,
            ..PackOptions::default()
        };
        let mut scanning = Scanning::new(candidates);
        let packed = nar::pack(real, &mut scanning, &options);
        packed.map_err(|source| Error::Pack {
            path: real.to_string_lossy().into_owned(),
            source,
        })?;
        Ok(scanning.finish())
    }
}

/// Scans an archive that is written to it.
pub(super) struct Scanning(PathScanner);

impl Scanning {
    pub(super) fn new(candidates: &BTreeSet<StorePath>) -> Self {
        Self(PathScanner::new(candidates.iter().cloned()))
    }

    /// Returns the candidates that were found.
    pub(super) fn finish(self) -> BTreeSet<StorePath> {
        self.0.finish()
    }
}

impl Write for Scanning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
