//! What a node shares, and where its bytes are.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

use nix_core::{hash::Sha256, store_path::StorePath};
use nix_io::nar::ViewError;
use nix_store::local::LocalStore;

use super::{
    rows::SharedObject,
    spool::{Placed, Spool},
    views::Views,
};
use crate::peers::{
    buffers::Buffers,
    transfer::{Blob, GroupRange, ProveError, prove_in},
};

/// How many archives are shared at most.
pub(super) const SHARED_MAX: usize = 1 << 20;

/// An object of the store whose archive is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) path: StorePath,
    pub(super) nar_hash: Sha256,
    pub(super) blob: Blob,
}

/// Where the bytes of an archive are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// In a file of the node, of which some groups are there.
    Part,
    /// In a file of the node that is whole.
    File,
    /// In the store.
    Object(StorePath),
}

/// Where the bytes of all shared archives are.
///
/// Invariant: objects with one archive share one place; it is in the store where one of them is.
#[derive(Debug, Default)]
pub(super) struct Shares {
    files: BTreeMap<[u8; 32], Source>,
    objects: BTreeMap<StorePath, Shared>,
    of_root: BTreeMap<[u8; 32], BTreeSet<StorePath>>,
}

impl Shares {
    /// Returns how many archives are shared.
    pub(super) fn len(&self) -> usize {
        let only_files = self.files.keys();
        let only_files = only_files.filter(|root| !self.of_root.contains_key(*root));
        self.of_root.len() + only_files.count()
    }

    /// Returns where the bytes of an archive are.
    pub(super) fn source(&self, root: &[u8; 32]) -> Option<Source> {
        let objects = self.of_root.get(root);
        match objects.and_then(BTreeSet::first) {
            Some(path) => Some(Source::Object(path.clone())),
            None => self.files.get(root).cloned(),
        }
    }

    /// Whether the archive of a root is there as a whole.
    pub(super) fn is_whole(&self, root: &[u8; 32]) -> bool {
        matches!(self.source(root), Some(Source::File | Source::Object(_)))
    }

    /// Whether an object of the store has the archive of a root.
    pub(super) fn has_object(&self, root: &[u8; 32]) -> bool {
        self.of_root.contains_key(root)
    }

    /// Takes note of an archive in a file of the node.
    pub(super) fn add_file(&mut self, root: [u8; 32], source: Source) {
        self.files.insert(root, source);
    }

    pub(super) fn remove_file(&mut self, root: &[u8; 32]) {
        self.files.remove(root);
    }

    /// Takes note of an object, unless there are too many; returns whether there is room.
    pub(super) fn add(&mut self, shared: Shared) -> bool {
        let is_new = !self.objects.contains_key(&shared.path);
        if is_new && self.objects.len() >= SHARED_MAX {
            return false;
        }
        self.remove(&shared.path);
        let paths = self.of_root.entry(*shared.blob.root()).or_default();
        paths.insert(shared.path.clone());
        self.objects.insert(shared.path.clone(), shared);
        true
    }

    /// Forgets an object; returns it.
    pub(super) fn remove(&mut self, path: &StorePath) -> Option<Shared> {
        let shared = self.objects.remove(path)?;
        let root = shared.blob.root();
        if let Some(paths) = self.of_root.get_mut(root) {
            paths.remove(path);
            if paths.is_empty() {
                self.of_root.remove(root);
            }
        }
        Some(shared)
    }

    /// Returns the objects that are shared.
    pub(super) const fn objects(&self) -> &BTreeMap<StorePath, Shared> {
        &self.objects
    }
}

impl Shared {
    /// Reads a row; `None` where it is of no object.
    pub(super) fn from_row(row: &SharedObject) -> Option<Self> {
        Some(Self {
            path: row.path.parse().ok()?,
            nar_hash: Sha256(row.nar_hash),
            blob: Blob::new(row.root, row.nar_size).ok()?,
        })
    }

    pub(super) fn to_row(&self) -> SharedObject {
        SharedObject {
            path: self.path.base_name().to_owned(),
            root: *self.blob.root(),
            nar_hash: self.nar_hash.0,
            nar_size: self.blob.size(),
        }
    }
}

/// Reads archives to prove their groups, away from the task.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) store: LocalStore,
    pub(super) spool: Spool,
    pub(super) views: Views,
    pub(super) buffers: Buffers,
}

impl Reader {
    /// Makes the proof of groups of an archive.
    pub(super) fn prove(
        &self,
        source: &Source,
        blob: &Blob,
        range: GroupRange,
    ) -> Result<Vec<u8>, ReadError> {
        let (data, outboard) = match source {
            Source::Object(path) => {
                let proof = self.prove_object(path, blob, range);
                if proof.is_err() {
                    self.views.forget(path);
                }
                return proof;
            }
            Source::File => ("nar", "outboard"),
            Source::Part => ("part", "hashes"),
        };
        let data = self.open(blob, data)?;
        let outboard = self.open(blob, outboard)?;
        prove_in(blob, range, &data, &outboard, self.memory(), false).map_err(ReadError::File)
    }

    fn prove_object(
        &self,
        path: &StorePath,
        blob: &Blob,
        range: GroupRange,
    ) -> Result<Vec<u8>, ReadError> {
        let view = self.views.open(&self.store, path)?;
        let outboard = self.open(blob, "outboard")?;
        let is_checked = view.is_checked(blob, range);
        let proof = prove_in(blob, range, &*view, &outboard, self.memory(), is_checked);
        let proof = proof.map_err(ReadError::View)?;
        if !is_checked {
            view.checked(blob, range.groups());
        }
        Ok(proof)
    }

    fn memory(&self) -> impl FnOnce(usize) -> Vec<u8> {
        |length| self.buffers.take(length)
    }

    fn open(&self, blob: &Blob, extension: &str) -> Result<Placed, ReadError> {
        let path = self.spool.file(blob.root(), extension);
        Placed::open(&path).map_err(|source| ReadError::Open { path, source })
    }
}

/// Why groups cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("open {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("look at the object")]
    Object(#[source] Box<nix_store::store::Error>),
    #[error("read the object")]
    View(#[source] ProveError<ViewError, io::Error>),
    #[error("read the archive")]
    File(#[source] ProveError<io::Error, io::Error>),
    #[error("the task was cut short")]
    Aborted,
}

impl ReadError {
    /// Whether the archive cannot be shared any more, rather than not be read now.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Open { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Object(error) => matches!(**error, nix_store::store::Error::NotValid { .. }),
            Self::File(ProveError::Damaged(_)) => true,
            Self::File(ProveError::Data(error) | ProveError::Outboard(error)) => {
                error.kind() == io::ErrorKind::UnexpectedEof
            }
            Self::View(ProveError::Damaged(_)) => true,
            Self::View(ProveError::Data(error)) => error.is_changed(),
            _ => false,
        }
    }
}
