//! Archives of what lies in the file system.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use rustix::{buffer::spare_capacity, io::Errno};

use super::{
    NarLimits,
    error::EncodeError,
    event::Event,
    walk::{Place, Sink, walk},
};

/// What is gathered before it is written: large enough that calls cost little beside the copying,
/// small enough to stay in a cache.
const BUFFER_BYTES: usize = 128 << 10;

/// When the buffer is written, so that room is left to read a file into.
const BUFFER_BYTES_FULL: usize = BUFFER_BYTES - (16 << 10);

/// How a tree is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackOptions {
    /// The largest archive.
    pub limits: NarLimits,
    /// Whether the suffix that [`CaseCollisions::Rename`](super::CaseCollisions::Rename) gave to
    /// names is taken off again.
    pub undo_case_renames: bool,
}

/// A tree that cannot be packed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The file system refused something.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it was refused.
        #[source]
        source: io::Error,
    },
    /// A device, a socket or a pipe.
    #[error("neither a file nor a directory nor a symlink: {}", path.display())]
    Unsupported {
        /// Where it lies.
        path: PathBuf,
    },
    /// A file or directory that became another while it was read.
    #[error("changed while it was packed: {}", path.display())]
    Changed {
        /// Where it lies.
        path: PathBuf,
    },
    /// Two names that are the same without their suffixes.
    #[error("same name without the suffix for case: {}", path.display())]
    CaseCollision {
        /// One of them, without its suffix.
        path: PathBuf,
    },
    /// A tree that is above the limits.
    #[error("encode {}", path.display())]
    Encode {
        /// Where it is.
        path: PathBuf,
        /// What is above them.
        #[source]
        source: EncodeError,
    },
    /// The writer failed.
    #[error("write the archive")]
    Write(#[source] io::Error),
}

type Result<T, E = PackError> = std::result::Result<T, E>;

/// Writes the archive of a file, a symlink or a directory, and returns its size.
///
/// No symlink is followed, the last component of `path` included. A file is executable where its
/// owner may execute it; all other metadata is left out. Memory is 128 KiB beside the names of the
/// directories on the current path, whatever the sizes of files. The writer needs no buffer.
///
/// Each directory and file is opened relative to the directory it lies in, so that neither long
/// paths nor directories moved meanwhile matter. The size and the time of modification of each are
/// compared after reading it; a change that leaves both is not seen.
///
/// # Errors
/// Fails when the file system or the writer does, on other types of files, on files that change
/// while they are read, and on trees above the limits. What was written by then is no archive.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{self, PackOptions};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("hello"), "hello")?;
/// let mut archive = Vec::new();
/// let size = nar::pack(folder.path(), &mut archive, &PackOptions::default())?;
/// assert_eq!((size, archive.len()), (288, 288));
/// # Ok(())
/// # }
/// ```
pub fn pack<W: Write>(path: impl AsRef<Path>, writer: W, options: &PackOptions) -> Result<u64> {
    let buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut packer = Packer { writer, buffer };
    let size = walk(path.as_ref(), options, &mut packer)?;
    packer.finish()?;
    Ok(size)
}

/// Writes what it is given.
struct Packer<W> {
    writer: W,
    buffer: Vec<u8>,
}

impl<W: Write> Packer<W> {
    fn write_if_full(&mut self) -> Result<()> {
        if self.buffer.len() >= BUFFER_BYTES_FULL {
            self.write()?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let written = self.writer.write_all(&self.buffer);
        written.map_err(PackError::Write)
    }

    fn finish(mut self) -> Result<()> {
        self.write()?;
        self.writer.flush().map_err(PackError::Write)
    }
}

impl<W: Write> Sink for Packer<W> {
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn event(&mut self, _: Event<'_>, _: u64) -> Result<()> {
        self.write_if_full()
    }

    fn name_on_disk(&mut self, _: &[u8]) {}

    /// Reads a file into the buffer, as often as it has room; more bytes than announced are one of
    /// the changes that this sees.
    fn contents(&mut self, file: &File, size: u64, place: &Place<'_>) -> Result<()> {
        let mut missing = size;
        while missing > 0 {
            self.write_if_full()?;
            let count = match rustix::io::read(file, spare_capacity(&mut self.buffer)) {
                Err(Errno::INTR) => continue,
                read => read.map_err(|source| place.io("read", source))?,
            };
            missing = match missing.checked_sub(count as u64) {
                Some(missing) if count > 0 => missing,
                _ => return Err(place.changed()),
            };
        }
        Ok(())
    }
}
