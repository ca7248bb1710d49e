//! What may stand one behind the other, and what may not.

use nix_io::compression::{Compression, DecompressErrorKind};

use crate::support::{CODECS, kind, packed, sample, unpacked, unpacked_by};

const SKIPPABLE: &[u8] = &[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'a', b'b', b'c'];

#[test]
fn streams_behind_each_other_are_read_as_one() {
    let data = sample(20_000);
    let (first, second) = data.split_at(data.len() / 3);
    let zeros = [0; 8];
    for compression in CODECS {
        let part = |data| packed(compression, data);
        let (a, b, empty) = (part(first), part(second), part(&[]));
        let cases: Vec<Vec<&[u8]>> = match compression {
            Compression::Xz => vec![vec![&a, &b, &empty], vec![&a, &zeros, &b, &zeros[..4]]],
            Compression::Zstd => vec![
                vec![&a, &empty, &b],
                vec![SKIPPABLE, &a, SKIPPABLE, SKIPPABLE, &b, SKIPPABLE],
            ],
            Compression::Bzip2 | Compression::Gzip => vec![vec![&a, &empty, &b]],
            _ => continue,
        };
        for case in cases {
            let file = case.concat();
            for buffer_bytes in [1, 3, 64 << 10] {
                let found = unpacked_by(compression, &file, buffer_bytes).unwrap();
                assert!(found == data, "{compression}");
            }
        }
    }
}

#[test]
fn anything_else_behind_a_stream_is_refused() {
    for compression in CODECS {
        let file = packed(compression, b"data");
        let tails: [&[u8]; 6] = [b"x", b"\0", b"\0\0\0\0\0", b"garbage", &file[..1], b"\n"];
        for tail in tails {
            let long = [&file, tail].concat();
            for buffer_bytes in [1, 64 << 10] {
                let found = kind(unpacked_by(compression, &long, buffer_bytes));
                assert_eq!(
                    found,
                    DecompressErrorKind::Trailing,
                    "{compression} {tail:?}"
                );
            }
        }
    }
    let xz = packed(Compression::Xz, b"data");
    for zeros in [1, 2, 3, 5, 7] {
        let file = [&xz[..], &vec![0; zeros], &xz].concat();
        let found = kind(unpacked(Compression::Xz, &file));
        assert_eq!(found, DecompressErrorKind::Trailing);
    }
}

#[test]
fn a_cut_last_stream_is_an_error() {
    for compression in [
        Compression::Xz,
        Compression::Zstd,
        Compression::Bzip2,
        Compression::Gzip,
    ] {
        let one = packed(compression, &sample(300));
        let two = one.repeat(2);
        for len in one.len() + 1..two.len() {
            let found = kind(unpacked(compression, &two[..len]));
            let is_cut = found == DecompressErrorKind::Truncated;
            // Too little of a magic to know whether it is one.
            let is_stub = found == DecompressErrorKind::Trailing && len < one.len() + 6;
            assert!(is_cut || is_stub, "{compression} {len}: {found:?}");
        }
    }
    let cut_skippable = &SKIPPABLE[..10];
    let found = kind(unpacked(Compression::Zstd, cut_skippable));
    assert_eq!(found, DecompressErrorKind::Truncated);
}

#[test]
fn another_format_is_refused_as_such() {
    for compression in [
        Compression::Xz,
        Compression::Zstd,
        Compression::Bzip2,
        Compression::Gzip,
    ] {
        for other in Compression::ALL {
            if other != compression {
                let file = packed(other, &sample(100));
                let found = kind(unpacked(compression, &file));
                assert_eq!(
                    found,
                    DecompressErrorKind::Format,
                    "{other} as {compression}"
                );
            }
        }
    }
}
