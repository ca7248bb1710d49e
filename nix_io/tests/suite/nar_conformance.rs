//! The archives of NixOS/nix are accepted and refused as Nix does.

use nix_io::nar::{DecodeErrorKind, NameError, NarLimits};

use crate::support::{Seen, decode, decode_whole, encode, files, shared};

/// What is wrong with the archives that have to be refused.
const REFUSED: &[(&str, DecodeErrorKind)] = &[
    ("dot.nar", DecodeErrorKind::Name(NameError::Dots)),
    ("empty.nar", DecodeErrorKind::Name(NameError::Empty)),
    (
        "executable-after-contents.nar",
        DecodeErrorKind::Tag { expected: ")" },
    ),
    (
        "invalid-tag-instead-of-contents.nar",
        DecodeErrorKind::Tag {
            expected: "executable or contents",
        },
    ),
    ("nul-character.nar", DecodeErrorKind::Name(NameError::Nul)),
    (
        "regular-truncated-large-contents.nar",
        DecodeErrorKind::TooLong { max: u64::MAX },
    ),
    ("regular-truncated-padding.nar", DecodeErrorKind::Truncated),
    ("slash.nar", DecodeErrorKind::Name(NameError::Slash)),
    ("duplicate.nar", DecodeErrorKind::Name(NameError::Duplicate)),
];

/// The archives that have to be accepted.
const ACCEPTED: &[&str] = &[
    "case-collision.nar",
    "case.nar",
    "regular-one-byte-zero-padding.nar",
    "unnormalized.nar",
];

fn archives() -> Option<Vec<(String, Vec<u8>)>> {
    let unit = shared("conformance/nix/libutil/nars")?;
    let functional = shared("conformance/nix/nars-functional")?;
    let mut archives = files(&unit);
    archives.extend(files(&functional));
    Some(archives)
}

#[test]
fn every_archive_of_nix_is_accepted_or_refused_for_its_reason() {
    let Some(archives) = archives() else { return };
    let mut accepted = Vec::new();
    for (name, bytes) in &archives {
        match decode_whole(bytes) {
            Ok(seen) => {
                assert_eq!(&encode(&seen), bytes, "{name}");
                accepted.push(name.as_str());
            }
            Err(error) => {
                let expected = REFUSED.iter().find(|(refused, _)| refused == name);
                let (_, kind) = expected.unwrap_or_else(|| panic!("{name}: {error}"));
                assert_eq!(&error.kind, kind, "{name}");
            }
        }
    }
    accepted.sort_unstable();
    assert_eq!(accepted, ACCEPTED);
    assert_eq!(archives.len(), ACCEPTED.len() + REFUSED.len());
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let Some(archives) = archives() else { return };
    for (name, bytes) in archives {
        let whole = decode_whole(&bytes);
        for end in 0..bytes.len() {
            let error = decode_whole(&bytes[..end]).expect_err(&name);
            let is_cut = error.kind == DecodeErrorKind::Truncated;
            if is_cut {
                assert_eq!(error.position, end as u64, "{name}");
            } else {
                assert_eq!(whole.as_ref(), Err(&error), "{name} cut at {end}");
            }
        }
    }
}

#[test]
fn an_archive_that_comes_byte_by_byte_means_the_same() {
    let Some(archives) = archives() else { return };
    for (name, bytes) in archives {
        let whole = decode([&bytes[..]], NarLimits::default());
        for size in [1, 3, 8, 100] {
            let chunked = decode(bytes.chunks(size), NarLimits::default());
            assert_eq!(chunked, whole, "{name} in chunks of {size}");
        }
    }
}

#[test]
fn what_follows_an_archive_stays_unread() {
    let Some(archives) = archives() else { return };
    for (name, mut bytes) in archives {
        if !ACCEPTED.contains(&&*name) {
            continue;
        }
        let size = bytes.len();
        bytes.push(b'x');
        let (seen, taken) = decode([&bytes[..]], NarLimits::default()).expect("an archive");
        assert_eq!((taken, seen.last()), (size as u64, Some(&Seen::End)));
        let mut rest = &bytes[..];
        let mut reader = nix_io::nar::Reader::new(&mut rest, NarLimits::default());
        assert_eq!(reader.finish().expect("an archive"), size as u64);
        let error = reader.expect_end_of_input().expect_err("a byte is left");
        let kind = error.decode().expect("it is no error of the reader").kind;
        assert_eq!(kind, DecodeErrorKind::Trailing);
        assert_eq!(rest, b"x");
    }
}
