//! Making paths valid, and adding to what is known of them.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
};

use netabase_store::{View, Writable};
use nix_core::{
    derivation::{Derivation, DerivationLookup},
    graph::PathGraph,
    path_info::PathInfo,
    realisation::MergeError,
    signature::Signature,
    store_path::{ComputeError, StorePath},
};

use super::{
    Registration,
    rows::{Rows, row_of},
};
use crate::{
    db::models,
    field::FieldErrorKind,
    store::{AnyRealisation, DerivationChecks, Error, Result},
};

impl<V: Writable> Rows<'_, V> {
    pub(super) fn register(
        &self,
        objects: &[Registration],
        checks: &DerivationChecks,
        files: Option<&dyn DerivationLookup<Error = Error>>,
    ) -> Result<()> {
        let mut new = Vec::new();
        let mut derivations = Vec::new();
        for object in objects {
            let is_new = self.put_object(object)?;
            if is_new {
                new.push(object);
            }
            let path = &object.info.path;
            if let Some(derivation) = &object.derivation
                && self.put_new_derivation(path, derivation, checks)?
                && let Some(info) = self.path_info(path)?
            {
                derivations.push((info, derivation));
            }
        }
        // Of what was valid before, the references that were registered first count.
        let among: HashSet<&StorePath> = objects.iter().map(|object| &object.info.path).collect();
        for Registration { info, .. } in &new {
            self.check_references(info, &among)?;
        }
        check_order(&new)?;
        let valid = Valid { rows: self, files };
        let derivations = derivations.iter().map(|(info, said)| (info, *said));
        checks.check(self.dir, derivations, &valid)
    }

    /// Puts an object there, or joins it with what is there, and returns whether it is new.
    fn put_object(&self, object: &Registration) -> Result<bool> {
        let info = &object.info;
        let known = self.path_info(&info.path)?;
        let is_new = known.is_none();
        match known {
            None => self.put_info(info)?,
            Some(registered) => {
                let joined = join(registered.clone(), info)?;
                if joined != registered {
                    self.put_info(&joined)?;
                }
            }
        }
        Ok(is_new)
    }

    /// Puts what a derivation says there, and returns whether it was not known.
    fn put_new_derivation(
        &self,
        path: &StorePath,
        derivation: &Derivation,
        checks: &DerivationChecks,
    ) -> Result<bool> {
        match self.registered_derivation(path)? {
            Some(known) if known == *derivation => return Ok(false),
            Some(_) => checks.forget(),
            None => {}
        }
        self.put_derivation(path, derivation)?;
        Ok(true)
    }

    fn put_info(&self, info: &PathInfo) -> Result<()> {
        let row = models::StorePath::from_path_info(self.dir, info);
        Ok(self.paths.put(row)?)
    }

    fn put_derivation(&self, path: &StorePath, derivation: &Derivation) -> Result<()> {
        if !path.is_derivation() {
            return Err(Error::NotADerivation { path: path.clone() });
        }
        // What is said last counts, in whichever tree it was before.
        let key = self.dir.print(path);
        match models::Derivation::from_derivation(self.dir, path, derivation) {
            Ok(row) => {
                self.texts.remove(key)?;
                Ok(self.derivations.put(row)?)
            }
            Err(error) if is_beyond_rows(&error.kind) => {
                self.derivations.remove(key)?;
                self.put_text(path, derivation)
            }
            Err(error) => Err(row_of(&key)(error)),
        }
    }

    fn put_text(&self, path: &StorePath, derivation: &Derivation) -> Result<()> {
        let failed = |source: ComputeError| Error::Compute {
            name: path.name().to_owned(),
            source,
        };
        let mut output_paths = Vec::new();
        for (name, output) in &derivation.outputs {
            let known = output.path(self.dir, &derivation.name, name);
            output_paths.extend(known.map_err(failed)?.map(|path| self.dir.print(&path)));
        }
        let row = models::DerivationText {
            path: self.dir.print(path),
            aterm: derivation.to_aterm(self.dir).map_err(failed)?,
            output_paths,
        };
        Ok(self.texts.put(row)?)
    }

    fn check_references(&self, info: &PathInfo, new: &HashSet<&StorePath>) -> Result<()> {
        for reference in &info.references {
            if !new.contains(reference) && !self.is_valid(reference)? {
                return Err(Error::ReferenceNotValid {
                    path: info.path.clone(),
                    reference: reference.clone(),
                });
            }
        }
        Ok(())
    }

    pub(super) fn register_realisation(&self, realisation: &AnyRealisation) -> Result<()> {
        let out_path = realisation.out_path();
        if !self.is_valid(out_path)? {
            let path = out_path.clone();
            return Err(Error::NotValid { path });
        }
        let joined = match self.realisation(&realisation.id())? {
            Some(registered) => merge(registered, realisation.clone())?,
            None => realisation.clone(),
        };
        let row = match &joined {
            AnyRealisation::Hash(of) => models::Realisation::from_legacy_realisation(self.dir, of),
            AnyRealisation::Path(of) => models::Realisation::from_realisation(self.dir, of),
        };
        Ok(self.realisations.put(row)?)
    }

    pub(super) fn add_signatures(
        &self,
        path: &StorePath,
        signatures: &BTreeSet<Signature>,
    ) -> Result<()> {
        let Some(mut info) = self.path_info(path)? else {
            return Err(Error::NotValid { path: path.clone() });
        };
        info.signatures.extend(signatures.iter().cloned());
        self.put_info(&info)
    }

    pub(super) fn add_root(&self, name: &str, target: &StorePath) -> Result<()> {
        let root = models::GcRoot {
            name: name.to_owned(),
            target: self.dir.print(target),
        };
        Ok(self.roots.put(root)?)
    }

    pub(super) fn remove_root(&self, name: &str) -> Result<bool> {
        Ok(self.roots.remove(name)?.is_some())
    }
}

/// Joins what is known of a valid path with what is said now.
fn join(registered: PathInfo, said: &PathInfo) -> Result<PathInfo> {
    if registered.nar_hash != said.nar_hash {
        return Err(Error::Conflict {
            path: registered.path,
            registered: registered.nar_hash,
            said: said.nar_hash,
        });
    }
    let mut joined = registered;
    joined.signatures.extend(said.signatures.iter().cloned());
    joined.ultimate |= said.ultimate;
    joined.deriver = joined.deriver.or_else(|| said.deriver.clone());
    joined.content_address = joined.content_address.or(said.content_address);
    if joined.nar_size == 0 {
        joined.nar_size = said.nar_size;
    }
    if joined.registration_time == 0 {
        joined.registration_time = said.registration_time;
    }
    Ok(joined)
}

/// Checks that new paths do not refer to each other in a circle. Those that were valid before refer
/// to none of them.
fn check_order(objects: &[&Registration]) -> Result<()> {
    let edges = |object: &&Registration| {
        let info = &object.info;
        (info.path.clone(), info.references.clone())
    };
    // Of equal paths the first one is registered, and the last one counts in a graph.
    let graph = PathGraph::new(objects.iter().rev().map(edges));
    let graph = graph.map_err(|_| Error::Unsupported {
        what: "registering so many references at once",
    })?;
    graph.topological_order()?;
    Ok(())
}

/// The derivations that are valid.
struct Valid<'a, 'd, V> {
    rows: &'a Rows<'d, V>,
    files: Option<&'a dyn DerivationLookup<Error = Error>>,
}

impl<V: View> DerivationLookup for Valid<'_, '_, V> {
    type Error = Error;

    fn derivation(&self, path: &StorePath) -> Result<Option<Cow<'_, Derivation>>> {
        if !self.rows.is_valid(path)? {
            return Ok(None);
        }
        match (self.rows.registered_derivation(path)?, self.files) {
            (Some(derivation), _) => Ok(Some(Cow::Owned(derivation))),
            (None, Some(files)) => files.derivation(path),
            (None, None) => Ok(None),
        }
    }
}

fn is_beyond_rows(kind: &FieldErrorKind) -> bool {
    matches!(kind, FieldErrorKind::NotUtf8 | FieldErrorKind::Dynamic)
}

fn merge(registered: AnyRealisation, said: AnyRealisation) -> Result<AnyRealisation> {
    match (registered, said) {
        (AnyRealisation::Hash(mut ours), AnyRealisation::Hash(theirs)) => {
            ours.merge(theirs)?;
            Ok(AnyRealisation::Hash(ours))
        }
        (AnyRealisation::Path(mut ours), AnyRealisation::Path(theirs)) => {
            ours.merge(theirs)?;
            Ok(AnyRealisation::Path(ours))
        }
        (ours, theirs) => Err(MergeError::Output {
            ours: format!("{:?}", ours.id()),
            theirs: format!("{:?}", theirs.id()),
        }
        .into()),
    }
}
