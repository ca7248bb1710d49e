//! Serde fields: the bytes are bincode's, and bytes from outside fail without a panic.

use std::collections::BTreeMap;

use bincode::config::standard;
use proptest::{collection::vec, prelude::*};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::*;
use crate::{key::tests::arb_text, value::ValueError};

/// A type with every form that serde knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Foreign {
    Unit,
    Newtype(Box<Foreign>),
    Tuple(u8, i16, u128),
    Struct {
        text: String,
        letter: Option<char>,
        wide: (i64, i128, f32, f64),
    },
    List(Vec<Foreign>),
    Map(BTreeMap<String, Wrapped>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(Marker, bool, [u32; 3], Meters);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marker;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Meters(u64);

fn arb_foreign() -> impl Strategy<Value = Foreign> {
    let wrapped = any::<(bool, [u32; 3], u64)>()
        .prop_map(|(yes, three, meters)| Wrapped(Marker, yes, three, Meters(meters)));
    let leaf = prop_oneof![
        Just(Foreign::Unit),
        any::<(u8, i16, u128)>().prop_map(|(a, b, c)| Foreign::Tuple(a, b, c)),
        (
            arb_text(),
            any::<Option<char>>(),
            any::<(i64, i128, f32, f64)>()
        )
            .prop_map(|(text, letter, wide)| Foreign::Struct { text, letter, wide }),
        proptest::collection::btree_map(arb_text(), wrapped, 0..4).prop_map(Foreign::Map),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|value| Foreign::Newtype(Box::new(value))),
            vec(inner, 0..4).prop_map(Foreign::List),
        ]
    })
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    encode_serde_field(&mut ValueWriter::new(&mut out), value, "foreign")?;
    Ok(out)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ValueError> {
    decode_serde_field(&mut ValueReader::new(bytes), "foreign")
}

/// Puts the length before the bytes of a field.
fn framed(inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ValueWriter::new(&mut out);
    writer.len(inner.len());
    writer.bytes(inner);
    out
}

fn nested(levels: u32) -> Foreign {
    (0..levels).fold(Foreign::Unit, |value, _| Foreign::Newtype(Box::new(value)))
}

proptest! {
    #[test]
    fn a_serde_field_is_read_back_from_the_bytes_of_bincode(value in arb_foreign()) {
        let bytes = encode(&value).unwrap();
        let inner = bincode::serde::encode_to_vec(&value, standard()).unwrap();
        prop_assert_eq!(&bytes, &framed(&inner));
        prop_assert_eq!(decode::<Foreign>(&bytes).unwrap(), value);
    }

    #[test]
    fn a_damaged_serde_field_does_not_panic(value in arb_foreign(), at: usize, flipped in 1_u8..) {
        let mut bytes = encode(&value).unwrap();
        for end in 0..bytes.len() {
            decode::<Foreign>(&bytes[..end]).unwrap_err();
        }
        let at = at % bytes.len();
        bytes[at] ^= flipped;
        let _ = decode::<Foreign>(&bytes);
    }

    #[test]
    fn any_bytes_are_a_serde_field_or_fail(inner in vec(0_u8..8, 0..64)) {
        let ours = decode::<Foreign>(&framed(&inner));
        let bincode = bincode::serde::decode_from_slice(
            &inner,
            standard().with_limit::<0x1_0000>(),
        );
        if let Ok((value, read)) = bincode && read == inner.len() {
            prop_assert_eq!(ours.unwrap(), value);
        } else {
            ours.unwrap_err();
        }
    }
}

#[test]
fn a_serde_field_uses_all_of_its_bytes_and_no_more() {
    let error = decode::<u8>(&framed(&[5, 0])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "byte 2: field `foreign`: 1 bytes follow the value"
    );
    let mut reader = ValueReader::new(&[1, 5, 7]);
    assert_eq!(decode_serde_field::<u8>(&mut reader, "foreign").unwrap(), 5);
    assert_eq!(reader.position(), 2);
}

#[test]
fn a_length_beyond_the_field_is_refused() {
    for length in [65_537, u64::from(u32::MAX), u64::MAX] {
        let mut inner = Vec::new();
        ValueWriter::new(&mut inner).put_u64(length);
        decode::<String>(&framed(&inner)).unwrap_err();
        decode::<Vec<u64>>(&framed(&inner)).unwrap_err();
        decode::<Vec<()>>(&framed(&inner)).unwrap_err();
        decode::<BTreeMap<u8, u8>>(&framed(&inner)).unwrap_err();
    }
}

#[test]
fn the_depth_of_a_serde_field_is_bounded_both_ways() {
    let deepest = nested(VALUE_DEPTH_MAX);
    assert_eq!(
        decode::<Foreign>(&encode(&deepest).unwrap()).unwrap(),
        deepest
    );
    let error = encode(&nested(VALUE_DEPTH_MAX + 1)).unwrap_err();
    assert!(error.what.contains("nest deeper than"), "{error}");
    decode::<Foreign>(&framed(&[1; 1_000_000])).unwrap_err();
}

#[test]
fn a_refused_serde_field_leaves_nothing_behind() {
    let mut out = vec![1, 2, 3];
    let mut writer = ValueWriter::new(&mut out);
    encode_serde_field(&mut writer, &nested(VALUE_DEPTH_MAX + 1), "foreign").unwrap_err();
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn a_serde_field_is_not_human_readable() {
    let address: std::net::IpAddr = [127, 0, 0, 1].into();
    let bytes = encode(&address).unwrap();
    assert_eq!(bytes, [5, 0, 127, 0, 0, 1]);
    assert_eq!(decode::<std::net::IpAddr>(&bytes).unwrap(), address);
}

#[test]
fn varints_of_every_form_are_read() {
    fn check(bytes: &[u8], expected: Option<u64>) {
        assert_eq!(
            ValueReader::new(bytes).get_u64().ok(),
            expected,
            "{bytes:?}"
        );
    }
    check(&[250], Some(250));
    check(&[TAG_16, 251, 0], Some(251));
    check(&[TAG_32, 0, 0, 1, 0], Some(0x1_0000));
    check(&[TAG_64, 0, 0, 0, 0, 1, 0, 0, 0], Some(0x1_0000_0000));
    check(&[TAG_16, 251], None);
    check(&[TAG_128; 17], None);
    check(&[255; 17], None);
    check(&[], None);
}
