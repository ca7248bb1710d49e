use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::records::row::{Number, Place, Tag};

/// What is done to the overlay.
#[derive(Clone, Debug)]
enum Step {
    Set(u8, Option<Vec<u8>>),
    Record(u8, Vec<u8>),
    Begin,
    End,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || {
        prop_oneof![
            6 => proptest::collection::vec(any::<u8>(), 0..60),
            1 => (0..8_usize).prop_map(|eighths| vec![7; eighths * CHUNK_BYTES / 6]),
        ]
    };
    prop_oneof![
        6 => (0..20_u8, proptest::option::of(bytes())).prop_map(|(row, to)| Step::Set(row, to)),
        6 => (0..20_u8, bytes()).prop_map(|(row, value)| Step::Record(row, value)),
        1 => Just(Step::Begin),
        1 => Just(Step::End),
    ]
}

fn providers(row: u8) -> RowKey {
    RowKey(Tag::Providers, Place::of(&[row]))
}

fn numbered(row: u8) -> RowKey {
    let numbers = std::iter::successors(Some(Number::default()), |number| number.next());
    numbers
        .take(usize::from(row) + 1)
        .last()
        .expect("one")
        .row()
}

fn record(value: &[u8]) -> RecordRow<'_> {
    RecordRow {
        stored: 1,
        expires: Some(2),
        publisher: None,
        source: None,
        key: b"a key",
        value,
    }
}

fn bytes(value: Option<EditValue>) -> Option<Vec<u8>> {
    value.map(|value| value.as_slice().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_are_what_was_set_last_until_they_are_on_disk(
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut overlay = Overlay::default();
        let (mut gathering, mut writing) = (BTreeMap::new(), BTreeMap::new());
        let mut batch = None;
        for step in steps {
            match step {
                Step::Set(row, bytes) => {
                    overlay.set(providers(row), bytes.as_deref());
                    gathering.insert(providers(row), bytes);
                }
                Step::Record(row, value) => {
                    let new = record(&value);
                    let bytes = new.encode(numbered(row));
                    overlay.set_record(numbered(row), &new, bytes.len());
                    gathering.insert(numbered(row), Some(bytes));
                }
                Step::Begin if batch.is_none() => {
                    let begun = overlay.begin();
                    writing = std::mem::take(&mut gathering);
                    let rows = begun.sorted().map(|(row, value)| (row, bytes(value)));
                    let expected: Vec<_> = writing.clone().into_iter().collect();
                    prop_assert_eq!(rows.collect::<Vec<_>>(), expected);
                    batch = Some(begun);
                }
                Step::End => {
                    if let Some(begun) = batch.take() {
                        overlay.end();
                        writing.clear();
                        let begun = Arc::into_inner(begun).expect("nobody else has it");
                        overlay.reuse(begun.empty());
                    }
                }
                Step::Begin => {}
            }
            let (rows, _) = overlay.load();
            prop_assert_eq!(rows, gathering.len() + writing.len());
            prop_assert_eq!(overlay.gathered().0, gathering.len());
            for row in (0..20).flat_map(|row| [providers(row), numbered(row)]) {
                let expected = gathering.get(&row).or_else(|| writing.get(&row)).cloned();
                prop_assert_eq!(overlay.get(row).map(Edit::to_bytes), expected);
            }
        }
    }
}

#[test]
fn a_batch_that_is_used_again_has_no_rows_and_little_memory() {
    let mut overlay = Overlay::default();
    for number in 0..20_u8 {
        overlay.set(providers(number), Some(&vec![1; 8 * CHUNK_BYTES]));
        overlay.set(providers(number + 100), Some(&vec![1; CHUNK_BYTES]));
        overlay.set(providers(number + 200), Some(&[1; 10]));
    }
    let begun = overlay.begin();
    overlay.end();
    let begun = Arc::into_inner(begun).expect("nobody else has it").empty();
    assert_eq!((begun.len(), begun.bytes, begun.chunk), (0, 0, 0));
    assert!(begun.chunks.len() <= SPARE_CHUNKS);
    assert!(
        begun
            .chunks
            .iter()
            .all(|chunk| chunk.capacity() == CHUNK_BYTES)
    );
}

#[test]
fn memory_that_an_edit_still_lies_in_is_not_used_again() {
    let mut overlay = Overlay::default();
    overlay.set(providers(1), Some(b"first"));
    let begun = overlay.begin();
    let (_, first) = begun.sorted().next().expect("a row");
    overlay.end();
    let emptied = Arc::into_inner(begun).expect("nobody else has it").empty();
    assert!(emptied.chunks.is_empty());
    overlay.reuse(emptied);
    overlay.set(providers(2), Some(b"other"));
    assert_eq!(bytes(first).as_deref(), Some(&b"first"[..]));
}

#[test]
fn rows_of_a_batch_that_is_on_disk_leave_their_memory_to_later_ones() {
    let mut overlay = Overlay::default();
    let chunk = |batch: &Batch| batch.chunks.first().map(|chunk| chunk.as_ptr());
    overlay.set(providers(1), Some(b"first"));
    let begun = overlay.begin();
    let first = chunk(&begun);
    assert!(first.is_some());
    drop(begun.sorted().collect::<Vec<_>>());
    overlay.end();
    overlay.reuse(Arc::into_inner(begun).expect("nobody else has it").empty());
    overlay.begin();
    overlay.set(providers(2), Some(b"later"));
    assert_eq!(chunk(&overlay.pending), first);
}
