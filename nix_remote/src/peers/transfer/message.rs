//! What peers ask each other for, and answer, in bytes. Numbers are big-endian.
//!
//! Each message has one form, and nothing follows it. How long it is, is for the transport to say.

use super::{
    blob::Blob,
    groups::{GROUP_LOG, GROUPS_MAX, GroupRange, GroupSet, GroupSetError, REQUEST_GROUPS_MAX},
};
use crate::peers::bytes::Reader;

/// The protocol that the messages are of.
pub const PROTOCOL: &str = "/netabase-nix/blob/1";

/// The largest request.
pub const REQUEST_BYTES_MAX: usize = 1 + 32 + 4 + 1;

/// The most bytes of the hashes in a proof: more nodes lie above no 16 groups of any blob.
pub const PROOF_HASH_BYTES_MAX: usize = 64 * 64;

/// The largest response: the proof of 1 MiB.
pub const RESPONSE_BYTES_MAX: usize =
    1 + PROOF_HASH_BYTES_MAX + ((REQUEST_GROUPS_MAX as usize * 1024) << GROUP_LOG);

/// The largest response that is no proof, which says what a peer has.
pub const HOLDING_BYTES_MAX: usize = 1 + 8 + GROUPS_MAX as usize / 8;

const _: () = assert!(HOLDING_BYTES_MAX <= RESPONSE_BYTES_MAX);

/// The longest time that a busy peer may ask others to wait.
pub const RETRY_AFTER_MS_MAX: u32 = 60_000;

/// What a peer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// How large the blob is, and which groups of it the other one has.
    Have {
        /// The root of the blob.
        root: [u8; 32],
    },
    /// Groups with their proof.
    Get {
        /// The root of the blob.
        root: [u8; 32],
        /// The groups.
        range: GroupRange,
    },
}

/// What a peer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// It has nothing of the blob, or not what was asked for.
    Unknown,
    /// It has no time now.
    Busy {
        /// How many milliseconds to wait before the next request, at most [`RETRY_AFTER_MS_MAX`].
        retry_after_ms: u32,
    },
    /// It has all of the blob.
    Complete {
        /// How large the blob is, or is said to be.
        size: u64,
    },
    /// It has some groups of the blob.
    Partial {
        /// How large the blob is, or is said to be.
        size: u64,
        /// Which groups it has: at least one, and not all.
        held: GroupSet,
    },
    /// The proof of the groups that were asked for, in the form of [`prove`](super::prove). Whether
    /// it is one says [`Proven`](super::Proven).
    Proof(Vec<u8>),
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// There are more bytes than any message has.
    #[error("{bytes} bytes exceed the maximum of {limit}")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The bytes end within a field.
    #[error("the message ends within its {0}")]
    Truncated(&'static str),
    /// Bytes follow the message.
    #[error("{bytes} bytes follow the message")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// No message begins with the byte.
    #[error("no message has the kind {0}")]
    Kind(u8),
    /// No request is for so many groups, or for groups so far behind.
    #[error("no {count} groups from {first} on can be asked for")]
    Range {
        /// The first group.
        first: u32,
        /// How many there are.
        count: u8,
    },
    /// No blob has so many bytes.
    #[error("no blob has {0} bytes")]
    Size(u64),
    /// The time to wait is longer than any may be.
    #[error("{0} ms to wait exceed the maximum of {RETRY_AFTER_MS_MAX}")]
    RetryAfter(u32),
    /// The bits of the groups are not those of such a blob.
    #[error("the groups held are no set of those of the blob")]
    Held(#[source] GroupSetError),
    /// None or all of the groups are held, which is said by other messages.
    #[error("{count} of {groups} groups held are not some")]
    NotSome {
        /// How many are held.
        count: u32,
        /// How many the blob has.
        groups: u32,
    },
    /// There is no byte in a proof.
    #[error("the proof has no bytes")]
    EmptyProof,
    /// Groups answer what was no request for any.
    #[error("groups that were not asked for")]
    UnaskedGroups,
}

impl Request {
    /// Returns the root of the blob that it is about.
    #[must_use]
    pub const fn root(&self) -> &[u8; 32] {
        match self {
            Self::Have { root } | Self::Get { root, .. } => root,
        }
    }

    /// Returns its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(REQUEST_BYTES_MAX);
        match self {
            Self::Have { root } => {
                bytes.push(kind::HAVE);
                bytes.extend_from_slice(root);
            }
            Self::Get { root, range } => {
                bytes.push(kind::GET);
                bytes.extend_from_slice(root);
                bytes.extend_from_slice(&range.first().to_be_bytes());
                bytes.push(range.count());
            }
        }
        bytes
    }

    /// Reads a request.
    ///
    /// # Errors
    /// Fails on bytes that are not the one form of a request.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        check_length(bytes, REQUEST_BYTES_MAX)?;
        let mut reader = Reader::new(bytes);
        let request = match need(reader.u8(), "kind")? {
            kind::HAVE => Self::Have {
                root: need(reader.array(), "root")?,
            },
            kind::GET => Self::Get {
                root: need(reader.array(), "root")?,
                range: range(&mut reader)?,
            },
            other => return Err(MessageError::Kind(other)),
        };
        end(&reader)?;
        Ok(request)
    }
}

impl Response {
    /// Returns its bytes. A time to wait above the maximum is cut down to it.
    ///
    /// Costs a copy of a proof.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Unknown => vec![kind::UNKNOWN],
            Self::Busy { retry_after_ms } => {
                let wait = RETRY_AFTER_MS_MAX.min(*retry_after_ms);
                [&[kind::BUSY][..], &wait.to_be_bytes()].concat()
            }
            Self::Complete { size } => [&[kind::COMPLETE][..], &size.to_be_bytes()].concat(),
            Self::Partial { size, held } => {
                let bits = held.as_bytes();
                [&[kind::PARTIAL][..], &size.to_be_bytes(), bits].concat()
            }
            Self::Proof(proof) => [&[kind::PROOF][..], proof].concat(),
        }
    }

    /// Reads a response, which keeps the memory of the bytes where it is a proof.
    ///
    /// # Errors
    /// Fails on bytes that are not the one form of a response. A proof is not looked at.
    pub fn decode(mut bytes: Vec<u8>) -> Result<Self, MessageError> {
        check_length(&bytes, RESPONSE_BYTES_MAX)?;
        let kind = need(bytes.first().copied(), "kind")?;
        bytes.drain(..1);
        Self::from_parts(kind, bytes)
    }

    /// Reads what follows the first byte, of which a proof keeps the memory.
    pub(crate) fn from_parts(kind: u8, rest: Vec<u8>) -> Result<Self, MessageError> {
        let mut reader = Reader::new(&rest);
        let response = match kind {
            kind::UNKNOWN => Self::Unknown,
            kind::BUSY => Self::Busy {
                retry_after_ms: retry_after(&mut reader)?,
            },
            kind::COMPLETE => Self::Complete {
                size: blob(&mut reader)?.size(),
            },
            kind::PARTIAL => partial(&mut reader)?,
            kind::PROOF if rest.is_empty() => return Err(MessageError::EmptyProof),
            kind::PROOF => return Ok(Self::Proof(rest)),
            other => return Err(MessageError::Kind(other)),
        };
        end(&reader)?;
        Ok(response)
    }

    /// Returns the bytes in two parts, of which the second one is a proof where it is one.
    #[cfg(feature = "peers")]
    pub(crate) fn into_parts(self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Proof(proof) => (vec![kind::PROOF], proof),
            other => (other.encode(), Vec::new()),
        }
    }

    /// Returns what a peer says that holds these groups of a blob.
    #[must_use]
    pub fn held(blob: &Blob, held: &GroupSet) -> Self {
        let size = blob.size();
        if held.is_full() {
            Self::Complete { size }
        } else if held.is_empty() {
            Self::Unknown
        } else {
            let held = held.clone();
            Self::Partial { size, held }
        }
    }
}

/// Whether a response that begins with the byte is a proof.
#[cfg(feature = "peers")]
pub(crate) const fn is_proof(kind: u8) -> bool {
    kind == kind::PROOF
}

/// What messages begin with.
mod kind {
    pub(super) const HAVE: u8 = 0;
    pub(super) const GET: u8 = 1;
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const BUSY: u8 = 1;
    pub(super) const COMPLETE: u8 = 2;
    pub(super) const PARTIAL: u8 = 3;
    pub(super) const PROOF: u8 = 4;
}

fn range(reader: &mut Reader<'_>) -> Result<GroupRange, MessageError> {
    let first = need(reader.u32(), "first group")?;
    let count = need(reader.u8(), "count of groups")?;
    GroupRange::new(first, count).ok_or(MessageError::Range { first, count })
}

fn retry_after(reader: &mut Reader<'_>) -> Result<u32, MessageError> {
    match need(reader.u32(), "time to wait")? {
        wait @ 0..=RETRY_AFTER_MS_MAX => Ok(wait),
        wait => Err(MessageError::RetryAfter(wait)),
    }
}

/// Reads the size of a blob, whose root is not known here.
fn blob(reader: &mut Reader<'_>) -> Result<Blob, MessageError> {
    let size = need(reader.u64(), "size")?;
    Blob::new([0; 32], size).map_err(|_| MessageError::Size(size))
}

fn partial(reader: &mut Reader<'_>) -> Result<Response, MessageError> {
    let blob = blob(reader)?;
    let bits = reader.take(reader.left()).unwrap_or_default();
    let held = GroupSet::from_bytes(blob.groups(), bits).map_err(MessageError::Held)?;
    if held.is_empty() || held.is_full() {
        let (count, groups) = (held.len(), held.groups());
        return Err(MessageError::NotSome { count, groups });
    }
    let size = blob.size();
    Ok(Response::Partial { size, held })
}

fn check_length(bytes: &[u8], limit: usize) -> Result<(), MessageError> {
    let bytes = bytes.len();
    if bytes > limit {
        return Err(MessageError::TooLarge { bytes, limit });
    }
    Ok(())
}

fn end(reader: &Reader<'_>) -> Result<(), MessageError> {
    match reader.left() {
        0 => Ok(()),
        bytes => Err(MessageError::Trailing { bytes }),
    }
}

fn need<T>(read: Option<T>, field: &'static str) -> Result<T, MessageError> {
    read.ok_or(MessageError::Truncated(field))
}
