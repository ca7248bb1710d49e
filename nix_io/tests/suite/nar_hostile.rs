//! Archives that are made to do harm, by the names of the reports that they come from.

use nix_io::nar::{DecodeErrorKind, Decoder, Encoder, Event, NameError, NarLimits, TargetError};

use crate::support::{archive_of_names, decode, decode_whole, words};

/// How many directories a bomb nests.
const BOMB_DEPTH: usize = 1_000_000;

/// How many that are allowed, more than a stack has room for.
const ALLOWED_DEPTH: usize = 100_000;

#[track_caller]
pub(crate) fn refused(bytes: &[u8], expected: DecodeErrorKind) {
    let whole = decode_whole(bytes).expect_err("it is refused");
    assert_eq!(whole.kind, expected);
    let bytewise = decode(bytes.chunks(1), NarLimits::default()).expect_err("it is refused");
    assert_eq!(bytewise, whole);
}

fn bomb(depth: usize) -> Vec<u8> {
    let mut bytes = words(&[b"nix-archive-1"]);
    let level = words(&[
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        b"a",
        b"node",
    ]);
    bytes.extend(level.repeat(depth));
    bytes.extend(words(&[b"(", b"type", b"directory", b")"]));
    bytes.extend(words(&[b")", b")"]).repeat(depth));
    bytes
}

fn symlink_then(name: &[u8], second: &[u8]) -> Vec<u8> {
    words(&[
        b"nix-archive-1",
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        name,
        b"node",
        b"(",
        b"type",
        b"symlink",
        b"target",
        b"/tmp",
        b")",
        b")",
        b"entry",
        b"(",
        b"name",
        second,
        b"node",
        b"(",
        b"type",
        b"directory",
        b")",
        b")",
        b")",
    ])
}

#[test]
fn cve_2026_44028_a_depth_bomb_is_refused_before_it_costs_anything() {
    let bomb = bomb(BOMB_DEPTH);
    let mut decoder = Decoder::new(NarLimits::default());
    let mut input = &bomb[..];
    let error = loop {
        if let Err(error) = decoder.next(&mut input) {
            break error;
        }
    };
    assert_eq!(error.kind, DecodeErrorKind::TooDeep { max: 64 });
    let taken = bomb.len() - input.len();
    assert!(taken < 10_000, "{taken} bytes were taken");
}

#[test]
fn cve_2026_44028_no_depth_that_limits_allow_overflows_the_stack() {
    let limits = NarLimits {
        depth_max: ALLOWED_DEPTH + 1,
        ..NarLimits::default()
    };
    let bomb = bomb(ALLOWED_DEPTH);
    let mut decoder = Decoder::new(limits);
    let mut encoder = Encoder::new(limits);
    let mut encoded = Vec::new();
    let mut input = &bomb[..];
    while let Some(event) = decoder.next(&mut input).expect("an archive") {
        encoder.encode(event, &mut encoded).expect("events");
        if event == Event::End {
            break;
        }
    }
    assert!(encoded == bomb);
    drop(nix_io::nar::Listing::read(&bomb[..], limits).expect("an archive"));
}

#[test]
fn sixty_four_nodes_on_a_path_are_the_most_as_in_nix() {
    assert!(decode_whole(&bomb(63)).is_ok());
    refused(&bomb(64), DecodeErrorKind::TooDeep { max: 64 });
}

#[test]
fn cve_2024_45593_an_entry_named_as_a_symlink_before_it_is_refused() {
    let duplicate = DecodeErrorKind::Name(NameError::Duplicate);
    refused(&symlink_then(b"a", b"a"), duplicate);
    assert!(decode_whole(&symlink_then(b"a", b"b")).is_ok());
}

#[test]
fn ghsa_gr92_w2r5_qw5p_names_are_one_component_of_a_path() {
    for name in [&b"/"[..], b"/etc", b"a/b", b"a/", b"/.", b"../a", b"./a"] {
        refused(
            &archive_of_names(&[name]),
            DecodeErrorKind::Name(NameError::Slash),
        );
    }
    for name in [&b"."[..], b".."] {
        refused(
            &archive_of_names(&[name]),
            DecodeErrorKind::Name(NameError::Dots),
        );
    }
}

#[test]
fn names_are_neither_empty_nor_long_and_hold_no_zero_byte() {
    let long = [b'a'; 256];
    let name = |name| DecodeErrorKind::Name(name);
    refused(&archive_of_names(&[b""]), name(NameError::Empty));
    refused(&archive_of_names(&[b"a\0b"]), name(NameError::Nul));
    refused(&archive_of_names(&[b"\0"]), name(NameError::Nul));
    refused(
        &archive_of_names(&[&long]),
        name(NameError::TooLong { max: 255 }),
    );
    assert!(decode_whole(&archive_of_names(&[&long[1..]])).is_ok());
    for odd in [
        &b"..."[..],
        b" ",
        b"\n",
        b"\xff",
        b".a",
        b"-",
        b"a\\b",
        b"~",
    ] {
        assert!(decode_whole(&archive_of_names(&[odd])).is_ok());
    }
}

#[test]
fn names_increase_strictly_by_their_bytes() {
    let name = |name| DecodeErrorKind::Name(name);
    refused(&archive_of_names(&[b"b", b"a"]), name(NameError::Unsorted));
    refused(&archive_of_names(&[b"a", b"B"]), name(NameError::Unsorted));
    refused(&archive_of_names(&[b"aa", b"a"]), name(NameError::Unsorted));
    refused(
        &archive_of_names(&[b"\xff", b"z"]),
        name(NameError::Unsorted),
    );
    refused(
        &archive_of_names(&[b"a", b"b", b"b"]),
        name(NameError::Duplicate),
    );
    let sorted = archive_of_names(&[b"A", b"a", b"a-", b"a.b", b"aa", b"\xc3\xa9", b"\xff"]);
    assert!(decode_whole(&sorted).is_ok());
}

#[test]
fn a_directory_begins_with_any_name_whatever_the_one_around_it_has() {
    let archive = words(&[
        b"nix-archive-1",
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        b"z",
        b"node",
        b"(",
        b"type",
        b"directory",
        b"entry",
        b"(",
        b"name",
        b"a",
        b"node",
        b"(",
        b"type",
        b"directory",
        b")",
        b")",
        b")",
        b")",
        b"entry",
        b"(",
        b"name",
        b"y",
        b"node",
        b"(",
        b"type",
        b"directory",
        b")",
        b")",
        b")",
    ]);
    refused(&archive, DecodeErrorKind::Name(NameError::Unsorted));
}

#[test]
fn targets_are_neither_empty_nor_long_and_hold_no_zero_byte() {
    let link = |target: &[u8]| {
        words(&[
            b"nix-archive-1",
            b"(",
            b"type",
            b"symlink",
            b"target",
            target,
            b")",
        ])
    };
    let target = |target| DecodeErrorKind::Target(target);
    refused(&link(b""), target(TargetError::Empty));
    refused(&link(b"a\0"), target(TargetError::Nul));
    refused(
        &link(&[b'a'; 4096]),
        target(TargetError::TooLong { max: 4095 }),
    );
    assert!(decode_whole(&link(&[b'a'; 4095])).is_ok());
}

#[test]
fn no_announced_length_is_allocated_or_added_up_wrongly() {
    let magic = words(&[b"nix-archive-1"]);
    let max = u64::MAX;
    for (length, expected_of_contents) in [
        (1 << 40, DecodeErrorKind::Truncated),
        (1 << 63, DecodeErrorKind::Truncated),
        (max - 7, DecodeErrorKind::TooLong { max }),
        (max, DecodeErrorKind::TooLong { max }),
    ] {
        let length = u64::to_le_bytes(length);
        refused(&length, DecodeErrorKind::Magic);
        let kind = [&magic[..], &words(&[b"(", b"type"]), &length].concat();
        let expected = "regular, symlink or directory";
        refused(&kind, DecodeErrorKind::Tag { expected });
        let file = words(&[b"(", b"type", b"regular", b"contents"]);
        let contents = [&magic[..], &file, &length, b"abc"].concat();
        refused(&contents, expected_of_contents);
        let link = words(&[b"(", b"type", b"symlink", b"target"]);
        let target = [&magic[..], &link, &length].concat();
        let too_long = TargetError::TooLong { max: 4095 };
        refused(&target, DecodeErrorKind::Target(too_long));
    }
}

#[test]
fn an_archive_above_the_limit_is_refused_before_its_contents() {
    let bytes = crate::support::Tree::file(&[7; 100]).archive();
    let limited = |archive_bytes_max| NarLimits {
        archive_bytes_max,
        ..NarLimits::default()
    };
    let size = bytes.len() as u64;
    assert!(decode([&bytes[..]], limited(size)).is_ok());
    for max in [0, 20, 150, size - 1] {
        let mut decoder = Decoder::new(limited(max));
        let mut input = &bytes[..];
        let error = loop {
            match decoder.next(&mut input) {
                Ok(Some(event)) => assert_ne!(event, Event::End),
                Ok(None) => panic!("it is above the limit"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind, DecodeErrorKind::TooLong { max });
        assert_eq!(decoder.next(&mut input), Err(error));
    }
    // The contents lie from byte 96 to byte 196.
    for (max, announced) in [(150, false), (195, false), (196, true)] {
        let mut decoder = Decoder::new(limited(max));
        assert_eq!(decoder.next(&mut &bytes[..]).is_ok(), announced, "{max}");
    }
}
