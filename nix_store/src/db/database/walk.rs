//! Everything that paths lead to, as checked paths.

use std::collections::BTreeSet;

use netabase_store::View;
use nix_core::store_path::StorePath;

use super::rows::Rows;
use crate::{
    db::{Closure, ClosureError},
    store::{Direction, Error, Result},
};

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
        let start = paths.iter().map(|path| self.dir.print(path));
        match Closure::new(&self.paths, start, direction) {
            Ok(closure) => closure.iter().map(|text| self.parse(text)).collect(),
            Err(error) => Err(self.closure_error(error)?),
        }
    }

    fn closure_error(&self, error: ClosureError) -> Result<Error> {
        Ok(match error {
            ClosureError::Store(error) => error.into(),
            // Nothing here leaves such a reference behind.
            ClosureError::Dangling { referrer, path } => Error::ReferenceNotValid {
                path: self.parse(&referrer)?,
                reference: self.parse(&path)?,
            },
            ClosureError::TooMany => Error::Unsupported {
                what: "a closure of so many paths",
            },
        })
    }
}
