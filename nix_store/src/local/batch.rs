//! Objects that become valid together.

use std::{
    collections::{BTreeSet, HashSet},
    io::BufRead,
    mem, slice,
    time::{Duration, Instant},
};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_io::read::TeeReader;

use super::{LocalStore, PrivateDir, publish::Unpacked, scan::Scanning};
use crate::store::{Added, ArchiveHasher, Error, Measured, NewObject, Result};

/// How many objects wait before a batch is due.
const OBJECTS_DUE: usize = 256;

/// How long the first one waits before a batch is due.
const AGE_DUE: Duration = Duration::from_millis(500);

/// Objects that are added to a store and become valid together, which costs one transaction and one
/// synchronisation of the store's directory for all of them.
///
/// Each is unpacked into a private directory and checked as it comes, and waits there until
/// [`commit`](Self::commit): until then the store does not have it, and a batch that is dropped leaves
/// nothing behind. An object may refer to those that wait before it. Memory is in proportion to what
/// is known of those that wait.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_store::{
///     StoreDir,
///     local::{LocalOptions, LocalStore, StoreLayout},
///     store::ReadStore,
/// };
///
/// let folder = tempfile::tempdir()?;
/// let layout = StoreLayout::below(folder.path(), StoreDir::default());
/// let store = LocalStore::open(layout, &LocalOptions::default())?;
///
/// let mut batch = store.batch();
/// for name in ["one", "two"] {
///     let file = folder.path().join(name);
///     std::fs::write(&file, name)?;
///     batch.add_path(&file, &name.parse()?, "fixed:r:sha256".parse()?)?;
/// }
/// assert_eq!(store.valid_paths()?.len(), 0);
/// let mut sizes = Vec::new();
/// batch.commit(&mut |_, info| sizes.push(info.nar_size))?;
/// assert_eq!((store.valid_paths()?.len(), sizes), (2, vec![120, 120]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Batch<'s> {
    pub(super) store: &'s LocalStore,
    /// Made for the first object.
    private: Option<PrivateDir>,
    /// How many names in the private directory have been given.
    named: u64,
    waiting: Vec<Unpacked>,
    /// The paths of those that wait.
    paths: HashSet<StorePath>,
    /// Since when the first one waits.
    since: Option<Instant>,
}

impl LocalStore {
    /// Begins to add objects that become valid together.
    #[must_use]
    pub fn batch(&self) -> Batch<'_> {
        Batch {
            store: self,
            private: None,
            named: 0,
            waiting: Vec::new(),
            paths: HashSet::new(),
            since: None,
        }
    }

    /// Adds one object, and returns whether it is new and what is known of it then.
    pub(super) fn add_alone(
        &self,
        add: impl FnOnce(&mut Batch<'_>) -> Result<StorePath>,
    ) -> Result<(Added, PathInfo)> {
        let mut batch = self.batch();
        let path = add(&mut batch)?;
        let mut added = None;
        batch.commit(&mut |is_new, info| added = Some((is_new, info)))?;
        added.ok_or(Error::NotValid { path })
    }
}

impl Batch<'_> {
    /// Adds an object of which everything is known, and checks the archive against it, as
    /// [`WriteStore::add_nar`](crate::store::WriteStore::add_nar) does. Returns its path.
    ///
    /// # Errors
    /// Fails when the archive is not what `info` says, when a reference is neither valid nor waits,
    /// when `nar` fails or is no archive, and when the store cannot be written. The batch stays as
    /// it was.
    pub fn add_nar(&mut self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<StorePath> {
        let (store, path) = (self.store, &info.path);
        store.writable()?;
        store.check_trust(info)?;
        store.protect([path])?;
        let hold = store.database().hold_to_read()?;
        let is_present = self.paths.contains(path) || store.database().is_valid(path)?;
        if !is_present {
            self.check_references(path, &info.references)?;
        }
        drop(hold);
        if is_present {
            store.skip(info, nar)?;
            return Ok(self.push(Unpacked::of(info, None)));
        }
        let hasher = ArchiveHasher::of_info(info)?;
        let mut limits = store.options().limits;
        limits.archive_bytes_max = limits.archive_bytes_max.min(info.nar_size);
        let (private, entry) = self.room()?;
        let unpacked = store.unpack(private, &entry, path.base_name(), hasher, limits, nar);
        let measured = unpacked.map_err(|error| store.too_long(error, info))?;
        measured.check(&store.layout().store_dir, info)?;
        Ok(self.push(Unpacked::of(info, Some(entry))))
    }

    /// Adds an object by its content, given as an archive, as
    /// [`WriteStore::add`](crate::store::WriteStore::add) does. Returns its path.
    ///
    /// # Errors
    /// Fails when the content cannot be addressed as asked, when `nar` fails or is no archive, and
    /// when the store cannot be written. The batch stays as it was.
    pub fn add(&mut self, object: &NewObject, nar: &mut dyn BufRead) -> Result<StorePath> {
        self.add_scanned(object, &BTreeSet::new(), nar)
    }

    /// Adds an object that refers also to those of `candidates` that occur in its archive.
    pub(super) fn add_scanned(
        &mut self,
        object: &NewObject,
        candidates: &BTreeSet<StorePath>,
        nar: &mut dyn BufRead,
    ) -> Result<StorePath> {
        let unpacked = self.unpack_scanned(object, candidates, nar)?;
        Ok(self.push(unpacked))
    }

    /// Unpacks such an object, which then is still to be pushed.
    pub(super) fn unpack_scanned(
        &mut self,
        object: &NewObject,
        candidates: &BTreeSet<StorePath>,
        nar: &mut dyn BufRead,
    ) -> Result<Unpacked> {
        let store = self.store;
        store.writable()?;
        let hasher = ArchiveHasher::of_new(object)?;
        let limits = store.options().limits;
        let (private, entry) = self.room()?;
        let mut nar = TeeReader::new(nar, Scanning::new(candidates));
        let name = object.name.as_str();
        let measured = store.unpack(private, &entry, name, hasher, limits, &mut nar)?;
        let (_, scanned) = nar.finish().map_err(|source| Error::Io {
            action: "scan",
            path: private.join(&entry),
            source,
        })?;
        let mut object = object.clone();
        object.references.others.extend(scanned.finish());
        Ok(Unpacked {
            info: measured.describe(&store.layout().store_dir, &object)?,
            entry: Some(entry),
            yields: object.is_one_file(),
        })
    }

    /// Unpacks an archive of which only the hash is still to be found out, and returns its entry.
    pub(super) fn unpack_unknown(&mut self, nar: &mut dyn BufRead) -> Result<(String, Measured)> {
        let store = self.store;
        let limits = store.options().limits;
        let (private, entry) = self.room()?;
        let name = "an exported object";
        let measured = store.unpack(private, &entry, name, ArchiveHasher::new(), limits, nar)?;
        Ok((entry, measured))
    }

    /// Lets an object wait that was unpacked and checked, and returns its path.
    pub(super) fn push(&mut self, unpacked: Unpacked) -> StorePath {
        let path = unpacked.info.path.clone();
        self.paths.insert(path.clone());
        self.since.get_or_insert_with(Instant::now);
        self.waiting.push(unpacked);
        path
    }

    /// Makes the objects valid that wait, and tells `each`, in the order in which they came, whether
    /// an object is new and what is known of it. Nothing waits any more.
    ///
    /// They become valid in one transaction. Where one of them cannot, those before it do, and those
    /// after it are dropped.
    ///
    /// # Errors
    /// Fails when an object refers to what is not valid any more, when it is valid with another
    /// hash, when it is a derivation that says what cannot be, and when the store cannot be written.
    pub fn commit(&mut self, each: &mut dyn FnMut(Added, PathInfo)) -> Result<()> {
        let waiting = mem::take(&mut self.waiting);
        let private = self.private.take();
        self.paths.clear();
        self.since = None;
        if waiting.is_empty() {
            return Ok(());
        }
        let store = self.store;
        store.protect(waiting.iter().map(|object| &object.info.path))?;
        let private = match private {
            Some(private) => private,
            None => store.private_dir()?,
        };
        let mut publish = |objects: &[Unpacked]| -> Result<()> {
            let published = store.publish(&private, objects)?;
            published
                .into_iter()
                .for_each(|(added, info)| each(added, info));
            Ok(())
        };
        match publish(&waiting) {
            Err(_) if waiting.len() > 1 => {
                let mut alone = waiting.iter().map(slice::from_ref);
                alone.try_for_each(publish)
            }
            published => published,
        }
    }

    /// Commits once many objects wait, or one for long: so a program that adds one after the other
    /// loses little of its work when it is stopped.
    ///
    /// # Errors
    /// Fails as [`commit`](Self::commit) does.
    pub fn commit_when_due(&mut self, each: &mut dyn FnMut(Added, PathInfo)) -> Result<()> {
        let is_old = self.since.is_some_and(|since| since.elapsed() >= AGE_DUE);
        if is_old || self.waiting.len() >= OBJECTS_DUE {
            self.commit(each)?;
        }
        Ok(())
    }

    /// Returns the private directory, and a name in it that was not given before.
    fn room(&mut self) -> Result<(&PrivateDir, String)> {
        let entry = format!("{}", self.named);
        self.named += 1;
        let private = match &mut self.private {
            Some(private) => private,
            none => none.insert(self.store.private_dir()?),
        };
        Ok((private, entry))
    }

    fn check_references(&self, path: &StorePath, references: &BTreeSet<StorePath>) -> Result<()> {
        let others = references
            .iter()
            .filter(|other| !self.paths.contains(*other));
        self.store.check_references(path, others)
    }
}
