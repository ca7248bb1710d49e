use alloc::{collections::BTreeSet, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::{nix32, store_path::StorePath};

const LEN: usize = 32;

type Part = [u8; LEN];

/// Hash parts of few different digits, so that they overlap in texts of the same ones.
fn arb_part() -> impl Strategy<Value = Part> {
    let digit = prop_oneof![9 => Just(b'0'), 1 => Just(b'1')];
    let few = prop::collection::vec(digit, LEN);
    let few = few.prop_map(|digits| Part::try_from(digits).unwrap());
    let any = any::<[u8; 20]>().prop_map(|bytes| nix32::encode_20(&bytes));
    prop_oneof![few, any]
}

/// Bytes that hold some of the parts, pieces of them, and what is between.
fn arb_bytes(parts: Vec<Part>) -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::sample::select(parts.clone()).prop_map(Vec::from);
    let piece = (prop::sample::select(parts), 0..LEN);
    let piece = piece.prop_map(|(part, at)| part[at..].to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..40);
    let digits = prop::collection::vec(prop_oneof![Just(b'0'), Just(b'1')], 0..70);
    let pieces = prop_oneof![whole, piece, noise, digits];
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

fn arb_case() -> impl Strategy<Value = (Vec<Part>, Vec<u8>, Vec<usize>)> {
    let parts = prop::collection::vec(arb_part(), 1..6);
    let cuts = prop::collection::vec(1_usize..50, 1..6);
    parts.prop_flat_map(move |parts| (Just(parts.clone()), arb_bytes(parts), cuts.clone()))
}

/// Cuts bytes into chunks of sizes that come again and again.
fn chunks<'b>(mut bytes: &'b [u8], sizes: &[usize]) -> Vec<&'b [u8]> {
    let mut chunks = Vec::new();
    let mut sizes = sizes.iter().cycle();
    while !bytes.is_empty() {
        let size = sizes.next().copied().unwrap_or(1).min(bytes.len());
        let (chunk, rest) = bytes.split_at(size);
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

fn found_by_scanner(parts: &[Part], chunks: &[&[u8]]) -> Vec<Part> {
    let mut scanner = ReferenceScanner::new(parts.iter().copied());
    chunks.iter().for_each(|chunk| scanner.update(chunk));
    scanner.found().collect()
}

fn found_by_looking(parts: &[Part], bytes: &[u8]) -> Vec<Part> {
    let windows: BTreeSet<&[u8]> = bytes.windows(LEN).collect();
    let found = parts.iter().filter(|part| windows.contains(&part[..]));
    found
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn rewritten(replacements: &[(Part, Part)], chunks: &[&[u8]]) -> (Vec<u8>, Vec<u64>) {
    let mut written = Vec::new();
    let mut rewriter = Rewriter::new(replacements.iter().copied());
    for chunk in chunks {
        rewriter.update(chunk, |bytes| written.extend_from_slice(bytes));
    }
    let positions = rewriter.finish(|bytes| written.extend_from_slice(bytes));
    (written, positions)
}

fn rewritten_by_looking(replacements: &[(Part, Part)], bytes: &[u8]) -> (Vec<u8>, Vec<u64>) {
    let (mut written, mut positions) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while let Some(byte) = rest.first() {
        let replacement = replacements
            .iter()
            .rfind(|(from, _)| rest.starts_with(from));
        if let Some((_, to)) = replacement {
            positions.push(written.len() as u64);
            written.extend_from_slice(to);
            rest = &rest[LEN..];
        } else {
            written.push(*byte);
            rest = &rest[1..];
        }
    }
    (written, positions)
}

#[test]
fn hash_parts_are_found_wherever_chunks_end() {
    let part = *b"dc04vv14dak1c1r48qa0m23vr9jy8sm0";
    let other = *b"zc842j0rz61mjsp3h3wp5ly71ak6qgdn";
    let bytes = [b"xx", &part[..], b"0", &part[1..], b"y"].concat();
    for size in 1..=bytes.len() {
        let chunks: Vec<_> = bytes.chunks(size).collect();
        assert_eq!(found_by_scanner(&[other, part], &chunks), [part], "{size}");
    }
    assert!(found_by_scanner(&[part], &[&part[..31]]).is_empty());
    assert!(found_by_scanner(&[part], &[&part[1..], &part[..1]]).is_empty());
}

#[test]
fn hash_parts_are_found_right_behind_one_byte_that_is_no_digit() {
    let parts = [
        *b"dc04vv14dak1c1r48qa0m23vr9jy8sm0",
        *b"zc842j0rz61mjsp3h3wp5ly71ak6qgdn",
    ];
    let [first, second] = parts;
    assert_eq!(found_by_scanner(&parts, &[&parts.join(&b'-')]), parts);
    assert_eq!(
        found_by_scanner(&parts, &[&[b"-", &second[..], b"-", &first].concat()]),
        parts
    );
    let bytes = [b"0", &first[..], b"-", &second].concat();
    assert_eq!(found_by_scanner(&parts, &[&bytes]), parts);
}

#[test]
fn neither_store_dir_nor_name_is_needed_and_overlaps_count() {
    let bytes = [[b'0'; 33].as_slice(), b"1"].concat();
    let zeros = [b'0'; LEN];
    let mut last_one = zeros;
    last_one[31] = b'1';
    assert_eq!(
        found_by_scanner(&[zeros, last_one], &[&bytes]),
        [zeros, last_one]
    );
}

#[test]
fn a_scan_is_complete_when_each_part_was_found() {
    let (first, second) = ([b'0'; LEN], [b'1'; LEN]);
    let mut scanner = ReferenceScanner::new([first, second]);
    assert!(!scanner.is_complete());
    for (bytes, complete) in [
        (&first, false),
        (&first, false),
        (&second, true),
        (&first, true),
    ] {
        scanner.update(b"-");
        scanner.update(bytes);
        assert_eq!(scanner.is_complete(), complete);
    }
    assert!(ReferenceScanner::new([]).is_complete());
}

#[test]
fn paths_are_found_by_their_hash_parts() {
    let path = |text: &str| StorePath::from_base_name(text).unwrap();
    let own = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-own");
    let other = path("00000000000000000000000000000000-other");
    let mut scanner = PathScanner::new([own.clone(), other]);
    scanner.update(b"/nix/store/g1w7hy3qg1w7hy3q");
    scanner.update(b"g1w7hy3qg1w7hy3q-of-another-name");
    assert_eq!(scanner.finish(), [own].into());
}

#[test]
fn a_rewriter_holds_back_only_what_may_begin_a_match() {
    let mut rewriter = Rewriter::new([([b'0'; LEN], [b'1'; LEN])]);
    let mut passed = 0;
    rewriter.update(&[b'0'; LEN - 1], |bytes| passed += bytes.len());
    assert_eq!((passed, rewriter.positions()), (0, &[][..]));
    rewriter.update(b"-", |bytes| passed += bytes.len());
    assert_eq!((passed, rewriter.positions()), (1, &[][..]));
    rewriter.update(&[b'0'; LEN], |bytes| passed += bytes.len());
    assert_eq!((passed, rewriter.positions()), (2 * LEN, &[32][..]));
}

#[test]
fn what_is_not_base_32_is_never_found() {
    let wrong = [b'e'; LEN];
    assert!(found_by_scanner(&[wrong], &[&wrong]).is_empty());
    assert_eq!(
        rewritten(&[(wrong, [b'0'; LEN])], &[&wrong]),
        (wrong.into(), vec![])
    );
    let mut scanner = ReferenceScanner::new([]);
    scanner.update(&[b'0'; 100]);
    assert!(scanner.is_complete());
}

#[test]
fn each_of_many_candidates_is_found() {
    let part = |n: u32| {
        let mut digest = [0; 20];
        // Both alike heads and alike tails occur.
        let place = if n.is_multiple_of(2) { 0..4 } else { 16..20 };
        digest[place].copy_from_slice(&n.to_le_bytes());
        nix32::encode_20(&digest)
    };
    let parts: Vec<_> = (1..5000).map(part).collect();
    let wanted: Vec<_> = parts.iter().step_by(3).copied().collect();
    let bytes = wanted.join(&b"-name "[..]);
    let sorted: BTreeSet<_> = wanted.into_iter().collect();
    assert_eq!(found_by_scanner(&parts, &[&bytes]), Vec::from_iter(sorted));
}

#[test]
fn of_overlapping_hash_parts_the_first_is_replaced() {
    let (zeros, ones) = ([b'0'; LEN], [b'1'; LEN]);
    let bytes = [b'0'; 70];
    let (written, positions) = rewritten(&[(zeros, ones)], &[&bytes[..40], &bytes[40..]]);
    assert_eq!(positions, [0, 32]);
    assert_eq!(written, [&[b'1'; 64][..], b"000000"].concat());
    let last = rewritten(&[(zeros, zeros), (zeros, ones)], &[&bytes[..LEN]]);
    assert_eq!(last, (ones.into(), vec![0]));
}

#[test]
fn replacements_may_lie_far_from_the_beginning() {
    let (from, to) = (*b"dc04vv14dak1c1r48qa0m23vr9jy8sm0", [0; LEN]);
    let mut bytes = vec![b'a'; 300_000];
    for at in [65_520, 65_536 * 2 - 1, 299_968] {
        bytes[at..at + LEN].copy_from_slice(&from);
    }
    let (written, positions) = rewritten(&[(from, to)], &[&bytes]);
    assert_eq!(positions, [65_520, 131_071, 299_968]);
    assert_eq!(written.len(), bytes.len());
    assert_eq!(written.iter().filter(|byte| **byte == 0).count(), 3 * LEN);
}

proptest! {
    #[test]
    fn the_scanner_finds_what_looking_at_each_window_finds((parts, bytes, sizes) in arb_case()) {
        let found = found_by_scanner(&parts, &chunks(&bytes, &sizes));
        prop_assert_eq!(found, found_by_looking(&parts, &bytes));
    }

    #[test]
    fn the_rewriter_replaces_what_looking_at_each_place_replaces(
        (parts, bytes, sizes) in arb_case(),
        to in arb_part(),
    ) {
        let pairs: Vec<_> = parts.iter().map(|part| (*part, to)).chain([(to, [0; LEN])]).collect();
        let chunks = chunks(&bytes, &sizes);
        prop_assert_eq!(rewritten(&pairs, &chunks), rewritten_by_looking(&pairs, &bytes));
    }
}
