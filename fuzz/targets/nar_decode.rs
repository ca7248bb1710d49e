//! Bytes as an archive, and as its listing in JSON: cuts change nothing, and what is accepted
//! encodes to the same bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_io::nar::{DecodeError, Decoder, Encoder, Event, Listing, NarLimits};

/// What came of decoding: the bytes that the events encode to, how many bytes were taken, and the
/// error or the end.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    encoded: Vec<u8>,
    taken: u64,
    result: Result<(), DecodeError>,
}

/// Decodes the bytes in pieces, and encodes every event again.
fn decode(bytes: &[u8], piece_len: usize, limits: NarLimits) -> Outcome {
    let mut decoder = Decoder::new(limits);
    let mut encoder = Encoder::new(limits);
    let mut encoded = Vec::new();
    let result = 'all: {
        for mut piece in bytes.chunks(piece_len) {
            loop {
                match decoder.next(&mut piece) {
                    Err(error) => {
                        assert_eq!(decoder.next(&mut piece), Err(error), "errors stay");
                        break 'all Err(error);
                    }
                    Ok(None) => break,
                    Ok(Some(Event::End)) => break 'all Ok(()),
                    Ok(Some(event)) => encode(&mut encoder, event, &mut encoded),
                }
            }
            assert_eq!(piece, b"", "a starved decoder has taken all");
        }
        decoder.finish()
    };
    if result.is_ok() {
        assert_eq!(encoder.finish(), Ok(decoder.position()));
    }
    Outcome {
        encoded,
        taken: decoder.position(),
        result,
    }
}

fn encode(encoder: &mut Encoder, event: Event<'_>, encoded: &mut Vec<u8>) {
    let written = encoder.encode(event, encoded);
    written.expect("events of a decoder are an archive's");
    if let Event::Regular { offset, .. } = event {
        assert_eq!(offset, encoder.position());
    }
}

fn check_archive(bytes: &[u8], piece_len: usize, limits: NarLimits) {
    let whole = decode(bytes, bytes.len().max(1), limits);
    let cut = decode(bytes, piece_len, limits);
    assert_eq!(whole.encoded, cut.encoded);
    assert_eq!(whole.result, cut.result);
    if whole.result.is_err() {
        assert!(Listing::read(bytes, limits).is_err());
        return;
    }
    assert_eq!(whole.taken, cut.taken);
    let (archive, rest) = bytes.split_at(whole.encoded.len());
    assert_eq!(whole.encoded, archive);
    assert_eq!(Listing::read(bytes, limits).is_ok(), rest.is_empty());
    let listing = Listing::read(archive, limits).expect("what decodes can be listed");
    check_listing(&listing, limits);
}

/// Checks that a listing with names that are text survives JSON.
fn check_listing(listing: &Listing, limits: NarLimits) {
    let Ok(json) = listing.to_json() else { return };
    let again = Listing::from_json(json.as_bytes(), limits).expect("what is printed is read");
    assert_eq!(&again, listing);
    for (path, node) in listing.walk() {
        let found = listing.find(&path).expect("what is met can be found");
        assert_eq!(found.what(), node.what());
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    let limits = NarLimits {
        depth_max: if kind & 0x80 == 0 { 64 } else { 3 },
        ..NarLimits::default()
    };
    check_archive(bytes, usize::from(kind & 0x1f).max(1), limits);
    if let Ok(listing) = Listing::from_json(bytes, limits) {
        check_listing(&listing, limits);
    }
});
