//! The questions.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use nix_core::{
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_io::nar::View;

use super::{LocalStore, register::from_pack};
use crate::store::{
    AnyRealisation, ArchiveHasher, Direction, Error, ReadStore, RealisationId, Result,
};

impl LocalStore {
    /// Returns a view of a path's archive, of which any range can be read without the others.
    ///
    /// Looks at every file of the object and reads none. What is read later is not compared with the
    /// hash that was registered; that is left to whoever reads.
    ///
    /// # Errors
    /// Fails on a path that is not valid, on files that cannot be looked at, and where their archive
    /// has another size than was registered.
    pub fn nar_view(&self, path: &StorePath) -> Result<View> {
        let Some(info) = self.path_info(path)? else {
            let path = path.clone();
            return Err(Error::NotValid { path });
        };
        let view = View::open(self.real_path(path), &self.pack_options());
        let view = view.map_err(|source| from_pack(path, source))?;
        if view.size() != info.nar_size {
            return Err(Error::SizeMismatch {
                path: info.path,
                expected: info.nar_size,
                found: view.size(),
            });
        }
        Ok(view)
    }
}

impl ReadStore for LocalStore {
    fn store_dir(&self) -> &StoreDir {
        &self.layout().store_dir
    }

    fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        self.database().path_info(path)
    }

    fn is_valid(&self, path: &StorePath) -> Result<bool> {
        self.database().is_valid(path)
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        self.database().valid_paths()
    }

    fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.database().referrers(path)
    }

    fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.database().valid_derivers(path)
    }

    fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        self.database().derivation_outputs(derivation)
    }

    fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
        self.database().realisation(id)
    }

    fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        self.database().path_from_hash_part(hash_part)
    }

    /// Writes the archive of a path's files, and compares it with what was registered.
    ///
    /// A difference is known at the end, when all of it has been written: whoever reads it has to
    /// hear of the error.
    fn write_nar(&self, path: &StorePath, writer: &mut dyn Write) -> Result<u64> {
        let Some(info) = self.path_info(path)? else {
            let path = path.clone();
            return Err(Error::NotValid { path });
        };
        let mut measuring = Measuring {
            writer,
            hasher: ArchiveHasher::new(),
        };
        let size = self.pack(path, &mut measuring)?;
        let mut said = info;
        said.content_address = None;
        measuring.hasher.finish().check(self.store_dir(), &said)?;
        Ok(size)
    }

    fn closure(
        &self,
        paths: &BTreeSet<StorePath>,
        direction: Direction,
    ) -> Result<BTreeSet<StorePath>> {
        self.database().closure(paths, direction)
    }
}

/// Measures what it passes on.
struct Measuring<'w> {
    writer: &'w mut dyn Write,
    hasher: ArchiveHasher,
}

impl Write for Measuring<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.write_all(bytes)?;
        self.writer.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
