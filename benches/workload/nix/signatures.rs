//! The signatures of real paths, each checked strictly.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::Path,
    thread,
};

use ed25519_dalek::VerifyingKey;
use nix_core::{path_info::PathInfo, signature::TrustedKeys, store_path::StoreDir};
use ring::signature::{ED25519, UnparsedPublicKey};
use ruzstd::decoding::StreamingDecoder;

use super::{
    options::Options,
    race::{self, Goal, Race, Unit},
    shared, skipped,
};

const DALEK: &str = "ed25519-dalek, fingerprints ready";
/// How much of the speed of the bare check is to be left.
const TIMES: f64 = 0.9;
const ROUNDS_MAX: usize = 3;
/// One path in so many of a quick run.
const QUICK_STEP: usize = 8;

/// Measures signatures, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let paths = shared("data/store-paths.jsonl.zst");
    if !paths.is_file() {
        return skipped("signatures", &paths);
    }
    let step = if options.is_quick { QUICK_STEP } else { 1 };
    let (dir, infos) = (StoreDir::default(), read(&paths, step));
    let key = shared("data/store-paths.public-key");
    let keys: TrustedKeys = fs::read_to_string(key).unwrap().parse().unwrap();
    let bytes = keys.iter().next().unwrap().as_bytes();
    let fingerprints: Vec<_> = infos
        .iter()
        .map(|info| info.fingerprint(&dir).unwrap())
        .collect();
    let signatures = infos
        .iter()
        .map(|info| info.signatures.first().unwrap().bytes);
    let signed: Vec<_> = fingerprints
        .iter()
        .map(String::as_bytes)
        .zip(signatures)
        .collect();

    let ours = |infos: &[PathInfo]| {
        let good = |info: &&PathInfo| info.check_signatures(&dir, &keys).is_trusted(1);
        infos.iter().filter(good).count() as u64
    };
    let strict = VerifyingKey::from_bytes(bytes).unwrap();
    let dalek = |signed: &[(&[u8], [u8; 64])]| {
        let good = |(message, signature): &&(&[u8], [u8; 64])| {
            strict
                .verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
                .is_ok()
        };
        signed.iter().filter(good).count() as u64
    };
    let unparsed = UnparsedPublicKey::new(&ED25519, bytes);
    let ring = |signed: &[(&[u8], [u8; 64])]| {
        let good =
            |(message, signature): &&(&[u8], [u8; 64])| unparsed.verify(message, signature).is_ok();
        signed.iter().filter(good).count() as u64
    };
    let count = infos.len();
    assert_eq!(
        ours(&infos),
        count as u64,
        "every path is signed by the key"
    );
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let race = |title: String| Race::new(title, Unit::Things, count);
    let one = race("signatures, one core".to_owned())
        .with("ours, fingerprints made", || ours(&infos))
        .with(DALEK, || dalek(&signed))
        .with("ring, fingerprints ready, not strict", || ring(&signed))
        .run(options.rounds.min(ROUNDS_MAX));
    let all = race(format!("signatures, {cores} cores"))
        .with("ours, fingerprints made", || on_cores(cores, &infos, ours))
        .with(DALEK, || on_cores(cores, &signed, dalek))
        .run(options.rounds.min(ROUNDS_MAX));
    let goals = [("one core", &one), ("all cores", &all)].map(|(title, outcome)| {
        let title = format!("signatures on {title}, times the speed of ed25519-dalek alone");
        Goal::at_least(&title, outcome.times(DALEK).unwrap(), TIMES, "times")
    });
    let seconds = all.seconds();
    format!(
        "{count} signatures of real paths: {seconds:.2} s on {cores} cores.\n\n{}\n{}",
        race::table(&[one, all]),
        race::goals(&goals),
    )
}

/// Reads one in so many of the paths.
pub(super) fn read(paths: &Path, step: usize) -> Vec<PathInfo> {
    let decoder = StreamingDecoder::new(BufReader::new(File::open(paths).unwrap())).unwrap();
    let lines = BufReader::new(decoder).lines().step_by(step);
    let infos = lines.map(|line| {
        let json = serde_json::from_str(&line.unwrap()).unwrap();
        PathInfo::from_keyed_json(&StoreDir::default(), &json).unwrap()
    });
    infos.collect()
}

fn on_cores<T: Sync>(cores: usize, items: &[T], work: impl Fn(&[T]) -> u64 + Sync) -> u64 {
    let work = &work;
    thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(cores));
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    })
}
