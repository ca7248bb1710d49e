use alloc::{format, string::ToString, vec::Vec};

use proptest::prelude::*;
use serde_json::json;

use super::*;

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const EMPTY_SHA256_BASE64: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const FORMATS: [HashFormat; 4] = [
    HashFormat::Base16,
    HashFormat::Nix32,
    HashFormat::Base64,
    HashFormat::Sri,
];

#[test]
fn digests_are_those_of_the_standards() {
    let check = |algorithm: Algorithm, text: &str, hex: &str| {
        let hash = Hash::of(algorithm, text.as_bytes());
        assert_eq!(hash.to_bare_text(HashFormat::Base16), hex, "{algorithm}");
        assert_eq!(hash.digest().len(), algorithm.digest_len());
    };
    check(Algorithm::Md5, "", "d41d8cd98f00b204e9800998ecf8427e");
    check(Algorithm::Md5, "abc", "900150983cd24fb0d6963f7d28e17f72");
    check(
        Algorithm::Sha1,
        "abc",
        "a9993e364706816aba3e25717850c26c9cd0d89d",
    );
    check(Algorithm::Sha256, "", EMPTY_SHA256);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    check(Algorithm::Sha256, "abc", abc);
    let abc = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
               2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    check(Algorithm::Sha512, "abc", abc);
    let abc = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
    check(Algorithm::Blake3, "abc", abc);
}

#[test]
fn every_form_of_a_hash_is_read() {
    let hash = Hash::of(Algorithm::Sha256, b"");
    let nix32 = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    let upper = EMPTY_SHA256.to_ascii_uppercase();
    for bare in [EMPTY_SHA256, &upper, nix32, EMPTY_SHA256_BASE64] {
        assert_eq!(
            Hash::parse(bare, Some(Algorithm::Sha256)),
            Ok(hash),
            "{bare}"
        );
        assert_eq!(
            Hash::parse_bare(bare, Algorithm::Sha256),
            Ok(hash),
            "{bare}"
        );
        assert_eq!(Hash::parse(bare, None), Err(HashError::NoAlgorithm));
        assert_eq!(Hash::parse_prefixed(bare), Err(HashError::NoPrefix));
        let prefixed = format!("sha256:{bare}");
        assert_eq!(Hash::parse(&prefixed, None), Ok(hash));
        assert_eq!(Hash::parse_prefixed(&prefixed), Ok(hash));
        assert!(Hash::parse_sri(&prefixed).is_err(), "{bare}");
    }
    let sri = format!("sha256-{EMPTY_SHA256_BASE64}");
    assert_eq!(Hash::parse(&sri, Some(Algorithm::Sha256)), Ok(hash));
    assert_eq!(Hash::parse_sri(&sri), Ok(hash));
    // In SRI the bytes are base 64, whatever their length.
    assert!(Hash::parse(&format!("sha256-{EMPTY_SHA256}"), None).is_err());
    assert!(Hash::parse_sri(&format!("sha256-{nix32}")).is_err());
}

#[test]
fn the_algorithms_of_the_text_and_the_caller_must_agree() {
    let text = Hash::of(Algorithm::Sha256, b"").to_string();
    let (expected, found) = (Algorithm::Blake3, Algorithm::Sha256);
    let error = HashError::Algorithm { expected, found };
    assert_eq!(Hash::parse(&text, Some(expected)), Err(error));
    let unknown = HashError::UnknownAlgorithm("sha3".into());
    assert_eq!(Hash::parse("sha3:00", None), Err(unknown));
    let unknown = HashError::UnknownAlgorithm("SHA256".into());
    assert_eq!("SHA256".parse::<Algorithm>(), Err(unknown));
    // The first `:` wins over a `-` before it.
    let unknown = HashError::UnknownAlgorithm("sha256-x".into());
    assert_eq!(Hash::parse("sha256-x:y", None), Err(unknown));
}

#[test]
fn texts_of_other_lengths_are_refused() {
    for algorithm in Algorithm::ALL {
        let bytes = algorithm.digest_len();
        let forms = [2 * bytes, nix32::encoded_len(bytes), bytes.div_ceil(3) * 4];
        for length in (0..140).filter(|length| !forms.contains(length)) {
            let error = HashError::TextLength { algorithm, length };
            let text = "0".repeat(length);
            assert_eq!(Hash::parse_bare(&text, algorithm), Err(error));
        }
        let error = HashError::DigestLength {
            algorithm,
            length: bytes + 1,
        };
        assert_eq!(Hash::new(algorithm, &[0; 65][..bytes + 1]), Err(error));
    }
}

#[test]
fn surplus_bits_of_base_32_are_refused() {
    let parse = |first| Hash::parse_bare(&format!("{first}{}", "z".repeat(51)), Algorithm::Sha256);
    assert!(parse('1').is_ok());
    let surplus = HashError::Nix32(nix32::Nix32Error::SurplusBits);
    assert_eq!(parse('2'), Err(surplus));
}

#[test]
fn base_64_is_lenient_in_sri_alone() {
    let hash = Hash::of(Algorithm::Sha256, b"");
    let unpadded = EMPTY_SHA256_BASE64.trim_end_matches('=');
    for text in [
        EMPTY_SHA256_BASE64.into(),
        unpadded.into(),
        format!("{unpadded}==="),
        format!("{unpadded}= cheesecake"),
        format!("\n{unpadded}\n\n"),
        // The last character holds two bits that no byte has.
        unpadded.replace("uFU", "uFV"),
    ] {
        assert_eq!(
            Hash::parse_sri(&format!("sha256-{text}")),
            Ok(hash),
            "{text:?}"
        );
        let bare = Hash::parse_bare(&text, Algorithm::Sha256);
        assert_eq!(bare.is_ok(), text.len() == 44, "{text:?}");
    }
    for text in ["", "=", "47DE", &format!("{unpadded}AA"), &"A".repeat(9999)] {
        let error = Hash::parse_sri(&format!("sha256-{text}"));
        assert!(
            matches!(error, Err(HashError::DigestLength { .. })),
            "{text:?}"
        );
    }
    let error = HashError::Symbol {
        base: "base 64",
        position: 2,
        byte: b' ',
    };
    assert_eq!(Hash::parse_sri("sha256-47 DEQ"), Err(error));
    for text in ["", "sha256", "sha256:47DE"] {
        assert_eq!(Hash::parse_sri(text), Err(HashError::NotSri));
    }
}

#[test]
fn a_wrong_character_is_named_with_its_place() {
    let error = HashError::Symbol {
        base: "base 16",
        position: 30,
        byte: b'g',
    };
    let text = format!("{}g0", "0".repeat(30));
    assert_eq!(Hash::parse_bare(&text, Algorithm::Md5), Err(error));
    let byte = 0xc3;
    let position = 30;
    let error = HashError::Symbol {
        base: "base 16",
        position,
        byte,
    };
    let text = format!("{}\u{e9}", "0".repeat(30));
    assert_eq!(Hash::parse_bare(&text, Algorithm::Md5), Err(error));
}

#[test]
fn hashes_sort_by_length_then_bytes_then_algorithm() {
    let hash = |algorithm: Algorithm, first: u8| {
        let mut digest = alloc::vec![0; algorithm.digest_len()];
        digest[0] = first;
        Hash::new(algorithm, &digest).unwrap()
    };
    let sorted = [
        hash(Algorithm::Md5, 9),
        hash(Algorithm::Sha1, 8),
        hash(Algorithm::Sha256, 1),
        hash(Algorithm::Blake3, 1),
        hash(Algorithm::Sha256, 2),
        hash(Algorithm::Sha512, 0),
    ];
    assert!(sorted.is_sorted());
}

#[test]
fn hashes_in_json_are_texts_or_parts() {
    let hash = Hash::of(Algorithm::Sha256, b"");
    for value in [
        hash.to_json(),
        json!(hash.to_string()),
        json!({"algorithm": "sha256", "hash": EMPTY_SHA256}),
        json!({"algorithm": "sha256", "format": "base64", "hash": EMPTY_SHA256_BASE64}),
    ] {
        assert_eq!(Hash::from_json(&value), Ok(hash), "{value}");
    }
    let check = |value, message: &str| {
        let error = Hash::from_json(&value).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    check(json!(1), "expected a string, found a number");
    check(
        json!(EMPTY_SHA256),
        "the hash has no prefix that names its algorithm",
    );
    check(json!({"algorithm": "sha256"}), "at .hash: missing field");
    let hash = json!({"algorithm": "sha256", "hash": "", "format": "rot13"});
    check(hash, "at .format: unknown format of a hash");
}

#[test]
fn folding_is_by_exclusive_or_and_not_by_cutting() {
    let digest: Vec<u8> = (0..32).collect();
    let folded: [u8; 20] = compress_hash(&digest);
    let twice: Vec<u8> = (0..12).map(|at| at ^ (at + 20)).collect();
    assert_eq!(folded[..12], twice);
    assert_eq!(folded[12..], [12, 13, 14, 15, 16, 17, 18, 19]);
}

#[test]
fn the_hash_modulo_counts_positions_and_ignores_the_hash_part() {
    let modulo = |own: &[u8; 32]| {
        let contents = [b"a", &own[..], &own[..], b"b"].concat();
        let mut hasher = ModuloHasher::new(Algorithm::Sha256, own);
        contents.chunks(7).for_each(|chunk| hasher.update(chunk));
        hasher.finish()
    };
    let found = modulo(b"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q");
    let expected = [b"a", &[0; 64][..], b"b|1|33"].concat();
    assert_eq!(found.hash, Hash::of(Algorithm::Sha256, &expected));
    assert_eq!((found.size, found.occurrences), (66, 2));
    assert_eq!(modulo(b"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0d"), found);
    let mut plain = ModuloHasher::new(Algorithm::Sha256, &[b'0'; 32]);
    plain.update(b"plain");
    assert_eq!(plain.finish().hash, Hash::of(Algorithm::Sha256, b"plain"));
}

proptest! {
    #[test]
    fn whatever_is_printed_is_read_again(hash in arb_hash()) {
        for format in FORMATS {
            let text = hash.to_text(format);
            prop_assert_eq!(Hash::parse(&text, None), Ok(hash));
            prop_assert_eq!(Hash::parse_prefixed(&text), Ok(hash));
            let bare = hash.to_bare_text(format);
            prop_assert_eq!(Hash::parse_bare(&bare, hash.algorithm()), Ok(hash));
        }
        prop_assert_eq!(hash.to_string().parse(), Ok(hash));
        prop_assert_eq!(Hash::new(hash.algorithm(), hash.digest()), Ok(hash));
        let narrowed = Sha256::try_from(hash);
        prop_assert_eq!(narrowed.is_ok(), hash.algorithm() == Algorithm::Sha256);
    }

    #[test]
    fn no_text_makes_the_parser_panic(
        text in r"(sha256[:-]|md5[:-]|)([0-9a-zA-Z+/=\n-]{0,70}|\PC{0,70})",
        algorithm in prop::option::of(arb_algorithm()),
    ) {
        if let Ok(hash) = Hash::parse(&text, algorithm) {
            prop_assert_eq!(Hash::parse(&hash.to_string(), algorithm), Ok(hash));
        }
    }

    #[test]
    fn chunks_hash_as_the_whole_does(
        algorithm in arb_algorithm(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        size in 1_usize..100,
    ) {
        let mut hasher = Hasher::new(algorithm);
        bytes.chunks(size).for_each(|chunk| hasher.update(chunk));
        prop_assert_eq!(hasher.finish(), Hash::of(algorithm, &bytes));
    }
}
