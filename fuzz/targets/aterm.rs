//! Bytes as the ATerm of a derivation: what is read is the same when printed and read again.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use nix_core::{
    derivation::{Derivation, DerivationModulo, DerivationOptions},
    store_path::{StoreDir, StorePath, StorePathName},
};

/// Checks what follows from a derivation of which nothing is known but itself.
fn check_paths(dir: &StoreDir, derivation: Derivation) {
    let _ = derivation.derivation_type();
    drop(derivation.structured_attrs());
    drop(DerivationOptions::of(dir, &derivation));
    let path = derivation.path(dir).expect("the name is short");
    assert!(path.is_derivation());

    let inputs = BTreeMap::<StorePath, Derivation>::new();
    let mut modulo = DerivationModulo::new(dir, &inputs);
    let Ok(filled) = derivation.fill_outputs(&mut modulo) else {
        return;
    };
    let text = filled.to_aterm(dir).expect("what was checked is printed");
    let again = Derivation::parse_canonical_aterm(dir, filled.name.clone(), &text);
    let again = again.expect("what is printed is read");
    assert_eq!(again, *filled);
    let checked = again
        .check(&mut modulo)
        .expect("what was filled in is right");
    assert_eq!(checked.output_paths(), filled.output_paths());
}

fuzz_target!(|input: &[u8]| {
    let dir = StoreDir::default();
    let name = StorePathName::new("fuzz").expect("it is a name");
    let canonical = Derivation::parse_canonical_aterm(&dir, name.clone(), input);
    let Ok(derivation) = Derivation::parse_aterm(&dir, name.clone(), input) else {
        assert!(canonical.is_err());
        return;
    };
    let text = derivation.to_aterm(&dir).expect("what was read is printed");
    assert_eq!(canonical.is_ok(), text == input);
    let again = Derivation::parse_canonical_aterm(&dir, name, &text);
    assert_eq!(again.as_ref(), Ok(&derivation));
    check_paths(&dir, derivation);
});
