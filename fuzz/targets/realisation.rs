//! Bytes as realisations of both kinds, their names, and build results: what is read is the same
//! when printed and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::{
    build_result::BuildResult,
    json::parse_value,
    realisation::{
        BuildTrace, DrvOutput, LegacyDrvOutput, LegacyRealisation, Realisation, UnkeyedRealisation,
    },
    signature::SignatureForm,
};

const FORMS: [SignatureForm; 2] = [SignatureForm::Text, SignatureForm::Structured];

/// Checks that a value survives each form of its JSON.
macro_rules! check {
    ($type:ty, $value:expr) => {
        if let Ok(read) = <$type>::from_json($value) {
            for form in FORMS {
                let text = read.to_json(form).to_string();
                let value = parse_value(text.as_bytes()).expect("it prints JSON");
                assert_eq!(<$type>::from_json(&value).as_ref(), Ok(&read), "{form:?}");
            }
        }
    };
}

/// Checks that a fingerprint is JSON, in the spelling that is signed.
fn check_fingerprint(fingerprint: &str) {
    let value = parse_value(fingerprint.as_bytes()).expect("a fingerprint is JSON");
    assert_eq!(value.to_string(), fingerprint);
}

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = str::from_utf8(input) {
        if let Ok(output) = text.parse::<DrvOutput>() {
            assert_eq!(output.to_string(), text);
            assert_eq!(DrvOutput::from_json(&output.to_json()), Ok(output));
        }
        if let Ok(output) = text.parse::<LegacyDrvOutput>() {
            assert_eq!(output.to_string().parse(), Ok(output));
        }
    }
    let Ok(value) = parse_value(input) else {
        return;
    };
    check!(Realisation, &value);
    check!(UnkeyedRealisation, &value);
    check!(LegacyRealisation, &value);
    check!(BuildTrace, &value);
    if let Ok(realisation) = Realisation::from_json(&value) {
        check_fingerprint(&realisation.fingerprint());
        let mut merged = realisation.clone();
        assert_eq!(merged.merge(realisation.clone()), Ok(()));
        assert_eq!(merged, realisation);
    }
    if let Ok(realisation) = LegacyRealisation::from_json(&value) {
        check_fingerprint(&realisation.fingerprint());
    }
    if let Ok(result) = BuildResult::from_json(&value) {
        let text = result.to_json().to_string();
        let value = parse_value(text.as_bytes()).expect("it prints JSON");
        assert_eq!(BuildResult::from_json(&value), Ok(result));
    }
});
