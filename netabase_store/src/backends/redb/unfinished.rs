//! Files that redb began to make and did not finish, which it would refuse ever after.
//!
//! redb sets the length, writes its header without the magic, syncs, and only then writes the magic
//! and the first commit. So a file without the magic that is zero behind the header holds nothing that
//! was ever acknowledged: it is emptied, and made anew.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek},
    path::Path,
};

use crate::{error::StoreError, raw::REDB_MAGIC};

/// Where redb's header ends and its pages begin, at the earliest.
const HEADER_BYTES: u64 = 512;

/// A file that redb has just begun is shorter, by far; a longer one is not looked through.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// How much is looked through at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Empties the file at `path` if it is an unfinished one, and returns whether it was.
///
/// A file that somebody is making at this moment is refused as open elsewhere.
pub(super) fn empty_file(path: &Path) -> Result<bool, StoreError> {
    let failed = |source| StoreError::Io {
        action: "make anew",
        path: path.into(),
        source,
    };
    let opened = File::options().read(true).write(true).open(path);
    let mut file = opened.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => empty_locked(&mut file).map_err(failed),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn empty_locked(file: &mut File) -> io::Result<bool> {
    let is_unfinished = is_unfinished(file.metadata()?.len(), |offset, out| {
        file.seek(io::SeekFrom::Start(offset))?;
        file.read_exact(out)
    })?;
    if is_unfinished {
        file.set_len(0)?;
    }
    Ok(is_unfinished)
}

/// Empties a storage if it is an unfinished one.
pub(super) fn empty_storage(storage: &impl redb::StorageBackend) -> io::Result<()> {
    let is_unfinished = is_unfinished(storage.len()?, |offset, out| storage.read(offset, out))?;
    if is_unfinished {
        storage.set_len(0)
    } else {
        Ok(())
    }
}

/// Returns whether there is something, and none of it is a finished file of redb or of anybody else.
fn is_unfinished(
    len: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<bool> {
    if len == 0 || len > FILE_BYTES_MAX {
        return Ok(false);
    }
    let mut chunk = vec![0; CHUNK_BYTES];
    let magic_bytes = u64::try_from(REDB_MAGIC.len()).unwrap_or(u64::MAX);
    for (begin, end) in [(0, magic_bytes.min(len)), (HEADER_BYTES, len)] {
        let mut offset = begin;
        while offset < end {
            let bytes = usize::try_from(end - offset).unwrap_or(CHUNK_BYTES);
            let part = chunk.get_mut(..bytes.min(CHUNK_BYTES)).unwrap_or_default();
            read(offset, part)?;
            if part.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += u64::try_from(part.len()).unwrap_or(u64::MAX);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> bool {
        let len = u64::try_from(bytes.len()).expect("it is in memory");
        let found = is_unfinished(len, |offset, out| {
            let start = usize::try_from(offset).expect("it is in memory");
            out.copy_from_slice(&bytes[start..start + out.len()]);
            Ok(())
        });
        found.expect("memory can be read")
    }

    #[test]
    fn a_header_without_magic_before_zeros_is_unfinished() {
        let mut bytes = vec![0; 200_000];
        assert!(check(&bytes));
        bytes[REDB_MAGIC.len()..300].fill(7);
        assert!(check(&bytes));
        assert!(check(&[0; 3]));
    }

    #[test]
    fn a_file_with_a_magic_or_with_anything_behind_the_header_is_left_alone() {
        let mut whole = vec![0; 200_000];
        whole[..REDB_MAGIC.len()].copy_from_slice(REDB_MAGIC);
        assert!(!check(&whole));
        for at in [0, 8, 512, 100_000, 199_999] {
            let mut foreign = vec![0; 200_000];
            foreign[at] = 1;
            assert!(!check(&foreign), "{at}");
        }
        assert!(!check(&[]));
        assert!(!check(b"text"));
    }

    #[test]
    fn a_file_too_long_to_be_new_is_left_alone() {
        let read = |_, _: &mut [u8]| panic!("it is not read");
        assert!(!is_unfinished(FILE_BYTES_MAX + 1, read).expect("nothing fails"));
    }
}
