//! The rows of one moment: questions about paths and realisations.

use std::collections::BTreeSet;

use netabase_store::{
    ReadTransaction, ReadView, Tree, View, WriteTransaction, WriteView, backends::Backend,
};
use nix_core::{
    path_info::PathInfo,
    store_path::{HASH_PART_LEN, StoreDir, StorePath},
};

use crate::{
    db::models::{
        self, RealisationPrimaryKey, StoreDefinition, StorePathByHashPartSecondaryKey,
        StorePathReferencesSecondaryKey,
    },
    field::{FieldError, read},
    store::{AnyRealisation, Error, RealisationId, Result},
};

type Trees<M, V> = Tree<StoreDefinition, M, V>;

/// The trees of a database, seen through a transaction.
pub(super) struct Rows<'d, V> {
    pub(super) dir: &'d StoreDir,
    pub(super) paths: Trees<models::StorePath, V>,
    pub(super) derivations: Trees<models::Derivation, V>,
    pub(super) texts: Trees<models::DerivationText, V>,
    pub(super) realisations: Trees<models::Realisation, V>,
    pub(super) roots: Trees<models::GcRoot, V>,
}

impl<'d, 't, B: Backend> Rows<'d, ReadView<'t, B>> {
    pub(super) fn reading(
        transaction: &'t ReadTransaction<StoreDefinition, B>,
        dir: &'d StoreDir,
    ) -> Self {
        Self {
            dir,
            paths: transaction.open_tree(),
            derivations: transaction.open_tree(),
            texts: transaction.open_tree(),
            realisations: transaction.open_tree(),
            roots: transaction.open_tree(),
        }
    }
}

impl<'d, 't, B: Backend> Rows<'d, WriteView<'t, B>> {
    pub(super) fn writing(
        transaction: &'t WriteTransaction<StoreDefinition, B>,
        dir: &'d StoreDir,
    ) -> Self {
        Self {
            dir,
            paths: transaction.open_tree(),
            derivations: transaction.open_tree(),
            texts: transaction.open_tree(),
            realisations: transaction.open_tree(),
            roots: transaction.open_tree(),
        }
    }
}

impl<V: View> Rows<'_, V> {
    pub(super) fn is_valid(&self, path: &StorePath) -> Result<bool> {
        Ok(self.paths.contains(self.dir.print(path))?)
    }

    pub(super) fn path_info(&self, path: &StorePath) -> Result<Option<PathInfo>> {
        let row = self.paths.get(self.dir.print(path))?;
        row.map(|row| self.info(&row)).transpose()
    }

    pub(super) fn info(&self, row: &models::StorePath) -> Result<PathInfo> {
        row.to_path_info(self.dir).map_err(row_of(&row.path))
    }

    pub(super) fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        let keys = self.paths.iter().keys();
        keys.map(|key| self.parse(&key?.0)).collect()
    }

    pub(super) fn for_each_path(&self, each: &mut dyn FnMut(PathInfo) -> Result<()>) -> Result<()> {
        for row in self.paths.iter().values() {
            each(self.info(&row?)?)?;
        }
        Ok(())
    }

    pub(super) fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        let referrers = self.referrer_texts(&self.dir.print(path));
        referrers.map(|text| self.parse(&text?)).collect()
    }

    /// Returns the full paths of those that refer to a path, from the index alone.
    pub(super) fn referrer_texts(
        &self,
        path: &str,
    ) -> impl Iterator<Item = Result<String>> + use<V> {
        let index = self.paths.index::<StorePathReferencesSecondaryKey>();
        index.get(path).keys().map(|key| Ok(key?.0))
    }

    pub(super) fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        if hash_part.len() != HASH_PART_LEN {
            return Ok(None);
        }
        let index = self.paths.index::<StorePathByHashPartSecondaryKey>();
        let found = index.get(hash_part).keys().next();
        found.map(|key| self.parse(&key?.0)).transpose()
    }

    pub(super) fn realisation(&self, id: &RealisationId) -> Result<Option<AnyRealisation>> {
        let row = self.realisations.get(self.realisation_key(id))?;
        row.map(|row| self.any_realisation(&row)).transpose()
    }

    pub(super) fn realisations(&self) -> Result<Vec<AnyRealisation>> {
        let rows = self.realisations.iter().values();
        rows.map(|row| self.any_realisation(&row?)).collect()
    }

    pub(super) fn any_realisation(&self, row: &models::Realisation) -> Result<AnyRealisation> {
        let read = if row.is_legacy() {
            row.to_legacy_realisation(self.dir)
                .map(AnyRealisation::Hash)
        } else {
            row.to_realisation(self.dir).map(AnyRealisation::Path)
        };
        read.map_err(row_of(&row.derivation))
    }

    pub(super) fn realisation_key(&self, id: &RealisationId) -> RealisationPrimaryKey {
        match id {
            RealisationId::Hash(id) => RealisationPrimaryKey(
                format!("sha256:{}", id.drv_hash.to_base16()),
                id.output_name.to_string(),
            ),
            RealisationId::Path(key) => {
                RealisationPrimaryKey(self.dir.print(&key.drv_path), key.output_name.to_string())
            }
        }
    }

    pub(super) fn roots(&self) -> Result<Vec<(String, StorePath)>> {
        let rows = self.roots.iter().values();
        let read_root = |root: netabase_store::Result<models::GcRoot>| {
            let root = root?;
            let target = read("target", &root.target, |text| {
                self.dir.parse_canonical(text)
            });
            let target = target.map_err(row_of(&root.name))?;
            Ok((root.name, target))
        };
        rows.map(read_root).collect()
    }

    /// Reads a path that is the key of a row.
    pub(super) fn parse(&self, text: &str) -> Result<StorePath> {
        let path = read("path", text, |text| self.dir.parse_canonical(text));
        path.map_err(row_of(text))
    }
}

/// Says which row a field is of.
pub(super) fn row_of(key: &str) -> impl FnOnce(FieldError) -> Error {
    move |source| Error::Row {
        path: key.to_owned(),
        source,
    }
}
