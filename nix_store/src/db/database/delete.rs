//! Making paths invalid.

use std::collections::{BTreeMap, BTreeSet};

use netabase_store::Writable;
use nix_core::store_path::StorePath;

use super::rows::Rows;
use crate::{
    db::models::RealisationOutPathSecondaryKey,
    store::{Error, Result},
};

/// Valid paths by their full text, which sorts as they do.
type Texts = BTreeMap<String, StorePath>;

impl<V: Writable> Rows<'_, V> {
    pub(super) fn delete(&self, paths: &BTreeSet<StorePath>) -> Result<BTreeSet<StorePath>> {
        let going = self.valid_texts(paths)?;
        for (text, path) in &going {
            if let Some(referrer) = self.referrer_outside(text, &going)? {
                return Err(Error::HasReferrers {
                    path: path.clone(),
                    referrer: self.parse(&referrer)?,
                });
            }
        }
        self.remove(going)
    }

    pub(super) fn delete_dead(
        &self,
        paths: &BTreeSet<StorePath>,
        keep: &mut dyn FnMut(&StorePath) -> bool,
    ) -> Result<BTreeSet<StorePath>> {
        let mut going = self.valid_texts(paths)?;
        let mut kept = Vec::new();
        for (text, path) in &going {
            if keep(path) || self.referrer_outside(text, &going)?.is_some() {
                kept.push(text.clone());
            }
        }
        going.retain(|text, _| kept.binary_search(text).is_err());
        while let Some(text) = kept.pop() {
            let row = self.paths.get(text.as_str())?;
            for reference in row.into_iter().flat_map(|row| row.references) {
                if going.remove(&reference).is_some() {
                    kept.push(reference);
                }
            }
        }
        self.remove(going)
    }

    fn valid_texts(&self, paths: &BTreeSet<StorePath>) -> Result<Texts> {
        let mut texts = Texts::new();
        for path in paths {
            if self.is_valid(path)? {
                texts.insert(self.dir.print(path), path.clone());
            }
        }
        Ok(texts)
    }

    /// Returns one that refers to a path and is not going.
    fn referrer_outside(&self, path: &str, going: &Texts) -> Result<Option<String>> {
        let mut referrers = self.referrer_texts(path);
        let is_staying = |referrer: &Result<String>| {
            referrer
                .as_ref()
                .map_or(true, |text| !going.contains_key(text))
        };
        referrers.find(is_staying).transpose()
    }

    fn remove(&self, going: Texts) -> Result<BTreeSet<StorePath>> {
        // A query keeps what the transaction wrote before it: all are done before the first write.
        let index = self.realisations.index::<RealisationOutPathSecondaryKey>();
        let mut realisations = Vec::new();
        for text in going.keys() {
            for key in index.get(text.as_str()).keys() {
                realisations.push(key?);
            }
        }
        self.realisations.remove_many(realisations)?;
        let derivations = || {
            let are = going.iter().filter(|(_, path)| path.is_derivation());
            are.map(|(text, _)| text.as_str())
        };
        self.derivations.remove_many(derivations())?;
        self.texts.remove_many(derivations())?;
        self.paths.remove_many(going.keys().map(String::as_str))?;
        Ok(going.into_values().collect())
    }
}
