//! Stored values: what is written is read back, the bytes are bincode's, and bytes from outside
//! fail without a panic.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    fmt::Debug,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    time::{Duration, SystemTime},
};

use bincode::config::standard;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    codec::{EMPTY_ELEMENTS_MAX, name_field},
    key::tests::{arb_bytes, arb_duration, arb_f32, arb_f64, arb_text},
};

pub(crate) fn encode<T: NetabaseValue>(value: &T) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    value.encode_value(&mut ValueWriter::new(&mut out))?;
    Ok(out)
}

pub(crate) fn decode<T: NetabaseValue>(bytes: &[u8]) -> Result<T, ValueError> {
    let mut reader = ValueReader::new(bytes);
    let value = T::decode_value(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// Lengths and integers of all widths, so that a varint's every form is met.
fn arb_wide() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..260,
        0_u64..0x1_0010,
        0xFFFF_FFF0..0x1_0000_0010_u64,
        any::<u64>()
    ]
}

fn arb_later_time() -> impl Strategy<Value = SystemTime> {
    arb_duration().prop_map(|duration| {
        SystemTime::UNIX_EPOCH
            .checked_add(duration)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    })
}

fn arb_socket() -> impl Strategy<Value = SocketAddr> {
    any::<(IpAddr, u16)>().prop_map(SocketAddr::from)
}

fn decoding_restores_the_value<T: NetabaseValue>(value: &T) {
    let bytes = encode(value).unwrap();
    assert!(bytes.len() >= T::BYTES_MIN);
    let decoded: T = decode(&bytes).unwrap();
    assert_eq!(encode(&decoded).unwrap(), bytes);
}

fn damaged_bytes_do_not_panic<T: NetabaseValue>(value: &T, at: usize, flipped: u8) {
    let mut bytes = encode(value).unwrap();
    for end in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..end]).is_err(), "{end} of {bytes:?}");
    }
    if !bytes.is_empty() {
        let at = at % bytes.len();
        bytes[at] ^= flipped;
    }
    let _ = decode::<T>(&bytes);
}

/// One module a type, one test a law.
macro_rules! value_laws {
    ($($(#[$attribute:meta])* $name:ident: $value:ty, $arb:expr;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn decoding_restores_the_value(value in $arb) {
                    super::decoding_restores_the_value::<$value>(&value);
                }

                #[test]
                fn damaged_bytes_do_not_panic(value in $arb, at: usize, flipped in 1_u8..) {
                    super::damaged_bytes_do_not_panic::<$value>(&value, at, flipped);
                }

                #[test]
                fn any_bytes_decode_or_fail(bytes in vec(any::<u8>(), 0..64)) {
                    let _ = decode::<$value>(&bytes);
                }
            }
        }
    )*};
}

/// The same, and that bincode writes and reads the same bytes.
macro_rules! bincode_laws {
    ($($name:ident: $value:ty, $arb:expr;)*) => {
        value_laws! { $($name: $value, $arb;)* }

        mod bytes_are_those_of_bincode {
            use super::*;

            proptest! {$(
                #[test]
                fn $name(value in $arb) {
                    let value: $value = value;
                    let ours = encode(&value).unwrap();
                    prop_assert_eq!(&ours, &bincode::encode_to_vec(&value, standard()).unwrap());
                    let read = bincode::decode_from_slice::<$value, _>(&ours, standard());
                    prop_assert_eq!(read.unwrap().1, ours.len());
                }
            )*}
        }
    };
}

bincode_laws! {
    unit: (), Just(());
    boolean: bool, any::<bool>();
    unsigned_8: u8, any::<u8>();
    unsigned_16: u16, prop_oneof![any::<u16>(), 0_u16..260];
    unsigned_32: u32, prop_oneof![any::<u32>(), 0_u32..260, 0xFFF0_u32..0x1_0010];
    unsigned_64: u64, arb_wide();
    unsigned_128: u128, prop_oneof![any::<u128>(), arb_wide().prop_map(u128::from)];
    unsigned_size: usize, any::<usize>();
    signed_8: i8, any::<i8>();
    signed_16: i16, prop_oneof![any::<i16>(), -200_i16..200];
    signed_32: i32, prop_oneof![any::<i32>(), -200_i32..200, -33_000_i32..33_000];
    signed_64: i64, prop_oneof![any::<i64>(), arb_wide().prop_map(u64::cast_signed)];
    signed_128: i128, prop_oneof![any::<i128>(), any::<i64>().prop_map(i128::from)];
    signed_size: isize, any::<isize>();
    float_32: f32, arb_f32();
    float_64: f64, arb_f64();
    character: char, any::<char>();
    string: String, arb_text();
    boxed_string: Box<str>, arb_text().prop_map(Box::from);
    byte_vector: Vec<u8>, prop_oneof![arb_bytes(), vec(any::<u8>(), 240..270)];
    vector: Vec<String>, vec(arb_text(), 0..8);
    nested_vector: Vec<Vec<u16>>, vec(vec(any::<u16>(), 0..4), 0..4);
    deque: VecDeque<i16>, vec(any::<i16>(), 0..8).prop_map(VecDeque::from);
    byte_deque: VecDeque<u8>, (arb_bytes(), arb_bytes()).prop_map(|(front, back)| {
        let mut bytes = VecDeque::from(back);
        front.into_iter().for_each(|byte| bytes.push_front(byte));
        bytes
    });
    boxed: Box<u32>, any::<Box<u32>>();
    option: Option<String>, proptest::option::of(arb_text());
    byte_array: [u8; 32], any::<[u8; 32]>();
    array: [u32; 3], any::<[u32; 3]>();
    pair: (u8, String), (any::<u8>(), arb_text());
    octuple: (u8, i8, u16, i16, u32, i32, u64, i64),
        any::<(u8, i8, u16, i16, u32, i32, u64, i64)>();
    map: BTreeMap<String, u16>,
        proptest::collection::btree_map(arb_text(), any::<u16>(), 0..8);
    set: BTreeSet<u32>, proptest::collection::btree_set(any::<u32>(), 0..8);
    reverse: Reverse<u32>, any::<u32>().prop_map(Reverse);
    duration: Duration, arb_duration();
    system_time: SystemTime, arb_later_time();
    ip: IpAddr, any::<IpAddr>();
    socket: SocketAddr, arb_socket();
}

value_laws! {
    hash_map: HashMap<String, u16>,
        proptest::collection::hash_map(arb_text(), any::<u16>(), 0..8);
    hash_set: HashSet<u32>, proptest::collection::hash_set(any::<u32>(), 0..8);
    duodecuple: (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, String),
        (any::<[u8; 11]>(), arb_text()).prop_map(|([a, b, c, d, e, f, g, h, i, j, k], l)| {
            (a, b, c, d, e, f, g, h, i, j, k, l)
        });
    #[cfg(feature = "uuid")]
    uuid: ::uuid::Uuid, any::<[u8; 16]>().prop_map(::uuid::Uuid::from_bytes);
    #[cfg(feature = "time")]
    date: ::time::Date, crate::key::tests::arb_date();
    #[cfg(feature = "time")]
    time_of_day: ::time::Time, crate::key::tests::arb_time();
    #[cfg(feature = "time")]
    primitive_date_time: ::time::PrimitiveDateTime, crate::key::tests::arb_date_time();
    #[cfg(feature = "time")]
    utc_date_time: ::time::UtcDateTime, crate::key::tests::arb_utc_date_time();
    #[cfg(feature = "time")]
    signed_duration: ::time::Duration, crate::key::tests::arb_signed_duration();
}

#[cfg(feature = "time")]
proptest! {
    #[test]
    fn a_stored_date_time_keeps_its_offset(time in crate::key::tests::arb_offset_date_time()) {
        let decoded: ::time::OffsetDateTime = decode(&encode(&time).unwrap()).unwrap();
        prop_assert_eq!(decoded, time);
        prop_assert_eq!(decoded.offset(), time.offset());
    }
}

proptest! {
    #[test]
    fn equal_hash_maps_have_equal_bytes(items in vec((arb_text(), any::<u8>()), 0..20)) {
        let ascending: BTreeMap<String, u8> = items.into_iter().collect();
        let one: HashMap<String, u8> = ascending.clone().into_iter().collect();
        let other: HashMap<String, u8> = ascending.clone().into_iter().rev().collect();
        let bytes = encode(&one).unwrap();
        prop_assert_eq!(&bytes, &encode(&other).unwrap());
        prop_assert_eq!(decode::<BTreeMap<String, u8>>(&bytes).unwrap(), ascending);
    }
}

#[test]
fn a_length_beyond_the_payload_is_refused() {
    fn check<T: NetabaseValue + Debug>() {
        for length in [2_u64, 250, 251, 65_537, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = encode(&length).unwrap();
            bytes.push(0);
            decode::<T>(&bytes).unwrap_err();
        }
    }
    check::<Vec<u8>>();
    check::<String>();
    check::<Vec<[u64; 100]>>();
    check::<Vec<Vec<Vec<String>>>>();
    check::<BTreeMap<u8, u8>>();
    check::<HashMap<String, [u64; 100]>>();
    check::<HashSet<u8>>();
}

#[test]
fn memory_set_aside_is_bounded_by_the_payload() {
    let mut reader = ValueReader::new(&[0; 100]);
    let granted: usize = (0..1000).map(|_| reader.ahead(100, 24) * 24).sum();
    assert!(granted <= 800);
    assert_eq!(reader.ahead(7, 0), 7);
}

#[test]
fn elements_without_bytes_are_as_many_as_can_be_read_back() {
    let most = vec![(); EMPTY_ELEMENTS_MAX];
    assert_eq!(decode::<Vec<()>>(&encode(&most).unwrap()).unwrap(), most);
    encode(&vec![(); EMPTY_ELEMENTS_MAX + 1]).unwrap_err();
    decode::<Vec<()>>(&encode(&(EMPTY_ELEMENTS_MAX as u64 + 1)).unwrap()).unwrap_err();
}

#[test]
fn values_without_a_stored_form_are_refused() {
    let before = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
    encode(&before).unwrap_err();
    encode(&SocketAddr::V6(SocketAddrV6::new(
        Ipv6Addr::LOCALHOST,
        1,
        0,
        2,
    )))
    .unwrap_err();
}

/// A chain, as the derive macro implements one.
#[derive(Debug, PartialEq)]
struct Link(Option<Box<Link>>);

impl NetabaseValue for Link {
    const BYTES_MIN: usize = 1;

    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.nest(|writer| self.0.encode_value(writer))
    }

    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        reader.nest(|reader| Option::decode_value(reader).map(Self))
    }

    fn value_shape(_: &mut Types) -> Shape {
        Shape::Unit
    }
}

#[test]
fn depth_is_bounded_both_ways() {
    let chain = |links: u32| (1..links).fold(Link(None), |link, _| Link(Some(Box::new(link))));
    let deepest = chain(VALUE_DEPTH_MAX);
    assert_eq!(decode::<Link>(&encode(&deepest).unwrap()).unwrap(), deepest);
    encode(&chain(VALUE_DEPTH_MAX + 1)).unwrap_err();
    decode::<Link>(&[1; 1_000_000]).unwrap_err();
}

#[test]
fn an_error_names_the_field_and_the_place() {
    let mut out = vec![9; 3];
    let mut writer = ValueWriter::new(&mut out);
    name_field(7_u8.encode_value(&mut writer), "id").unwrap();
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let error = name_field(early.encode_value(&mut writer), "created").unwrap_err();
    assert_eq!(error.at, 1);
    let expected = "byte 1: field `created`: a system time before 1970 has no stored form";
    assert_eq!(error.to_string(), expected);

    let mut reader = ValueReader::new(&[1, 7]);
    let id = name_field(u8::decode_value(&mut reader), "id");
    assert_eq!(id.unwrap(), 1);
    let error = name_field(bool::decode_value(&mut reader), "open").unwrap_err();
    assert!(error.what.starts_with("field `open`: "), "{error}");
    let error = reader.unknown_variant(3, "Kind");
    assert_eq!(error.to_string(), "byte 2: Kind has no variant 3");
}

#[test]
fn shapes_tell_bytes_from_sequences() {
    fn shape<T: NetabaseValue>() -> Shape {
        T::value_shape(&mut Types::default())
    }
    let sequence = || Shape::Sequence(Box::new(Shape::Text));
    assert_eq!(shape::<Vec<u8>>(), Shape::Bytes);
    assert_eq!(shape::<VecDeque<u8>>(), Shape::Bytes);
    assert_eq!(shape::<Vec<String>>(), sequence());
    assert_eq!(shape::<HashSet<String>>(), sequence());
    assert_eq!(shape::<BTreeMap<u16, String>>(), {
        Shape::Map(Box::new(Shape::Unsigned(16)), Box::new(Shape::Text))
    });
    assert_eq!(
        shape::<[u8; 4]>(),
        Shape::Array(Box::new(Shape::Unsigned(8)), 4)
    );
}
