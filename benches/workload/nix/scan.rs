//! References looked for in bytes.

use std::{collections::HashSet, hint::black_box};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use nix_core::references::ReferenceScanner;

use super::{
    options::Options,
    race::{self, Goal, Race, Unit},
    tree,
};
use crate::{Random, nix32};

const CANDIDATES: usize = 100_000;
const CHUNK_BYTES: usize = 64 << 10;
/// What the others scan: they are slow.
const PIECE_BYTES: usize = 8 << 20;
const LEN: usize = 32;
const RANDOM_GB: f64 = 2.0;
/// In text, one path in so many words.
const WORDS_A_PATH: u64 = 200;

/// Measures the scanner, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let mut random = Random::new(5);
    let candidates: Vec<[u8; LEN]> = (0..CANDIDATES).map(|_| part(&mut random)).collect();
    let mut bytes = vec![0; options.bytes];
    tree::fill(&mut bytes, &mut random);
    // So that there is something to find.
    for place in (0..bytes.len() - LEN).step_by(1 << 20) {
        let which = random.below(CANDIDATES as u64) as usize;
        bytes[place + 7..place + 7 + LEN].copy_from_slice(&candidates[which]);
    }
    let words = text(options.bytes, &candidates, &mut random);
    let automaton = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::NoncontiguousNFA))
        .build(&candidates)
        .unwrap();
    let set: HashSet<[u8; LEN]> = candidates.iter().copied().collect();

    let scanner = ReferenceScanner::new(candidates.iter().copied());

    let mut outcomes = Vec::new();
    for (what, bytes) in [("random bytes", &bytes), ("text", &words)] {
        let piece = &bytes[..PIECE_BYTES.min(bytes.len())];
        let whole = Race::new(format!("scan {what}"), Unit::Bytes, bytes.len())
            .with("ours", || {
                scan(ReferenceScanner::new(candidates.iter().copied()), bytes)
            })
            .run(options.rounds);
        let beside = Race::new(
            format!("scan 8 MiB of {what}, tables ready"),
            Unit::Bytes,
            piece.len(),
        )
        .with("ours", || scan(scanner.clone(), piece))
        .with("aho-corasick", || by_automaton(&automaton, piece))
        .with("every window, HashSet", || by_set(&set, piece))
        .run(options.rounds);
        outcomes.extend([whole, beside]);
    }
    let rate = outcomes[0].rate() / 1e9;
    let goals = [Goal::at_least(
        "reference scan of random bytes",
        rate,
        RANDOM_GB,
        "GB/s",
    )];
    format!(
        "{CANDIDATES} candidates, {} bytes in chunks of 64 KiB; for all of them the scanner is made \
         each time.\n\n{}\n{}",
        options.bytes,
        race::table(&outcomes),
        race::goals(&goals),
    )
}

fn part(random: &mut Random) -> [u8; LEN] {
    *nix32(random, LEN).as_bytes().first_chunk().unwrap()
}

/// Words of letters, with store paths among them now and then.
fn text(bytes: usize, candidates: &[[u8; LEN]], random: &mut Random) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 100);
    while text.len() < bytes {
        if random.below(WORDS_A_PATH) == 0 {
            text.extend_from_slice(b"/nix/store/");
            let which = random.below(candidates.len() as u64) as usize;
            text.extend_from_slice(&candidates[which]);
            text.extend_from_slice(b"-name/bin");
        } else {
            let mut letters = random.number();
            for _ in 0..2 + random.below(9) {
                text.push(b'a' + (letters % 26) as u8);
                letters /= 26;
            }
        }
        text.push(if random.below(12) == 0 { b'\n' } else { b' ' });
    }
    text.truncate(bytes);
    text
}

fn scan(mut scanner: ReferenceScanner, bytes: &[u8]) -> u64 {
    for chunk in bytes.chunks(CHUNK_BYTES) {
        scanner.update(chunk);
    }
    black_box(scanner.found().count() as u64)
}

fn by_automaton(automaton: &AhoCorasick, bytes: &[u8]) -> u64 {
    let found = automaton.find_overlapping_iter(bytes);
    let found: HashSet<usize> = found.map(|found| found.pattern().as_usize()).collect();
    found.len() as u64
}

fn by_set(set: &HashSet<[u8; LEN]>, bytes: &[u8]) -> u64 {
    let windows = bytes.windows(LEN).filter_map(<[u8]>::first_chunk);
    let found: HashSet<&[u8; LEN]> = windows.filter(|window| set.contains(*window)).collect();
    found.len() as u64
}
