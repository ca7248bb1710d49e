//! Replacing damaged objects.

use std::{
    io::{self, BufReader, PipeReader, PipeWriter, Write},
    os::fd::BorrowedFd,
    path::Path,
};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_io::nar::{self, PackOptions, UnpackError, UnpackOptions};
use rustix::{
    fs::{Mode, RenameFlags},
    io::Errno,
};

use crate::{
    local::{LocalStore, PrivateDir},
    optimise::tree::{CLOSED, DIRECTORY_FLAGS, failed},
    store::{ArchiveHasher, Error, ReadStore, Result},
};

/// The names of the new and of the damaged object in the private directory.
const OBJECT: &str = "object";
const DAMAGED: &str = "damaged";

/// What is read from the other store at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Replaces the files of a valid object by those that another store has of it, or brings them back
/// where they are gone.
///
/// The new files are made in a private directory and read back from there. Only when they have the
/// size and the hash that this store has registered, and are on the disk, they and the damaged ones
/// change places in one step; then the damaged ones are removed. The database is not changed, and
/// what the other store says of the object is not asked.
///
/// # Errors
/// Fails when the path is not valid here, when the other store has not exactly what is registered,
/// and when the file system does. The damaged object is then where it was.
pub fn repair(store: &LocalStore, path: &StorePath, from: &dyn ReadStore) -> Result<()> {
    store.writable()?;
    store.protect([path])?;
    let info = store.database().path_info(path)?;
    let info = info.ok_or_else(|| Error::NotValid { path: path.clone() })?;
    let private = store.private_dir()?;
    fetch(store, &info, from, &private.join(OBJECT))?;
    check(store, &info, &private.join(OBJECT))?;
    let _locks = store.lock([path])?;
    if !store.database().is_valid(path)? {
        return Err(Error::NotValid { path: path.clone() });
    }
    exchange(store, path, &private)?;
    private.clear().map(drop)
}

/// Unpacks what the other store has, no more bytes than are registered.
fn fetch(store: &LocalStore, info: &PathInfo, from: &dyn ReadStore, to: &Path) -> Result<()> {
    let mut limits = store.options().limits;
    limits.archive_bytes_max = limits.archive_bytes_max.min(info.nar_size);
    let options = UnpackOptions {
        limits,
        fsync: store.options().fsync,
        ..UnpackOptions::default()
    };
    let (reader, writer) = io::pipe().map_err(|source| Error::Io {
        action: "make a pipe to",
        path: to.to_owned(),
        source,
    })?;
    let path = || info.path.clone();
    let (written, unpacked) = std::thread::scope(|scope| {
        let unpacking = scope.spawn(move || unpack(reader, to, &options));
        let written = write(info, from, writer);
        let unpacked = unpacking.join();
        (
            written,
            unpacked.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    });
    let unpacked = unpacked.map_err(|source| Error::Unpack {
        path: path().base_name().to_owned(),
        source,
    });
    match written {
        Ok(()) | Err(Refused::ByReader) => unpacked,
        Err(Refused::TooLong) => Err(Error::SizeMismatch {
            path: path(),
            expected: info.nar_size,
            found: info.nar_size.saturating_add(1),
        }),
        Err(Refused::By(error)) => Err(error),
    }
}

fn unpack(reader: PipeReader, to: &Path, options: &UnpackOptions) -> Result<(), UnpackError> {
    nar::unpack(BufReader::with_capacity(BUFFER_BYTES, reader), to, options).map(drop)
}

/// Why an archive was not written to its end.
enum Refused {
    /// It has more bytes than it should.
    TooLong,
    /// Whoever unpacks it has seen enough, or all of it, and says why.
    ByReader,
    /// By the other store.
    By(Error),
}

fn write(info: &PathInfo, from: &dyn ReadStore, pipe: PipeWriter) -> Result<(), Refused> {
    let mut limited = Limited {
        pipe,
        bytes_left: info.nar_size,
        refused: None,
    };
    let written = from.write_nar(&info.path, &mut limited);
    match (limited.refused, written) {
        (Some(refused), _) => Err(refused),
        (None, written) => written.map(drop).map_err(Refused::By),
    }
}

/// A pipe that takes no more bytes than it should.
struct Limited {
    pipe: PipeWriter,
    bytes_left: u64,
    refused: Option<Refused>,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.bytes_left {
            self.refused = Some(Refused::TooLong);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.pipe.write(bytes);
        match &written {
            Ok(count) => self.bytes_left = self.bytes_left.saturating_sub(*count as u64),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.refused = Some(Refused::ByReader);
            }
            Err(_) => {}
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

/// Reads the new files back.
fn check(store: &LocalStore, info: &PathInfo, at: &Path) -> Result<()> {
    let options = PackOptions {
        limits: store.options().limits,
        ..PackOptions::default()
    };
    let mut hasher = ArchiveHasher::of_info(info)?;
    let packed = nar::pack(at, &mut hasher, &options);
    packed.map_err(|source| Error::Pack {
        path: info.path.base_name().to_owned(),
        source,
    })?;
    hasher.finish().check(store.store_dir(), info)
}

/// Puts the new files in the place of the damaged ones, which go to the private directory. The lock
/// of the path is held.
fn exchange(store: &LocalStore, path: &StorePath, private: &PrivateDir) -> Result<()> {
    let name = path.base_name();
    let place = store.real_path(path);
    let (here, there) = (private.fd(), store.directory());
    let mut exchanged = exchange_names(here, there, name);
    if exchanged == Err(Errno::ACCESS) {
        // Who is not root can move a directory only while it is writable.
        set_mode(here, OBJECT, CLOSED.union(Mode::WUSR)).map_err(failed("open up", &place))?;
        set_mode(there, name, CLOSED.union(Mode::WUSR)).map_err(failed("open up", &place))?;
        exchanged = exchange_names(here, there, name);
        set_mode(there, name, CLOSED).map_err(failed("restore the mode of", &place))?;
    }
    exchanged.map_err(failed("replace", &place))?;
    if store.options().fsync {
        let synced = rustix::fs::fsync(there);
        synced.map_err(failed("sync", &store.layout().real_store_dir))?;
    }
    Ok(())
}

fn exchange_names(here: BorrowedFd<'_>, there: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    use rustix::fs::{renameat, renameat_with};
    match renameat_with(here, OBJECT, there, name, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        Err(Errno::NOENT) => return renameat(here, OBJECT, there, name),
        exchanged => return exchanged,
    }
    // File systems that cannot exchange lose nothing either: both are somewhere at any time.
    match renameat(there, name, here, DAMAGED) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    renameat(here, OBJECT, there, name).inspect_err(|_| {
        // The first error is the one to be seen.
        let _ = renameat(here, DAMAGED, there, name);
    })
}

/// Sets the permissions of a directory; anything else stays as it is.
fn set_mode(parent: BorrowedFd<'_>, name: &str, mode: Mode) -> Result<(), Errno> {
    match rustix::fs::openat(parent, name, DIRECTORY_FLAGS, Mode::empty()) {
        Ok(fd) => rustix::fs::fchmod(fd, mode),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
        Err(error) => Err(error),
    }
}
