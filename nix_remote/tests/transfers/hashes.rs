//! Roots and outboards of streams, beside those of other implementations.

use bao_tree::{BlockSize, blake3, io::outboard::PostOrderMemOutboard};
use nix_remote::peers::transfer::{
    BLOB_BYTES_MAX, Blob, BlobHasher, BlobSizeError, GROUP_LOG, HashError, OutOfReach, ReadAt,
    WriteAt,
};

use crate::support::{GROUP, bytes, held, sizes};

#[test]
fn the_root_is_the_hash_of_the_bytes_and_the_outboard_that_of_bao_tree() {
    for size in sizes() {
        let held = held(size);
        assert_eq!(
            held.blob.root(),
            blake3::hash(&held.bytes).as_bytes(),
            "{size}"
        );
        assert_eq!(held.blob.size(), size as u64);
        let block = BlockSize::from_chunk_log(GROUP_LOG);
        let theirs = PostOrderMemOutboard::create(&held.bytes, block);
        assert_eq!(held.outboard, theirs.data, "{size}");
        assert_eq!(held.blob.outboard_bytes(), theirs.data.len() as u64);
    }
}

#[test]
fn a_stream_in_any_pieces_has_one_root_and_one_outboard() {
    let whole = held(5 * GROUP + 77);
    for step in [1000, 4096, GROUP - 1, GROUP, GROUP + 1, 3 * GROUP] {
        let mut hasher = BlobHasher::new(Vec::new());
        hasher.update(&[]).unwrap();
        for piece in whole.bytes.chunks(step) {
            hasher.update(piece).unwrap();
        }
        let (blob, outboard) = hasher.finish().unwrap();
        assert_eq!((blob, outboard), (whole.blob, whole.outboard.clone()));
    }
}

#[test]
fn a_blob_has_a_byte_and_no_more_than_can_be_transferred() {
    let empty = BlobHasher::new(Vec::new()).finish();
    assert_eq!(empty, Err(HashError::Size(BlobSizeError { size: 0 })));
    for size in [0, BLOB_BYTES_MAX + 1, u64::MAX] {
        assert_eq!(Blob::new([1; 32], size), Err(BlobSizeError { size }));
    }
    let most = Blob::new([1; 32], BLOB_BYTES_MAX).unwrap();
    assert_eq!(most.groups(), (2 << 20) - 1024);
    assert_eq!(Blob::new([1; 32], 1).unwrap().groups(), 1);
}

/// Takes so many writes, and no more.
struct Full(usize);

impl WriteAt for Full {
    type Error = OutOfReach;

    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), OutOfReach> {
        let bytes = bytes.len();
        let left = self.0.checked_sub(1);
        self.0 = left.ok_or(OutOfReach { offset, bytes })?;
        Ok(())
    }
}

#[test]
fn an_outboard_that_cannot_be_written_is_an_error_and_not_a_root() {
    let error = |offset| HashError::Outboard(OutOfReach { offset, bytes: 64 });
    let mut hasher = BlobHasher::new(Full(1));
    assert_eq!(hasher.update(&bytes(5 * GROUP)), Err(error(64)));
    let mut hasher = BlobHasher::new(Full(1));
    hasher.update(&bytes(3 * GROUP)).unwrap();
    assert_eq!(hasher.finish().map(|(blob, _)| blob), Err(error(64)));
}

#[test]
fn bytes_in_memory_are_read_within_and_grow_as_a_file_does() {
    let mut memory = vec![1, 2, 3];
    memory.write_all_at(5, &[9]).unwrap();
    assert_eq!(memory, [1, 2, 3, 0, 0, 9]);
    let mut into = [0; 2];
    memory.read_exact_at(1, &mut into).unwrap();
    assert_eq!(into, [2, 3]);
    for offset in [5, 7, u64::MAX] {
        let refused = memory.read_exact_at(offset, &mut into);
        assert_eq!(refused, Err(OutOfReach { offset, bytes: 2 }));
    }
    assert!(memory.write_all_at(u64::MAX, &[1]).is_err());
    assert_eq!(memory.len(), 6);
}
