//! Files of equal content that lie on the disk once.
//!
//! [`optimise`] replaces equal files of a store's objects by hard links to one, as
//! `nix-store --optimise` does: every file gets a link in the store's directory `.links` whose name
//! is the hash of the archive that the file alone makes, and later files of the same hash become
//! links to it. Programs see no difference: contents, permissions and times are equal, or the files
//! are left alone. [`link_or_copy`] shares the files of an object between two stores.
//!
//! Nothing is linked by its hash alone. A file is compared byte for byte with what it is to be
//! replaced by, and both are looked at again under a private name before one rename makes the
//! change, so that others may add, link and collect at the same time, in this process and in others.

mod content;
mod links;
mod options;
mod share;
mod transfer;
pub(crate) mod tree;
mod writable;

use std::{io::ErrorKind, os::fd::BorrowedFd};

use nix_core::store_path::StorePath;
use rustix::io::Errno;

pub(crate) use self::writable::close_object;
use self::{
    content::Opened,
    links::{Links, Outcome},
    tree::{Node, Visit, failed, io_failed, is_canonical, walk},
    writable::sync_directories,
};
pub use self::{
    options::{LinksLayout, OptimiseOptions, OptimiseProgress, OptimiseReport},
    share::{LinkOptions, LinkReport, link_or_copy},
};
use crate::{
    local::LocalStore,
    store::{Error, Result},
};

/// How many objects are looked up while the database is held, which nobody else can change meanwhile.
const BATCH: usize = 64;

/// Replaces equal files of all valid objects by hard links to one.
///
/// Files that others can write or that have not the metadata of an object are left alone, as are
/// such as change meanwhile. A link in `.links` whose content was damaged is replaced. After an
/// error or a crash every file is whole: either the one it was, or a link to an equal one.
///
/// Where the store is to survive loss of power, the directories of each object of which files were
/// replaced are synced.
///
/// Memory is some bytes for each link and valid path. Files that are linked already are not read
/// again.
///
/// # Errors
/// Fails when the store may only be read, when its files or its database cannot be read, and when
/// the file system refuses a change, as a full disk does.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{collections::BTreeSet, os::unix::fs::MetadataExt};
///
/// use nix_store::{
///     StoreDir,
///     local::{LocalOptions, LocalStore, StoreLayout},
///     optimise::{OptimiseOptions, optimise},
/// };
///
/// let folder = tempfile::tempdir()?;
/// let layout = StoreLayout::below(folder.path(), StoreDir::default());
/// let store = LocalStore::open(layout, &LocalOptions::default())?;
/// store.add_text(&"a".parse()?, b"the same", &BTreeSet::new())?;
/// let info = store.add_text(&"b".parse()?, b"the same", &BTreeSet::new())?;
///
/// let report = optimise(&store, &OptimiseOptions::default(), &mut |_| {})?;
/// assert_eq!(report.linked, 1);
/// // Two objects, and the link that later ones are found by.
/// assert_eq!(store.real_path(&info.path).metadata()?.nlink(), 3);
/// # Ok(())
/// # }
/// ```
pub fn optimise(
    store: &LocalStore,
    options: &OptimiseOptions,
    progress: &mut dyn FnMut(&OptimiseProgress<'_>),
) -> Result<OptimiseReport> {
    let paths = store.database().valid_paths()?;
    let objects_total = paths.len() as u64;
    run(store, options, true, |run| {
        let paths: Vec<_> = paths.iter().collect();
        for batch in paths.chunks(BATCH) {
            for path in run.valid(batch)? {
                run.object(path)?;
                progress(&OptimiseProgress {
                    path,
                    objects_total,
                    report: &run.report,
                });
            }
        }
        Ok(())
    })
}

/// Replaces files of one valid object by hard links to equal files of others, for stores that are
/// deduplicated as objects are added. Only objects that were deduplicated before are found.
///
/// # Errors
/// Fails as [`optimise`] does. A path that is not valid is passed over.
pub fn optimise_path(
    store: &LocalStore,
    path: &StorePath,
    options: &OptimiseOptions,
) -> Result<OptimiseReport> {
    run(store, options, false, |run| {
        run.valid(&[path])?
            .into_iter()
            .try_for_each(|path| run.object(path))
    })
}

fn run(
    store: &LocalStore,
    options: &OptimiseOptions,
    list: bool,
    work: impl FnOnce(&mut Run<'_>) -> Result<()>,
) -> Result<OptimiseReport> {
    store.writable()?;
    let private = store.private_dir()?;
    if store.options().fsync {
        private.sync_name()?;
    }
    let mut run = Run::new(store, private.fd(), options)?;
    if list {
        run.links.list()?;
    }
    work(&mut run)?;
    Ok(run.report)
}

/// A deduplication that is under way.
struct Run<'a> {
    store: &'a LocalStore,
    links: Links<'a>,
    bytes_min: u64,
    report: OptimiseReport,
}

impl<'a> Run<'a> {
    /// Begins with an empty directory on the file system of the store, for temporary names.
    fn new(store: &'a LocalStore, temp: BorrowedFd<'a>, options: &OptimiseOptions) -> Result<Self> {
        let path = store.layout().links_dir();
        let fsync = store.options().fsync;
        Ok(Self {
            store,
            links: Links::open(store.directory(), path, temp, options.layout, fsync)?,
            bytes_min: options.bytes_min,
            report: OptimiseReport::default(),
        })
    }

    /// Returns those of the paths that are valid, which no collector removes from now on.
    fn valid<'p>(&self, paths: &[&'p StorePath]) -> Result<Vec<&'p StorePath>> {
        self.store.protect(paths.iter().copied())?;
        let database = self.store.database();
        let _hold = database.hold_to_read()?;
        let is_valid = |path: &&'p StorePath| database.is_valid(path);
        let valid = paths.iter().map(|path| Ok((*path, is_valid(path)?)));
        let valid = valid.filter(|valid| !matches!(valid, Ok((_, false))));
        valid.map(|valid| valid.map(|(path, _)| path)).collect()
    }

    /// Deduplicates an object. One that is deleted meanwhile is passed over.
    fn object(&mut self, path: &StorePath) -> Result<()> {
        self.links.begin(path)?;
        match self.walk(path) {
            Ok(()) => self.report.objects += 1,
            Err(error) if is_gone(&error) && !self.store.database().is_valid(path)? => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn walk(&mut self, path: &StorePath) -> Result<()> {
        let (links, report, bytes_min) = (&mut self.links, &mut self.report, self.bytes_min);
        let depth_max = self.store.options().limits.depth_max;
        let (directory, real) = (self.store.directory(), self.store.real_path(path));
        walk(directory, &real, depth_max, &mut |visit| match visit {
            Visit::Leaf(node) => leaf(links, report, bytes_min, node),
            Visit::Directory(_) | Visit::End => Ok(()),
        })?;
        if self.links.has_unsynced() {
            sync_directories(directory, &real, depth_max)?;
        }
        Ok(())
    }
}

fn leaf(
    links: &mut Links<'_>,
    report: &mut OptimiseReport,
    bytes_min: u64,
    node: &Node<'_>,
) -> Result<()> {
    report.files += 1;
    let is_small = u64::try_from(node.stat.st_size).is_ok_and(|size| size < bytes_min);
    let is_kind = node.kind().is_file() || node.kind().is_symlink();
    if is_small {
        report.small += 1;
    } else if !is_kind || !is_canonical(node.stat) {
        report.skipped += 1;
    } else if links.knows(node.stat) {
        report.linked_before += 1;
    } else {
        count(report, share(links, node)?);
    }
    Ok(())
}

fn share(links: &mut Links<'_>, node: &Node<'_>) -> Result<Outcome> {
    let opened = match Opened::open(node.parent, node.name) {
        // It was replaced, or removed, after it was listed.
        Err(Errno::NOENT | Errno::LOOP) => None,
        opened => opened.map_err(failed("open", node.path))?,
    };
    let Some(mut file) = opened.filter(|file| is_canonical(&file.stat)) else {
        return Ok(Outcome::Changed);
    };
    let hash = file.nar_hash();
    match hash.map_err(io_failed("read", node.path))? {
        Some(hash) => links.share(node, &mut file, &hash),
        None => Ok(Outcome::Changed),
    }
}

fn count(report: &mut OptimiseReport, outcome: Outcome) {
    match outcome {
        Outcome::First { is_repair } => {
            report.first += 1;
            report.links_repaired += u64::from(is_repair);
        }
        Outcome::Linked { bytes_saved } => {
            report.linked += 1;
            report.bytes_saved += bytes_saved;
        }
        Outcome::Already => report.linked_before += 1,
        Outcome::Changed | Outcome::Full => report.skipped += 1,
    }
}

/// Whether something that was listed has been removed meanwhile.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
