//! Archives in memory: decoded, taken out, hashed.

use std::{fs, hint::black_box, io, ptr};

use nix_core::hash::{Algorithm, Hash, Hasher, Sha256};
use nix_io::nar::{self, Decoder, Event, NarLimits, PackOptions};
use sha2::Digest;

use super::{
    archive::Hashing,
    options::Options,
    race::{self, Goal, Race, Unit},
    tree,
};

const DECODE_GB: f64 = 2.0;
const HASH_TIMES: f64 = 0.9;
const HASH_ALONE: &str = "sha2, the same bytes";
const ROOM_BYTES: usize = 64 << 20;
const CHUNK_BYTES: usize = 64 << 10;

/// Measures an archive in memory, and returns tables.
#[must_use]
pub fn run(options: &Options) -> String {
    let folder = tempfile::tempdir_in(&options.folder).unwrap();
    let source = folder.path().join("tree");
    fs::create_dir(&source).unwrap();
    let _ = tree::make(&source, options.bytes);
    let mut archive = Vec::with_capacity(options.bytes + options.bytes / 8);
    nar::pack(&source, &mut archive, &PackOptions::default()).unwrap();
    let (archive, rounds, length) = (&archive[..], options.rounds, archive.len());
    let [mut room, mut other_room, mut yard] = [const { Vec::new() }; 3];

    let decoding = Race::new("decode: events, contents lent", Unit::Bytes, length)
        .with("ours, whole", || decode(archive, length, |_| {}))
        .with("ours, chunks of 64 KiB", || {
            decode(archive, CHUNK_BYTES, |_| {})
        })
        .with("nix-nar, contents skipped", || by_nix_nar(archive, None))
        .run(rounds);
    let copying = Race::new("decode, each file copied out", Unit::Bytes, length)
        .with("ours", || take_out(archive, &mut room))
        .with("nix-nar", || by_nix_nar(archive, Some(&mut other_room)))
        .with_yardstick("copying alone", || {
            archive
                .chunks(CHUNK_BYTES)
                .for_each(|chunk| put(&mut yard, chunk));
            black_box(yard.as_ptr());
            length as u64
        })
        .run(rounds);
    let hashing = hashing(archive).run(rounds);
    let packing = Race::new("SHA-256 of the archive of a tree", Unit::Bytes, length)
        .with("ours, packed and hashed", || {
            let mut hashing = Hashing(Hasher::new(Algorithm::Sha256));
            nar::pack(&source, &mut hashing, &PackOptions::default()).unwrap();
            number(hashing.0.finish())
        })
        .with(HASH_ALONE, || {
            number(Sha256(sha2::Sha256::digest(archive).into()).into())
        })
        .run(rounds);
    let goals = [
        Goal::at_least("decode in memory", decoding.rate() / 1e9, DECODE_GB, "GB/s"),
        Goal::at_least(
            "decode, copied out",
            copying.rate() / 1e9,
            DECODE_GB,
            "GB/s",
        ),
        Goal::at_least(
            "SHA-256 of what is decoded, times the speed of the hash alone",
            hashing.times(HASH_ALONE).unwrap(),
            HASH_TIMES,
            "times",
        ),
    ];
    format!(
        "The archive of such a tree, {length} bytes, in memory.\n\n{}\n{}",
        race::table(&[decoding, copying, hashing, packing]),
        race::goals(&goals),
    )
}

fn hashing(archive: &[u8]) -> Race<'_> {
    let title = "SHA-256 of an archive that is decoded";
    Race::new(title, Unit::Bytes, archive.len())
        .with("ours, decoded and hashed", move || {
            let mut hasher = Hasher::new(Algorithm::Sha256);
            let mut decoder = Decoder::new(NarLimits::default());
            for chunk in archive.chunks(CHUNK_BYTES) {
                hasher.update(chunk);
                drain(&mut decoder, chunk, &mut |_| {});
            }
            decoder.finish().unwrap();
            number(hasher.finish())
        })
        .with(HASH_ALONE, move || {
            number(Sha256(sha2::Sha256::digest(archive).into()).into())
        })
        .with("ring, the same bytes", move || {
            let digest = ring::digest::digest(&ring::digest::SHA256, archive);
            number(Sha256(digest.as_ref().try_into().unwrap()).into())
        })
}

/// Decodes an archive that comes in chunks, and returns a sum over its contents' places.
fn decode(archive: &[u8], chunk: usize, mut take: impl FnMut(&[u8])) -> u64 {
    let mut decoder = Decoder::new(NarLimits::default());
    let chunks = archive.chunks(chunk);
    let sum = chunks
        .map(|chunk| drain(&mut decoder, chunk, &mut take))
        .sum();
    decoder.finish().unwrap();
    sum
}

/// Takes all events from a chunk, and returns how many bytes of contents and names it has.
fn drain(decoder: &mut Decoder, mut chunk: &[u8], take: &mut impl FnMut(&[u8])) -> u64 {
    let mut sum = 0;
    while let Some(event) = decoder.next(&mut chunk).unwrap() {
        match event {
            Event::Contents(contents) => {
                take(contents);
                black_box(ptr::from_ref(contents));
                sum += contents.len() as u64;
            }
            Event::Entry { name } => sum += name.len() as u64,
            Event::Symlink { target } => sum += target.len() as u64,
            Event::End => break,
            _ => {}
        }
    }
    sum
}

/// Copies every file into memory, as one would to go on with it.
fn take_out(archive: &[u8], room: &mut Vec<u8>) -> u64 {
    room.clear();
    let sum = decode(archive, CHUNK_BYTES, |contents| put(room, contents));
    black_box(room.as_ptr());
    sum
}

/// Puts bytes behind those that are there, unless these are too many to keep.
fn put(room: &mut Vec<u8>, bytes: &[u8]) {
    if room.len() > ROOM_BYTES {
        room.clear();
    }
    room.extend_from_slice(bytes);
}

/// Does the same by another library.
fn by_nix_nar(archive: &[u8], mut room: Option<&mut Vec<u8>>) -> u64 {
    let decoder = nix_nar::Decoder::new(archive).unwrap();
    let mut sum = 0;
    for entry in decoder.entries().unwrap() {
        let entry = entry.unwrap();
        let name = entry.path.as_ref().and_then(|path| path.file_name());
        sum += name.map_or(0, str::len) as u64;
        match entry.content {
            nix_nar::Content::File { size, mut data, .. } => {
                if let Some(room) = room.as_deref_mut() {
                    if room.len() > ROOM_BYTES {
                        room.clear();
                    }
                    io::copy(&mut data, room).unwrap();
                }
                sum += size;
            }
            nix_nar::Content::Symlink { target } => sum += target.as_str().len() as u64,
            nix_nar::Content::Directory => {}
        }
    }
    black_box(room.map(|room| room.as_ptr()));
    sum
}

/// A number that depends on a hash.
fn number(hash: Hash) -> u64 {
    u64::from_le_bytes(*hash.digest().first_chunk().unwrap())
}
