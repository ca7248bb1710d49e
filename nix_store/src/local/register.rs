//! Objects that lie in their places already.

use std::{collections::BTreeSet, io::Write};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_io::nar::{self, PackError, PackOptions};

use super::{LocalStore, canonical::sync};
use crate::{
    db::Registration,
    store::{ArchiveHasher, Error, Measured, Result},
};

impl LocalStore {
    pub(super) fn register_in_place(&self, infos: &[PathInfo]) -> Result<()> {
        let present = self.register_locked(infos)?;
        let new = infos.iter().zip(present).filter(|(_, present)| !present);
        self.optimise_new(new.map(|(info, _)| &info.path));
        Ok(())
    }

    /// Returns which of them were valid before.
    fn register_locked(&self, infos: &[PathInfo]) -> Result<Vec<bool>> {
        self.writable()?;
        for info in infos.iter().filter(|info| !info.ultimate) {
            self.check_trust(info)?;
        }
        self.protect(infos.iter().map(|info| &info.path))?;
        let hold = self.database().hold_to_read()?;
        self.check_closed(infos)?;
        drop(hold);
        let _locks = self.lock(infos.iter().map(|info| &info.path))?;
        let present = self.present(infos.iter().map(|info| &info.path))?;
        let present: Vec<bool> = present.iter().map(Option::is_some).collect();
        let infos = infos.iter().zip(&present);
        let registrations = infos.map(|(info, present)| self.seal(info, *present));
        let registrations: Vec<_> = registrations.collect::<Result<_>>()?;
        if self.options().fsync {
            sync(self.directory(), &self.layout().real_store_dir)?;
        }
        self.register_checked(&registrations)?;
        Ok(present)
    }

    /// Fails when an object that is not valid yet refers to what is neither valid nor registered with
    /// it.
    fn check_closed(&self, infos: &[PathInfo]) -> Result<()> {
        let among: BTreeSet<_> = infos.iter().map(|info| &info.path).collect();
        for info in infos {
            if self.database().is_valid(&info.path)? {
                continue;
            }
            let others = info.references.iter();
            let others = others.filter(|path| !among.contains(path));
            self.check_references(&info.path, others)?;
        }
        Ok(())
    }

    /// Gives an object the metadata of a store, and compares with what is said of it what its files
    /// are after that. Of an object that is valid already nothing is touched.
    fn seal(&self, info: &PathInfo, is_present: bool) -> Result<Registration> {
        if !is_present {
            self.canonicalise(&info.path)?;
            let measured = self.measure(&info.path, ArchiveHasher::of_info(info)?)?;
            measured.check(&self.layout().store_dir, info)?;
        }
        self.registration(self.directory(), info.path.base_name(), info.clone())
    }

    /// Measures the files of an object.
    pub(super) fn measure(&self, path: &StorePath, hasher: ArchiveHasher) -> Result<Measured> {
        let mut hasher = hasher;
        self.pack(path, &mut hasher)?;
        Ok(hasher.finish())
    }

    /// Writes the archive of an object's files, valid or not.
    pub(super) fn pack(&self, path: &StorePath, writer: &mut dyn Write) -> Result<u64> {
        let packed = nar::pack(self.real_path(path), writer, &self.pack_options());
        packed.map_err(|error| match error {
            PackError::Write(source) => {
                let path = path.clone();
                Error::WriteNar { path, source }
            }
            source => from_pack(path, source),
        })
    }

    /// Returns how archives of the store are made.
    pub(super) fn pack_options(&self) -> PackOptions {
        PackOptions {
            limits: self.options().limits,
            ..PackOptions::default()
        }
    }
}

pub(super) fn from_pack(path: &StorePath, source: PackError) -> Error {
    let path = path.base_name().to_owned();
    Error::Pack { path, source }
}
