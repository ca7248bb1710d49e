//! Groups with their proof while they arrive: nothing is read beyond what is not proven.

use std::{io, ops::Range};

use super::{
    blob::Blob,
    groups::{GROUP_LOG, GroupRange},
    message::PROOF_HASH_BYTES_MAX,
    proof::{Place, ProofError},
    tree::{Step, Walk},
};
use crate::peers::buffers::{Buffers, Growing};

/// The most bytes that are read of a proof after those that were verified, so the most that a lie
/// can waste: a group, and all hashes above it.
pub const LIE_BYTES_MAX: usize = (1024 << GROUP_LOG) + PROOF_HASH_BYTES_MAX;

/// Takes in the proof of a range byte by byte, and verifies each part as soon as all of it is there.
///
/// Who reads from a stream fills [`space`](Self::space), tells how much [`arrived`](Self::arrived),
/// and goes on until there is no space or no more comes. There is none after the first part that is
/// not that of the blob. So no more than [`LIE_BYTES_MAX`] bytes are read in vain, however long the
/// proof is. Memory for more than 4 KiB is taken once so much has come, and then for all of it.
///
/// # Examples
/// ```
/// use nix_remote::peers::transfer::{BlobHasher, GroupRange, Receiving, prove};
///
/// let bytes = vec![7; 200_000];
/// let mut hasher = BlobHasher::new(Vec::new());
/// hasher.update(&bytes)?;
/// let (blob, outboard) = hasher.finish()?;
/// let range = GroupRange::new(1, 2).ok_or("no range")?;
/// let proof = prove(&blob, range, &bytes, &outboard)?;
///
/// let received = Receiving::new(&blob, range)?.read(&mut &proof[..])?;
/// assert_eq!(received.wrong(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Receiving {
    walk: Walk,
    /// The part that comes next.
    step: Option<Step>,
    /// How many bytes the proof has.
    length: usize,
    bytes: Growing,
    received: Received,
}

/// What was verified of an answer to a request for groups, and what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    blob: Blob,
    range: GroupRange,
    pub(super) proof: Vec<u8>,
    /// The groups that are verified, each with its place in the blob and in the proof.
    pub(super) groups: Vec<(u64, Range<usize>)>,
    /// The hashes that are verified, each two with their place in the outboard.
    pub(super) pairs: Vec<(u64, [u8; 64])>,
    /// How many bytes are verified, from the first one on.
    pub(super) verified: usize,
    pub(super) wrong: Option<ProofError>,
}

impl Receiving {
    /// Begins with the answer to a request for groups.
    ///
    /// # Errors
    /// Fails on groups that the blob does not have.
    pub fn new(blob: &Blob, range: GroupRange) -> Result<Self, ProofError> {
        Self::with_memory(blob, range, Buffers::default())
    }

    /// Does the same in memory that is used again.
    pub(crate) fn with_memory(
        blob: &Blob,
        range: GroupRange,
        buffers: Buffers,
    ) -> Result<Self, ProofError> {
        if !blob.has(range) {
            return Err(ProofError::NoSuchGroups);
        }
        let mut walk = Walk::new(blob, range);
        let length = walk.bytes();
        Ok(Self {
            step: walk.next(),
            walk,
            length,
            // One byte more tells that the proof does not end where it should.
            bytes: Growing::new(length + 1, buffers),
            received: Received {
                blob: *blob,
                range,
                proof: Vec::new(),
                groups: Vec::with_capacity(range.count().into()),
                pairs: Vec::new(),
                verified: 0,
                wrong: None,
            },
        })
    }

    /// Returns where the next bytes are to be put: none once something is wrong.
    pub fn space(&mut self) -> &mut [u8] {
        if self.received.wrong.is_some() {
            return &mut [];
        }
        let most = self.received.verified + LIE_BYTES_MAX;
        let most = most.saturating_sub(self.bytes.bytes().len());
        let space = self.bytes.space();
        let most = most.min(space.len());
        space.get_mut(..most).unwrap_or_default()
    }

    /// Takes note that so many bytes were put to the begin of the space, and verifies the parts that
    /// are whole.
    pub fn arrived(&mut self, bytes: usize) {
        self.bytes.arrived(bytes);
        self.verify();
    }

    fn verify(&mut self) {
        let arrived = self.bytes.bytes();
        while let Some(step) = self.step {
            let begin = self.received.verified;
            let place = begin..begin + step.bytes();
            let Some(part) = arrived.get(place.clone()) else {
                return;
            };
            if !self.walk.accept(step, part) {
                self.received.wrong = Some(ProofError::Wrong(Place::of(step)));
                return;
            }
            self.received.verified = place.end;
            match step {
                Step::Pair { offset, .. } => {
                    let pair = part.try_into().expect("two hashes have 64 bytes");
                    self.received.pairs.push((offset, pair));
                }
                Step::Group { offset, .. } => self.received.groups.push((offset, place)),
            }
            self.step = self.walk.next();
        }
        if arrived.len() > self.length {
            self.received.wrong = Some(self.of_length());
        }
    }

    /// Reads to the end of a stream, or to the first part that is not that of the blob.
    ///
    /// # Errors
    /// Fails where the stream cannot be read.
    pub fn read(mut self, stream: &mut impl io::Read) -> io::Result<Received> {
        loop {
            match stream.read(self.space()) {
                Ok(0) => return Ok(self.finish()),
                Ok(read) => self.arrived(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends where no more comes, or there is no space.
    #[must_use]
    pub fn finish(mut self) -> Received {
        if self.received.wrong.is_none() && self.bytes.bytes().len() != self.length {
            self.received.wrong = Some(self.of_length());
        }
        self.received.proof = self.bytes.into_bytes();
        self.received
    }

    fn of_length(&self) -> ProofError {
        ProofError::Length {
            expected: self.length,
            found: self.bytes.bytes().len(),
        }
    }
}

impl Received {
    /// Takes in a proof that is there as a whole.
    pub(super) fn of(blob: &Blob, range: GroupRange, proof: Vec<u8>) -> Result<Self, ProofError> {
        let mut receiving = Receiving::new(blob, range)?;
        receiving.bytes = Growing::of(proof);
        receiving.verify();
        Ok(receiving.finish())
    }

    /// Whether it is of these groups of the blob.
    pub(super) fn is_of(&self, blob: &Blob, range: GroupRange) -> bool {
        self.blob == *blob && self.range == range
    }

    /// Returns what was read.
    #[must_use]
    pub fn into_proof(self) -> Vec<u8> {
        self.proof
    }

    /// Returns how many bytes were read.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.proof.len()
    }

    /// Returns how many of them are verified, from the first one on.
    #[must_use]
    pub const fn verified_bytes(&self) -> usize {
        self.verified
    }

    /// Returns why there is not all of it, or too much.
    #[must_use]
    pub const fn wrong(&self) -> Option<ProofError> {
        self.wrong
    }
}
