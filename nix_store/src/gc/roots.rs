//! What is needed: the roots of a store, wherever they are kept.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use nix_core::store_path::StorePath;

use super::{process, symlinks, temp};
use crate::{
    local::{LocalStore, StoreLayout},
    store::Result,
};

/// What keeps an object alive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RootLink {
    /// A symlink to the object, or a file that is named as it.
    File(PathBuf),
    /// A file of `/proc`: a process has the object open, runs it, or has it in its environment.
    Process(PathBuf),
    /// The temporary roots of a process that lives.
    Temporary(u32),
    /// A root in the store's database.
    Database(String),
}

impl fmt::Display for RootLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Process(path) => path.display().fmt(f),
            Self::Temporary(number) => write!(f, "{{temp:{number}}}"),
            Self::Database(name) => write!(f, "{{database:{name}}}"),
        }
    }
}

/// A path that is needed, and by what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// What needs it.
    pub link: RootLink,
    /// The object.
    pub target: StorePath,
}

/// Why something that looks like a root is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NoRoot {
    /// It leads to this path, which is not valid.
    NotValid(RootLink, StorePath),
    /// An indirect root whose link is gone. A collection removes it.
    Stale(PathBuf),
    /// It could not be read.
    Unreadable(PathBuf),
}

/// The roots of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// Those that keep something alive, sorted, each once.
    pub roots: Vec<Root>,
    /// Those that do not, sorted.
    pub others: Vec<NoRoot>,
}

impl Roots {
    /// Returns the paths that are needed.
    #[must_use]
    pub fn targets(&self) -> BTreeSet<StorePath> {
        self.roots.iter().map(|root| root.target.clone()).collect()
    }
}

/// Finds the roots of a store, as Nix does:
///
/// - symlinks below `state_dir/gcroots` and `state_dir/profiles` that lead into the store, or to a
///   symlink that does; also to something in an object; and files named as an object,
/// - temporary roots of processes that live,
/// - what a process has open, runs, has mapped or has in its environment,
/// - and, which Nix does not know, the roots in the database.
///
/// Nothing is locked or changed.
///
/// # Errors
/// Fails when a directory of roots, the temporary roots of a process or the database cannot be read.
/// What the file system refuses to show of a single link or process is passed over.
pub fn find_roots(store: &LocalStore) -> Result<Roots> {
    let candidates = candidates(store, false)?;
    let mut found = Roots {
        roots: Vec::new(),
        others: candidates.others,
    };
    let _hold = store.database().hold_to_read()?;
    let mut valid: Option<(StorePath, bool)> = None;
    for Root { link, target } in candidates.roots {
        let is_valid = match &valid {
            Some((path, is_valid)) if *path == target => *is_valid,
            _ => store.database().is_valid(&target)?,
        };
        valid = Some((target.clone(), is_valid));
        if is_valid {
            found.roots.push(Root { link, target });
        } else {
            found.others.push(NoRoot::NotValid(link, target));
        }
    }
    found.roots.sort();
    found.others.sort();
    Ok(found)
}

/// What looks like a root; whether its target is valid was not asked. Sorted by target.
pub(super) fn candidates(store: &LocalStore, clean: bool) -> Result<Roots> {
    let layout = store.layout();
    let mut found = Roots::default();
    let mut others = Vec::new();
    let mut roots = BTreeSet::new();
    symlinks::find(layout, &mut roots, &mut others)?;
    process::find(Path::new("/proc"), layout, &mut roots)?;
    for (number, target) in temp::read_all(layout, clean)? {
        let link = RootLink::Temporary(number);
        roots.insert(Root { link, target });
    }
    for (name, target) in store.database().roots()? {
        let link = RootLink::Database(name);
        roots.insert(Root { link, target });
    }
    found.roots.extend(roots);
    found.roots.sort_by(|a, b| a.target.cmp(&b.target));
    found.others = others;
    Ok(found)
}

/// Returns what a text says about the store: the object that it is or lies in.
///
/// Both the directory that paths are printed with and the one that they lie in are the store's.
pub(super) fn object_of(layout: &StoreLayout, text: &[u8]) -> InStore {
    for dir in dirs(layout) {
        let rest = text.strip_prefix(dir);
        let Some((b'/', rest)) = rest.and_then(<[u8]>::split_first) else {
            continue;
        };
        let mut parts = rest.split(|byte| *byte == b'/');
        let part = parts.find(|part| !matches!(*part, b"" | b"."));
        let Some(part) = part else {
            return InStore::Elsewhere;
        };
        let path = StorePath::from_base_name_bytes(part);
        return path.map_or(InStore::NoPath, InStore::Path);
    }
    InStore::Elsewhere
}

/// Returns the names of the store's directory.
pub(super) fn dirs(layout: &StoreLayout) -> impl Iterator<Item = &[u8]> {
    let logical = layout.store_dir.as_str().as_bytes();
    let real = layout.real_store_dir.as_os_str().as_encoded_bytes();
    let other = Some(real).filter(|real| *real != logical && !real.is_empty());
    std::iter::once(logical).chain(other)
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InStore {
    /// To an object, or to something in it.
    Path(StorePath),
    /// To something in the store that is no object.
    NoPath,
    /// Not into the store.
    Elsewhere,
}
