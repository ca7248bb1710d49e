//! Any range of the archive of a tree on disk, without the archive.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

use super::{
    pack::{PackError, PackOptions},
    unpack::DIRECTORY_FLAGS,
    walk::FILE_FLAGS,
};

mod error;
mod held;
mod identity;
mod plan;
#[cfg(test)]
mod tests;
mod window;

pub use self::{error::ViewError, held::VIEW_OPEN_MAX};
use self::{
    held::Held,
    identity::Identity,
    plan::{Plan, ROOT},
    window::Window,
};

/// The archive of a file, a symlink or a directory, of which any range can be read.
///
/// It reads the bytes that [`pack`](super::pack) would have written when the view was opened, or
/// fails. Names and targets are remembered; contents are read when they are asked for, and only of
/// the files that were there: with the same size, time of modification, inode and permission to
/// execute, looked at before and after. A change that leaves all of these is not seen, as it is not
/// by [`pack`](super::pack). A file that has a name elsewhere is read as long as it is held open,
/// even when another took its place; its bytes are still those of the archive.
///
/// No symlink is followed: each directory and file is opened relative to the directory it lies in.
/// Many threads may read at once.
///
/// # Cost
/// Opening looks at every node once, and reads no contents. Memory is 72 bytes and the name for a
/// file, the same and the target for a symlink, and 144 bytes and the name for a directory; while the
/// view is opened, up to three times that, beside what [`pack`](super::pack) holds open. A read
/// costs a binary search, the words between the contents it touches, two looks at each file, and the
/// opening of those that are not held open. The root and at most [`VIEW_OPEN_MAX`] others are,
/// and of each thread that reads, the file that it is at and the directory where it lies.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{self, PackOptions, View};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("hello"), "hello")?;
/// let options = PackOptions::default();
/// let mut archive = Vec::new();
/// nar::pack(folder.path(), &mut archive, &options)?;
///
/// let view = View::open(folder.path(), &options)?;
/// assert_eq!(view.size(), 288);
/// let mut bytes = [0; 100];
/// view.read_exact_at(188, &mut bytes)?;
/// assert_eq!(bytes, archive[188..]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct View {
    root: PathBuf,
    plan: Plan,
    size: u64,
    held: Held,
}

type Result<T, E = ViewError> = std::result::Result<T, E>;

impl View {
    /// Looks at a tree and returns the view of its archive.
    ///
    /// # Errors
    /// Fails as [`pack`](super::pack) does, but for its writer and for contents that cannot be read.
    pub fn open(path: impl AsRef<Path>, options: &PackOptions) -> Result<Self, PackError> {
        let root = path.as_ref().to_owned();
        let (plan, size) = Plan::new(&root, options)?;
        let held = Held::new(open_root(&root, &plan)?);
        Ok(Self {
            root,
            plan,
            size,
            held,
        })
    }

    /// Returns how many bytes the archive has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Fills `into` with the bytes of the archive from `offset` on.
    ///
    /// # Errors
    /// Fails where the archive ends before, where a file in the range is not what it was, and when
    /// the file system does. `into` holds nothing of use then.
    pub fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let bytes = into.len();
        let size = self.size;
        let left = size.checked_sub(offset);
        if left.is_none_or(|left| left < bytes as u64) {
            return Err(ViewError::OutOfRange {
                offset,
                bytes,
                size,
            });
        }
        let mut window = Window::new(offset, into);
        let mut words = Vec::new();
        for number in self.plan.find(offset)..self.plan.len() {
            if window.is_full() {
                break;
            }
            self.read_node(number, &mut words, &mut window)?;
        }
        assert!(window.is_full(), "the nodes make up the archive");
        Ok(())
    }

    fn read_node(&self, number: usize, words: &mut Vec<u8>, window: &mut Window<'_>) -> Result<()> {
        words.clear();
        self.plan.head(number, words);
        let begin = self.plan.begin(number);
        window.copy(begin, words);
        let Some(identity) = self.plan.regular(number) else {
            return Ok(());
        };
        let begin = begin + words.len() as u64;
        if let Some((offset, into)) = window.take(begin, identity.bytes()) {
            self.read_unchanged(number, identity, |file| file.read_exact_at(into, offset))?;
        }
        words.clear();
        self.plan.tail(number, words);
        window.copy(begin + identity.bytes(), words);
        Ok(())
    }

    /// Reads from a file that is what it was, before it is read and after.
    fn read_unchanged(
        &self,
        number: usize,
        identity: &Identity,
        read: impl FnOnce(&File) -> io::Result<()>,
    ) -> Result<()> {
        let file = self.file(number)?;
        self.compare(number, &file, identity)?;
        match read(&file) {
            Ok(()) => self.compare(number, &file, identity),
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.changed(number))
            }
            Err(source) => Err(self.io("read", number, source)),
        }
    }

    fn compare(&self, number: usize, file: &File, identity: &Identity) -> Result<()> {
        let metadata = file.metadata();
        let metadata = metadata.map_err(|source| self.io("inspect", number, source))?;
        match Identity::of(&metadata) {
            Some(now) if now == *identity => Ok(()),
            _ => Err(self.changed(number)),
        }
    }

    /// Opens a file, and the directories on the way from the innermost that is held open.
    fn file(&self, number: usize) -> Result<Arc<File>> {
        let mut closed = Vec::new();
        let mut at = number;
        let mut file = loop {
            match self.held.get(at) {
                Some(file) => break file,
                // Only a symlink is not held open as root, and nothing lies in it.
                None if at == ROOT => return Err(self.changed(number)),
                None => closed.push(at),
            }
            at = self.plan.directory(at);
        };
        while let Some(at) = closed.pop() {
            let flags = flags(&self.plan, at);
            let name = self.plan.name_on_disk(at);
            let opened = rustix::fs::openat(&*file, name, flags, Mode::empty());
            let opened = opened.map_err(|errno| {
                if is_gone(errno) {
                    return self.changed(at);
                }
                self.io("open", at, errno.into())
            })?;
            file = Arc::new(File::from(opened));
            self.held.put(at, Arc::clone(&file));
        }
        Ok(file)
    }

    fn changed(&self, number: usize) -> ViewError {
        let path = self.path(number);
        ViewError::Changed { path }
    }

    fn io(&self, action: &'static str, number: usize, source: io::Error) -> ViewError {
        ViewError::Io {
            action,
            path: self.path(number),
            source,
        }
    }

    /// Returns where a node lies on disk.
    fn path(&self, number: usize) -> PathBuf {
        let mut numbers = Vec::new();
        let mut at = number;
        while at != ROOT {
            numbers.push(at);
            at = self.plan.directory(at);
        }
        let mut path = self.root.clone();
        path.extend(numbers.iter().rev().map(|&at| self.plan.name_on_disk(at)));
        path
    }
}

/// Opens the root; a symlink needs none.
fn open_root(path: &Path, plan: &Plan) -> Result<Option<File>, PackError> {
    if plan.is_symlink(ROOT) {
        return Ok(None);
    }
    match rustix::fs::openat(CWD, path, flags(plan, ROOT), Mode::empty()) {
        Ok(fd) => Ok(Some(File::from(fd))),
        Err(errno) if is_gone(errno) => Err(PackError::Changed {
            path: path.to_owned(),
        }),
        Err(errno) => Err(PackError::Io {
            action: "open",
            path: path.to_owned(),
            source: errno.into(),
        }),
    }
}

/// Returns how a directory or file is opened.
fn flags(plan: &Plan, number: usize) -> OFlags {
    if plan.regular(number).is_some() {
        FILE_FLAGS
    } else {
        DIRECTORY_FLAGS
    }
}

/// Whether there is nothing of that name, or something else.
const fn is_gone(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::MLINK | Errno::NXIO
    )
}
