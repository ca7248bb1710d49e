//! What reports against Nix say of bytes in motion, beyond archives that are made to escape: lengths
//! that wrap around, memory that is only announced, streams that lose their place.

use std::io::{BufReader, Read};

use nix_io::{
    nar::{self, DecodeErrorKind, Decoder, Listing, NarLimits, Reader},
    wire::{self, Encoder, Frame, FrameDecoder, FramedReader, WireErrorKind, WireLimits},
};

use crate::support::{Tree, decode_whole, words};

/// Lengths whose sum with padding, a position or one another is beyond 64 bits.
const LENGTHS: [u64; 6] = [
    u64::MAX,
    u64::MAX - 6,
    u64::MAX - 7,
    u64::MAX - 8,
    1 << 63,
    i64::MAX as u64,
];

const WIRE_LIMITS_MAX: WireLimits = WireLimits {
    string_bytes_max: usize::MAX,
    list_len_max: usize::MAX,
    list_bytes_max: usize::MAX,
    framed_bytes_max: u64::MAX,
};

fn sample() -> Tree {
    let link = Tree::Link(b"../b".to_vec());
    Tree::directory([(&b"a"[..], Tree::file(b"contents")), (&b"b"[..], link)])
}

/// Returns the bytes in frames of so many, the end, and the string `next`.
fn framed(bytes: &[u8], frame_len: usize) -> Vec<u8> {
    let mut framed = Vec::new();
    let mut encoder = Encoder::new(&mut framed);
    for frame in bytes.chunks(frame_len) {
        encoder.frame(frame);
    }
    encoder.frames_end().string(b"next");
    framed
}

#[track_caller]
fn expect_next(mut rest: &[u8]) {
    let mut decoder = wire::Decoder::new(WireLimits::default());
    assert_eq!(decoder.string(&mut rest), Ok(Some(&b"next"[..])));
}

#[test]
fn cve_2026_110449_lengths_of_the_wire_do_not_wrap_around() {
    for length in LENGTHS {
        let word = length.to_le_bytes();
        // What comes is shorter than what is announced, however that is added up.
        let string = [&word[..], b"abc"].concat();
        let mut decoder = wire::Decoder::new(WIRE_LIMITS_MAX);
        assert_eq!(decoder.string(&mut &string[..]), Ok(None));
        let error = decoder.finish().expect_err("it is unfinished");
        assert_eq!((error.kind, error.position), (WireErrorKind::Truncated, 11));

        let second = [&words(&[b"a"])[..], &word].concat();
        let list = [&2_u64.to_le_bytes()[..], &second].concat();
        let mut decoder = wire::Decoder::new(WIRE_LIMITS_MAX);
        assert_eq!(decoder.strings(&mut &list[..]), Ok(None));
        assert!(decoder.finish().is_err());
    }
}

#[test]
fn cve_2026_110449_frames_that_add_up_beyond_64_bits_are_refused_or_never_end() {
    for length in LENGTHS {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes).frame(b"abc").u64(length);
        bytes.extend(b"def");
        let mut decoder = FrameDecoder::new(WIRE_LIMITS_MAX);
        let mut input = &bytes[..];
        assert_eq!(decoder.next(&mut input), Ok(Some(Frame::Chunk(b"abc"))));
        assert_eq!(decoder.next(&mut input), Ok(Some(Frame::Chunk(b"def"))));
        assert_eq!(decoder.next(&mut input), Ok(None));
        let reader = FramedReader::new(&bytes[..], WIRE_LIMITS_MAX);
        assert!(reader.finish().is_err(), "{length}");
    }
}

#[test]
fn cve_2026_110449_contents_that_end_beyond_64_bits_are_refused() {
    let head = words(&[
        b"nix-archive-1",
        b"(",
        b"type",
        b"regular",
        b"executable",
        b"",
        b"contents",
    ]);
    for length in LENGTHS {
        let bytes = [&head[..], &length.to_le_bytes(), &[0; 64]].concat();
        let error = decode_whole(&bytes).expect_err("it is refused");
        let max = u64::MAX;
        let is_sum = length >= max - 8;
        let expected = if is_sum {
            DecodeErrorKind::TooLong { max }
        } else {
            DecodeErrorKind::Truncated
        };
        assert_eq!(error.kind, expected, "{length}");
    }
}

#[test]
fn cve_2026_110449_numbers_of_a_listing_are_64_bits_or_refused() {
    let read = |size: &str| {
        let json = format!(
            r#"{{"version":1,"root":{{"type":"regular","size":{size},"narOffset":{size}}}}}"#
        );
        Listing::from_json(json.as_bytes(), NarLimits::default())
    };
    let listing = read("18446744073709551615").expect("it has 64 bits");
    let json = listing.to_json().expect("names are text");
    let again = Listing::from_json(json.as_bytes(), NarLimits::default());
    assert_eq!(again, Ok(listing));
    for size in ["18446744073709551616", "-1", "1.5", "1e30", "\"1\""] {
        assert!(read(size).is_err(), "{size}");
    }
}

/// Returns how much memory is mapped, in bytes, whether it was touched or not.
#[cfg(target_os = "linux")]
fn mapped_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages = pages.split(' ').next().expect("the first of several");
    pages.parse::<usize>().expect("a number") * 4096
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_only_announced_is_not_allocated() {
    const DECODERS: usize = 1000;
    const ANNOUNCED: usize = 64 << 20;
    // Other tests run meanwhile; a tenth of what is announced is far above what they map.
    const MAPPED_MAX: usize = DECODERS * ANNOUNCED / 10;

    let before = mapped_bytes();
    let word = (ANNOUNCED as u64).to_le_bytes();
    let string = [&word[..], b"abc"].concat();
    let strings: Vec<_> = (0..DECODERS)
        .map(|_| {
            let mut decoder = wire::Decoder::new(WireLimits::default());
            assert_eq!(decoder.string(&mut &string[..]), Ok(None));
            decoder
        })
        .collect();
    let limits = WireLimits {
        list_len_max: ANNOUNCED,
        ..WireLimits::default()
    };
    let lists: Vec<_> = (0..DECODERS)
        .map(|_| {
            let mut decoder = wire::Decoder::new(limits);
            assert_eq!(decoder.strings(&mut &string[..]), Ok(None));
            decoder
        })
        .collect();
    let head = words(&[b"nix-archive-1", b"(", b"type", b"regular", b"contents"]);
    let target = words(&[b"nix-archive-1", b"(", b"type", b"symlink", b"target"]);
    let limits = NarLimits {
        target_bytes_max: ANNOUNCED,
        ..NarLimits::default()
    };
    let archives: Vec<_> = (0..DECODERS)
        .flat_map(|_| [&head, &target])
        .map(|head| {
            let mut decoder = Decoder::new(limits);
            let bytes = [&head[..], &string].concat();
            let mut input = &bytes[..];
            while decoder
                .next(&mut input)
                .expect("so far it is right")
                .is_some()
            {}
            decoder
        })
        .collect();
    let mapped = mapped_bytes().saturating_sub(before);
    assert!(mapped < MAPPED_MAX, "{mapped} bytes");
    drop((strings, lists, archives));
}

#[test]
fn nix_2167_after_an_error_inside_a_framed_stream_the_next_message_is_found() {
    let archive = sample().archive();
    for broken in (0..archive.len()).step_by(8) {
        let mut bytes = archive.clone();
        bytes[broken] ^= 0x80;
        for frame_len in [1, 7, 64, 4096] {
            let framed = framed(&bytes, frame_len);
            let mut reader = FramedReader::new(&framed[..], WireLimits::default());
            drop(Reader::new(&mut reader, NarLimits::default()).finish());
            let (rest, _) = reader.finish().expect("the frames are right");
            expect_next(rest);
        }
    }
}

#[test]
fn nix_6495_an_archive_in_frames_ends_where_its_frames_do() {
    let archive = sample().archive();
    for frame_len in 1..=archive.len() {
        let framed = framed(&archive, frame_len);
        for lent in [1, 8, 4096] {
            let source = BufReader::with_capacity(lent, &framed[..]);
            let mut reader = FramedReader::new(source, WireLimits::default());
            let mut copied = Vec::new();
            let size = nar::copy(&mut reader, &mut copied, NarLimits::default());
            assert_eq!(size.expect("it is an archive"), archive.len() as u64);
            assert_eq!(copied, archive);
            let (mut source, skipped) = reader.finish().expect("the frames are right");
            assert_eq!(skipped, 0);
            let mut rest = Vec::new();
            source.read_to_end(&mut rest).expect("memory");
            expect_next(&rest);
        }
    }
}

#[test]
fn nix_5299_zeros_after_an_archive_are_no_part_of_it() {
    let archive = sample().archive();
    let bytes = [&archive[..], &[0; 65_536]].concat();
    let mut rest = &bytes[..];
    let size = Reader::new(&mut rest, NarLimits::default()).finish();
    assert_eq!(size.expect("it is an archive"), archive.len() as u64);
    assert_eq!(rest.len(), 65_536);
    let error = Listing::read(&bytes[..], NarLimits::default()).expect_err("it holds more");
    let error = error.decode().expect("the archive is wrong");
    assert_eq!(error.kind, DecodeErrorKind::Trailing);
    assert_eq!(error.position, archive.len() as u64);
}
