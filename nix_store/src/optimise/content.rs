//! What a file or a symlink holds: its hash, and whether another holds the same.

use std::{
    ffi::{CStr, CString},
    fs::File,
    io::{self, Read},
    os::fd::BorrowedFd,
};

use nix_core::hash::{Algorithm, Hasher, Sha256};
use nix_io::nar::{Encoder, Event, NarLimits};
use rustix::{
    fs::{AtFlags, FileType, Mode, Stat},
    io::Errno,
};

use super::tree::{FILE_FLAGS, is_same_file, is_same_state, mode};

const BUFFER_BYTES: usize = 64 << 10;

/// A file that is open, or a symlink.
#[derive(Debug)]
pub(crate) struct Opened {
    what: What,
    pub(crate) stat: Stat,
}

#[derive(Debug)]
enum What {
    File(File),
    Symlink(CString),
}

impl Opened {
    /// Opens a file or reads a symlink; nothing where it is something else.
    pub(crate) fn open(parent: BorrowedFd<'_>, name: &CStr) -> Result<Option<Self>, Errno> {
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let fd = rustix::fs::openat(parent, name, FILE_FLAGS, Mode::empty())?;
                let stat = rustix::fs::fstat(&fd)?;
                let what = What::File(File::from(fd));
                let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
                Ok(is_file.then_some(Self { what, stat }))
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(parent, name, Vec::new())?;
                let after = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                let what = What::Symlink(target);
                Ok(is_same_file(&stat, &after).then_some(Self { what, stat }))
            }
            _ => Ok(None),
        }
    }

    /// Returns the hash of the archive that it alone makes, or nothing where it changed meanwhile
    /// or no archive can hold it.
    pub(crate) fn nar_hash(&mut self) -> io::Result<Option<Sha256>> {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let is_whole = match &mut self.what {
            What::Symlink(target) => hash_symlink(target, &mut hasher),
            What::File(file) => hash_file(file, &self.stat, &mut hasher)?,
        };
        let hash = Sha256::try_from(hasher.finish()).expect("the hasher is of SHA-256");
        Ok((is_whole && self.is_unchanged()?).then_some(hash))
    }

    /// Whether another has the same kind, size, permissions and bytes.
    pub(crate) fn is_equal(&mut self, other: &mut Self) -> io::Result<bool> {
        let is_alike =
            self.stat.st_size == other.stat.st_size && mode(&self.stat) == mode(&other.stat);
        let is_equal = match (&mut self.what, &mut other.what) {
            (What::Symlink(a), What::Symlink(b)) => a == b,
            (What::File(a), What::File(b)) => is_alike && is_equal_file(a, b)?,
            _ => false,
        };
        Ok(is_equal && self.is_unchanged()? && other.is_unchanged()?)
    }

    /// Returns the bytes on the disk that nobody can reach any more, now that the name it was
    /// opened by is another's.
    pub(crate) fn bytes_released(&self) -> Result<u64, Errno> {
        let is_released = match &self.what {
            What::File(file) => rustix::fs::fstat(file)?.st_nlink == 0,
            What::Symlink(_) => self.stat.st_nlink == 1,
        };
        Ok(if is_released {
            bytes_on_disk(&self.stat)
        } else {
            0
        })
    }

    fn is_unchanged(&self) -> io::Result<bool> {
        match &self.what {
            What::File(file) => Ok(is_same_state(&self.stat, &rustix::fs::fstat(file)?)),
            What::Symlink(_) => Ok(true),
        }
    }
}

/// Returns what a file takes on the disk.
pub(crate) fn bytes_on_disk(stat: &Stat) -> u64 {
    // A block is 512 bytes, whatever the file system's own are.
    u64::try_from(stat.st_blocks)
        .unwrap_or(0)
        .saturating_mul(512)
}

fn hash_symlink(target: &CStr, hasher: &mut Hasher) -> bool {
    let limits = NarLimits {
        target_bytes_max: usize::MAX,
        ..NarLimits::default()
    };
    let mut bytes = Vec::new();
    let target = target.to_bytes();
    let encoded = Encoder::new(limits).encode(Event::Symlink { target }, &mut bytes);
    hasher.update(&bytes);
    encoded.is_ok()
}

/// Hashes a file, and returns whether it had the size that it should.
fn hash_file(mut file: &File, stat: &Stat, hasher: &mut Hasher) -> io::Result<bool> {
    let Ok(size) = u64::try_from(stat.st_size) else {
        return Ok(false);
    };
    let mut encoder = Encoder::new(NarLimits::default());
    let mut bytes = Vec::new();
    let regular = Event::Regular {
        executable: mode(stat).contains(Mode::XUSR),
        size,
        offset: 0,
    };
    let mut is_whole = encoder.encode(regular, &mut bytes).is_ok();
    hasher.update(&bytes);
    rewind(file)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    while is_whole {
        let count = read(&mut file, &mut buffer)?;
        if count == 0 {
            break;
        }
        // Contents beyond the size are refused.
        is_whole = encoder.contents(count).is_ok();
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    bytes.clear();
    is_whole = is_whole && encoder.encode(Event::RegularEnd, &mut bytes).is_ok();
    hasher.update(&bytes);
    Ok(is_whole)
}

fn is_equal_file(mut a: &File, mut b: &File) -> io::Result<bool> {
    rewind(a)?;
    rewind(b)?;
    let mut buffers = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    loop {
        let read_a = read(&mut a, &mut buffers.0)?;
        let read_b = read(&mut b, &mut buffers.1)?;
        if buffers.0.get(..read_a) != buffers.1.get(..read_b) {
            return Ok(false);
        }
        if read_a == 0 {
            return Ok(true);
        }
    }
}

fn rewind(file: &File) -> io::Result<()> {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Start(0))?;
    Ok(())
}

/// Fills the buffer as far as the file goes.
fn read(file: &mut &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(free) = buffer.get_mut(count..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
