//! Bytes as JSON of derivations: every version says the same, and what is read is the same when
//! printed and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::{
    derivation::{
        Derivation, DerivationJson, DerivationOptions, DerivationOutput, JsonLayout, ToJsonError,
        read_derivations, write_derivations,
    },
    json::parse_value,
    store_path::{StoreDir, StorePathName},
};

const VERSIONS: [DerivationJson; 3] = [
    DerivationJson::Unversioned,
    DerivationJson::V3,
    DerivationJson::V4,
];

/// Returns what a version says: of structured attributes the newer ones keep no spelling.
fn said_in(derivation: &Derivation, version: DerivationJson) -> Derivation {
    let mut said = derivation.clone();
    if version != DerivationJson::Unversioned
        && let Ok(Some(attrs)) = derivation.structured_attrs()
    {
        said.set_structured_attrs(&attrs);
    }
    said
}

fn check(dir: &StoreDir, derivation: &Derivation) {
    for version in VERSIONS {
        let written = match derivation.to_json(dir, version) {
            Ok(written) => written,
            // What came as a variable may be no structured attributes.
            Err(ToJsonError::StructuredAttrs(_)) => continue,
            Err(error) => {
                assert_eq!(version, DerivationJson::Unversioned, "{error}");
                continue;
            }
        };
        let derivation = &said_in(derivation, version);
        let text = JsonLayout::COMPACT.print(&written);
        let value = parse_value(text.as_bytes()).expect("it prints JSON");
        assert_eq!(value, written);
        let again = Derivation::from_json(dir, Some(&derivation.name), &value);
        assert_eq!(again.as_ref(), Ok(derivation), "{version:?}");
    }
    if let Ok(resolved) = derivation.to_resolved_json() {
        let again = Derivation::from_json(dir, None, &resolved);
        assert_eq!(again, Ok(said_in(derivation, DerivationJson::V4)));
    }
    // The system is the one string that the ATerm does not quote.
    let is_plain = !derivation.system.iter().any(|byte| br#""\"#.contains(byte));
    if let Ok(text) = derivation.to_aterm(dir)
        && is_plain
    {
        let again = Derivation::parse_canonical_aterm(dir, derivation.name.clone(), &text);
        assert_eq!(again.as_ref(), Ok(derivation));
    }
}

fuzz_target!(|input: &[u8]| {
    let dir = StoreDir::default();
    let Ok(value) = parse_value(input) else {
        return;
    };
    let name = StorePathName::new("fuzz").expect("it is a name");
    for name in [Some(&name), None] {
        if let Ok(derivation) = Derivation::from_json(&dir, name, &value) {
            check(&dir, &derivation);
        }
    }
    if let Ok(derivations) = read_derivations(&dir, &value) {
        for version in VERSIONS {
            let Ok(written) = write_derivations(&dir, version, &derivations) else {
                continue;
            };
            let said = derivations.iter();
            let said = said.map(|(path, drv)| (path.clone(), said_in(drv, version)));
            assert_eq!(read_derivations(&dir, &written), Ok(said.collect()));
        }
        for derivation in derivations.values() {
            check(&dir, derivation);
        }
    }
    if let Ok(output) = DerivationOutput::from_json(&value) {
        assert_eq!(DerivationOutput::from_json(&output.to_json()), Ok(output));
    }
    if let Ok(options) = DerivationOptions::from_json(&value) {
        assert_eq!(
            DerivationOptions::from_json(&options.to_json()),
            Ok(options)
        );
    }
});
