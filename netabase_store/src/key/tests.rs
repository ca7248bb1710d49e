//! The three laws of ordered keys, for every type, and that bytes from outside never panic.

use std::{
    cmp::{Ordering, Reverse},
    time::{Duration, SystemTime},
};

use proptest::{collection::vec, prelude::*};

use super::*;

/// Text that is rich in what the encoding escapes.
pub(crate) fn arb_text() -> impl Strategy<Value = String> {
    let low = prop_oneof![
        Just('\0'),
        Just('\u{1}'),
        Just('\u{2}'),
        Just('a'),
        any::<char>()
    ];
    vec(low, 0..40).prop_map(String::from_iter)
}

/// Bytes that are rich in what the encoding escapes.
pub(crate) fn arb_bytes() -> impl Strategy<Value = Vec<u8>> {
    let low = prop_oneof![0_u8..4, any::<u8>()];
    vec(low, 0..40)
}

pub(crate) fn arb_f32() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        Just(0.0),
        Just(-0.0),
        any::<f32>()
    ]
}

pub(crate) fn arb_f64() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(0.0),
        Just(-0.0),
        any::<f64>()
    ]
}

pub(crate) fn arb_duration() -> impl Strategy<Value = Duration> {
    let secs = prop_oneof![any::<u64>(), 0_u64..4];
    (secs, 0_u32..1_000_000_000).prop_map(|(secs, nanos)| Duration::new(secs, nanos))
}

/// Points in time on both sides of 1970.
pub(crate) fn arb_system_time() -> impl Strategy<Value = SystemTime> {
    (any::<bool>(), arb_duration()).prop_map(|(before, distance)| {
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if before {
            epoch.checked_sub(distance)
        } else {
            epoch.checked_add(distance)
        };
        time.unwrap_or(epoch)
    })
}

fn order_is_kept<K: NetabaseKey>(a: &K, b: &K, compare: fn(&K, &K) -> Ordering) {
    assert_eq!(
        encode_key(a).cmp(&encode_key(b)),
        compare(a, b),
        "{a:?} and {b:?}"
    );
}

fn decoding_restores_the_value<K: NetabaseKey>(key: &K, compare: fn(&K, &K) -> Ordering) {
    let decoded: K = decode_key(&encode_key(key)).unwrap();
    assert_eq!(
        compare(&decoded, key),
        Ordering::Equal,
        "{decoded:?} from {key:?}"
    );
    assert_eq!(encode_key(&decoded), encode_key(key));
}

fn no_encoding_is_a_prefix_of_another<K: NetabaseKey>(a: &K, b: &K) {
    let (a, b) = (encode_key(a), encode_key(b));
    assert!(
        a == b || !a.starts_with(&b) && !b.starts_with(&a),
        "{a:?} and {b:?}"
    );
    for end in 0..a.len() {
        assert!(decode_key::<K>(&a[..end]).is_err());
        assert!(K::skip_key(&mut KeyReader::new(&a[..end])).is_err());
    }
}

/// A key that implements no more than it must.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Own(String);

impl NetabaseKey for Own {
    type Indexed = Self;

    fn encode_key(&self, out: &mut Vec<u8>) {
        self.0.encode_key(out);
    }

    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        String::decode_key(reader).map(Self)
    }

    fn key_shape(types: &mut Types) -> Shape {
        String::key_shape(types)
    }
}

fn skipping_consumes_what_decoding_does<K: NetabaseKey>(key: &K, following: &[u8]) {
    let mut bytes = vec![0xAB, 0xCD];
    key.encode_key(&mut bytes);
    let end = bytes.len();
    bytes.extend_from_slice(following);
    let mut decoded = KeyReader::new(&bytes);
    decoded.skip(2, "bytes before").unwrap();
    let mut skipped = decoded.clone();
    K::decode_key(&mut decoded).unwrap();
    K::skip_key(&mut skipped).unwrap();
    assert_eq!((decoded.position(), skipped.position()), (end, end));
}

fn any_bytes_decode_or_fail<K: NetabaseKey>(bytes: &[u8]) {
    let mut decoded = KeyReader::new(bytes);
    let mut skipped = decoded.clone();
    let skip = K::skip_key(&mut skipped);
    if let Ok(key) = K::decode_key(&mut decoded) {
        assert!(skip.is_ok());
        assert_eq!(decoded.position(), skipped.position());
        assert_eq!(encode_key(&key), bytes[..decoded.position()]);
    }
}

/// One module a type, one test a law.
macro_rules! key_laws {
    ($($(#[$attribute:meta])* $name:ident: $key:ty, $arb:expr, $compare:expr;)*) => {$(
        $(#[$attribute])*
        mod $name {
            use super::*;

            const COMPARE: fn(&$key, &$key) -> Ordering = $compare;

            proptest! {
                #[test]
                fn order_is_kept(a in $arb, b in $arb) {
                    super::order_is_kept::<$key>(&a, &b, COMPARE);
                }

                #[test]
                fn decoding_restores_the_value(key in $arb) {
                    super::decoding_restores_the_value::<$key>(&key, COMPARE);
                }

                #[test]
                fn no_encoding_is_a_prefix_of_another(a in $arb, b in $arb) {
                    super::no_encoding_is_a_prefix_of_another::<$key>(&a, &b);
                }

                #[test]
                fn skipping_consumes_what_decoding_does(key in $arb, following in arb_bytes()) {
                    super::skipping_consumes_what_decoding_does::<$key>(&key, &following);
                }

                #[test]
                fn any_bytes_decode_or_fail(bytes in vec(prop_oneof![0_u8..4, any::<u8>()], 0..200)) {
                    super::any_bytes_decode_or_fail::<$key>(&bytes);
                }
            }
        }
    )*};
}

key_laws! {
    unsigned_8: u8, any::<u8>(), Ord::cmp;
    unsigned_16: u16, any::<u16>(), Ord::cmp;
    unsigned_32: u32, any::<u32>(), Ord::cmp;
    unsigned_64: u64, any::<u64>(), Ord::cmp;
    unsigned_128: u128, any::<u128>(), Ord::cmp;
    unsigned_size: usize, any::<usize>(), Ord::cmp;
    signed_8: i8, any::<i8>(), Ord::cmp;
    signed_16: i16, any::<i16>(), Ord::cmp;
    signed_32: i32, any::<i32>(), Ord::cmp;
    signed_64: i64, any::<i64>(), Ord::cmp;
    signed_128: i128, any::<i128>(), Ord::cmp;
    signed_size: isize, any::<isize>(), Ord::cmp;
    boolean: bool, any::<bool>(), Ord::cmp;
    character: char, any::<char>(), Ord::cmp;
    float_32: f32, arb_f32(), f32::total_cmp;
    float_64: f64, arb_f64(), f64::total_cmp;
    string: String, arb_text(), Ord::cmp;
    boxed_string: Box<str>, arb_text().prop_map(Box::from), Ord::cmp;
    byte_string: Vec<u8>, arb_bytes(), Ord::cmp;
    option: Option<u8>, any::<Option<u8>>(), Ord::cmp;
    nested_option: Option<Option<String>>,
        prop_oneof![Just(None), Just(Some(None)), arb_text().prop_map(|text| Some(Some(text)))],
        Ord::cmp;
    byte_array: [u8; 20], any::<[u8; 20]>(), Ord::cmp;
    text_array: [String; 2], [arb_text(), arb_text()], Ord::cmp;
    single: (u8,), (any::<u8>(),), Ord::cmp;
    pair: (String, i16), (arb_text(), any::<i16>()), Ord::cmp;
    triple: (Vec<u8>, Option<bool>, String), (arb_bytes(), any::<Option<bool>>(), arb_text()),
        Ord::cmp;
    octuple: (bool, u8, bool, i8, String, u8, bool, Option<u8>),
        (any::<bool>(), 0_u8..2, any::<bool>(), any::<i8>(), arb_text(), any::<u8>(),
            any::<bool>(), any::<Option<u8>>()),
        Ord::cmp;
    reverse: Reverse<i32>, any::<i32>().prop_map(Reverse), Ord::cmp;
    reverse_text: Reverse<String>, arb_text().prop_map(Reverse), Ord::cmp;
    reverse_twice: (Reverse<(String, Reverse<Vec<u8>>)>, u8),
        ((arb_text(), arb_bytes().prop_map(Reverse)).prop_map(Reverse), any::<u8>()), Ord::cmp;
    duration: Duration, arb_duration(), Ord::cmp;
    system_time: SystemTime, arb_system_time(), Ord::cmp;
    own: Own, arb_text().prop_map(Own), Ord::cmp;
    own_array: [Own; 2], [arb_text().prop_map(Own), arb_text().prop_map(Own)], Ord::cmp;
}

#[cfg(feature = "uuid")]
key_laws! {
    uuid: ::uuid::Uuid, any::<[u8; 16]>().prop_map(::uuid::Uuid::from_bytes), Ord::cmp;
}

#[cfg(feature = "time")]
pub(crate) use calendar::*;

#[cfg(feature = "time")]
mod calendar {
    use ::time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime, UtcOffset};

    use super::*;

    pub(crate) fn arb_date() -> impl Strategy<Value = Date> {
        let days = Date::MIN.to_julian_day()..=Date::MAX.to_julian_day();
        let near_ends = prop_oneof![Just(Date::MIN), Just(Date::MAX)];
        prop_oneof![4 => days.prop_map(|day| Date::from_julian_day(day).unwrap()), 1 => near_ends]
    }

    pub(crate) fn arb_time() -> impl Strategy<Value = Time> {
        (0_u8..24, 0_u8..60, 0_u8..60, 0_u32..1_000_000_000).prop_map(
            |(hour, minute, second, nanos)| {
                Time::from_hms_nano(hour, minute, second, nanos).unwrap()
            },
        )
    }

    pub(crate) fn arb_date_time() -> impl Strategy<Value = PrimitiveDateTime> {
        (arb_date(), arb_time()).prop_map(|(date, time)| PrimitiveDateTime::new(date, time))
    }

    pub(crate) fn arb_offset_date_time() -> impl Strategy<Value = OffsetDateTime> {
        (arb_date_time(), -93_599..=93_599).prop_map(|(local, secs)| {
            local.assume_offset(UtcOffset::from_whole_seconds(secs).unwrap())
        })
    }

    pub(crate) fn arb_utc_date_time() -> impl Strategy<Value = UtcDateTime> {
        arb_date_time().prop_map(|local| UtcDateTime::new(local.date(), local.time()))
    }

    pub(crate) fn arb_signed_duration() -> impl Strategy<Value = Duration> {
        let secs = prop_oneof![any::<i64>(), -2_i64..=2];
        (secs, -999_999_999..=999_999_999).prop_map(|(secs, nanos): (i64, i32)| {
            let sign = if secs == 0 {
                1
            } else {
                i32::try_from(secs.signum()).unwrap()
            };
            Duration::new(secs, if secs == 0 { nanos } else { sign * nanos.abs() })
        })
    }

    key_laws! {
        date: Date, arb_date(), Ord::cmp;
        time_of_day: Time, arb_time(), Ord::cmp;
        primitive_date_time: PrimitiveDateTime, arb_date_time(), Ord::cmp;
        offset_date_time: OffsetDateTime, arb_offset_date_time(), Ord::cmp;
        utc_date_time: UtcDateTime, arb_utc_date_time(), Ord::cmp;
        signed_duration: Duration, arb_signed_duration(), Ord::cmp;
    }

    #[test]
    fn whole_seconds_and_parts_of_one_sign_are_durations() {
        for (secs, nanos) in [(0, 0), (2, 0), (-2, 0), (0, 1), (0, -1), (2, 1), (-2, -1)] {
            let duration = Duration::new(secs, nanos);
            assert_eq!(decode_key(&encode_key(&duration)), Ok(duration));
        }
        for (secs, nanos) in [(2_i64, -1_i32), (-2, 1), (0, 1_000_000_000), (0, i32::MIN)] {
            let parts = encode_key(&(secs, nanos));
            let what = "duration";
            let refused = Err(KeyError::Invalid { at: 0, what });
            assert_eq!(decode_key::<Duration>(&parts), refused, "{secs} {nanos}");
        }
    }

    #[test]
    fn the_first_and_the_last_instant_are_keys() {
        let far = 25 * 3600 + 59 * 60 + 59;
        for (day, time, offset) in [
            (Date::MIN, Time::MIDNIGHT, far),
            (Date::MAX, Time::MAX, -far),
        ] {
            let offset = UtcOffset::from_whole_seconds(offset).unwrap();
            let instant = OffsetDateTime::new_in_offset(day, time, offset);
            assert_eq!(decode_key(&encode_key(&instant)), Ok(instant));
        }
    }

    #[test]
    fn an_offset_does_not_change_the_key() {
        let utc = OffsetDateTime::UNIX_EPOCH;
        let east = utc.to_offset(UtcOffset::from_whole_seconds(7200).unwrap());
        assert_eq!(encode_key(&utc), encode_key(&east));
    }
}

#[test]
fn the_layout_is_the_documented_one() {
    fn check(key: &impl NetabaseKey, expected: &[u8]) {
        assert_eq!(encode_key(key), expected, "{key:?}");
    }
    check(&0x0102_u16, &[1, 2]);
    check(&-1_i16, &[0x7F, 0xFF]);
    check(&1_usize, &[0, 0, 0, 0, 0, 0, 0, 1]);
    check(&'a', &[0, 0, 0, b'a']);
    check(&1.0_f32, &[0xBF, 0x80, 0, 0]);
    check(&-1.0_f32, &[0x40, 0x7F, 0xFF, 0xFF]);
    check(&"a\0\u{1}\u{2}".to_owned(), &[b'a', 1, 1, 1, 2, 2, 0]);
    check(&None::<u8>, &[0]);
    check(&Some(7_u8), &[1, 7]);
    check(&(1_u8, "b".to_owned()), &[1, b'b', 0]);
    check(&Reverse("b".to_owned()), &[!b'b', 0xFF]);
    check(&Duration::new(1, 2), &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
    check(
        &SystemTime::UNIX_EPOCH,
        &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    assert_eq!(KEY_BYTES_MAX, 65_536);
}

#[test]
fn bytes_that_no_value_has_are_refused() {
    fn check<K: NetabaseKey>(bytes: &[u8], expected: &str) {
        assert_eq!(decode_key::<K>(bytes).unwrap_err().to_string(), expected);
    }
    check::<bool>(&[2], "byte 0 of the key is not part of a bool");
    check::<(u8, char)>(
        &[9, 0, 0, 0xD8, 0],
        "byte 1 of the key is not part of a char",
    );
    check::<String>(&[1, 3, 0], "byte 0 of the key is not part of a string");
    check::<String>(&[0xFF, 0], "byte 0 of the key is not part of a string");
    check::<String>(&[1], "the key ends at byte 1, inside a string");
    check::<Vec<u8>>(&[7, 0, 7], "1 bytes follow the key, which ends at byte 2");
    check::<Option<u8>>(&[2, 0], "byte 0 of the key is not part of a possible value");
    check::<Duration>(&[0xFF; 12], "byte 0 of the key is not part of a duration");
    check::<SystemTime>(
        &[0xFF; 16],
        "byte 0 of the key is not part of a system time",
    );
    check::<(u8, Reverse<bool>)>(&[0, 0], "byte 1 of the key is not part of a bool");
    check::<(u8, Reverse<u16>)>(&[0, 0], "the key ends at byte 2, inside a 16-bit integer");
}

/// How the description names the type of a key.
fn shape<K: NetabaseKey>() -> Shape {
    K::key_shape(&mut Types::default())
}

#[test]
fn the_description_names_each_type() {
    for (found, expected) in [
        (shape::<u8>(), Shape::Unsigned(8)),
        (shape::<u16>(), Shape::Unsigned(16)),
        (shape::<u128>(), Shape::Unsigned(128)),
        (shape::<usize>(), Shape::Unsigned(64)),
        (shape::<i8>(), Shape::Signed(8)),
        (shape::<i64>(), Shape::Signed(64)),
        (shape::<isize>(), Shape::Signed(64)),
        (shape::<bool>(), Shape::Bool),
        (shape::<char>(), Shape::Char),
        (shape::<f32>(), Shape::Float(32)),
        (shape::<f64>(), Shape::Float(64)),
        (shape::<String>(), Shape::Text),
        (shape::<Box<str>>(), Shape::Text),
        (shape::<Vec<u8>>(), Shape::Bytes),
        (
            shape::<(bool, char)>(),
            Shape::Tuple(vec![Shape::Bool, Shape::Char]),
        ),
        (
            shape::<Option<bool>>(),
            Shape::Option(Box::new(Shape::Bool)),
        ),
        (shape::<Duration>(), Shape::Known("duration".to_owned())),
        (
            shape::<SystemTime>(),
            Shape::Known("system-time".to_owned()),
        ),
        #[cfg(feature = "time")]
        (shape::<::time::Date>(), Shape::Known("date".to_owned())),
        #[cfg(feature = "uuid")]
        (shape::<::uuid::Uuid>(), Shape::Known("uuid".to_owned())),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn an_index_holds_what_is_inside_an_option() {
    assert_eq!(
        shape::<<Option<u32> as NetabaseKey>::Indexed>(),
        Shape::Unsigned(32)
    );
    assert_eq!(shape::<<Reverse<[u8; 4]> as NetabaseKey>::Indexed>(), {
        let array = Shape::Array(Box::new(Shape::Unsigned(8)), 4);
        Shape::Reverse(Box::new(array))
    });
}
