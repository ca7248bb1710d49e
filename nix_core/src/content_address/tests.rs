use alloc::{format, string::ToString};

use proptest::prelude::*;

use super::*;
use crate::hash::HashFormat;

const NIX32: &str = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";

#[test]
fn the_texts_are_those_of_nix() {
    let hash = Hash::of(Algorithm::Sha256, b"");
    let check = |method, text: &str, aterm: &str| {
        let address = ContentAddress::new(method, hash).unwrap();
        assert_eq!(address.to_string(), format!("{text}:{NIX32}"));
        let method_algorithm = address.method_algorithm();
        assert_eq!(method_algorithm.to_string(), text);
        assert_eq!(method_algorithm.aterm(), aterm);
    };
    check(ContentAddressMethod::Text, "text:sha256", "text:sha256");
    check(ContentAddressMethod::Flat, "fixed:sha256", "sha256");
    check(ContentAddressMethod::Nar, "fixed:r:sha256", "r:sha256");
    check(ContentAddressMethod::Git, "fixed:git:sha256", "git:sha256");
}

#[test]
fn methods_refuse_hashes_that_they_do_not_have() {
    for method in ContentAddressMethod::ALL {
        for algorithm in Algorithm::ALL {
            let allowed = match method {
                ContentAddressMethod::Text => algorithm == Algorithm::Sha256,
                ContentAddressMethod::Git => {
                    algorithm == Algorithm::Sha256 || algorithm == Algorithm::Sha1
                }
                _ => true,
            };
            let hash = Hash::of(algorithm, b"");
            let expected = match allowed {
                true => Ok(ContentAddress { method, hash }),
                false => Err(ContentAddressError::Algorithm { method, algorithm }),
            };
            assert_eq!(ContentAddress::new(method, hash), expected);
            let raw = ContentAddress { method, hash };
            assert_eq!(raw.to_string().parse(), expected);
            assert_eq!(ContentAddress::from_json(&raw.to_json()).is_ok(), allowed);
            let aterm = format!("{}{algorithm}", method.aterm_prefix());
            assert_eq!(MethodAlgorithm::from_aterm(&aterm).is_ok(), allowed);
        }
    }
}

#[test]
fn malformed_texts_are_refused() {
    let check = |text: &str, error| assert_eq!(text.parse::<ContentAddress>(), Err(error));
    let unknown = |name: &str| ContentAddressError::Hash(HashError::UnknownAlgorithm(name.into()));
    let no_algorithm = || ContentAddressError::Hash(HashError::NoAlgorithm);
    check("", ContentAddressError::Prefix);
    check(&format!("r:sha256:{NIX32}"), ContentAddressError::Prefix);
    check("fixed:", no_algorithm());
    check("text:sha256", no_algorithm());
    check(&format!("fixed:x:sha256:{NIX32}"), unknown("x"));
    check(&format!("fixed:text:sha256:{NIX32}"), unknown("text"));
    check(&format!("text:r:sha256:{NIX32}"), unknown("r"));
    let sri = format!(
        "fixed:r:{}",
        Hash::of(Algorithm::Sha256, b"").to_text(HashFormat::Sri)
    );
    check(&sri, no_algorithm());
    let length = ContentAddressError::Hash(HashError::TextLength {
        algorithm: Algorithm::Md5,
        length: 0,
    });
    check("fixed:md5:", length);
    assert_eq!(MethodAlgorithm::from_aterm("r:"), Err(unknown("")));
    let algorithm: Result<MethodAlgorithm, _> = "fixed:r:sha256:".parse();
    assert_eq!(algorithm, Err(unknown("sha256:")));
}

#[test]
fn json_has_exactly_two_fields() {
    let hash = Hash::of(Algorithm::Sha256, b"").to_text(HashFormat::Sri);
    let check = |value: Value, message: &str| {
        let error = ContentAddress::from_json(&value).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    check(json!({"method": "nar"}), "at .hash: missing field");
    check(
        json!({"method": "nar", "hash": hash, "x": 1}),
        "at .x: unknown field",
    );
    let unknown = r#"unknown content address method "r", expected text, flat, nar or git"#;
    check(
        json!({"method": "r", "hash": hash}),
        &format!("at .method: {unknown}"),
    );
    check(json!([]), "expected an object, found an array");
    let sha1 = Hash::of(Algorithm::Sha1, b"").to_json();
    let why = "contents addressed by text cannot be hashed by sha1";
    check(json!({"method": "text", "hash": sha1}), why);
}

proptest! {
    #[test]
    fn whatever_is_printed_is_read_again(address in arb_content_address()) {
        prop_assert_eq!(address.to_string().parse(), Ok(address));
        prop_assert_eq!(ContentAddress::from_json(&address.to_json()), Ok(address));
        let method_algorithm = address.method_algorithm();
        prop_assert_eq!(method_algorithm.to_string().parse(), Ok(method_algorithm));
        prop_assert_eq!(MethodAlgorithm::from_aterm(&method_algorithm.aterm()), Ok(method_algorithm));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(fixed:|text:)?(r:|git:)?(sha1:)?[0-9a-z:]{0,40}") {
        if let Ok(address) = text.parse::<ContentAddress>() {
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}
