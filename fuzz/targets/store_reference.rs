//! Bytes as a store reference: what is read is the same when printed and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::store_reference::StoreReference;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let absolute = StoreReference::parse(text);
    let relative = StoreReference::parse_in(text, "/folder");
    if absolute.is_ok() {
        assert_eq!(
            relative, absolute,
            "a folder matters to relative paths only"
        );
    }
    for reference in [absolute, relative].into_iter().flatten() {
        let printed = reference.to_string();
        assert_eq!(
            StoreReference::parse(&printed).as_ref(),
            Ok(&reference),
            "{printed}"
        );
    }
});
