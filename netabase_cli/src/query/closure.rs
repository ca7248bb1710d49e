//! Walks along references, forth and back.

use std::{collections::BTreeSet, path::Path};

use netabase_store::{Tree, View};
use nix_store::db::models::{
    StoreDefinition, StorePath, StorePathByHashPartSecondaryKey, StorePathReferencesSecondaryKey,
};

use crate::error::{Error, Result};

/// The paths of a store at one moment.
pub(crate) struct Paths<'a, V> {
    pub(crate) tree: Tree<StoreDefinition, StorePath, V>,
    /// Where the store lies, for errors.
    pub(crate) db: &'a Path,
}

impl<V: View> Paths<'_, V> {
    /// Returns the path that a text names: in full, by base name, or by hash part.
    pub(crate) fn find(&self, text: &str) -> Result<StorePath> {
        let found = if text.starts_with('/') {
            self.tree.get(text)?
        } else {
            let (hash_part, _) = text.split_once('-').unwrap_or((text, ""));
            let found = self
                .tree
                .index::<StorePathByHashPartSecondaryKey>()
                .first(hash_part)?;
            found.filter(|path| text == hash_part || path.path.ends_with(&format!("/{text}")))
        };
        let missing = || Error::NoSuchPath {
            path: text.to_owned(),
            db: self.db.to_owned(),
        };
        found.ok_or_else(missing)
    }

    /// Returns the paths that refer to `path`, sorted.
    pub(crate) fn referrers(&self, path: &str) -> Result<Vec<String>> {
        let referrers = self
            .tree
            .index::<StorePathReferencesSecondaryKey>()
            .get(path)
            .keys();
        referrers.map(|key| Ok(key?.0)).collect()
    }

    /// Returns `path` and all that it needs, sorted.
    pub(crate) fn requisites(&self, path: StorePath) -> Result<Vec<String>> {
        let mut all = BTreeSet::from([path.path.clone()]);
        let mut open = vec![path];
        while let Some(referrer) = open.pop() {
            for path in referrer.references {
                if all.contains(&path) {
                    continue;
                }
                let Some(row) = self.tree.get(path.as_str())? else {
                    let (referrer, db) = (referrer.path, self.db.to_owned());
                    return Err(Error::Dangling { referrer, path, db });
                };
                all.insert(path);
                open.push(row);
            }
        }
        Ok(all.into_iter().collect())
    }

    /// Returns `path` and all that need it, sorted.
    pub(crate) fn referrers_closure(&self, path: String) -> Result<Vec<String>> {
        let mut all = BTreeSet::from([path.clone()]);
        let mut open = vec![path];
        while let Some(path) = open.pop() {
            for referrer in self.referrers(&path)? {
                if all.insert(referrer.clone()) {
                    open.push(referrer);
                }
            }
        }
        Ok(all.into_iter().collect())
    }
}
