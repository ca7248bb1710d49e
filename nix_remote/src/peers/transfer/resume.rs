//! What is kept of a download so that it can go on after a crash.

use super::{
    blob::{Blob, BlobSizeError},
    groups::{GROUPS_MAX, GroupSet, GroupSetError, bytes_of},
    outboard::checksum,
};
use crate::peers::bytes::Reader;

/// What every record begins with.
const MAGIC: [u8; 4] = *b"nixr";

/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

const CHECKSUM_BYTES: usize = 32;

/// How many bytes stand around the bits.
const AROUND: usize = MAGIC.len() + 1 + 32 + 8 + CHECKSUM_BYTES;

/// The largest record.
pub const RESUME_BYTES_MAX: usize = AROUND + GROUPS_MAX as usize / 8;

/// Which groups of a blob are written and durable.
///
/// # Byte by byte
/// | bytes | what |
/// | --- | --- |
/// | 4 | `nixr` |
/// | 1 | version, 1 |
/// | 32 | root of the blob |
/// | 8 | its size, big-endian |
/// | .. | a bit for each group, as in a partial response |
/// | 32 | BLAKE3 hash of all before |
///
/// It is to be replaced as a whole, and only once the bytes of its groups are durable. Then a crash
/// costs what was written since the last one, which is at most
/// [`COMMIT_BYTES`](super::COMMIT_BYTES) and what was in flight.
///
/// # Examples
/// ```
/// use nix_remote::peers::transfer::{Blob, GroupSet, ResumeRecord};
///
/// let blob = Blob::new([7; 32], 200_000)?;
/// let mut held = GroupSet::new(blob.groups());
/// held.insert(2);
/// let bytes = ResumeRecord { blob, held: held.clone() }.encode();
///
/// assert_eq!(ResumeRecord::decode(&blob, &bytes)?.held, held);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeRecord {
    /// The blob.
    pub blob: Blob,
    /// The groups, of as many as the blob has.
    pub held: GroupSet,
}

/// Why a download begins anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The bytes end before the record does.
    #[error("the record is cut short")]
    Truncated,
    /// Bytes follow the record.
    #[error("{bytes} bytes follow the record")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The bytes are no record.
    #[error("no record of a download")]
    Magic,
    /// The version is not one that can be read.
    #[error("version {0} is not known")]
    Version(u8),
    /// Some byte is not as it was written.
    #[error("the record is damaged")]
    Checksum,
    /// The record is of another blob.
    #[error("the record is of another blob")]
    OtherBlob,
    /// No blob has the size.
    #[error("the size of the blob is invalid")]
    Size(#[source] BlobSizeError),
    /// The bits are not those of the blob.
    #[error("the groups held are no set of those of the blob")]
    Held(#[source] GroupSetError),
}

impl ResumeRecord {
    /// Returns the record's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bits = self.held.as_bytes();
        let mut bytes = Vec::with_capacity(AROUND + bits.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.blob.root());
        bytes.extend_from_slice(&self.blob.size().to_be_bytes());
        bytes.extend_from_slice(bits);
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        bytes
    }

    /// Reads the record of a blob.
    ///
    /// # Errors
    /// Fails on bytes that are not as [`encode`](Self::encode) made them, and on the record of
    /// another blob.
    pub fn decode(blob: &Blob, bytes: &[u8]) -> Result<Self, ResumeError> {
        let record = Self::decode_any(bytes)?;
        if record.blob != *blob {
            return Err(ResumeError::OtherBlob);
        }
        Ok(record)
    }

    /// Reads the record of whatever blob.
    ///
    /// # Errors
    /// Fails on bytes that are not as [`encode`](Self::encode) made them.
    pub fn decode_any(bytes: &[u8]) -> Result<Self, ResumeError> {
        let (body, found) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or(ResumeError::Truncated)?;
        let mut reader = Reader::new(body);
        if need(reader.array())? != MAGIC {
            return Err(ResumeError::Magic);
        }
        match need(reader.u8())? {
            VERSION => {}
            other => return Err(ResumeError::Version(other)),
        }
        let (root, size) = (need(reader.array())?, need(reader.u64())?);
        let blob = Blob::new(root, size).map_err(ResumeError::Size)?;
        let bits = need(reader.take(bytes_of(blob.groups())))?;
        if reader.left() > 0 {
            let bytes = reader.left();
            return Err(ResumeError::Trailing { bytes });
        }
        if checksum(body) != *found {
            return Err(ResumeError::Checksum);
        }
        let held = GroupSet::from_bytes(blob.groups(), bits).map_err(ResumeError::Held)?;
        Ok(Self { blob, held })
    }
}

fn need<T>(read: Option<T>) -> Result<T, ResumeError> {
    read.ok_or(ResumeError::Truncated)
}
