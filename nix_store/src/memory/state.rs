//! What is kept in memory, and the changes that were found to be right.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use nix_core::{path_info::PathInfo, signature::Signature, store_path::StorePath};

use crate::store::{AnyRealisation, RealisationId};

/// Objects and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The archives that lie in their places without being valid.
    pub(super) placed: BTreeMap<StorePath, Arc<[u8]>>,
    /// The valid objects.
    pub(super) objects: BTreeMap<StorePath, Object>,
    /// What is known of valid objects of the lower store beyond what that knows.
    pub(super) amended: BTreeMap<StorePath, PathInfo>,
    /// Invariant: the references of `objects` the other way.
    pub(super) referrers: BTreeMap<StorePath, BTreeSet<StorePath>>,
    /// Invariant: the outputs of `objects` the other way.
    pub(super) derivers: BTreeMap<StorePath, BTreeSet<StorePath>>,
    pub(super) realisations: BTreeMap<RealisationId, AnyRealisation>,
}

/// A valid object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) info: PathInfo,
    pub(super) nar: Arc<[u8]>,
    /// The outputs whose paths a derivation knows before the build.
    pub(super) outputs: Vec<StorePath>,
}

/// What becomes of one path.
pub(super) enum Change {
    /// It becomes valid.
    New(Object),
    /// It was valid, and this is known of it now.
    Known(PathInfo),
}

impl State {
    pub(super) fn apply(&mut self, changes: BTreeMap<StorePath, Change>) {
        for (path, change) in changes {
            match change {
                Change::New(object) => self.insert(path, object),
                Change::Known(info) => self.amend(path, info),
            }
        }
    }

    fn insert(&mut self, path: StorePath, object: Object) {
        self.placed.remove(&path);
        for reference in &object.info.references {
            link(&mut self.referrers, reference, &path);
        }
        for output in &object.outputs {
            link(&mut self.derivers, output, &path);
        }
        self.objects.insert(path, object);
    }

    fn amend(&mut self, path: StorePath, info: PathInfo) {
        match self.objects.get_mut(&path) {
            Some(object) => object.info = info,
            None => {
                self.amended.insert(path, info);
            }
        }
    }

    /// Removes an object with the realisations that lead to it, and returns its size.
    pub(super) fn remove(&mut self, path: &StorePath) -> u64 {
        let Some(object) = self.objects.remove(path) else {
            return 0;
        };
        for reference in &object.info.references {
            unlink(&mut self.referrers, reference, path);
        }
        for output in &object.outputs {
            unlink(&mut self.derivers, output, path);
        }
        self.realisations
            .retain(|_, realisation| realisation.out_path() != path);
        object.nar.len() as u64
    }

    pub(super) fn sign(&mut self, mut info: PathInfo, signatures: &BTreeSet<Signature>) {
        info.signatures.extend(signatures.iter().cloned());
        self.amend(info.path.clone(), info);
    }
}

type Links = BTreeMap<StorePath, BTreeSet<StorePath>>;

fn link(links: &mut Links, from: &StorePath, to: &StorePath) {
    links.entry(from.clone()).or_default().insert(to.clone());
}

fn unlink(links: &mut Links, from: &StorePath, to: &StorePath) {
    if let Some(set) = links.get_mut(from) {
        set.remove(to);
        if set.is_empty() {
            links.remove(from);
        }
    }
}
