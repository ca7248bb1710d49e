//! Values without their types: what the typed code writes is read, and what is read is written back
//! byte for byte; hostile bytes and descriptions are errors.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime},
};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    NetabaseKey, NetabaseValue,
    key::{
        encode_key,
        tests::{arb_bytes, arb_duration, arb_f32, arb_f64, arb_text},
    },
    schema::Types,
    value::tests as typed,
};

/// Returns the shape of a type as a record has it.
fn value_shape<T: NetabaseValue>() -> (Shape, Vec<NamedType>) {
    let mut types = Types::default();
    let shape = T::value_shape(&mut types);
    (shape, types.into_named())
}

/// Returns the shape of a type as a key has it.
fn key_shape<K: NetabaseKey>() -> (Shape, Vec<NamedType>) {
    let mut types = Types::default();
    let shape = K::key_shape(&mut types);
    (shape, types.into_named())
}

fn a_payload_is_read_and_written_back<T: NetabaseValue>(value: &T) {
    let (shape, types) = value_shape::<T>();
    let bytes = typed::encode(value).unwrap();
    let read = Value::decode(&shape, &types, &bytes).unwrap();
    let mut written = Vec::new();
    read.encode(&shape, &types, &mut written).unwrap();
    assert_eq!(written, bytes, "{read}");
}

fn a_key_is_read_and_written_back<K: NetabaseKey>(key: &K) {
    let (shape, types) = key_shape::<K>();
    let bytes = encode_key(key);
    let read = Value::decode_key(&shape, &types, &bytes).unwrap();
    let mut written = Vec::new();
    read.encode_key(&shape, &types, &mut written).unwrap();
    assert_eq!(written, bytes, "{read}");
}

fn a_field_is_indexed_as_its_type_is<T: NetabaseValue + NetabaseKey>(value: &T) {
    let ((shape, types), (key_shape, key_types)) = (value_shape::<T>(), key_shape::<T>());
    let bytes = typed::encode(value).unwrap();
    let mut key = Vec::new();
    let read = Value::decode(&shape, &types, &bytes).unwrap();
    read.encode_key(&key_shape, &key_types, &mut key).unwrap();
    assert_eq!(key, encode_key(value), "{read}");
}

fn what_the_type_refuses_is_refused<T: NetabaseValue>(bytes: &[u8]) {
    let (shape, types) = value_shape::<T>();
    let read = Value::decode(&shape, &types, bytes);
    let known = typed::decode::<T>(bytes);
    assert_eq!(read.is_ok(), known.is_ok(), "{read:?} from {bytes:?}");
    if let (Ok(read), Ok(known)) = (read, known) {
        let mut written = Vec::new();
        read.encode(&shape, &types, &mut written).unwrap();
        // Not the bytes that came in: an integer has longer forms, and a set may repeat itself.
        let again = typed::decode::<T>(&written).unwrap();
        assert_eq!(
            typed::encode(&again).unwrap(),
            typed::encode(&known).unwrap()
        );
    }
}

fn what_is_no_key_is_refused<K: NetabaseKey>(bytes: &[u8]) {
    let (shape, types) = key_shape::<K>();
    let read = Value::decode_key(&shape, &types, bytes);
    let known = crate::decode_key::<K>(bytes);
    assert_eq!(read.is_ok(), known.is_ok(), "{read:?} from {bytes:?}");
}

/// The laws of a type that is stored in records.
macro_rules! value_laws {
    ($($(#[$attribute:meta])* $name:ident: $value:ty, $arb:expr;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn a_payload_is_read_and_written_back(value in $arb) {
                    super::a_payload_is_read_and_written_back::<$value>(&value);
                }

                #[test]
                fn what_the_type_refuses_is_refused(
                    bytes in vec(prop_oneof![0_u8..4, any::<u8>()], 0..64)
                ) {
                    super::what_the_type_refuses_is_refused::<$value>(&bytes);
                }
            }
        }
    )*};
}

/// The laws of a type that is a key.
macro_rules! key_laws {
    ($($(#[$attribute:meta])* $name:ident: $key:ty, $arb:expr;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn a_key_is_read_and_written_back(key in $arb) {
                    super::a_key_is_read_and_written_back::<$key>(&key);
                }

                #[test]
                fn what_is_no_key_is_refused(
                    bytes in vec(prop_oneof![0_u8..4, any::<u8>()], 0..64)
                ) {
                    super::what_is_no_key_is_refused::<$key>(&bytes);
                }
            }
        }
    )*};
}

/// The laws of a type that is both.
macro_rules! both_laws {
    ($($(#[$attribute:meta])* $name:ident: $both:ty, $arb:expr;)*) => {
        mod values {
            use super::*;
            value_laws! { $($(#[$attribute])* $name: $both, $arb;)* }
        }

        mod keys {
            use super::*;
            key_laws! { $($(#[$attribute])* $name: $both, $arb;)* }
        }

        mod indexed {
            use super::*;

            proptest! {$(
                $(#[$attribute])*
                #[test]
                fn $name(value in $arb) {
                    a_field_is_indexed_as_its_type_is::<$both>(&value);
                }
            )*}
        }
    };
}

#[derive(Debug, Clone, PartialEq, NetabaseKey, NetabaseValue)]
struct Name(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, NetabaseKey, NetabaseValue)]
enum Colour {
    Red,
    Green,
}

#[derive(Debug, Clone, Copy, NetabaseKey, NetabaseValue)]
struct Point {
    x: i16,
    y: Reverse<u8>,
}

#[derive(Debug, Clone, NetabaseValue)]
enum Tree {
    Leaf,
    Node(Box<Tree>, Vec<Tree>),
    Named { name: String, of: Option<Box<Tree>> },
}

fn arb_tree() -> impl Strategy<Value = Tree> {
    Just(Tree::Leaf).prop_recursive(4, 32, 4, |inner| {
        let of = proptest::option::of(inner.clone().prop_map(Box::new));
        prop_oneof![
            (inner.clone().prop_map(Box::new), vec(inner, 0..4))
                .prop_map(|(first, rest)| Tree::Node(first, rest)),
            (arb_text(), of).prop_map(|(name, of)| Tree::Named { name, of }),
        ]
    })
}

fn arb_colour() -> impl Strategy<Value = Colour> {
    prop_oneof![Just(Colour::Red), Just(Colour::Green)]
}

fn arb_system_time() -> impl Strategy<Value = SystemTime> {
    arb_duration().prop_map(|distance| {
        SystemTime::UNIX_EPOCH
            .checked_add(distance)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    })
}

both_laws! {
    boolean: bool, any::<bool>();
    character: char, any::<char>();
    unsigned_8: u8, any::<u8>();
    unsigned_16: u16, any::<u16>();
    unsigned_32: u32, any::<u32>();
    unsigned_64: u64, prop_oneof![any::<u64>(), 0_u64..300];
    unsigned_128: u128, any::<u128>();
    signed_8: i8, any::<i8>();
    signed_16: i16, any::<i16>();
    signed_32: i32, any::<i32>();
    signed_64: i64, prop_oneof![any::<i64>(), -300_i64..300];
    signed_128: i128, any::<i128>();
    float_32: f32, arb_f32();
    float_64: f64, arb_f64();
    text: String, arb_text();
    bytes: Vec<u8>, arb_bytes();
    byte_array: [u8; 20], any::<[u8; 20]>();
    text_array: [String; 2], [arb_text(), arb_text()];
    option: Option<Option<i32>>, any::<Option<Option<i32>>>();
    pair: (String, i16), (arb_text(), any::<i16>());
    reverse: Reverse<(String, Reverse<Vec<u8>>)>,
        (arb_text(), arb_bytes().prop_map(Reverse)).prop_map(Reverse);
    duration: Duration, arb_duration();
    system_time: SystemTime, arb_system_time();
    newtype: Name, arb_text().prop_map(Name);
    variant: Colour, arb_colour();
    named_fields: Point, any::<(i16, u8)>().prop_map(|(x, y)| Point { x, y: Reverse(y) });
    #[cfg(feature = "uuid")]
    uuid: ::uuid::Uuid, any::<[u8; 16]>().prop_map(::uuid::Uuid::from_bytes);
    #[cfg(feature = "time")]
    time_of_day: ::time::Time, crate::key::tests::arb_time();
    #[cfg(feature = "time")]
    signed_duration: ::time::Duration, crate::key::tests::arb_signed_duration();
}

value_laws! {
    unit: (), Just(());
    sequence: Vec<u16>, vec(any::<u16>(), 0..8);
    set: BTreeSet<String>, proptest::collection::btree_set(arb_text(), 0..4);
    map: BTreeMap<String, u8>, proptest::collection::btree_map(arb_text(), any::<u8>(), 0..4);
    hashed: HashMap<u32, Name>,
        proptest::collection::hash_map(any::<u32>(), arb_text().prop_map(Name), 0..4);
    address: IpAddr, any::<IpAddr>();
    socket: SocketAddr, any::<(IpAddr, u16)>().prop_map(SocketAddr::from);
    nested: Tree, arb_tree();
}

/// Dates have years beyond those of the `time` crate, so only its own values are compared.
#[cfg(feature = "time")]
mod calendar {
    use super::*;
    use crate::key::tests::{arb_date, arb_date_time, arb_offset_date_time, arb_utc_date_time};

    macro_rules! dates {
        ($($name:ident: $date:ty, $arb:expr;)*) => {
            proptest! {$(
                #[test]
                fn $name(value in $arb) {
                    a_payload_is_read_and_written_back::<$date>(&value);
                    a_key_is_read_and_written_back::<$date>(&value);
                    a_field_is_indexed_as_its_type_is::<$date>(&value);
                }
            )*}
        };
    }

    dates! {
        date: ::time::Date, arb_date();
        primitive_date_time: ::time::PrimitiveDateTime, arb_date_time();
        utc_date_time: ::time::UtcDateTime, arb_utc_date_time();
        offset_date_time: ::time::OffsetDateTime, arb_offset_date_time();
    }
}

fn read_text<T: NetabaseValue>(value: &T) -> String {
    let (shape, types) = value_shape::<T>();
    let bytes = typed::encode(value).unwrap();
    Value::decode(&shape, &types, &bytes).unwrap().to_string()
}

#[test]
fn values_are_shown_as_a_person_would_write_them() {
    assert_eq!(read_text(&7_u8), "7");
    assert_eq!(read_text(&(1_u8, "a\"b".to_owned())), "(1, \"a\\\"b\")");
    assert_eq!(read_text(&vec![Some(1_i8), None]), "[Some(1), None]");
    assert_eq!(read_text(&b"\x01\xFF".to_vec()), "01ff");
    assert_eq!(read_text(&BTreeMap::from([('x', 1.5_f32)])), "{'x': 1.5}");
    assert_eq!(read_text(&Tree::Leaf), "Leaf");
    let named = Tree::Named {
        name: "n".to_owned(),
        of: None,
    };
    assert_eq!(read_text(&named), "Named {name: \"n\", of: None}");
    let leap = SystemTime::UNIX_EPOCH + Duration::new(1_709_208_000, 500_000_000);
    assert_eq!(read_text(&leap), "\"2024-02-29T12:00:00.5Z\"");
    assert_eq!(read_text(&Duration::from_millis(1500)), "\"1.5s\"");
}

#[test]
fn a_key_that_is_none_is_shown_as_its_bytes() {
    assert_eq!(display_key(&Shape::Unsigned(16), &[], &[1, 2]), "258");
    assert_eq!(display_key(&Shape::Unsigned(16), &[], &[1]), "01");
    assert_eq!(display_key(&Shape::Named(3), &[], &[1]), "01");
}
