//! The bytes of every key and value type in format version 1. What stands here never changes: a
//! later format adds a table of its own.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    fmt::Debug,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use netabase_store::{
    NetabaseKey, NetabaseValue, ValueReader, ValueWriter, decode_key, encode_key,
};
use netabase_tests::{hex, unhex};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, UtcOffset};
use uuid::Uuid;

const UUID: Uuid = Uuid::from_u128(0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF);

#[derive(NetabaseKey, NetabaseValue, Clone, Debug, PartialEq)]
enum Level {
    Low = -1,
    Middle,
    High = 300,
}

#[derive(NetabaseKey, NetabaseValue, Clone, Debug, PartialEq)]
struct Name(String);

#[derive(NetabaseKey, NetabaseValue, Clone, Debug, PartialEq)]
struct Place {
    row: u16,
    seat: String,
}

#[derive(NetabaseValue, Clone, Debug, PartialEq)]
enum Form {
    Empty,
    Pair(u8, i64),
    Named { left: bool, next: Option<Box<Form>> },
}

#[derive(NetabaseValue, Clone, Debug, PartialEq)]
struct Wrapped {
    #[netabase(serde)]
    inner: BTreeMap<String, (u32, i8)>,
}

#[track_caller]
fn key<K: NetabaseKey + PartialEq>(key: K, bytes: &str) {
    assert_eq!(hex(&encode_key(&key)), bytes, "{key:?}");
    assert_eq!(decode_key::<K>(&unhex(bytes)), Ok(key));
}

#[track_caller]
fn value<V: NetabaseValue + Debug + PartialEq>(value: V, bytes: &str) {
    let mut encoded = Vec::new();
    value
        .encode_value(&mut ValueWriter::new(&mut encoded))
        .expect("it has a stored form");
    assert_eq!(hex(&encoded), bytes, "{value:?}");
    let encoded = unhex(bytes);
    let mut reader = ValueReader::new(&encoded);
    assert_eq!(V::decode_value(&mut reader), Ok(value));
    assert_eq!(reader.finish(), Ok(()));
}

fn date() -> Date {
    Date::from_calendar_date(2024, Month::February, 29).expect("a leap day")
}

fn time_of_day() -> Time {
    Time::from_hms_nano(23, 59, 58, 123_456_789).expect("a time")
}

fn offset() -> UtcOffset {
    UtcOffset::from_hms(5, 30, 0).expect("an offset")
}

#[test]
fn integer_keys_have_the_bytes_of_version_1() {
    key(0x12_u8, "12");
    key(0x1234_u16, "1234");
    key(0x1234_5678_u32, "12345678");
    key(u64::MAX - 1, "fffffffffffffffe");
    key(1_u128 << 100, "00000010000000000000000000000000");
    key(3_usize, "0000000000000003");
    key(-128_i8, "00");
    key(-2_i16, "7ffe");
    key(-1_i32, "7fffffff");
    key(0_i32, "80000000");
    key(i64::MAX, "ffffffffffffffff");
    key(-1_i128, "7fffffffffffffffffffffffffffffff");
    key(-3_isize, "7ffffffffffffffd");
    key(true, "01");
    key(false, "00");
    key('\u{10FFFF}', "0010ffff");
    key('a', "00000061");
}

#[test]
fn float_keys_have_the_bytes_of_version_1() {
    key(1.5_f32, "bfc00000");
    key(-1.5_f32, "403fffff");
    key(0.0_f64, "8000000000000000");
    key(-0.0_f64, "7fffffffffffffff");
    key(f64::INFINITY, "fff0000000000000");
    key(f64::NEG_INFINITY, "000fffffffffffff");
}

#[test]
fn text_keys_have_the_bytes_of_version_1() {
    key(String::new(), "00");
    key(String::from("a\0b\u{1}c"), "6101016201026300");
    key(Box::<str>::from("\u{e9}"), "c3a900");
    key(vec![0_u8, 1, 2, 0xFF], "0101010202ff00");
    key(Vec::<u8>::new(), "00");
}

#[test]
fn composite_keys_have_the_bytes_of_version_1() {
    key([1_u8, 2, 3], "010203");
    key([1_u16, 2], "00010002");
    key(None::<u8>, "00");
    key(Some(7_u8), "0107");
    key(Some(String::from("a")), "016100");
    key((1_u8, String::from("a"), -1_i16), "0161007fff");
    key((1_u64,), "0000000000000001");
    key(Reverse(1_u16), "fffe");
    key(Reverse(String::from("a\0")), "9efefeff");
    key((Reverse(Some(1_u8)), 2_u8), "fefe02");
    key(Level::Low, "00");
    key(Level::Middle, "01");
    key(Level::High, "02");
    key(Name("n".into()), "6e00");
    key(
        Place {
            row: 5,
            seat: "c".into(),
        },
        "00056300",
    );
}

#[test]
fn time_and_uuid_keys_have_the_bytes_of_version_1() {
    key(Duration::new(1, 5), "000000000000000100000005");
    key(
        SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 1),
        "800000000000000017979cfe362a0001",
    );
    key(
        SystemTime::UNIX_EPOCH - Duration::new(1, 1),
        "7fffffffffffffffffffffffc46535ff",
    );
    key(UUID, "0123456789abcdef0123456789abcdef");
    key(date(), "80258ad2");
    key(time_of_day(), "173b3a075bcd15");
    key(
        PrimitiveDateTime::new(date(), time_of_day()),
        "80258ad2173b3a075bcd15",
    );
    key(
        UtcDateTime::new(date(), time_of_day()),
        "8000000065e11a7e075bcd15",
    );
    key(
        OffsetDateTime::new_in_offset(date(), time_of_day(), offset()),
        "8000000065e0cd26075bcd15",
    );
    key(time::Duration::new(-1, -5), "7fffffffffffffff7ffffffb");
}

#[test]
fn scalar_values_have_the_bytes_of_version_1() {
    value((), "");
    value(true, "01");
    value(0xFF_u8, "ff");
    value(250_u16, "fa");
    value(251_u16, "fbfb00");
    value(65_535_u32, "fbffff");
    value(65_536_u32, "fc00000100");
    value(u64::MAX, "fdffffffffffffffff");
    value(u128::MAX, "feffffffffffffffffffffffffffffffff");
    value(300_usize, "fb2c01");
    value(-1_i8, "ff");
    value(-1_i16, "01");
    value(-126_i32, "fbfb00");
    value(i64::MIN, "fdffffffffffffffff");
    value(i128::MIN, "feffffffffffffffffffffffffffffffff");
    value(-300_isize, "fb5702");
    value(1.5_f32, "0000c03f");
    value(-0.5_f64, "000000000000e0bf");
    value('\u{e9}', "c3a9");
    value(String::from("\u{e9}a"), "03c3a961");
    value(Box::<str>::from(""), "00");
}

#[test]
fn collection_values_have_the_bytes_of_version_1() {
    value(None::<u8>, "00");
    value(Some(5_u8), "0105");
    value(Box::new(5_u16), "05");
    value(Reverse(5_u16), "05");
    value([1_u8, 2], "0102");
    value([300_u16, 2], "fb2c0102");
    value((1_u8, String::from("a"), None::<u8>), "01016100");
    value(vec![1_u8, 2, 3], "03010203");
    value(vec![String::from("a"); 2], "0201610161");
    value(VecDeque::from([1_u32, 300]), "0201fb2c01");
    value(BTreeSet::from([2_i8, -2]), "02fe02");
    value(
        BTreeMap::from([(1_u8, String::from("a")), (2, String::new())]),
        "020101610200",
    );
    // In the order of the elements' bytes, whatever that of the map.
    value(HashSet::from([3_u8, 1, 2]), "03010203");
    value(HashMap::from([(2_u8, 20_u8), (1, 10)]), "02010a0214");
}

#[test]
fn known_values_have_the_bytes_of_version_1() {
    value(Duration::new(300, 5), "fb2c0105");
    value(
        SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 0),
        "fc00f1536500",
    );
    value(Ipv4Addr::LOCALHOST, "7f000001");
    value(Ipv6Addr::LOCALHOST, "00000000000000000000000000000001");
    value(IpAddr::from([10, 0, 0, 1]), "000a000001");
    value(SocketAddr::from(([10, 0, 0, 1], 4001)), "000a000001fba10f");
    value(UUID, "0123456789abcdef0123456789abcdef");
    value(date(), "fca4154b00");
    value(time_of_day(), "173b3afc15cd5b07");
    value(
        PrimitiveDateTime::new(date(), time_of_day()),
        "fca4154b00173b3afc15cd5b07",
    );
    value(
        UtcDateTime::new(date(), time_of_day()),
        "fca4154b00173b3afc15cd5b07",
    );
    value(
        OffsetDateTime::new_in_offset(date(), time_of_day(), offset()),
        "fca4154b00173b3afc15cd5b07fbb09a",
    );
    value(time::Duration::new(-1, -5), "0109");
}

#[test]
fn derived_values_have_the_bytes_of_version_1() {
    value(Level::High, "02");
    value(Name("n".into()), "016e");
    value(
        Place {
            row: 5,
            seat: "c".into(),
        },
        "050163",
    );
    value(Form::Empty, "00");
    value(Form::Pair(1, -1), "010101");
    value(
        Form::Named {
            left: true,
            next: Some(Box::new(Form::Empty)),
        },
        "02010100",
    );
    value(
        Wrapped {
            inner: BTreeMap::from([("a".into(), (300, -1))]),
        },
        "07010161fb2c01ff",
    );
}
