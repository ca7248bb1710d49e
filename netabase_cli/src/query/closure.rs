//! Walks along references, forth and back.

use std::path::Path;

use netabase_store::{Tree, View};
use nix_store::{
    db::{
        Closure, ClosureError,
        models::{
            StoreDefinition, StorePath, StorePathByHashPartSecondaryKey,
            StorePathReferencesSecondaryKey,
        },
    },
    store::Direction,
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

    /// Returns a path and all that it leads to.
    pub(crate) fn closure(&self, path: String, direction: Direction) -> Result<Closure> {
        let closure = Closure::new(&self.tree, [path], direction);
        closure.map_err(|error| match error {
            ClosureError::Store(error) => error.into(),
            ClosureError::Dangling { referrer, path } => {
                let db = self.db.to_owned();
                Error::Dangling { referrer, path, db }
            }
            error => error.into(),
        })
    }
}
