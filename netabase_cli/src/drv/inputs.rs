//! Input derivations, read from a folder.

use std::{borrow::Cow, fs, io::ErrorKind, path::Path};

use nix_core::{
    derivation::{Derivation, DerivationLookup},
    hash::Sha256,
    store_path::{StoreDir, StorePath},
};

use crate::drv::{
    Error,
    target::{Target, read},
};

/// Finds input derivations in a folder, by the names of files.
pub(super) struct Inputs<'a> {
    pub(super) store_dir: &'a StoreDir,
    pub(super) folder: &'a Path,
}

impl DerivationLookup for Inputs<'_> {
    type Error = Error;

    /// Reads a derivation, and refuses contents that do not belong at the path.
    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>, Error> {
        let target = Target::in_store(path.clone(), self.folder)?;
        // Opening a pipe would wait for somebody to write to it.
        match fs::metadata(&target.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = self.folder.to_owned();
                return Err(Error::Missing { folder });
            }
            Ok(found) if !found.is_file() => {
                let source = ErrorKind::InvalidInput.into();
                let path = target.file;
                return Err(Error::Read { path, source });
            }
            _ => {}
        }
        let bytes = read(&target.file)?;
        let derivation = target.parse(self.store_dir, &bytes)?;
        let inputs = &derivation.inputs;
        let references = inputs.sources.iter().chain(inputs.derivations.keys());
        let references = references.cloned().collect();
        let contents = Sha256::of(&bytes);
        let found = self
            .store_dir
            .text_path(&path.to_name(), contents, &references);
        if found != *path {
            let file = target.file;
            return Err(Error::Contents { file, found });
        }
        Ok(Some(Cow::Owned(derivation)))
    }
}
