//! Proofs that are verified while they arrive.

use std::io::{self, Read, repeat};

use nix_remote::peers::transfer::{
    GroupRange, LIE_BYTES_MAX, Lie, Piece, ProofError, Proven, Received, Receiving, Response, prove,
};

use crate::{
    hand::{Hand, bans, gets, written},
    support::{Dice, GROUP, Held, held, range, sizes},
    world::ms,
};

/// A stream that gives some bytes at a time, counts them, and is interrupted now and then.
struct Stream<'a> {
    rest: &'a [u8],
    dice: Dice,
    read: usize,
}

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.dice.percent(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = 1 + self.dice.below(100_000) as usize;
        let end = into.len().min(most);
        let read = self.rest.read(&mut into[..end])?;
        self.read += read;
        Ok(read)
    }
}

fn proof(held: &Held, range: GroupRange) -> Vec<u8> {
    prove(&held.blob, range, &held.bytes, &held.outboard).unwrap()
}

/// Returns what comes of a stream, and how many bytes of it were read.
fn receive(held: &Held, range: GroupRange, bytes: &[u8]) -> (Received, usize) {
    let mut stream = Stream {
        rest: bytes,
        dice: Dice::new(bytes.len() as u64),
        read: 0,
    };
    let received = Receiving::new(&held.blob, range).unwrap();
    let received = received.read(&mut stream).unwrap();
    (received, stream.read)
}

/// Returns how many bytes of a proof stand before the first part that is not that of the blob.
fn before_wrong(held: &Held, range: GroupRange, proof: &[u8]) -> (usize, Option<ProofError>) {
    let mut before = 0;
    for piece in Proven::new(&held.blob, range, proof).unwrap() {
        match piece {
            Ok(Piece::Pair { bytes, .. } | Piece::Group { bytes, .. }) => before += bytes.len(),
            Err(error) => return (before, Some(error)),
        }
    }
    (before, None)
}

fn some_ranges(held: &Held) -> Vec<GroupRange> {
    let groups = held.blob.groups();
    let all = (0..groups).flat_map(|first| [1, 2, 5, 16].map(|count| range(first, count)));
    let all = all.filter(|range| held.blob.has(*range));
    all.step_by(7).collect()
}

#[test]
fn all_of_a_proof_is_read_and_proven() {
    for held in sizes().into_iter().map(held) {
        for range in some_ranges(&held) {
            let proof = proof(&held, range);
            let (received, read) = receive(&held, range, &proof);
            assert_eq!(received.wrong(), None);
            assert_eq!((received.bytes(), read), (proof.len(), proof.len()));
            assert_eq!(received.verified_bytes(), proof.len());
            assert!(received.into_proof() == proof);
        }
    }
}

#[test]
fn of_a_lie_no_more_is_read_than_a_group_and_the_hashes_above_it() {
    let held = held(97 * GROUP + 1234);
    let mut dice = Dice::new(3);
    for range in some_ranges(&held) {
        let truth = proof(&held, range);
        for _ in 0..8 {
            let mut forged = truth.clone();
            let at = dice.below(forged.len() as u64) as usize;
            forged[at] ^= 1 << dice.below(8);
            let (received, read) = receive(&held, range, &forged);
            let (before, wrong) = before_wrong(&held, range, &forged);
            assert!(wrong.is_some());
            assert_eq!(received.wrong(), wrong);
            assert_eq!(received.verified_bytes(), before);
            assert_eq!(received.bytes(), read);
            assert!(read - before <= LIE_BYTES_MAX, "{read} bytes");
        }
    }
}

#[test]
fn what_ends_too_early_or_too_late_is_wrong_behind_all_that_is_proven() {
    let held = held(9 * GROUP);
    let range = range(1, 4);
    let truth = proof(&held, range);
    let expected = truth.len();
    let mut dice = Dice::new(4);
    let lengths = (0..50).map(|_| dice.below(expected as u64) as usize);
    for found in lengths.chain([0, 1, expected - 1]) {
        let (received, _) = receive(&held, range, &truth[..found]);
        let wrong = Some(ProofError::Length { expected, found });
        assert_eq!(received.wrong(), wrong);
        assert!(found - received.verified_bytes() < GROUP);
    }
    for more in [1, 2, 100_000] {
        let longer = [&truth[..], &vec![0; more]].concat();
        let (received, read) = receive(&held, range, &longer);
        let found = expected + 1;
        let wrong = Some(ProofError::Length { expected, found });
        assert_eq!((received.wrong(), read), (wrong, found));
        assert_eq!(received.verified_bytes(), expected);
    }
}

#[test]
fn nothing_is_read_of_a_stream_after_the_first_part_that_is_wrong() {
    let held = held(97 * GROUP);
    let receiving = Receiving::new(&held.blob, range(3, 16)).unwrap();
    let received = receiving.read(&mut repeat(4)).unwrap();
    assert!(matches!(received.wrong(), Some(ProofError::Wrong(_))));
    assert_eq!(received.verified_bytes(), 0);
    assert!(received.bytes() <= LIE_BYTES_MAX);

    let mut receiving = Receiving::new(&held.blob, range(3, 16)).unwrap();
    assert!(receiving.space().len() <= 4096, "nothing has come yet");
    receiving.arrived(64);
    assert!(receiving.space().is_empty());
    let none = Receiving::new(&held.blob, range(90, 16));
    assert_eq!(none.unwrap_err(), ProofError::NoSuchGroups);
}

#[test]
fn groups_are_written_as_they_were_proven() {
    let blob = held(40 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let (_, id, asked) = sent[0];
    let (received, _) = receive(&blob, asked, &proof(&blob, asked));
    hand.download.on_received(&1, id, received, ms(20));
    let outputs = hand.outputs(ms(20));
    let place = u64::from(asked.first()) * GROUP as u64;
    let length = usize::from(asked.count()) * GROUP;
    assert_eq!(written(&outputs), [(place, length)]);
    assert!(!gets(&outputs).is_empty(), "more is asked for");
    assert_eq!(hand.download.counts().wasted_bytes, 0);
}

#[test]
fn groups_of_something_else_are_as_good_as_lost_and_late_ones_are_counted() {
    let blob = held(40 * GROUP);
    let other = held(41 * GROUP);
    let mut hand = Hand::new(&blob);
    let sent = hand.begin(1);
    let (_, id, asked) = sent[0];
    let elsewhere = range(asked.first() + 7, asked.count());
    let of_elsewhere = receive(&blob, elsewhere, &proof(&blob, elsewhere)).0;
    let of_other = receive(&other, asked, &proof(&other, asked)).0;
    for (received, id) in [(of_elsewhere, id), (of_other, sent[1].1)] {
        hand.download.on_received(&1, id, received, ms(20));
        let outputs = hand.outputs(ms(20));
        assert!(written(&outputs).is_empty());
        assert!(bans(&outputs).is_empty());
    }
    let (late, _) = receive(&blob, asked, &proof(&blob, asked));
    let bytes = late.bytes() as u64;
    hand.download.on_received(&1, id, late, ms(30));
    assert!(written(&hand.outputs(ms(30))).is_empty());
    assert_eq!(hand.download.counts().late_bytes, bytes);
}

#[test]
fn a_last_group_that_a_lie_follows_proves_the_size_all_the_same() {
    let blob = held(40 * GROUP);
    let mut hand = Hand::new(&blob);
    let complete = hand.complete();
    let (_, id, asked) = gets(&hand.join(1, &complete, ms(0)))[0];
    let longer = [proof(&blob, asked), vec![0]].concat();
    let (received, _) = receive(&blob, asked, &longer);
    hand.download.on_received(&1, id, received, ms(20));
    let outputs = hand.outputs(ms(20));
    assert_eq!(bans(&outputs).len(), 1);
    assert!(matches!(
        bans(&outputs)[0].1,
        Lie::Proof(ProofError::Length { .. })
    ));
    assert!(hand.download.size_is_proven());
    assert_eq!(hand.download.counts().wasted_bytes, 1);
    let next = gets(&hand.join(2, &complete, ms(30)));
    assert_eq!(next[0].2.first(), 0, "what is left is asked of others");
}

#[test]
fn of_a_response_that_is_there_as_a_whole_the_same_is_taken() {
    let blob = held(40 * GROUP);
    let mut hand = Hand::new(&blob);
    let (_, id, asked) = hand.begin(1)[0];
    let longer = [proof(&blob, asked), vec![0; 10]].concat();
    let response = Response::Proof(longer);
    hand.download.on_response(&1, id, response, ms(20));
    let outputs = hand.outputs(ms(20));
    assert_eq!(written(&outputs).len(), 1);
    assert_eq!(bans(&outputs).len(), 1);
    assert_eq!(hand.download.counts().wasted_bytes, 10);
}
