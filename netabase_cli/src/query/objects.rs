//! Questions to a store of objects.

use std::collections::BTreeSet;

use nix_core::store_path::StorePath;
use nix_store::{
    db::models,
    local::LocalStore,
    store::{Direction, ReadStore},
};

use crate::{
    error::{Error, Result},
    query::{Kind, answer::Answer},
    store::place::find,
};

/// Answers a question about a valid path.
pub(super) fn ask(store: &LocalStore, kind: Kind, text: &str) -> Result<Answer> {
    let path = find(store, text)?;
    let print = |path: &StorePath| store.store_dir().print(path);
    let paths = |paths: BTreeSet<StorePath>| Answer::Valid(paths, store.store_dir().clone());
    let info = || {
        let info = store.path_info(&path)?;
        info.ok_or_else(|| Error::NotInStore {
            path: text.to_owned(),
            store_dir: store.store_dir().clone(),
        })
    };
    let closure = |direction| store.closure(&BTreeSet::from([path.clone()]), direction);
    Ok(match kind {
        Kind::Info => {
            let row = models::StorePath::from_path_info(store.store_dir(), &info()?);
            Answer::Info(Box::new(row))
        }
        Kind::References => paths(info()?.references),
        Kind::Referrers => paths(store.referrers(&path)?),
        Kind::Requisites => paths(closure(Direction::References)?),
        Kind::ReferrersClosure => paths(closure(Direction::Referrers)?),
        Kind::Deriver => Answer::Deriver(info()?.deriver.as_ref().map(print)),
        Kind::ValidDerivers => paths(store.valid_derivers(&path)?),
        Kind::Outputs => {
            let outputs = store.derivation_outputs(&path)?;
            let outputs = outputs.iter();
            let outputs = outputs.map(|(name, path)| (name.to_string(), path.as_ref().map(print)));
            Answer::Outputs(outputs.collect())
        }
    })
}
