//! Everything that paths lead to, followed by the text of the keys.

use std::collections::{BTreeSet, HashSet};

use netabase_store::View;
use nix_core::store_path::StorePath;

use super::rows::Rows;
use crate::store::{Direction, Error, Result};

impl<V: View> Rows<'_, V> {
    pub(super) fn closure(
        &self,
        paths: &BTreeSet<StorePath>,
        direction: Direction,
    ) -> Result<BTreeSet<StorePath>> {
        for path in paths {
            if !self.is_valid(path)? {
                return Err(Error::NotValid { path: path.clone() });
            }
        }
        let mut open: Vec<String> = paths.iter().map(|path| self.dir.print(path)).collect();
        let mut found: HashSet<String> = open.iter().cloned().collect();
        while let Some(path) = open.pop() {
            let mut reach = |next: String| {
                if !found.contains(&next) {
                    found.insert(next.clone());
                    open.push(next);
                }
            };
            match direction {
                Direction::References => self.reference_texts(&path)?.into_iter().for_each(reach),
                Direction::Referrers => {
                    for referrer in self.referrer_texts(&path) {
                        reach(referrer?);
                    }
                }
            }
        }
        found.iter().map(|text| self.parse(text)).collect()
    }

    fn reference_texts(&self, path: &str) -> Result<Vec<String>> {
        match self.paths.get(path)? {
            Some(row) => Ok(row.references),
            None => Err(self.dangling(path)?),
        }
    }

    /// Returns the error of a path that is referred to and not valid, which nothing here leaves
    /// behind.
    fn dangling(&self, reference: &str) -> Result<Error> {
        let reference = self.parse(reference)?;
        let referrers = self.referrers(&reference)?;
        Ok(match referrers.into_iter().next() {
            Some(path) => Error::ReferenceNotValid { path, reference },
            None => Error::NotValid { path: reference },
        })
    }
}
