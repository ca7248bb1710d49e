//! Groups with their proof: how they are sent, and how nothing is taken that is not proven.
//!
//! A proof is what the crate `bao-tree` calls the encoding of ranges. From the root on, left before
//! right, each node on the way to a group that was asked for is the 64 bytes of its children's
//! hashes, and each such group is its bytes. Nothing stands before, between or after them, so root,
//! size and range fix the length.

use super::{
    blob::{Blob, ReadAt, WriteAt},
    groups::GroupRange,
    tree::{Step, Walk},
};

/// Reads groups and what proves them, and returns both as they are sent.
///
/// What is read is verified, so that damage on a disk is found here and not taken for a lie there.
/// Needs as much memory as it returns.
///
/// # Errors
/// Fails on groups that the blob does not have, where bytes cannot be read, and where they are not
/// those of the blob.
///
/// # Examples
/// ```
/// use nix_remote::peers::transfer::{BlobHasher, GroupRange, prove, write_proven};
///
/// let bytes = vec![7; 200_000];
/// let mut hasher = BlobHasher::new(Vec::new());
/// hasher.update(&bytes)?;
/// let (blob, outboard) = hasher.finish()?;
///
/// let range = GroupRange::new(1, 2).ok_or("no range")?;
/// let proof = prove(&blob, range, &bytes, &outboard)?;
///
/// let mut copy = Vec::new();
/// write_proven(&blob, range, &proof, &mut copy, &mut ())?;
/// assert_eq!(copy[65_536..], bytes[65_536..196_608]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn prove<D, O>(
    blob: &Blob,
    range: GroupRange,
    data: &D,
    outboard: &O,
) -> Result<Vec<u8>, ProveError<D::Error, O::Error>>
where
    D: ReadAt<Error: std::error::Error> + ?Sized,
    O: ReadAt<Error: std::error::Error> + ?Sized,
{
    prove_in(blob, range, data, outboard, |length| vec![0; length], false)
}

/// Does the same in memory of the given length, whatever is in it. Groups that were checked are not
/// verified again.
pub(crate) fn prove_in<D, O>(
    blob: &Blob,
    range: GroupRange,
    data: &D,
    outboard: &O,
    memory: impl FnOnce(usize) -> Vec<u8>,
    is_checked: bool,
) -> Result<Vec<u8>, ProveError<D::Error, O::Error>>
where
    D: ReadAt<Error: std::error::Error> + ?Sized,
    O: ReadAt<Error: std::error::Error> + ?Sized,
{
    if !blob.has(range) {
        return Err(ProveError::NoSuchGroups);
    }
    let mut walk = Walk::new(blob, range);
    let mut proof = memory(walk.bytes());
    let mut rest = &mut proof[..];
    while let Some(step) = walk.next() {
        let (bytes, after) = rest.split_at_mut(step.bytes());
        match step {
            Step::Pair { offset, .. } => outboard
                .read_exact_at(offset, bytes)
                .map_err(ProveError::Outboard)?,
            Step::Group { offset, .. } => data
                .read_exact_at(offset, bytes)
                .map_err(ProveError::Data)?,
        }
        let is_true = match step {
            Step::Group { .. } if is_checked => walk.pass(),
            _ => walk.accept(step, bytes),
        };
        if !is_true {
            return Err(ProveError::Damaged(Place::of(step)));
        }
        rest = after;
    }
    Ok(proof)
}

/// Verifies groups by their proof and writes them, and the hashes that proved them to the outboard;
/// each group right after it is verified, and nothing that is not.
///
/// # Errors
/// Fails on whatever [`Proven::new`] refuses, on the first node or group that is not that of the
/// blob, and where bytes cannot be written. What stood before it in the proof is written.
pub fn write_proven<D, O>(
    blob: &Blob,
    range: GroupRange,
    proof: &[u8],
    data: &mut D,
    outboard: &mut O,
) -> Result<(), WriteProvenError<D::Error, O::Error>>
where
    D: WriteAt<Error: std::error::Error>,
    O: WriteAt<Error: std::error::Error>,
{
    for piece in Proven::new(blob, range, proof).map_err(WriteProvenError::Proof)? {
        match piece.map_err(WriteProvenError::Proof)? {
            Piece::Group { offset, bytes } => data
                .write_all_at(offset, bytes)
                .map_err(WriteProvenError::Data)?,
            Piece::Pair { offset, bytes } => outboard
                .write_all_at(offset, bytes)
                .map_err(WriteProvenError::Outboard)?,
        }
    }
    Ok(())
}

/// Iterates over the parts of a proof, each of which is verified before it is returned. After the
/// first one that is not that of the blob there are no more.
///
/// Once the last group of a blob is verified, so is the blob's size.
#[derive(Debug)]
pub struct Proven<'a> {
    walk: Walk,
    rest: &'a [u8],
}

/// A part of a proof that is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The hashes of two children of a node.
    Pair {
        /// Where they stand in the outboard.
        offset: u64,
        /// The hashes, 64 bytes.
        bytes: &'a [u8],
    },
    /// A group.
    Group {
        /// Where it stands in the blob.
        offset: u64,
        /// The group.
        bytes: &'a [u8],
    },
}

impl<'a> Proven<'a> {
    /// Begins with a proof of a range.
    ///
    /// # Errors
    /// Fails on groups that the blob does not have, and on more or fewer bytes than the proof of
    /// them has.
    pub fn new(blob: &Blob, range: GroupRange, proof: &'a [u8]) -> Result<Self, ProofError> {
        if !blob.has(range) {
            return Err(ProofError::NoSuchGroups);
        }
        let walk = Walk::new(blob, range);
        let (expected, found) = (walk.bytes(), proof.len());
        if expected != found {
            return Err(ProofError::Length { expected, found });
        }
        Ok(Self { walk, rest: proof })
    }
}

impl<'a> Iterator for Proven<'a> {
    type Item = Result<Piece<'a>, ProofError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.walk.next()?;
        let (bytes, rest) = self.rest.split_at_checked(step.bytes())?;
        self.rest = rest;
        if !self.walk.accept(step, bytes) {
            self.rest = &[];
            return Some(Err(ProofError::Wrong(Place::of(step))));
        }
        Some(Ok(match step {
            Step::Pair { offset, .. } => Piece::Pair { offset, bytes },
            Step::Group { offset, .. } => Piece::Group { offset, bytes },
        }))
    }
}

/// Where in a blob or its outboard bytes are not what the root says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the outboard, from this byte on.
    Outboard(u64),
    /// In the blob, from this byte on.
    Data(u64),
}

impl Place {
    pub(super) const fn of(step: Step) -> Self {
        match step {
            Step::Pair { offset, .. } => Self::Outboard(offset),
            Step::Group { offset, .. } => Self::Data(offset),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Outboard(offset) => write!(f, "hashes at {offset} of the outboard"),
            Self::Data(offset) => write!(f, "bytes from {offset} on"),
        }
    }
}

/// Why groups cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError<D: std::error::Error + 'static, O: std::error::Error + 'static> {
    /// The blob does not have the groups.
    #[error("the blob does not have these groups")]
    NoSuchGroups,
    /// The bytes cannot be read.
    #[error("read the blob")]
    Data(#[source] D),
    /// The outboard cannot be read.
    #[error("read the outboard")]
    Outboard(#[source] O),
    /// What is read is not that of the blob.
    #[error("damaged: {0}")]
    Damaged(Place),
}

/// Why bytes prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The blob does not have the groups.
    #[error("the blob does not have these groups")]
    NoSuchGroups,
    /// There are more or fewer bytes than the proof has.
    #[error("{found} bytes, where the proof has {expected}")]
    Length {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A part is not that of the blob.
    #[error("not those of the blob: {0}")]
    Wrong(Place),
}

/// Why groups are not written, or not all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteProvenError<D: std::error::Error + 'static, O: std::error::Error + 'static> {
    /// They are not proven.
    #[error("the proof does not hold")]
    Proof(#[source] ProofError),
    /// The bytes cannot be written.
    #[error("write the blob")]
    Data(#[source] D),
    /// The outboard cannot be written.
    #[error("write the outboard")]
    Outboard(#[source] O),
}
