//! What registering objects would change, or why they are refused.

use std::{collections::BTreeMap, sync::Arc};

use nix_core::{
    derivation::Derivation,
    graph::PathGraph,
    path_info::PathInfo,
    store_path::{StoreDir, StorePath},
};

use crate::store::{DerivationChecks, Error, Result, parse_derivation};

use super::{
    lookup::Lookup,
    state::{Change, Object},
    view::{View, join},
};

/// An object that is to become valid.
pub(crate) struct Candidate {
    pub(crate) info: PathInfo,
    /// Invariant: it was measured, and is what `info` says. There is none for what was valid when
    /// that was asked.
    pub(crate) nar: Option<Arc<[u8]>>,
}

/// Returns what becomes of each path.
pub(super) fn plan(
    view: View<'_>,
    store_dir: &StoreDir,
    checks: &DerivationChecks,
    candidates: impl IntoIterator<Item = Candidate>,
) -> Result<BTreeMap<StorePath, Change>> {
    let mut changes = BTreeMap::new();
    let mut derivations = BTreeMap::new();
    for Candidate { info, nar } in candidates {
        if let Some(Change::New(Object { info: known, .. }) | Change::Known(known)) =
            changes.get_mut(&info.path)
        {
            join(known, &info)?;
        } else if let Some(mut known) = view.path_info(&info.path)? {
            join(&mut known, &info)?;
            changes.insert(info.path.clone(), Change::Known(known));
        } else {
            let path = info.path.clone();
            let mut object = new_object(info, nar)?;
            if path.is_derivation() {
                let derivation = parse_derivation(store_dir, &path, &mut &*object.nar)?;
                object.outputs = known_outputs(store_dir, &derivation)?;
                derivations.insert(path.clone(), derivation);
            }
            changes.insert(path, Change::New(object));
        }
    }
    check_references(view, &changes)?;
    check_cycles(&changes)?;
    let new = derivations
        .iter()
        .filter_map(|(path, derivation)| match changes.get(path) {
            Some(Change::New(object)) => Some((&object.info, derivation)),
            _ => None,
        });
    checks.check(store_dir, new, &Lookup { view, store_dir })?;
    Ok(changes)
}

fn new_object(info: PathInfo, nar: Option<Arc<[u8]>>) -> Result<Object> {
    let Some(nar) = nar else {
        return Err(Error::NotPlaced { path: info.path });
    };
    let outputs = Vec::new();
    Ok(Object { info, nar, outputs })
}

fn known_outputs(store_dir: &StoreDir, derivation: &Derivation) -> Result<Vec<StorePath>> {
    let mut paths = Vec::new();
    for (name, output) in &derivation.outputs {
        let known = output.path(store_dir, &derivation.name, name);
        paths.extend(known.map_err(|source| Error::Compute {
            name: derivation.name.to_string(),
            source,
        })?);
    }
    Ok(paths)
}

fn check_references(view: View<'_>, changes: &BTreeMap<StorePath, Change>) -> Result<()> {
    for (path, change) in changes {
        let Change::New(object) = change else {
            continue;
        };
        for reference in &object.info.references {
            if !changes.contains_key(reference) && !view.is_valid(reference)? {
                let (path, reference) = (path.clone(), reference.clone());
                return Err(Error::ReferenceNotValid { path, reference });
            }
        }
    }
    Ok(())
}

/// What is valid already refers to nothing that is new, so a circle is one of new objects.
fn check_cycles(changes: &BTreeMap<StorePath, Change>) -> Result<()> {
    let new = changes.iter().filter_map(|(path, change)| match change {
        Change::New(object) => Some((path.clone(), object.info.references.iter().cloned())),
        Change::Known(_) => None,
    });
    let graph = PathGraph::new(new).map_err(|_too_many| Error::Unsupported {
        what: "registering 2^32 objects or references at once",
    })?;
    graph.topological_order()?;
    Ok(())
}
