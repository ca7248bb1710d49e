use std::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use data_encoding::HEXLOWER;
use ed25519_dalek::{Verifier, VerifyingKey};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::json::JsonErrorKind;

/// Twice the first test of RFC 8032, section 7.1: the key, and its signature over nothing.
const PUBLIC: &str = "k:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const OVER_NOTHING: &str = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821\
    590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

/// The order of the group, least significant byte first.
const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let bytes = HEXLOWER.decode(text.as_bytes()).unwrap();
    bytes.try_into().unwrap()
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn key() -> SecretKey {
    SecretKey::from_seed(name("k"), &hex(SEED))
}

#[test]
fn the_vector_of_rfc_8032_is_signed_and_verified() {
    assert_eq!(key().public_key().to_string(), PUBLIC);
    let signature = key().sign(b"");
    assert_eq!(signature.bytes, hex(OVER_NOTHING));
    assert!(key().public_key().verify(b"", &signature));
}

#[test]
fn a_signature_is_refused_for_a_flipped_bit_in_any_byte() {
    let (public, message) = (key().public_key(), *b"message");
    let signature = key().sign(&message);
    let flip = |bytes: &mut [u8], bit: usize| bytes[bit / 8] ^= 1 << (bit % 8);
    // Another bit in every byte; each of them costs a verification.
    let bits = |bytes| (0..bytes).map(|byte| byte * 8 + byte % 8);
    for bit in bits(64) {
        let mut flipped = signature.clone();
        flip(&mut flipped.bytes, bit);
        assert!(!public.verify(&message, &flipped), "bit {bit}");
    }
    for bit in bits(message.len()) {
        let mut flipped = message;
        flip(&mut flipped, bit);
        assert!(!public.verify(&flipped, &signature), "bit {bit}");
    }
    for bit in bits(32) {
        let mut flipped = *public.as_bytes();
        flip(&mut flipped, bit);
        if let Ok(other) = PublicKey::from_bytes(name("k"), &flipped) {
            assert!(!other.verify(&message, &signature), "bit {bit}");
        }
    }
}

#[test]
fn a_signature_counts_only_for_the_key_and_the_name_that_made_it() {
    let signature = key().sign(b"message");
    let other = SecretKey::from_seed(name("k"), &[1; 32]).public_key();
    assert!(!other.verify(b"message", &signature));
    let renamed = PublicKey::from_bytes(name("j"), key().public_key().as_bytes()).unwrap();
    assert!(!renamed.verify(b"message", &signature));
}

#[test]
fn a_signature_whose_s_is_not_reduced_is_refused() {
    let mut signature = key().sign(b"message");
    let mut carry = 0;
    for (byte, add) in signature.bytes[32..].iter_mut().zip(hex::<32>(ORDER)) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!key().public_key().verify(b"message", &signature));
}

#[test]
fn public_keys_of_small_order_are_refused() {
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ] {
        let bytes = hex(point);
        assert!(
            VerifyingKey::from_bytes(&bytes).is_ok(),
            "{point} is a point"
        );
        let refused = PublicKey::from_bytes(name("k"), &bytes);
        assert_eq!(refused, Err(SignatureError::NotAKey), "{point}");
    }
}

#[test]
fn a_signature_with_an_r_of_small_order_is_refused() {
    let public = hex("f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43");
    let message: [u8; 32] = hex("aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab");
    let bytes = hex(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa8c4bd45aecaca5b24fb97bc10ac2\
         7ac8751a7dfe1baff8b953ec9f5833ca260e",
    );
    let lax = VerifyingKey::from_bytes(&public).unwrap();
    let proper = ed25519_dalek::Signature::from_bytes(&bytes);
    assert!(
        lax.verify(&message, &proper).is_ok(),
        "a lax check takes it"
    );
    let signature = Signature {
        key_name: name("k"),
        bytes,
    };
    let strict = PublicKey::from_bytes(name("k"), &public).unwrap();
    assert!(!strict.verify(&message, &signature));
}

#[test]
fn bytes_that_are_no_point_are_no_public_key() {
    let refused = PublicKey::from_bytes(name("k"), &[2; 32]);
    assert_eq!(refused, Err(SignatureError::NotAKey));
}

#[test]
fn texts_that_are_no_signature_say_why() {
    let good = key().sign(b"").to_string();
    let (_, data) = good.split_once(':').unwrap();
    let length = |actual| SignatureError::Length {
        expected: 88,
        actual,
    };
    let base64 = |position| SignatureError::Base64 { position };
    // Sixty-four bytes too, with the padding in the middle.
    let inner = format!("k:AA=={}", &data[..83].replace('=', "A")) + "A";
    for (text, expected) in [
        (String::new(), SignatureError::NoColon),
        (data.to_string(), SignatureError::NoColon),
        (format!(":{data}"), SignatureError::EmptyName),
        (format!("k:{data} "), length(89)),
        (format!("k:\n{data}"), length(89)),
        (format!("k:{}", &data[..86]), length(86)),
        (format!("k:{data}{data}"), length(176)),
        (format!("k:k:{}", &data[2..]), base64(1)),
        (format!("k:{}", data.replace("==", "A=")), base64(86)),
        (format!("k:{}", data.replace("==", "=A")), base64(87)),
        (format!("k:{}", data.replace("w==", "x==")), base64(85)),
        (format!("k:!{}", &data[1..]), base64(0)),
        (format!("k:{}_==", &data[..85]), base64(85)),
        (inner, base64(86)),
    ] {
        assert_eq!(text.parse::<Signature>(), Err(expected), "{text}");
    }
}

#[test]
fn names_that_would_end_where_they_are_written_are_refused() {
    for (text, position, symbol) in [("a b", 1, ' '), ("\u{e9}\n", 2, '\n'), ("a:", 1, ':')] {
        let refused = Err(SignatureError::NameSymbol { position, symbol });
        assert_eq!(KeyName::new(text), refused);
    }
    for text in ["a\tb:AA==", "a\rb:AA==", "\u{2028}:AA==", "\0:AA=="] {
        let refused = text.parse::<PublicKey>();
        assert!(
            matches!(refused, Err(SignatureError::NameSymbol { .. })),
            "{text:?}"
        );
    }
}

#[test]
fn every_truncated_text_is_refused() {
    let secret = key().to_secret_text();
    let texts = [key().sign(b"").to_string(), PUBLIC.to_string(), secret];
    let parses = |text: &str| {
        [
            text.parse::<Signature>().is_ok(),
            text.parse::<PublicKey>().is_ok(),
            text.parse::<SecretKey>().is_ok(),
        ]
    };
    for text in texts {
        assert!(parses(&text).contains(&true), "{text}");
        for length in 0..text.len() {
            assert_eq!(parses(&text[..length]), [false; 3], "{}", &text[..length]);
        }
    }
}

#[test]
fn a_secret_key_whose_halves_differ_is_refused() {
    let other = SecretKey::from_seed(name("k"), &[1; 32]).public_key();
    let mixed = [&hex::<32>(SEED)[..], other.as_bytes()].concat();
    let refused = text::print(&name("k"), &mixed).parse::<SecretKey>();
    assert_eq!(refused.unwrap_err(), SignatureError::HalvesDiffer);
    // A public key and a seed alone are of another length.
    let expected = SignatureError::Length {
        expected: 88,
        actual: 44,
    };
    assert_eq!(PUBLIC.parse::<SecretKey>().unwrap_err(), expected);
}

#[test]
fn a_secret_key_does_not_show_its_secret_unasked() {
    assert_eq!(
        format!("{:?}", key()),
        "SecretKey { name: KeyName(\"k\"), .. }"
    );
    let text = key().to_secret_text();
    assert_eq!(text.parse::<SecretKey>().unwrap().to_secret_text(), text);
}

#[test]
fn trusted_keys_have_one_key_a_name() {
    let other = SecretKey::from_seed(name("k"), &[1; 32]).public_key();
    let refused = format!("{PUBLIC} {other}").parse::<TrustedKeys>();
    assert_eq!(refused, Err(TrustedKeysError::Conflict { name: name("k") }));
    let refused = format!("{PUBLIC} nonsense").parse::<TrustedKeys>();
    let source = SignatureError::NoColon;
    assert_eq!(refused, Err(TrustedKeysError::Key { index: 1, source }));
    let renamed = other.to_string().replace("k:", "j:");
    let keys: TrustedKeys = format!("\n {PUBLIC}\t{renamed}\n{PUBLIC}").parse().unwrap();
    let names: Vec<_> = keys.iter().map(|key| key.name().as_str()).collect();
    assert_eq!(names, ["j", "k"]);
    assert_eq!((keys.len(), keys.is_empty()), (2, false));
    let own = keys.get("k").map(|key| key.name().as_ref());
    assert_eq!((own, keys.get("K")), (Some("k"), None));
    let none: TrustedKeys = "".parse().unwrap();
    assert_eq!((none.len(), none.is_empty()), (0, true));
}

#[test]
fn keys_are_counted_and_not_signatures() {
    let keys: TrustedKeys = PUBLIC.parse().unwrap();
    let good = key().sign(b"message");
    let forged = key().sign(b"another");
    let foreign = SecretKey::from_seed(name("j"), &[1; 32]).sign(b"message");
    let check = SignatureCheck::new(&keys, Some(b"message"), [&good, &forged, &foreign]);
    assert_eq!(check.valid, [name("k")].into());
    assert_eq!(check.invalid, [].into());
    assert_eq!(check.unknown, [name("j")].into());
    assert_eq!(
        [0, 1, 2].map(|needed| check.is_trusted(needed)),
        [true, true, false]
    );

    let check = SignatureCheck::new(&keys, Some(b"message"), [&forged]);
    assert_eq!((check.valid.len(), check.invalid), (0, [name("k")].into()));
    let check = SignatureCheck::new(&keys, None, [&good, &foreign]);
    assert_eq!((check.valid.len(), check.invalid), (0, [name("k")].into()));
    assert_eq!(check.unknown, [name("j")].into());
}

#[test]
fn json_that_is_no_signature_says_where() {
    let sig = BASE64.encode(&[0; 64]);
    let missing = JsonErrorKind::Missing;
    for (json, path, kind) in [
        (json!({ "keyName": "a" }), ".sig", missing.clone()),
        (json!({ "sig": sig }), ".keyName", missing),
        (
            json!({ "keyName": "a", "sig": sig, "x": 1 }),
            ".x",
            JsonErrorKind::Unknown,
        ),
        (
            json!({ "keyName": "", "sig": sig }),
            ".keyName",
            JsonErrorKind::Value(SignatureError::EmptyName.to_string()),
        ),
        (
            json!({ "keyName": "a", "sig": "AA==" }),
            ".sig",
            JsonErrorKind::Value("the base64 text has 4 characters where 88 are due".into()),
        ),
        (
            json!("nonsense"),
            "",
            JsonErrorKind::Value(SignatureError::NoColon.to_string()),
        ),
    ] {
        let error = Signature::from_json(&json).unwrap_err();
        assert_eq!((error.path(), error.kind()), (path, &kind), "{json}");
    }
    assert!(Signature::from_json(&json!(null)).is_err());
    assert!(Signature::from_json(&json!([])).is_err());
}

proptest! {
    #[test]
    fn signatures_are_read_as_they_are_written(signature in arb_signature()) {
        prop_assert_eq!(signature.to_string().parse(), Ok(signature.clone()));
        for form in [SignatureForm::Text, SignatureForm::Structured] {
            prop_assert_eq!(Signature::from_json(&signature.to_json(form)), Ok(signature.clone()));
        }
    }

    #[test]
    fn signatures_sort_as_their_texts(left in arb_signature(), right in arb_signature()) {
        prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        let renamed = Signature { key_name: left.key_name.clone(), ..right };
        prop_assert_eq!(left.cmp(&renamed), left.to_string().cmp(&renamed.to_string()));
    }

    #[test]
    fn keys_are_read_as_they_are_written(key_name in arb_key_name(), seed: [u8; 32]) {
        let secret = SecretKey::from_seed(key_name, &seed);
        let public = secret.public_key();
        prop_assert_eq!(public.to_string().parse(), Ok(public.clone()));
        let again: SecretKey = secret.to_secret_text().parse().unwrap();
        prop_assert_eq!(again.public_key(), public.clone());
        prop_assert!(public.verify(b"message", &again.sign(b"message")));
    }

    #[test]
    fn texts_that_parse_are_the_ones_that_are_printed(text in "[a-c:]{0,3}:?[A-D=/+]{0,90}") {
        if let Ok(signature) = text.parse::<Signature>() {
            prop_assert_eq!(signature.to_string(), text);
        }
    }
}
