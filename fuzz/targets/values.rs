//! Bytes as values of every type: what decodes is the same after another round.

#![no_main]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use libfuzzer_sys::fuzz_target;
use netabase_store::{DefinitionSchema, NetabaseValue, ValueReader, ValueWriter};

/// A type that contains itself.
#[derive(NetabaseValue, PartialEq, Debug)]
enum Tree {
    Leaf,
    Text(String),
    Node { left: Box<Tree>, right: Box<Tree> },
    Many(Vec<Tree>),
}

fn decode<T: NetabaseValue>(bytes: &[u8]) -> Option<T> {
    let mut reader = ValueReader::new(bytes);
    let value = T::decode_value(&mut reader).ok()?;
    reader.finish().ok()?;
    Some(value)
}

fn encode<T: NetabaseValue>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = value.encode_value(&mut ValueWriter::new(&mut bytes));
    written.expect("what decodes can be encoded");
    bytes
}

fn check<T: NetabaseValue>(bytes: &[u8]) {
    let Some(value) = decode::<T>(bytes) else {
        return;
    };
    let once = encode(&value);
    assert!(once.len() <= bytes.len(), "the encoding is the shortest");
    let again = decode::<T>(&once).expect("what is encoded can be decoded");
    assert_eq!(encode(&again), once);
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 10 {
        0 => check::<Tree>(bytes),
        1 => check::<DefinitionSchema>(bytes),
        2 => check::<Vec<(u64, i32, Option<String>)>>(bytes),
        3 => check::<BTreeMap<String, Vec<u8>>>(bytes),
        4 => check::<BTreeSet<i128>>(bytes),
        5 => check::<Vec<()>>(bytes),
        6 => check::<[(f64, char); 3]>(bytes),
        7 => check::<VecDeque<Box<str>>>(bytes),
        8 => check::<Option<Option<u16>>>(bytes),
        _ => check::<(std::time::Duration, std::time::SystemTime, uuid::Uuid)>(bytes),
    }
});
