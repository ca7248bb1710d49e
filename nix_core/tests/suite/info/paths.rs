//! The signatures of 63,436 real paths.

use std::{fs, fs::File, io::BufRead, io::BufReader};

use nix_core::{
    path_info::PathInfo,
    signature::TrustedKeys,
    store_path::{StoreDir, StorePath},
};

use super::{parse, shared};

const PATHS: usize = 63_436;
const SAMPLE: usize = 2_000;

/// Reads some of the paths, as far apart as [`SAMPLE`] of them from all over the file are.
fn sample(count: usize) -> Option<(TrustedKeys, Vec<PathInfo>)> {
    let file = File::open(shared("data/store-paths.jsonl.zst")?).expect("the paths");
    let key = fs::read_to_string(shared("data/store-paths.public-key")?).expect("the key");
    let keys = key.parse().expect("a public key");
    let decoder = ruzstd::decoding::StreamingDecoder::new(BufReader::new(file)).expect("zstd");
    let lines = BufReader::new(decoder).lines().step_by(PATHS / SAMPLE);
    let infos = lines.take(count).map(|line| {
        let json = parse(line.expect("a line").as_bytes());
        PathInfo::from_keyed_json(&StoreDir::default(), &json).expect("a path info")
    });
    Some((keys, infos.collect()))
}

/// Returns the path with one bit of its digest flipped.
fn flipped(path: &StorePath, bit: usize) -> StorePath {
    let mut digest = path.digest();
    digest[bit / 8 % 20] ^= 1 << (bit % 8);
    StorePath::new(digest, &path.to_name())
}

/// Flips one bit of one thing that the signature covers, or of the signature.
fn flip(info: &PathInfo, what: usize, bit: usize) -> PathInfo {
    let mut info = info.clone();
    match what {
        0 => {
            let mut signature = info.signatures.pop_first().expect("every path is signed");
            signature.bytes[bit / 8 % 64] ^= 1 << (bit % 8);
            info.signatures.insert(signature);
        }
        1 => info.nar_hash.0[bit / 8 % 32] ^= 1 << (bit % 8),
        2 => info.nar_size ^= 1 << (bit % 64),
        3 => info.path = flipped(&info.path, bit),
        _ => {
            if let Some(reference) = info.references.pop_last() {
                info.references.insert(flipped(&reference, bit));
            } else {
                info.references.insert(flipped(&info.path, bit));
            }
        }
    }
    info
}

#[test]
fn real_signatures_are_valid_and_no_flipped_bit_passes() {
    let Some((keys, infos)) = sample(SAMPLE) else {
        return;
    };
    assert_eq!(infos.len(), SAMPLE);
    let dir = StoreDir::default();
    let (half, rest) = infos.split_at(SAMPLE / 2);
    let check = |first: usize, infos: &[PathInfo]| {
        for (index, info) in infos.iter().enumerate() {
            let check = info.check_signatures(&dir, &keys);
            assert!(!check.content_addressed);
            assert!(check.is_trusted(1), "{info:?}");
            // One thing of each path, another one of the next, and each bit in its turn.
            let index = first + index;
            let forged = flip(info, index % 5, index / 5);
            assert_ne!(&forged, info);
            let check = forged.check_signatures(&dir, &keys);
            assert_eq!(
                (check.valid.len(), check.invalid.len()),
                (0, 1),
                "{forged:?}"
            );
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| check(0, half));
        check(half.len(), rest);
    });
}

#[test]
fn no_path_trusts_a_key_that_did_not_sign_it() {
    let Some((_, infos)) = sample(20) else { return };
    let other: TrustedKeys = "cache.example.org-1:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        .parse()
        .expect("the key of RFC 8032");
    for info in infos {
        let check = info.check_signatures(&StoreDir::default(), &other);
        assert_eq!((check.valid.len(), check.invalid.len()), (0, 1));
        let check = info.check_signatures(&StoreDir::default(), &TrustedKeys::default());
        assert_eq!((check.valid.len(), check.unknown.len()), (0, 1));
    }
}
