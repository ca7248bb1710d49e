//! Laws of archives on random trees and random damage.

use nix_io::nar::{Listing, NarLimits};
use proptest::prelude::*;

use crate::support::{arb_tree, decode, decode_whole, encode};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn encoding_what_was_decoded_gives_the_same_bytes(tree in arb_tree()) {
        let bytes = tree.archive();
        let seen = decode_whole(&bytes).expect("the encoder makes archives");
        prop_assert_eq!(encode(&seen), bytes);
    }

    #[test]
    fn cuts_do_not_change_what_an_archive_means(
        tree in arb_tree(),
        cuts in prop::collection::vec(1..300_usize, 1..60),
    ) {
        let bytes = tree.archive();
        let mut rest = &bytes[..];
        let mut chunks: Vec<_> = cuts
            .iter()
            .map_while(|&cut| {
                let (chunk, behind) = rest.split_at_checked(cut)?;
                rest = behind;
                Some(chunk)
            })
            .collect();
        chunks.push(rest);
        let whole = decode([&bytes[..]], NarLimits::default());
        prop_assert_eq!(decode(chunks, NarLimits::default()), whole);
    }

    // Whatever is accepted is the only spelling of what it means.
    #[test]
    fn a_damaged_archive_is_refused_or_another_archive(
        tree in arb_tree(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = tree.archive();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = decode([&bytes[..]], NarLimits::default());
        prop_assert_eq!(&decode(bytes.chunks(7), NarLimits::default()), &whole);
        if let Ok((seen, size)) = whole {
            let size = usize::try_from(size).expect("it is in memory");
            prop_assert_eq!(encode(&seen), &bytes[..size]);
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode_whole(&bytes).is_err());
    }

    #[test]
    fn a_listing_survives_json(tree in arb_tree()) {
        let listing = Listing::read(&tree.archive()[..], NarLimits::default()).expect("an archive");
        if let Ok(json) = listing.to_json() {
            let read = Listing::from_json(json.as_bytes(), NarLimits::default());
            prop_assert_eq!(read, Ok(listing));
        }
    }

    #[test]
    fn damaged_json_is_refused_or_another_listing(
        tree in arb_tree(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let listing = Listing::read(&tree.archive()[..], NarLimits::default()).expect("an archive");
        if let Ok(json) = listing.to_json() {
            let mut json = json.into_bytes();
            let at = at.index(json.len());
            json[at] = byte;
            if let Ok(read) = Listing::from_json(&json, NarLimits::default()) {
                let again = read.to_json().expect("it was JSON");
                let again = Listing::from_json(again.as_bytes(), NarLimits::default());
                prop_assert_eq!(again, Ok(read));
            }
        }
    }
}
