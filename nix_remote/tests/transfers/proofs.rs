//! What a proof proves, and what is written of one that does not.

use bao_tree::{
    BaoTree, BlockSize, ChunkNum, ChunkRanges, blake3,
    io::{
        outboard::PostOrderMemOutboard,
        sync::{DecodeResponseIter, encode_ranges_validated},
    },
};
use nix_remote::peers::transfer::{
    Blob, GROUP_LOG, GROUPS_MAX, GroupRange, PROOF_HASH_BYTES_MAX, Piece, Place, ProofError,
    ProveError, Proven, REQUEST_GROUPS_MAX, WriteProvenError, prove, write_proven,
};

use crate::support::{GROUP, Held, held, range, sizes};

const BLOCK: BlockSize = BlockSize::from_chunk_log(GROUP_LOG);

fn chunks(held: &Held, range: GroupRange) -> ChunkRanges {
    let all = ChunkNum::chunks(held.blob.size()).0;
    let [first, end] = [range.first(), range.end()].map(|group| u64::from(group) * 64);
    ChunkRanges::from(ChunkNum(first)..ChunkNum(end.min(all)))
}

fn proof(held: &Held, range: GroupRange) -> Vec<u8> {
    prove(&held.blob, range, &held.bytes, &held.outboard).unwrap()
}

/// All ranges of a small blob.
fn ranges(blob: &Blob) -> Vec<GroupRange> {
    let counts =
        |first| (1..=REQUEST_GROUPS_MAX).filter_map(move |count| GroupRange::new(first, count));
    let all = (0..blob.groups()).flat_map(counts);
    all.filter(|range| blob.has(*range)).collect()
}

#[test]
fn a_proof_is_the_encoding_of_bao_tree_which_reads_ours() {
    for size in sizes() {
        let held = held(size);
        let theirs = PostOrderMemOutboard::create(&held.bytes, BLOCK);
        let tree = BaoTree::new(size as u64, BLOCK);
        let root = blake3::Hash::from(*held.blob.root());
        for range in ranges(&held.blob).into_iter().step_by(23) {
            let chunks = chunks(&held, range);
            let ours = proof(&held, range);
            let mut encoded = Vec::new();
            encode_ranges_validated(&held.bytes[..], &theirs, &chunks, &mut encoded).unwrap();
            assert_eq!(ours.len(), encoded.len(), "{size} {range:?}");
            assert!(ours == encoded, "{size} {range:?}");
            let mut read = DecodeResponseIter::new(root, tree, &ours[..], &chunks);
            assert!(read.all(|item| item.is_ok()));
        }
    }
}

#[test]
fn what_is_proven_is_written_in_its_place_with_the_outboard() {
    for size in sizes() {
        let held = held(size);
        let (mut bytes, mut outboard) = (Vec::new(), Vec::new());
        let mut first = 0;
        while first < held.blob.groups() {
            let count = (held.blob.groups() - first).min(3) as u8;
            let range = range(first, count);
            let proof = proof(&held, range);
            write_proven(&held.blob, range, &proof, &mut bytes, &mut outboard).unwrap();
            first = range.end();
        }
        assert!(bytes == held.bytes, "{size}");
        assert!(outboard == held.outboard, "{size}");
    }
}

#[test]
fn a_peer_that_has_some_groups_and_their_outboard_passes_them_on() {
    let full = held(9 * GROUP + 5);
    let (mut bytes, mut outboard) = (Vec::new(), Vec::new());
    let range = range(4, 3);
    let first = proof(&full, range);
    write_proven(&full.blob, range, &first, &mut bytes, &mut outboard).unwrap();
    assert_eq!(prove(&full.blob, range, &bytes, &outboard), Ok(first));
    let absent = crate::support::range(7, 1);
    assert!(prove(&full.blob, absent, &bytes, &outboard).is_err());
}

/// Whatever precedes the flipped bit is written, and nothing from its part on.
#[test]
fn every_flipped_bit_is_refused_before_a_byte_of_its_part_is_written() {
    let held = held(2 * GROUP + 100);
    for range in [range(2, 1), range(1, 2), range(0, 3)] {
        let honest = proof(&held, range);
        let pieces = Proven::new(&held.blob, range, &honest).unwrap();
        let mut start = 0;
        for piece in pieces.map(Result::unwrap) {
            let (place, length) = match piece {
                Piece::Pair { offset, bytes } => (Place::Outboard(offset), bytes.len()),
                Piece::Group { offset, bytes } => (Place::Data(offset), bytes.len()),
            };
            // Every bit of hashes and of the short group, and each eighth byte of the long ones.
            let step = if length > 100 { 8 * 8 * 8 + 1 } else { 1 };
            for bit in (8 * start..8 * (start + length)).step_by(step) {
                let mut forged = honest.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                let mut read = Proven::new(&held.blob, range, &forged).unwrap();
                let taken: Vec<_> = read.by_ref().take_while(Result::is_ok).collect();
                let before: usize = taken.iter().map(|piece| piece_len(&piece.unwrap())).sum();
                assert_eq!(before, start, "bit {bit}");
                assert!(read.next().is_none());
                let (mut bytes, mut outboard) = (Vec::new(), Vec::new());
                let refused = write_proven(&held.blob, range, &forged, &mut bytes, &mut outboard);
                let wrong = WriteProvenError::Proof(ProofError::Wrong(place));
                assert_eq!(refused, Err(wrong), "bit {bit}");
                let from = range.first() as usize * GROUP;
                assert!(bytes.is_empty() || bytes[from..] == held.bytes[from..bytes.len()]);
            }
            start += length;
        }
        assert_eq!(start, honest.len());
    }
}

fn piece_len(piece: &Piece<'_>) -> usize {
    match piece {
        Piece::Pair { bytes, .. } | Piece::Group { bytes, .. } => bytes.len(),
    }
}

#[test]
fn a_proof_that_is_cut_short_or_goes_on_is_refused_before_anything_is_written() {
    let held = held(GROUP + 100);
    let range = range(1, 1);
    let honest = proof(&held, range);
    let expected = honest.len();
    let longer = [&honest[..], &[0]].concat();
    let cut = (0..expected).map(|length| honest[..length].to_vec());
    for wrong in cut.chain([longer]) {
        let mut bytes = Vec::new();
        let refused = write_proven(&held.blob, range, &wrong, &mut bytes, &mut ());
        let found = wrong.len();
        let length = ProofError::Length { expected, found };
        assert_eq!(refused, Err(WriteProvenError::Proof(length)));
        assert!(bytes.is_empty());
    }
}

#[test]
fn groups_of_another_place_or_another_blob_prove_nothing() {
    let (held, other) = (held(4 * GROUP), held(4 * GROUP - 1));
    let honest = proof(&held, range(1, 1));
    for wrong in [range(0, 1), range(2, 1), range(3, 1)] {
        let mut read = Proven::new(&held.blob, wrong, &honest).unwrap();
        assert!(!read.all(|piece| piece.is_ok()), "{wrong:?}");
    }
    let mut read = Proven::new(&other.blob, range(1, 1), &honest).unwrap();
    assert!(matches!(read.next(), Some(Err(_))));
    let outside = Proven::new(&held.blob, range(3, 2), &honest).err();
    assert_eq!(outside, Some(ProofError::NoSuchGroups));
    let outside = prove(&held.blob, range(4, 1), &held.bytes, &held.outboard);
    assert_eq!(outside, Err(ProveError::NoSuchGroups));
}

/// Trees of the same form do differ in their last group, so that one proves the size.
#[test]
fn the_last_group_proves_the_size() {
    for size in [100, GROUP, 2 * GROUP + 100, 5 * GROUP, 16 * GROUP - 1] {
        let held = held(size);
        let said = [1, size - 1, size + 1, size + GROUP, 2 * size, 4 * size];
        for said in said.into_iter().filter(|said| *said != size) {
            let blob = Blob::new(*held.blob.root(), said as u64).unwrap();
            let last = range(blob.groups() - 1, 1);
            let ours = range(held.blob.groups() - 1, 1);
            let mut honest = proof(&held, ours);
            let lengths = [
                honest.len(),
                honest.len() + 1,
                honest.len() - 1,
                64 * 3 + GROUP,
            ];
            for length in lengths {
                honest.resize(length, 0);
                let read = Proven::new(&blob, last, &honest);
                let holds = read.is_ok_and(|mut pieces| pieces.all(|piece| piece.is_ok()));
                assert!(!holds, "{size} said to be {said}");
            }
        }
    }
}

#[test]
fn damage_on_the_disk_is_found_before_it_is_sent() {
    let mut held = held(3 * GROUP);
    held.bytes[GROUP + 3] ^= 1;
    let damaged = prove(&held.blob, range(1, 1), &held.bytes, &held.outboard);
    assert_eq!(damaged, Err(ProveError::Damaged(Place::Data(GROUP as u64))));
    assert!(prove(&held.blob, range(0, 1), &held.bytes, &held.outboard).is_ok());
    held.outboard[0] ^= 1;
    let damaged = prove(&held.blob, range(0, 1), &held.bytes, &held.outboard);
    assert_eq!(damaged, Err(ProveError::Damaged(Place::Outboard(0))));
}

/// Lengths follow from the size alone, so that this needs no blob of 128 GiB.
#[test]
fn no_proof_has_more_hashes_than_a_response_has_room_for() {
    let most = Blob::new([0; 32], u64::from(GROUPS_MAX) * GROUP as u64).unwrap();
    let middle = GROUPS_MAX / 2;
    for first in (0..40)
        .chain(middle - 20..middle + 20)
        .chain(GROUPS_MAX - 40..GROUPS_MAX)
    {
        let Some(range) = GroupRange::new(first, REQUEST_GROUPS_MAX) else {
            continue;
        };
        let Some(ProofError::Length { expected, .. }) = Proven::new(&most, range, &[]).err() else {
            panic!("a proof without bytes");
        };
        let groups = usize::from(REQUEST_GROUPS_MAX) * GROUP;
        assert!(expected - groups <= PROOF_HASH_BYTES_MAX, "{expected}");
        assert!(expected - groups >= 21 * 64, "{expected}");
    }
}
