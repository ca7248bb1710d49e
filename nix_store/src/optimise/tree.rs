//! Walking the files of an object, following no symlink.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use crate::{
    local::EXECUTABLE,
    store::{Error, Result},
};

pub(crate) const DIRECTORY_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// What makes no pipe wait, and no terminal ours, where a file is expected.
pub(crate) const FILE_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// The permissions of a directory to which nothing is added.
pub(crate) const CLOSED: Mode = EXECUTABLE;

/// A file, a symlink or a directory of an object.
pub(crate) struct Node<'a> {
    /// The open directory that it lies in.
    pub(crate) parent: BorrowedFd<'a>,
    /// How many directories of the object are above it.
    pub(crate) depth: usize,
    pub(crate) name: &'a CStr,
    pub(crate) path: &'a Path,
    pub(crate) stat: &'a Stat,
}

impl Node<'_> {
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Says what failed at this node.
    pub(crate) fn failed(&self, action: &'static str) -> impl FnOnce(Errno) -> Error {
        failed(action, self.path)
    }
}

/// A step of a walk.
pub(crate) enum Visit<'a> {
    /// A directory; what it holds follows.
    Directory(&'a Node<'a>),
    /// Anything else.
    Leaf(&'a Node<'a>),
    /// The innermost directory was complete.
    End,
}

struct Level {
    fd: OwnedFd,
    names: std::vec::IntoIter<CString>,
}

/// Walks an entry of a directory and all that is in it, in no particular order. Memory is that of
/// the names of the directories on the current path, of which there are no more than `depth_max`.
pub(crate) fn walk(
    directory: BorrowedFd<'_>,
    path: &Path,
    depth_max: usize,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<()>,
) -> Result<()> {
    let mut path = path.to_owned();
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let name = CString::new(name).map_err(|_| failed("inspect", &path)(Errno::INVAL))?;
    let mut levels = Vec::from_iter(step(directory, 0, &name, &path, visit)?);
    loop {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else {
            return Ok(());
        };
        let Some(name) = level.names.next() else {
            levels.pop();
            path.pop();
            visit(Visit::End)?;
            continue;
        };
        path.push(OsStr::from_bytes(name.to_bytes()));
        if depth >= depth_max {
            return Err(failed("go deeper, to", &path)(Errno::NAMETOOLONG));
        }
        match step(level.fd.as_fd(), depth, &name, &path, visit)? {
            Some(level) => levels.push(level),
            None => {
                path.pop();
            }
        }
    }
}

/// Visits one node, and enters it when it is a directory.
fn step(
    parent: BorrowedFd<'_>,
    depth: usize,
    name: &CStr,
    path: &Path,
    visit: &mut dyn FnMut(Visit<'_>) -> Result<()>,
) -> Result<Option<Level>> {
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    let stat = stat.map_err(failed("inspect", path))?;
    let node = Node {
        parent,
        depth,
        name,
        path,
        stat: &stat,
    };
    if !node.kind().is_dir() {
        visit(Visit::Leaf(&node))?;
        return Ok(None);
    }
    let fd = rustix::fs::openat(parent, name, DIRECTORY_FLAGS, Mode::empty());
    let fd = fd.map_err(failed("open", path))?;
    let names = names(&fd).map_err(failed("list", path))?.into_iter();
    visit(Visit::Directory(&node))?;
    Ok(Some(Level { fd, names }))
}

/// Returns the names of a directory's entries.
pub(crate) fn names(directory: impl AsFd) -> Result<Vec<CString>, Errno> {
    Dir::read_from(directory)?
        .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
        .filter(|name| !matches!(name, Ok(name) if matches!(name.to_bytes(), b"." | b"..")))
        .collect()
}

/// Returns the permissions, set-user-ID and the like among them.
pub(crate) fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode)
}

/// What permissions and time a file of a valid object has.
pub(crate) fn is_canonical(stat: &Stat) -> bool {
    is_canonical_mode(stat) && is_canonical_time(stat)
}

pub(crate) fn is_canonical_mode(stat: &Stat) -> bool {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => matches!(mode(stat).bits(), 0o444 | 0o555),
        FileType::Directory => mode(stat).bits() == 0o555,
        // A symlink has no permissions.
        kind => kind.is_symlink(),
    }
}

pub(crate) fn is_canonical_time(stat: &Stat) -> bool {
    stat.st_mtime == 1 && stat.st_mtime_nsec == 0
}

/// Whether two looks saw one file in one state, as far as changes show.
pub(crate) fn is_same_state(a: &Stat, b: &Stat) -> bool {
    let key = |stat: &Stat| {
        (
            stat.st_mode,
            stat.st_size,
            stat.st_mtime,
            stat.st_mtime_nsec,
        )
    };
    is_same_file(a, b) && key(a) == key(b)
}

pub(crate) fn is_same_file(a: &Stat, b: &Stat) -> bool {
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
}

/// Says what was tried on which file.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(Errno) -> Error {
    move |errno| io_failed(action, path)(errno.into())
}

/// The same of an error of the standard library.
pub(crate) fn io_failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
