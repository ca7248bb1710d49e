//! Making roots.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind},
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Component, Path, PathBuf},
};

use nix_core::{
    hash::{Algorithm, Hash, HashFormat},
    store_path::StorePath,
};

use super::{
    GcLock,
    lock::{failed, make_dir},
    roots::{InStore, object_of},
    symlinks::{gcroots, indirect_roots},
};
use crate::{
    local::{LocalStore, StoreLayout},
    store::{Error, Result},
};

/// The longest name of a root.
const NAME_BYTES_MAX: usize = 200;

/// What the names of links begin with that have not their own name yet.
const UNFINISHED: &str = ".tmp-root-";

/// Makes a path a root for good: the symlink `state_dir/gcroots/<name>`, which is returned. A root
/// of that name is replaced in one step. Costs a sync of its directory, unless
/// [`fsync`](crate::local::LocalOptions::fsync) is off.
///
/// # Errors
/// Fails when the path is not valid, with [`Error::Root`] when the name is empty, too long, begins
/// with a dot or has a slash or a NUL, or when something else than a root has it, and when the
/// symlink cannot be made.
pub fn add_root(store: &LocalStore, name: &str, target: &StorePath) -> Result<PathBuf> {
    store.writable()?;
    let dir = gcroots(store.layout());
    let link = dir.join(name);
    let is_name = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if !is_name || name.len() > NAME_BYTES_MAX {
        let why = "its name is no name of a file, hidden or too long";
        return Err(Error::Root { link, why });
    }
    make_dir(&dir, 0o755)?;
    let _lock = GcLock::shared(store.layout())?;
    check_valid(store, target)?;
    replace(store, &store.layout().state_dir, &link, target)?;
    Ok(link)
}

/// Makes `link` a symlink to a path, anywhere outside of the store, and an indirect root. This is what
/// `nix-build --out-link` does: the path is needed until somebody removes the symlink.
///
/// # Errors
/// Fails when the path is not valid, with [`Error::Root`] when `link` is not absolute, lies in the
/// store, or is there and no symlink into the store, and when symlinks cannot be made.
pub fn add_link(store: &LocalStore, link: &Path, target: &StorePath) -> Result<PathBuf> {
    store.writable()?;
    let link = absolute(store, link)?;
    let _lock = GcLock::shared(store.layout())?;
    check_valid(store, target)?;
    let beside = link.parent().unwrap_or(Path::new("/"));
    replace(store, beside, &link, target)?;
    register(store, &link)
}

/// Makes what a symlink leads to a root as long as the symlink is there, and returns the link to it
/// in `state_dir/gcroots/auto`.
///
/// # Errors
/// Fails with [`Error::Root`] when `link` is not absolute, lies in the store or is no symlink to a
/// path, when the path is not valid, and when the symlink cannot be made.
pub fn add_indirect_root(store: &LocalStore, link: &Path) -> Result<PathBuf> {
    store.writable()?;
    let link = absolute(store, link)?;
    let _lock = GcLock::shared(store.layout())?;
    let Some(target) = target_of(store, &link)? else {
        let why = "it is no symlink to a path of the store";
        return Err(Error::Root { link, why });
    };
    check_valid(store, &target)?;
    register(store, &link)
}

/// Returns a path as the names of indirect roots are made of: without `.`, `..` and double slashes.
fn absolute(store: &LocalStore, link: &Path) -> Result<PathBuf> {
    let refused = |why| {
        let link = link.to_owned();
        Err(Error::Root { link, why })
    };
    if !link.is_absolute() {
        return refused("it is not absolute");
    }
    let mut clean = PathBuf::from("/");
    for part in link.components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    let is_in_store = object_of(store.layout(), clean.as_os_str().as_bytes());
    if clean.file_name().is_none() || is_in_store != InStore::Elsewhere {
        return refused("it lies in the store");
    }
    Ok(clean)
}

fn check_valid(store: &LocalStore, target: &StorePath) -> Result<()> {
    if store.database().is_valid(target)? {
        return Ok(());
    }
    let path = target.clone();
    Err(Error::NotValid { path })
}

/// Returns the object that a symlink leads to directly.
fn target_of(store: &LocalStore, link: &Path) -> Result<Option<StorePath>> {
    let target = match fs::read_link(link) {
        Ok(target) => target,
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => {
            return Ok(None);
        }
        Err(error) => return Err(failed("read the link", link)(error)),
    };
    let object = object_of(store.layout(), target.as_os_str().as_bytes());
    Ok(match object {
        InStore::Path(object) => Some(object),
        _ => None,
    })
}

/// Makes a symlink to a path, in the place of one into the store or of nothing.
fn replace(store: &LocalStore, beside: &Path, link: &Path, target: &StorePath) -> Result<()> {
    let is_free = match link.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(failed("look at", link)(error)),
        Ok(metadata) => metadata.is_symlink() && target_of(store, link)?.is_some(),
    };
    if !is_free {
        let why = "something else has its name";
        let link = link.to_owned();
        return Err(Error::Root { link, why });
    }
    let target = store.layout().store_dir.print(target);
    make_link(beside, link, Path::new(&target)).map_err(failed("make the link", link))?;
    sync_parent(store, link)
}

fn register(store: &LocalStore, link: &Path) -> Result<PathBuf> {
    let dir = indirect_roots(store.layout());
    make_dir(&dir, 0o755)?;
    let hash = Hash::of(Algorithm::Sha1, link.as_os_str().as_bytes());
    let indirect = dir.join(hash.to_bare_text(HashFormat::Nix32));
    let beside = &store.layout().state_dir;
    make_link(beside, &indirect, link).map_err(failed("make the link", &indirect))?;
    sync_parent(store, &indirect)?;
    sync_parent(store, &dir)?;
    Ok(indirect)
}

/// Puts the name of a link or a directory on the disk where the store is to survive loss of power: a
/// collector would remove what nothing leads to any more.
fn sync_parent(store: &LocalStore, path: &Path) -> Result<()> {
    if !store.options().fsync {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    let synced = File::open(parent).and_then(|parent| parent.sync_all());
    synced.map_err(failed("sync", parent))
}

/// Removes the links beside the directories of roots that crashed processes left. While others make
/// roots there may be links that are theirs, and nothing is done.
///
/// One that was left beside a link anywhere else is not known of; it leads into the store and is no
/// root.
pub(super) fn sweep(layout: &StoreLayout) -> Result<()> {
    let dir = &layout.state_dir;
    let find = || -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
        let is_left = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default();
            name.as_bytes().starts_with(UNFINISHED.as_bytes()) && path.is_symlink()
        };
        entries
            .filter(|path| path.as_ref().map_or(true, is_left))
            .collect()
    };
    if find().map_err(failed("list", dir))?.is_empty() {
        return Ok(());
    }
    let Some(_lock) = GcLock::try_exclusive(layout)? else {
        return Ok(());
    };
    for link in find().map_err(failed("list", dir))? {
        fs::remove_file(&link).map_err(failed("remove", &link))?;
    }
    Ok(())
}

/// Makes a symlink in one step, whatever has its name. Until then it is in another directory, where
/// it would be no root if it stayed behind. The collector's lock is held.
fn make_link(beside: &Path, link: &Path, target: &Path) -> io::Result<()> {
    let random = RandomState::new().hash_one(std::process::id());
    let temporary = beside.join(format!("{UNFINISHED}{random:016x}"));
    symlink(target, &temporary)?;
    let renamed = fs::rename(&temporary, link);
    if renamed.is_err() {
        // Why it could not be renamed says more than why it could not be removed.
        drop(fs::remove_file(&temporary));
    }
    renamed
}
