//! Blobs by root and size, and where their bytes are read and written.

use std::convert::Infallible;

use super::groups::{GROUP_BYTES, GROUPS_MAX, GroupRange};

/// The most bytes of a blob, which are 128 GiB less 64 MiB.
pub const BLOB_BYTES_MAX: u64 = GROUP_BYTES * GROUPS_MAX as u64;

/// A blob as it is announced: the BLAKE3 hash of its bytes, and how many there are.
///
/// Invariant: it has at least one byte and at most [`BLOB_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob {
    root: [u8; 32],
    size: u64,
    groups: u32,
}

/// No blob has so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a blob of {size} bytes; 1 to {BLOB_BYTES_MAX} can be transferred")]
pub struct BlobSizeError {
    /// The size.
    pub size: u64,
}

impl Blob {
    /// Names a blob.
    ///
    /// # Errors
    /// Fails on a size that no blob has.
    pub fn new(root: [u8; 32], size: u64) -> Result<Self, BlobSizeError> {
        let groups = u32::try_from(size.div_ceil(GROUP_BYTES));
        match groups {
            Ok(groups @ 1..=GROUPS_MAX) => Ok(Self { root, size, groups }),
            _ => Err(BlobSizeError { size }),
        }
    }

    /// Returns the BLAKE3 hash of its bytes.
    #[must_use]
    pub const fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// Returns how many bytes it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns how many groups it has.
    #[must_use]
    pub const fn groups(&self) -> u32 {
        self.groups
    }

    /// Whether it has all groups of a range.
    #[must_use]
    pub const fn has(&self, range: GroupRange) -> bool {
        range.end() <= self.groups
    }

    /// Returns how many bytes the groups of a range have that it has.
    #[must_use]
    pub fn bytes_of(&self, range: GroupRange) -> u64 {
        let [start, end] = [range.first(), range.end()].map(|group| self.offset(group));
        end - start
    }

    /// Returns how many bytes its outboard has: 64 for each group but the first.
    #[must_use]
    pub fn outboard_bytes(&self) -> u64 {
        (u64::from(self.groups) - 1) * 64
    }

    /// Returns where a group begins, or the end of the blob.
    pub(crate) fn offset(&self, group: u32) -> u64 {
        (u64::from(group) * GROUP_BYTES).min(self.size)
    }
}

/// Where bytes are read by their place.
pub trait ReadAt {
    /// Why they cannot be read.
    type Error;

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// Fails where they cannot be read, or there are fewer.
    fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> Result<(), Self::Error>;
}

/// Where bytes are written by their place.
pub trait WriteAt {
    /// Why they cannot be written.
    type Error;

    /// Writes bytes from `offset` on, also beyond the end.
    ///
    /// # Errors
    /// Fails where they cannot be written.
    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Bytes in memory do not reach so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes at {offset} are out of reach")]
pub struct OutOfReach {
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub bytes: usize,
}

impl ReadAt for [u8] {
    type Error = OutOfReach;

    fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> Result<(), OutOfReach> {
        let bytes = into.len();
        let out_of_reach = OutOfReach { offset, bytes };
        let start = usize::try_from(offset).map_err(|_| out_of_reach)?;
        let end = start.checked_add(bytes).ok_or(out_of_reach)?;
        into.copy_from_slice(self.get(start..end).ok_or(out_of_reach)?);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    type Error = OutOfReach;

    fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> Result<(), OutOfReach> {
        self.as_slice().read_exact_at(offset, into)
    }
}

/// Grows as a file does, with zeros where nothing was written.
impl WriteAt for Vec<u8> {
    type Error = OutOfReach;

    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutOfReach> {
        let out_of_reach = OutOfReach {
            offset,
            bytes: bytes.len(),
        };
        let start = usize::try_from(offset).map_err(|_| out_of_reach)?;
        let end = start.checked_add(bytes.len()).ok_or(out_of_reach)?;
        if self.len() < end {
            self.resize(end, 0);
        }
        let place = self.get_mut(start..end).ok_or(out_of_reach)?;
        place.copy_from_slice(bytes);
        Ok(())
    }
}

/// Keeps nothing, for those who need no outboard.
impl WriteAt for () {
    type Error = Infallible;

    fn write_all_at(&mut self, _: u64, _: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }
}
