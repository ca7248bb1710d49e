//! What stands where in an archive, for the decoder and the encoder.

use nix_io::nar::{
    DecodeErrorKind, EncodeError, Encoder, Event, NameError, NarLimits, TargetError,
};

use crate::{
    nar_hostile::refused,
    support::{decode_whole, words},
};

#[test]
fn words_of_the_format_stand_in_their_places_only() {
    let expect = |words_of: &[&[u8]], expected: &'static str| {
        let bytes = [words(&[b"nix-archive-1"]), words(words_of)].concat();
        refused(&bytes, DecodeErrorKind::Tag { expected });
    };
    expect(&[b")"], "(");
    expect(&[b"(", b")"], "type");
    expect(&[b"(", b"type", b"device"], "regular, symlink or directory");
    expect(
        &[b"(", b"type", b"Regular"],
        "regular, symlink or directory",
    );
    expect(&[b"(", b"type", b"regular", b")"], "executable or contents");
    expect(&[b"(", b"type", b"regular", b"executable", b"x"], "");
    expect(
        &[b"(", b"type", b"regular", b"executable", b"", b"executable"],
        "contents",
    );
    expect(
        &[b"(", b"type", b"regular", b"contents", b"", b"contents"],
        ")",
    );
    expect(&[b"(", b"type", b"symlink", b")"], "target");
    expect(
        &[b"(", b"type", b"symlink", b"target", b"a", b"target"],
        ")",
    );
    expect(&[b"(", b"type", b"directory", b"name"], "entry or )");
    expect(&[b"(", b"type", b"directory", b"entry", b"name"], "(");
    expect(
        &[b"(", b"type", b"directory", b"entry", b"(", b"node"],
        "name",
    );
    expect(
        &[
            b"(",
            b"type",
            b"directory",
            b"entry",
            b"(",
            b"name",
            b"a",
            b")",
        ],
        "node",
    );
    refused(&words(&[b"nix-archive-2"]), DecodeErrorKind::Magic);
    refused(b"\x7fELF\x02\x01\x01\0", DecodeErrorKind::Magic);
}

#[test]
fn padding_that_is_not_zero_is_refused_where_it_stands() {
    let bytes = crate::support::Tree::file(b"abc").archive();
    let contents = bytes.len() - 24;
    assert_eq!(bytes[contents..contents + 3], *b"abc");
    // Of the contents, of a word, and of the magic.
    for (at, is_magic) in [
        (contents + 3, false),
        (contents + 7, false),
        (bytes.len() - 1, false),
        (22, true),
    ] {
        let mut bytes = bytes.clone();
        bytes[at] = 1;
        let error = decode_whole(&bytes).expect_err("it is refused");
        if is_magic {
            assert_eq!(error.kind, DecodeErrorKind::Magic);
        } else {
            let kind = DecodeErrorKind::Wire(nix_io::wire::WireErrorKind::Padding);
            assert_eq!((error.kind, error.position), (kind, at as u64));
        }
    }
}

#[test]
fn an_encoder_refuses_events_that_are_no_archive() {
    let file = |size| Event::Regular {
        executable: false,
        size,
        offset: 0,
    };
    let entry = |name| Event::Entry { name };
    let check = |events: &[Event<'_>], expected: EncodeError| {
        let mut encoder = Encoder::new(NarLimits::default());
        let mut bytes = Vec::new();
        let (last, before) = events.split_last().expect("an event");
        for event in before {
            encoder.encode(*event, &mut bytes).expect("events");
        }
        assert_eq!(encoder.encode(*last, &mut bytes), Err(expected));
    };
    let order = |expected| EncodeError::Order { expected };
    check(&[Event::DirectoryEnd], order("a node"));
    check(&[entry(b"a")], order("a node"));
    check(
        &[Event::Directory, file(0)],
        order("an entry or the end of the directory"),
    );
    check(
        &[Event::Directory, entry(b"a"), entry(b"b")],
        order("a node"),
    );
    check(
        &[Event::Directory, Event::End],
        order("an entry or the end of the directory"),
    );
    check(
        &[file(0), Event::RegularEnd, Event::Directory],
        order("nothing"),
    );
    check(
        &[file(1), Event::End],
        order("contents or the end of the file"),
    );
    check(
        &[file(3), Event::Contents(b"ab"), Event::RegularEnd],
        EncodeError::Size { bytes: 1 },
    );
    check(
        &[file(3), Event::Contents(b"abcde")],
        EncodeError::Size { bytes: 2 },
    );
    let name = |name| EncodeError::Name(name);
    check(&[Event::Directory, entry(b"a/b")], name(NameError::Slash));
    check(&[Event::Directory, entry(b"..")], name(NameError::Dots));
    check(
        &[Event::Symlink { target: b"" }],
        EncodeError::Target(TargetError::Empty),
    );
    let link = Event::Symlink { target: b"t" };
    check(
        &[Event::Directory, entry(b"b"), link, entry(b"a")],
        name(NameError::Unsorted),
    );
    check(
        &[Event::Directory, entry(b"b"), link, entry(b"b")],
        name(NameError::Duplicate),
    );
    let mut encoder = Encoder::new(NarLimits::default());
    encoder
        .encode(Event::Directory, &mut Vec::new())
        .expect("a directory");
    assert_eq!(
        encoder.finish(),
        Err(order("an entry or the end of the directory"))
    );
}
