//! Damaged and crafted streams end in an error, never in a panic or in other data.

use nix_io::compression::{
    Compression, DecompressErrorKind, XZ_DICTIONARY_BYTES_MAX, ZSTD_WINDOW_BYTES_MAX,
};
use proptest::{prelude::*, sample::select};

use crate::support::{CODECS, kind, packed, sample, unpacked, unpacked_by};

/// Whether a stream of the format shows by itself that it was changed.
fn is_checked(compression: Compression) -> bool {
    compression != Compression::Brotli
}

#[test]
fn a_stream_that_is_cut_anywhere_is_an_error() {
    for compression in CODECS {
        for data in [sample(0), sample(1), sample(700)] {
            let file = packed(compression, &data);
            for len in 0..file.len() {
                for buffer_bytes in [1, 64 << 10] {
                    let found = kind(unpacked_by(compression, &file[..len], buffer_bytes));
                    assert_eq!(found, DecompressErrorKind::Truncated, "{compression} {len}");
                }
            }
        }
    }
}

#[test]
fn a_flipped_bit_never_gives_other_data() {
    for compression in CODECS {
        let data = sample(700);
        let file = packed(compression, &data);
        for bit in 0..file.len() * 8 {
            let mut damaged = file.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let found = unpacked(compression, &damaged);
            if is_checked(compression) {
                assert!(
                    found.is_err() || found.unwrap() == data,
                    "{compression} {bit}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damage_is_an_error_or_harmless(
        compression in select(&CODECS[..]),
        len in 0..20_000_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let data = sample(len);
        let mut damaged = packed(compression, &data);
        for (at, byte) in edits {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let found = unpacked(compression, &damaged);
        if is_checked(compression) {
            prop_assert!(found.is_err() || found.unwrap() == data);
        }
    }

    #[test]
    fn noise_behind_a_magic_is_an_error(
        compression in select(&CODECS[..]),
        keep in 0..40_usize,
        noise in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let head = packed(compression, &sample(2_000));
        let keep = keep.min(head.len());
        let file = [&head[..keep], &noise].concat();
        let found = unpacked(compression, &file);
        if is_checked(compression) && keep >= Compression::MAGIC_BYTES_MAX {
            prop_assert!(found.is_err());
        }
    }
}

#[test]
fn a_zstd_frame_that_asks_for_too_much_memory_is_refused() {
    let window = DecompressErrorKind::Window {
        max: ZSTD_WINDOW_BYTES_MAX,
    };
    let by_window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 1, 0, 0];
    let by_size = [
        0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0,
    ];
    for file in [&by_window[..], &by_size] {
        assert_eq!(kind(unpacked(Compression::Zstd, file)), window);
    }
}

#[test]
fn a_zstd_frame_that_lies_about_its_size_is_refused() {
    let frame = |size| {
        [
            0x28, 0xb5, 0x2f, 0xfd, 0x20, size, 0x19, 0, 0, b'a', b'b', b'c',
        ]
    };
    assert_eq!(unpacked(Compression::Zstd, &frame(3)).unwrap(), b"abc");
    for size in [0, 1, 2, 4, 100] {
        let found = kind(unpacked(Compression::Zstd, &frame(size)));
        assert_eq!(found, DecompressErrorKind::Corrupt, "{size}");
    }
}

#[test]
fn a_zstd_frame_that_needs_a_dictionary_is_refused() {
    let file = [
        0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 3, 0x19, 0, 0, b'a', b'b', b'c',
    ];
    assert_eq!(
        kind(unpacked(Compression::Zstd, &file)),
        DecompressErrorKind::Corrupt
    );
}

#[test]
fn an_xz_stream_that_asks_for_too_much_memory_is_refused() {
    let file = packed(Compression::Xz, b"data");
    // Behind the stream's header: sizes, flags, filter, length of its property, the property.
    let header = &file[12..24];
    assert_eq!(header[..4], [2, 0, 0x21, 1]);
    let with_dictionary = |property| {
        let mut file = file.clone();
        file[16] = property;
        let sum = crc32(&file[12..20]);
        file[20..24].copy_from_slice(&sum.to_le_bytes());
        file
    };
    let largest = with_dictionary(30);
    assert_eq!(u64::from(XZ_DICTIONARY_BYTES_MAX), 2 << (30 / 2 + 11));
    assert_eq!(unpacked(Compression::Xz, &largest).unwrap(), b"data");
    for property in 31..=40 {
        let found = kind(unpacked(Compression::Xz, &with_dictionary(property)));
        let max = XZ_DICTIONARY_BYTES_MAX.into();
        assert_eq!(found, DecompressErrorKind::Window { max }, "{property}");
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

#[test]
fn brotlis_large_windows_are_refused() {
    // RFC 7932 reserves the window bits that the extension for windows above 16 MiB uses.
    let found = kind(unpacked(Compression::Brotli, &[0x11, 0x1e, 0x03]));
    assert_eq!(found, DecompressErrorKind::Corrupt);
    assert_eq!(unpacked(Compression::Brotli, &[0x06]).unwrap(), b"");
}

#[test]
fn an_empty_input_is_a_cut_stream_unless_it_is_not_compressed() {
    for compression in CODECS {
        let found = kind(unpacked(compression, b""));
        assert_eq!(found, DecompressErrorKind::Truncated);
    }
    assert_eq!(unpacked(Compression::None, b"").unwrap(), b"");
}
