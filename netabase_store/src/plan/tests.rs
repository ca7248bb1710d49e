//! What a write changes in indexes, and what an entry is worth.

use super::*;
use crate::{
    schema::{DefinitionSchema, IndexSchema, ModelSchema, Shape},
    tables::Layout,
};

fn write_text(text: &&str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

fn entries(plain: &str, each: &[&str]) -> Entries {
    let mut entries = Entries::default();
    entries.one(0, &plain, write_text);
    entries.each(1, each, write_text);
    entries
}

fn spelt<'a>(entries: impl Iterator<Item = (usize, &'a [u8])>) -> Vec<String> {
    entries
        .map(|(index, value)| format!("{index}:{}", String::from_utf8_lossy(value)))
        .collect()
}

fn changes(old: &Entries, new: &Entries) -> Vec<String> {
    let spell =
        |sign, index, value: &[u8]| format!("{sign}{index}:{}", String::from_utf8_lossy(value));
    let changes = Changes::new(old, new).map(|change| match change {
        Change::Removed(index, value) => spell('-', index, value),
        Change::Added(index, value) => spell('+', index, value),
    });
    changes.collect()
}

/// A model with a plain index, 0, and one that is unique or not, 1.
fn model(unique: bool) -> ModelTables {
    let index = |name: &str, unique| IndexSchema {
        name: name.to_owned(),
        fields: Vec::new(),
        shape: Shape::Text,
        unique,
        each: false,
        sparse: false,
        computed: false,
    };
    let user = ModelSchema {
        discriminant: "User".to_owned(),
        version: 1,
        fields: Vec::new(),
        primary_fields: Vec::new(),
        primary_shape: Shape::Unsigned(8),
        indexes: vec![index("age", false), index("email", unique)],
    };
    let layout = Layout::new(&DefinitionSchema {
        name: String::new(),
        models: vec![user],
        types: Vec::new(),
    });
    let model = layout.models.into_iter().next().unwrap();
    std::sync::Arc::into_inner(model).unwrap()
}

/// How the tests' values end: at a zero.
fn skip_text(reader: &mut KeyReader<'_>) -> Result<(), crate::KeyError> {
    <String as crate::NetabaseKey>::skip_key(reader)
}

const AFTER_TEXT: Split = Split::After(skip_text);

#[test]
fn only_what_differs_is_a_change() {
    let base = entries("n", &["a", "b"]);
    let cases = [
        (entries("n", &["a", "b"]), vec![]),
        (entries("n", &["b", "a", "a"]), vec![]),
        (entries("m", &["a", "b"]), vec!["+0:m", "-0:n"]),
        (entries("n", &["a"]), vec!["-1:b"]),
        (entries("n", &["a", "b", "c"]), vec!["+1:c"]),
        (
            entries("o", &["c"]),
            vec!["-0:n", "+0:o", "-1:a", "-1:b", "+1:c"],
        ),
        (Entries::default(), vec!["-0:n", "-1:a", "-1:b"]),
    ];
    for (new, wanted) in cases {
        assert_eq!(changes(&base, &new), wanted);
    }
}

/// Sorting leaves the bytes where they are: equal marks, and equal bytes from the first mark
/// on, do not make equal entries.
#[test]
fn a_change_before_the_first_mark_is_seen() {
    let old = entries("n", &["b", "a"]);
    let new = entries("m", &["c", "a"]);
    assert_eq!(changes(&old, &new), ["+0:m", "-0:n", "-1:b", "+1:c"]);
}

#[test]
fn equal_bytes_that_are_parted_otherwise_are_changes() {
    let old = entries("ab", &["c"]);
    let new = entries("a", &["bc"]);
    assert_eq!(changes(&old, &new), ["+0:a", "-0:ab", "+1:bc", "-1:c"]);
    assert_eq!(
        changes(&old, &entries("abc", &[])),
        ["-0:ab", "+0:abc", "-1:c"]
    );
}

#[test]
fn each_element_has_one_entry_in_order() {
    let cases: [(&[&str], &[&str]); 7] = [
        (&[], &[]),
        (&["a"], &["1:a"]),
        (&["a", "b"], &["1:a", "1:b"]),
        (&["b", "a"], &["1:a", "1:b"]),
        (&["a", "a"], &["1:a"]),
        (&["a", "a", "b"], &["1:a", "1:b"]),
        (&["b", "a", "b", "c"], &["1:a", "1:b", "1:c"]),
    ];
    for (elements, wanted) in cases {
        let mut entries = Entries::default();
        entries.each(1, Entries::elements(elements), write_text);
        assert_eq!(spelt(entries.all()), wanted);
    }
}

#[test]
fn entries_are_told_by_index_and_forgotten_as_a_whole() {
    let mut all = entries("n", &["b", "a"]);
    all.sparse(2, &Some("some"), write_text);
    all.sparse(3, &None::<&str>, write_text);
    all.parts(4, |out| out.extend_from_slice(b"xy"));
    assert_eq!(spelt(all.all()), ["0:n", "1:a", "1:b", "2:some", "4:xy"]);
    assert_eq!(all.of(1).collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(all.of(3).count(), 0);
    assert_eq!(all.bytes(), 9);
    all.clear();
    assert_eq!(all.bytes(), 0);
    assert_eq!(all.all().count(), 0);
}

#[test]
fn a_write_claims_the_unique_values_that_are_new() {
    let claimed = |unique, old: &Entries, new: &Entries| -> Vec<String> {
        let model = model(unique);
        claims(&model, old, new)
            .map(|claim| {
                format!(
                    "{}:{}",
                    claim.index.name,
                    String::from_utf8_lossy(claim.value)
                )
            })
            .collect()
    };
    let old = entries("n", &["a", "b"]);
    let new = entries("m", &["b", "c"]);
    assert_eq!(claimed(true, &old, &new), ["email:c"]);
    assert_eq!(
        claimed(true, &Entries::default(), &old),
        ["email:a", "email:b"]
    );
    assert!(claimed(true, &old, &old).is_empty());
    assert!(claimed(true, &old, &Entries::default()).is_empty());
    assert!(claimed(false, &old, &new).is_empty());
}

#[test]
fn a_write_edits_the_entries_that_differ() {
    let model = model(true);
    let [age, email] = &model.indexes[..] else {
        panic!("two indexes")
    };
    let mut edits = Vec::new();
    let (old, new) = (entries("n", &["a", "b"]), entries("m", &["a", "c"]));
    plan_entries(&model, b"key", &old, &new, &mut |edit| {
        edits.push((edit.table, edit.key, edit.value));
    });
    let value = |value: &EditValue| value.to_vec();
    let edits: Vec<_> = edits
        .iter()
        .map(|(table, key, edit)| (*table, key.as_slice(), edit.as_ref().map(value)))
        .collect();
    let plain = age.seed.entry(b"mkey", b"").to_vec();
    let unique = [&b"key"[..], &email.seed.entry(b"c", b"key")].concat();
    assert_eq!(
        edits,
        [
            (age.id, &b"mkey"[..], Some(plain)),
            (age.id, b"nkey", None),
            (email.id, b"b", None),
            (email.id, b"c", Some(unique)),
        ]
    );
}

#[test]
fn an_entry_names_its_primary_key() {
    let model = model(true);
    for index in &model.indexes {
        let key = entry_key(index, b"value\0", b"primary");
        let value = entry_value(index, &key, b"primary");
        let named = entry_primary(index, &key, &value, AFTER_TEXT);
        assert_eq!(named, Some(&b"primary"[..]), "{}", index.name);
    }
    let plain = &model.indexes[0];
    let key = entry_key(plain, b"value\0", b"primary");
    let value = entry_value(plain, &key, b"primary");
    let named = entry_primary(plain, &key, &value, Split::At(6));
    assert_eq!(named, Some(&b"primary"[..]));
}

#[test]
fn an_entry_of_which_a_bit_changed_names_nothing() {
    let model = model(true);
    for index in &model.indexes {
        let key = entry_key(index, b"value\0", b"primary");
        let value = entry_value(index, &key, b"primary").to_vec();
        for bit in 0..8 * (key.len() + value.len()) {
            let (mut key, mut value) = (key.clone(), value.clone());
            let place = key.iter_mut().chain(&mut value).nth(bit / 8).unwrap();
            *place ^= 1 << (bit % 8);
            let named = entry_primary(index, &key, &value, AFTER_TEXT);
            assert_eq!(named, None, "{}, bit {bit}", index.name);
        }
    }
}

#[test]
fn an_entry_that_is_cut_short_names_nothing() {
    let model = model(true);
    let [plain, unique] = &model.indexes[..] else {
        panic!("two indexes")
    };
    for short in 0..ENTRY_CHECKSUM_BYTES {
        let value = entry_value(unique, b"value\0", b"").to_vec();
        assert_eq!(
            entry_primary(unique, b"value\0", &value[..short], AFTER_TEXT),
            None
        );
    }
    // The checksum holds, but the value in the key has no end.
    let value = entry_value(plain, b"value", b"");
    assert_eq!(entry_primary(plain, b"value", &value, AFTER_TEXT), None);
    assert_eq!(entry_primary(plain, b"value", &value, Split::At(6)), None);
}
