//! Objects of one store made valid in another, whose files are shared where possible.

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_io::nar::{self, PackOptions};

use super::{
    transfer::{OBJECT, Transfer},
    tree::walk,
};
use crate::{
    local::{LocalStore, PrivateDir, Unpacked},
    store::{Added, ArchiveHasher, Error, ReadStore, Result, WriteStore},
};

/// How files come into another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkOptions {
    /// Whether files may be hard links to those of the other store. What damages one, damages both.
    pub hard_links: bool,
    /// Whether files may share their blocks with those of the other store until one is written to,
    /// where the file system can do that.
    pub reflinks: bool,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            hard_links: true,
            reflinks: true,
        }
    }
}

/// What was done to bring an object into another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkReport {
    /// Whether the object was new.
    pub added: Added,
    /// The files that are hard links now.
    pub files_linked: u64,
    /// Those that share their blocks.
    pub files_cloned: u64,
    /// Those that were copied.
    pub files_copied: u64,
    /// The bytes in files that are linked or cloned: what was not written.
    pub bytes_shared: u64,
    /// The bytes in files that were copied.
    pub bytes_copied: u64,
}

impl LinkReport {
    pub(super) const PRESENT: Self = Self {
        added: Added::Present,
        files_linked: 0,
        files_cloned: 0,
        files_copied: 0,
        bytes_shared: 0,
        bytes_copied: 0,
    };
}

/// Makes an object of one store valid in another, sharing its files where that is allowed and
/// possible: by hard links, else by shared blocks, else by copies.
///
/// Only files with the permissions and time of an object that belong to this process's user become
/// hard links. Directories and symlinks are made anew. The result has to have the hash that is
/// registered in the first store before it gets its name in the second, where the same is demanded
/// of it as of any object that is added: valid references, and a signature where the store demands
/// one. Of an object that is valid there already, signatures are joined.
///
/// A store that is opened to be read only is not told that the object is in use: there a collector
/// may remove it meanwhile, which is an error and leaves nothing behind.
///
/// # Errors
/// Fails when the stores print their paths with different directories, when the path is not valid in
/// `from`, when its files are not what is registered, when `to` refuses the object, and when the file
/// system fails.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{collections::BTreeSet, os::unix::fs::MetadataExt};
///
/// use nix_store::{
///     StoreDir,
///     local::{LocalOptions, LocalStore, StoreLayout},
///     optimise::{LinkOptions, link_or_copy},
/// };
///
/// let folder = tempfile::tempdir()?;
/// let open = |name| {
///     let layout = StoreLayout::below(folder.path().join(name), StoreDir::default());
///     LocalStore::open(layout, &LocalOptions::default())
/// };
/// let (from, to) = (open("from")?, open("to")?);
/// let path = from.add_text(&"a".parse()?, b"hello", &BTreeSet::new())?.path;
///
/// let report = link_or_copy(&from, &to, &path, LinkOptions::default())?;
/// assert_eq!((report.files_linked, report.bytes_shared), (1, 5));
/// assert_eq!(to.real_path(&path).metadata()?.ino(), from.real_path(&path).metadata()?.ino());
/// # Ok(())
/// # }
/// ```
pub fn link_or_copy(
    from: &LocalStore,
    to: &LocalStore,
    path: &StorePath,
    how: LinkOptions,
) -> Result<LinkReport> {
    to.writable()?;
    if from.store_dir() != to.store_dir() {
        let what = "taking an object from a store of another directory";
        return Err(Error::Unsupported { what });
    }
    if !from.options().read_only {
        from.protect([path])?;
    }
    let info = from.path_info(path)?;
    let mut info = info.ok_or_else(|| Error::NotValid { path: path.clone() })?;
    // What one store built, another has only been told of.
    info.ultimate = false;
    info.registration_time = 0;
    to.check_trust(&info)?;
    to.protect([path])?;
    if let Some(present) = to.path_info(path)? {
        return join(to, &info, &present);
    }
    to.check_references(path, &info.references)?;
    let private = to.private_dir()?;
    let mut report = transfer(from, to, &info, how, &private)?;
    check(to, &info, &private)?;
    let object = Unpacked::of(&info, Some(OBJECT.to_owned()));
    for (added, _) in to.publish(&private, &[object])? {
        report.added = added;
    }
    Ok(report)
}

fn join(to: &LocalStore, info: &PathInfo, present: &PathInfo) -> Result<LinkReport> {
    if info.nar_hash != present.nar_hash {
        return Err(Error::Conflict {
            path: info.path.clone(),
            registered: present.nar_hash,
            said: info.nar_hash,
        });
    }
    to.add_signatures(&info.path, &info.signatures)?;
    Ok(LinkReport::PRESENT)
}

fn transfer(
    from: &LocalStore,
    to: &LocalStore,
    info: &PathInfo,
    how: LinkOptions,
    private: &PrivateDir,
) -> Result<LinkReport> {
    let mut transfer = Transfer::new(private.fd(), info, how, to.options().fsync);
    let real = from.real_path(&info.path);
    let depth_max = to.options().limits.depth_max;
    walk(from.directory(), &real, depth_max, &mut |visit| {
        transfer.visit(visit)
    })?;
    Ok(transfer.report)
}

/// Checks the files that were made, not those they were made of.
fn check(to: &LocalStore, info: &PathInfo, private: &PrivateDir) -> Result<()> {
    let options = PackOptions {
        limits: to.options().limits,
        ..PackOptions::default()
    };
    let mut hasher = ArchiveHasher::of_info(info)?;
    let packed = nar::pack(private.join(OBJECT), &mut hasher, &options);
    packed.map_err(|source| Error::Pack {
        path: info.path.base_name().to_owned(),
        source,
    })?;
    hasher.finish().check(to.store_dir(), info)
}
