//! A live store of Nix, read where it lies.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use nix_core::{
    derivation::{Derivation, DerivationLookup},
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};
use nix_io::nar::{self, PackOptions};

use crate::{
    local::StoreLayout,
    store::{AnyRealisation, Direction, Error, ReadStore, RealisationId, Result, realised},
};

use super::{StoreDb, derivations::read_derivation, export::known_outputs};

/// A store of Nix that is read without importing its database.
///
/// Archives are packed from the objects' files. A file that changed since it was registered is
/// noticed when the size of the archive is another one; the hash is for whoever receives it to check.
///
/// # Examples
/// ```
/// use nix_core::{hash::Sha256, path_info::PathInfo};
/// use nix_store::{StoreDir, local::StoreLayout, store::ReadStore};
/// use nix_store::nix_db::{NewPath, NixStore, StoreDb};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let root = tempfile::tempdir()?;
/// let layout = StoreLayout::below(root.path(), StoreDir::default());
/// let path = StoreDir::default().parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello")?;
/// std::fs::create_dir_all(&layout.real_store_dir)?;
/// std::fs::write(layout.real_path(&path), "hello")?;
///
/// let db = StoreDb::open_memory(StoreDir::default())?;   // or StoreDb::open_system()
/// db.register_valid_path(&NewPath::new(&PathInfo::new(path.clone(), Sha256::of(b""), 120)))?;
/// let mut archive = Vec::new();
/// assert_eq!(NixStore::new(db, layout).write_nar(&path, &mut archive)?, 120);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NixStore {
    db: StoreDb,
    layout: StoreLayout,
}

impl NixStore {
    /// Takes a database and says where the objects lie. Paths are printed as the database has them.
    #[must_use]
    pub const fn new(db: StoreDb, layout: StoreLayout) -> Self {
        Self { db, layout }
    }

    /// Returns the database.
    #[must_use]
    pub const fn db(&self) -> &StoreDb {
        &self.db
    }

    /// Returns where the objects lie.
    #[must_use]
    pub const fn layout(&self) -> &StoreLayout {
        &self.layout
    }

    fn read_derivation(&self, path: &StorePath) -> Result<Option<Derivation>> {
        read_derivation(self.db.store_dir(), &self.layout.real_store_dir, path)
    }
}

impl DerivationLookup for NixStore {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        Ok(self.read_derivation(path)?.map(Cow::Owned))
    }
}

impl ReadStore for NixStore {
    fn store_dir(&self) -> &StoreDir {
        self.db.store_dir()
    }

    fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        Ok(self.db.path_info(path)?)
    }

    fn is_valid(&self, path: &StorePath) -> Result<bool> {
        Ok(self.db.is_valid(path)?)
    }

    fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        Ok(self.db.valid_paths()?)
    }

    fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        Ok(self.db.referrers(path)?)
    }

    fn valid_derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        Ok(self.db.valid_derivers(path)?)
    }

    fn derivation_outputs(
        &self,
        derivation: &StorePath,
    ) -> Result<BTreeMap<OutputName, Option<StorePath>>> {
        let path = || derivation.clone();
        if !self.is_valid(derivation)? {
            return Err(Error::NotValid { path: path() });
        }
        if !derivation.is_derivation() {
            return Err(Error::NotADerivation { path: path() });
        }
        let Some(read) = self.read_derivation(derivation)? else {
            let known = self.db.derivation_outputs(derivation)?;
            let known = known.into_iter();
            return Ok(known.map(|(name, path)| (name, Some(path))).collect());
        };
        let mut known = known_outputs(self.store_dir(), &read)?;
        let mut outputs = BTreeMap::new();
        for name in read.outputs.keys() {
            let path = match known.remove(name) {
                Some(path) => Some(path),
                None => realised(self, self, derivation, &read, name)?,
            };
            outputs.insert(name.clone(), path);
        }
        Ok(outputs)
    }

    fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
        Ok(self.db.realisation(id)?)
    }

    fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        Ok(self.db.path_from_hash_part(hash_part)?)
    }

    fn write_nar(&self, path: &StorePath, writer: &mut dyn Write) -> Result<u64> {
        let info = self.path_info(path)?;
        let info = info.ok_or_else(|| Error::NotValid { path: path.clone() })?;
        let size = nar::pack(self.layout.real_path(path), writer, &PackOptions::default());
        let size = size.map_err(|source| Error::Pack {
            path: path.base_name().to_owned(),
            source,
        })?;
        // Nix writes no size where it does not know it.
        if info.nar_size != 0 && info.nar_size != size {
            return Err(Error::SizeMismatch {
                path: path.clone(),
                expected: info.nar_size,
                found: size,
            });
        }
        Ok(size)
    }

    fn closure(
        &self,
        paths: &BTreeSet<StorePath>,
        direction: Direction,
    ) -> Result<BTreeSet<StorePath>> {
        self.db.closure(paths, direction)
    }
}
