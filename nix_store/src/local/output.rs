//! What a builder left in the places of its outputs.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use nix_core::{
    content_address::ContentAddress, path_info::PathInfo, references::PathScanner,
    store_path::StorePath,
};

use super::{LocalStore, canonical::sync};
use crate::store::{ArchiveHasher, Measured, Result};

/// An output of a build that lies in its place and is to become valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltOutput {
    /// Its path.
    pub path: StorePath,
    /// The derivation that was built.
    pub deriver: Option<StorePath>,
    /// What its content has to be, where it is fixed.
    pub content_address: Option<ContentAddress>,
}

impl LocalStore {
    /// Makes the outputs of a build valid, all of them or none, and returns what is known of them.
    ///
    /// Their files get the metadata of a store, and are then read: for their hash, and for which of
    /// `candidates`, the inputs of the build, and of the outputs themselves they refer to. They count
    /// as built here, so that they need no signature. An output that is valid already stays as it is.
    ///
    /// # Errors
    /// Fails when an output does not lie there or is not what its content address says, when the
    /// outputs refer to each other in a circle or to a candidate that is not valid, and when the
    /// store cannot be written.
    pub fn register_outputs(
        &self,
        outputs: &[BuiltOutput],
        candidates: &BTreeSet<StorePath>,
    ) -> Result<Vec<PathInfo>> {
        let registered = self.register_outputs_after(outputs, candidates, |_| Ok(()));
        Ok(registered?.0)
    }

    /// Does the same, and just before the outputs become valid something else with what is known of
    /// them.
    pub(super) fn register_outputs_after<T>(
        &self,
        outputs: &[BuiltOutput],
        candidates: &BTreeSet<StorePath>,
        before: impl FnOnce(&[PathInfo]) -> Result<T>,
    ) -> Result<(Vec<PathInfo>, T)> {
        let done = self.register_outputs_locked(outputs, candidates, before)?;
        self.optimise_new(outputs.iter().map(|output| &output.path));
        Ok(done)
    }

    fn register_outputs_locked<T>(
        &self,
        outputs: &[BuiltOutput],
        candidates: &BTreeSet<StorePath>,
        before: impl FnOnce(&[PathInfo]) -> Result<T>,
    ) -> Result<(Vec<PathInfo>, T)> {
        self.writable()?;
        let paths = || outputs.iter().map(|output| &output.path);
        self.protect(paths())?;
        let _locks = self.lock(paths())?;
        let present = self.present(paths())?;
        let candidates: BTreeSet<_> = candidates.iter().chain(paths()).cloned().collect();
        let mut infos = Vec::new();
        let mut registrations = Vec::new();
        for (output, present) in outputs.iter().zip(present) {
            if let Some(info) = present {
                infos.push(info);
                continue;
            }
            let info = self.read_output(output, &candidates)?;
            let name = info.path.base_name();
            let registration = self.registration(self.directory(), name, info.clone())?;
            infos.push(registration.info.clone());
            registrations.push(registration);
        }
        if self.options().fsync {
            sync(self.directory(), &self.layout().real_store_dir)?;
        }
        let before = before(&infos)?;
        self.register_checked(&registrations)?;
        Ok((infos, before))
    }

    /// Returns what is known of each path that is valid.
    pub(super) fn present<'p>(
        &self,
        paths: impl Iterator<Item = &'p StorePath>,
    ) -> Result<Vec<Option<PathInfo>>> {
        let _hold = self.database().hold_to_read()?;
        paths.map(|path| self.database().path_info(path)).collect()
    }

    fn read_output(
        &self,
        output: &BuiltOutput,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<PathInfo> {
        self.canonicalise(&output.path)?;
        let mut reading = Reading {
            hasher: ArchiveHasher::new(),
            scanner: PathScanner::new(candidates.iter().cloned()),
        };
        self.pack(&output.path, &mut reading)?;
        let Measured {
            nar_hash, nar_size, ..
        } = reading.hasher.finish();
        let mut info = PathInfo::new(output.path.clone(), nar_hash, nar_size);
        info.references = reading.scanner.finish();
        info.deriver.clone_from(&output.deriver);
        info.content_address = output.content_address;
        info.ultimate = true;
        if info.content_address.is_some() {
            // How it is hashed depends on whether it refers to itself.
            let measured = self.measure(&info.path, ArchiveHasher::of_info(&info)?)?;
            measured.check(&self.layout().store_dir, &info)?;
        }
        Ok(info)
    }
}

/// Measures and searches an archive at once.
struct Reading {
    hasher: ArchiveHasher,
    scanner: PathScanner,
}

impl Write for Reading {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.write_all(bytes)?;
        self.scanner.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
