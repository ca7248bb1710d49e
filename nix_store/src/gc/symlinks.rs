//! Roots that are symlinks.

use std::{
    collections::BTreeSet,
    fs::{self, DirEntry},
    io::{self, ErrorKind},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use nix_core::store_path::StorePath;

use super::{
    lock::failed,
    roots::{InStore, NoRoot, Root, RootLink, object_of},
};
use crate::{local::StoreLayout, store::Result};

/// Finds the symlinks below the directories of roots, and what they lead to.
///
/// Directories are entered, symlinks to directories are not, so that nothing is visited twice.
pub(super) fn find(
    layout: &StoreLayout,
    roots: &mut BTreeSet<Root>,
    others: &mut Vec<NoRoot>,
) -> Result<()> {
    let mut waiting = vec![gcroots(layout), layout.state_dir.join("profiles")];
    while let Some(dir) = waiting.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if is_unreadable(&error) => {
                if error.kind() != ErrorKind::NotFound {
                    others.push(NoRoot::Unreadable(dir));
                }
                continue;
            }
            Err(error) => return Err(failed("read", &dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed("read", &dir))?;
            let path = entry.path();
            match look_at(layout, &entry, &path) {
                Ok(Seen::Directory) => waiting.push(path),
                Ok(Seen::Root(link, target)) => {
                    let link = RootLink::File(link);
                    roots.insert(Root { link, target });
                }
                Ok(Seen::Stale) => others.push(NoRoot::Stale(path)),
                Ok(Seen::Nothing) => {}
                Err(error) if is_unreadable(&error) => others.push(NoRoot::Unreadable(path)),
                Err(error) => return Err(failed("read the root", &path)(error)),
            }
        }
    }
    Ok(())
}

/// Returns the directory of permanent roots.
pub(super) fn gcroots(layout: &StoreLayout) -> PathBuf {
    layout.state_dir.join("gcroots")
}

/// Returns the directory of indirect roots: symlinks to symlinks anywhere that lead into the store.
pub(super) fn indirect_roots(layout: &StoreLayout) -> PathBuf {
    gcroots(layout).join("auto")
}

/// Returns whether an indirect root leads to nothing any more.
pub(super) fn is_stale(layout: &StoreLayout, link: &Path) -> Result<bool> {
    let followed = fs::read_link(link).and_then(|target| follow(layout, link, &target));
    match followed {
        Ok(seen) => Ok(matches!(seen, Seen::Stale)),
        Err(error) if is_unreadable(&error) => Ok(false),
        Err(error) => Err(failed("read the root", link)(error)),
    }
}

enum Seen {
    Directory,
    /// A path that is needed, and the link that leads to it directly.
    Root(PathBuf, StorePath),
    Stale,
    Nothing,
}

fn look_at(layout: &StoreLayout, entry: &DirEntry, path: &Path) -> io::Result<Seen> {
    let kind = entry.file_type()?;
    if kind.is_dir() {
        return Ok(Seen::Directory);
    }
    if kind.is_symlink() {
        return follow(layout, path, &fs::read_link(path)?);
    }
    let named = StorePath::from_base_name_bytes(entry.file_name().as_bytes());
    let named = named.ok().filter(|_| kind.is_file());
    Ok(named.map_or(Seen::Nothing, |target| Seen::Root(path.to_owned(), target)))
}

/// Says what a symlink to `target` means.
fn follow(layout: &StoreLayout, path: &Path, target: &Path) -> io::Result<Seen> {
    match object_of(layout, target.as_os_str().as_bytes()) {
        InStore::Path(object) => return Ok(Seen::Root(path.to_owned(), object)),
        InStore::NoPath => return Ok(Seen::Nothing),
        InStore::Elsewhere => {}
    }
    let dir = path.parent().unwrap_or(Path::new("/"));
    let link: PathBuf = dir.join(target).components().collect();
    match fs::symlink_metadata(&link) {
        Ok(metadata) if metadata.is_symlink() => {}
        Ok(_) => return Ok(Seen::Nothing),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let is_indirect = path.starts_with(indirect_roots(layout));
            return Ok(if is_indirect {
                Seen::Stale
            } else {
                Seen::Nothing
            });
        }
        Err(error) => return Err(error),
    }
    let second = fs::read_link(&link)?;
    let object = object_of(layout, second.as_os_str().as_bytes());
    Ok(match object {
        InStore::Path(object) => Seen::Root(link, object),
        _ => Seen::Nothing,
    })
}

/// Returns whether it is for good that something cannot be read, and nobody's fault here: other
/// users' directories, what vanished meanwhile, and targets that no file can have.
fn is_unreadable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidFilename
    ) || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}
