//! Bytes as keys of every type: what decodes encodes to the same bytes, and sorts as they do.

#![no_main]

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime},
};

use libfuzzer_sys::fuzz_target;
use netabase_store::{KeyReader, NetabaseKey, decode_key, encode_key};

/// Checks the two halves of the input as keys, and the order between them.
fn check<K: NetabaseKey + PartialOrd>(bytes: &[u8]) {
    let mut reader = KeyReader::new(bytes);
    if K::decode_key(&mut reader).is_ok() {
        let mut skipper = KeyReader::new(bytes);
        K::skip_key(&mut skipper).expect("what decodes can be passed over");
        assert_eq!(skipper.position(), reader.position());
    }
    let (left, right) = bytes.split_at(bytes.len() / 2);
    let (Ok(a), Ok(b)) = (decode_key::<K>(left), decode_key::<K>(right)) else {
        return;
    };
    assert_eq!(encode_key(&a), left);
    assert_eq!(encode_key(&b), right);
    if let Some(order) = a.partial_cmp(&b) {
        assert_eq!(left.cmp(right), order);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 14 {
        0 => check::<String>(bytes),
        1 => check::<Vec<u8>>(bytes),
        2 => check::<char>(bytes),
        3 => check::<bool>(bytes),
        4 => check::<Option<String>>(bytes),
        5 => check::<(String, Option<u8>, Vec<u8>)>(bytes),
        6 => check::<Reverse<String>>(bytes),
        7 => check::<(Reverse<Vec<u8>>, i64)>(bytes),
        8 => check::<[String; 2]>(bytes),
        9 => check::<Duration>(bytes),
        10 => check::<SystemTime>(bytes),
        11 => check::<uuid::Uuid>(bytes),
        12 => check::<time::OffsetDateTime>(bytes),
        _ => check::<(time::Date, time::Time)>(bytes),
    }
});
