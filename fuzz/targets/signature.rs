//! Bytes as signatures and keys: what is read is the same when printed and read again, and a
//! signature counts for no message but its own.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nix_core::{
    json::parse_value,
    signature::{KeyName, PublicKey, SecretKey, Signature, SignatureForm, TrustedKeys},
};

const FORMS: [SignatureForm; 2] = [SignatureForm::Text, SignatureForm::Structured];

fn check_signature(signature: &Signature) {
    assert_eq!(signature.to_string().parse().as_ref(), Ok(signature));
    for form in FORMS {
        let text = signature.to_json(form).to_string();
        let value = parse_value(text.as_bytes()).expect("it prints JSON");
        assert_eq!(
            Signature::from_json(&value).as_ref(),
            Ok(signature),
            "{form:?}"
        );
    }
}

/// Checks a key by a message that it signs, and a signature of another message.
fn check_secret(key: &SecretKey) {
    let again: SecretKey = key.to_secret_text().parse().expect("it was printed");
    assert_eq!(again.public_key(), key.public_key());
    let signature = key.sign(b"message");
    assert!(key.public_key().verify(b"message", &signature));
    assert!(!key.public_key().verify(b"other", &signature));
    check_signature(&signature);
}

fuzz_target!(|input: &[u8]| {
    if let Ok(value) = parse_value(input)
        && let Ok(signature) = Signature::from_json(&value)
    {
        check_signature(&signature);
    }
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    if let Ok(name) = KeyName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(signature) = text.parse::<Signature>() {
        assert_eq!(signature.to_string(), text, "a signature has one text");
        check_signature(&signature);
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string(), text, "a key has one text");
        let again = PublicKey::from_bytes(key.name().clone(), key.as_bytes());
        assert_eq!(again.as_ref(), Ok(&key));
    }
    if let Ok(key) = text.parse::<SecretKey>() {
        assert_eq!(key.to_secret_text(), text, "a key has one text");
        check_secret(&key);
    }
    if let Ok(keys) = text.parse::<TrustedKeys>() {
        assert_eq!(keys.iter().count(), keys.len());
        let joined: Vec<_> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(joined.join(" ").parse(), Ok(keys));
    }
    // Three lines: a key, a signature, and what it may be of.
    if let Some((key, rest)) = text.split_once('\n')
        && let Some((signature, message)) = rest.split_once('\n')
        && let (Ok(key), Ok(signature)) = (key.parse::<PublicKey>(), signature.parse::<Signature>())
        && key.verify(message.as_bytes(), &signature)
    {
        assert!(!key.verify(format!("{message}.").as_bytes(), &signature));
    }
});
