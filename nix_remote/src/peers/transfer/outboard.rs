//! The root of a stream, and the hashes above its groups.

use bao_tree::blake3::Hasher;

use super::{
    blob::{Blob, BlobSizeError, WriteAt},
    groups::GROUP_BYTES,
    tree::{NodeHash, finish_group, group_hasher, pair_hash},
};

/// Hashes a stream and writes its outboard: for each node above the groups the hashes of its two
/// children, 64 bytes, children before parents.
///
/// Keeps one hash for each level of the tree, and writes 64 bytes for each 64 KiB, in order.
///
/// # Examples
/// ```
/// use nix_remote::peers::transfer::BlobHasher;
///
/// let mut hasher = BlobHasher::new(Vec::new());
/// hasher.update(&[7; 50_000])?;
/// hasher.update(&[7; 50_000])?;
/// let (blob, outboard) = hasher.finish()?;
/// assert_eq!(blob.size(), 100_000);
/// assert_eq!(outboard.len(), 64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BlobHasher<W> {
    outboard: W,
    written: u64,
    size: u64,
    group: Hasher,
    /// Invariant: the full subtrees left of the group, the largest one first. The node above two of
    /// the same size is made as soon as more bytes follow, and so is never the root.
    subtrees: Vec<NodeHash>,
}

/// Why a stream has no root and outboard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError<E: std::error::Error + 'static> {
    /// No blob has so many bytes.
    #[error("the stream cannot be a blob")]
    Size(#[source] BlobSizeError),
    /// The outboard cannot be written.
    #[error("write the outboard")]
    Outboard(#[source] E),
}

impl<W: WriteAt<Error: std::error::Error>> BlobHasher<W> {
    /// Begins a stream, whose outboard is written from offset 0 on.
    #[must_use]
    pub fn new(outboard: W) -> Self {
        Self {
            outboard,
            written: 0,
            size: 0,
            group: group_hasher(0),
            subtrees: Vec::new(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Fails where the outboard cannot be written, and where the stream is too long.
    pub fn update(&mut self, mut bytes: &[u8]) -> Result<(), HashError<W::Error>> {
        while !bytes.is_empty() {
            if self.size > 0 && self.size.is_multiple_of(GROUP_BYTES) {
                self.end_group()?;
            }
            let room = GROUP_BYTES - self.size % GROUP_BYTES;
            let room = usize::try_from(room).expect("at most a group");
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.group.update(now);
            self.size += u64::try_from(now.len()).expect("at most a group");
            Blob::new([0; 32], self.size).map_err(HashError::Size)?;
            bytes = later;
        }
        Ok(())
    }

    /// Ends the stream; returns what it is, and where the outboard was written.
    ///
    /// # Errors
    /// Fails where the outboard cannot be written, and on a stream without bytes.
    pub fn finish(mut self) -> Result<(Blob, W), HashError<W::Error>> {
        let mut hash = finish_group(&self.group, self.subtrees.is_empty());
        while let Some(left) = self.subtrees.pop() {
            hash = self.join(&left, &hash, self.subtrees.is_empty())?;
        }
        let blob = Blob::new(hash, self.size).map_err(HashError::Size)?;
        Ok((blob, self.outboard))
    }

    /// Ends a full group after which more bytes come.
    fn end_group(&mut self) -> Result<(), HashError<W::Error>> {
        let next = group_hasher(self.size);
        let mut hash = finish_group(&std::mem::replace(&mut self.group, next), false);
        let ended = self.size / GROUP_BYTES;
        for _ in 0..ended.trailing_zeros() {
            let left = self.subtrees.pop();
            let left = left.expect("a subtree of that size stands to the left");
            hash = self.join(&left, &hash, false)?;
        }
        self.subtrees.push(hash);
        Ok(())
    }

    fn join(
        &mut self,
        left: &NodeHash,
        right: &NodeHash,
        is_root: bool,
    ) -> Result<NodeHash, HashError<W::Error>> {
        let pair = [*left, *right];
        let written = self
            .outboard
            .write_all_at(self.written, pair.as_flattened());
        written.map_err(HashError::Outboard)?;
        self.written += 64;
        Ok(pair_hash(left, right, is_root))
    }
}

/// Returns the BLAKE3 hash of bytes.
pub(super) fn checksum(bytes: &[u8]) -> NodeHash {
    *Hasher::new().update(bytes).finalize().as_bytes()
}
