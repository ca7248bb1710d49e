//! Spans against the ranges that they stand for, over keys and over index entries.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    ops::Bound::{Excluded, Included, Unbounded},
};

use proptest::{collection::btree_set, prelude::*};

use super::*;
use crate::key::{
    encode_key,
    tests::{arb_bytes, arb_text},
};

/// A query over keys `V`, as a tree or an index offers it.
struct Index<V>(BTreeSet<V>);

impl<V: NetabaseKey + Ord> Index<V> {
    fn range(&self, range: impl KeyRange<V>) -> Vec<V> {
        self.select(&range.span())
    }

    fn prefix(&self, prefix: impl PrefixOf<V>) -> Vec<V> {
        self.select(&prefix.prefix_span())
    }

    fn leading(&self, parts: impl Leading<V>) -> Vec<V> {
        self.select(&parts.leading_span())
    }

    /// Selects by the key alone and by entries that go on after it, which must agree.
    fn select(&self, span: &Span) -> Vec<V> {
        let keys: Vec<V> = self
            .0
            .iter()
            .filter(|key| holds(span, &encode_key(*key)))
            .cloned()
            .collect();
        for following in [&[0; 3][..], &[0xFF; 3]] {
            let entry = |key: &V| [&encode_key(key), following].concat();
            let entries: Vec<&V> = self
                .0
                .iter()
                .filter(|key| holds(span, &entry(key)))
                .collect();
            assert!(
                entries.iter().copied().eq(&keys),
                "{entries:?} but {keys:?}"
            );
        }
        keys
    }
}

impl<V: Ord, const N: usize> From<[V; N]> for Index<V> {
    fn from(keys: [V; N]) -> Self {
        Self(BTreeSet::from(keys))
    }
}

fn holds(span: &Span, key: &[u8]) -> bool {
    !span.is_empty() && std::ops::RangeBounds::<[u8]>::contains(&span.as_slices(), key)
}

/// Every pair of bounds over every pair of keys, against what the range itself contains.
fn all_bounds_agree<V: NetabaseKey + Ord + Debug>(keys: &[V]) {
    let index = Index(keys.iter().cloned().collect());
    let ends = |key: &V| [Included(key.clone()), Excluded(key.clone()), Unbounded];
    for a in keys {
        for b in keys {
            for lower in ends(a) {
                for upper in ends(b) {
                    let range = (lower.clone(), upper);
                    let expected: Vec<V> = index
                        .0
                        .iter()
                        .filter(|key| range.contains(key))
                        .cloned()
                        .collect();
                    assert_eq!(index.range(range.clone()), expected, "{range:?}");
                }
            }
        }
    }
}

#[test]
fn all_bounds_of_unsigned_keys_agree() {
    all_bounds_agree(&[0_u8, 1, 2, 127, 128, 254, 255]);
}

#[test]
fn all_bounds_of_signed_keys_agree() {
    all_bounds_agree(&[i8::MIN, -2, -1, 0, 1, 126, i8::MAX]);
}

#[test]
fn all_bounds_of_strings_agree() {
    let keys = [
        "",
        "\0",
        "\0\0",
        "\u{1}",
        "\u{1}\u{1}",
        "a",
        "a\0",
        "a\u{1}",
        "ab",
        "b",
        "\u{ff}",
    ];
    all_bounds_agree(&keys.map(String::from));
}

#[test]
fn all_bounds_of_descending_and_optional_keys_agree() {
    all_bounds_agree(&[None, Some(0_u8), Some(1), Some(255)]);
    all_bounds_agree(&[0_u8, 1, 255].map(std::cmp::Reverse));
}

proptest! {
    #[test]
    fn bounds_of_any_strings_agree(keys in proptest::collection::vec(arb_text(), 0..5)) {
        all_bounds_agree(&keys);
    }

    #[test]
    fn a_prefix_selects_the_text_that_begins_with_it(
        texts in btree_set(arb_text(), 0..20),
        cut in 0_usize..4,
    ) {
        let first = texts.iter().next_back().cloned().unwrap_or_default();
        let prefix: String = first.chars().take(cut).collect();
        let index = Index(texts);
        let expected: Vec<String> =
            index.0.iter().filter(|text| text.starts_with(&prefix)).cloned().collect();
        prop_assert_eq!(index.prefix(&prefix), expected.clone());
        prop_assert_eq!(index.prefix(prefix.as_str()), expected);
    }

    #[test]
    fn a_prefix_selects_the_bytes_that_begin_with_it(
        texts in btree_set(arb_bytes(), 0..20),
        cut in 0_usize..4,
    ) {
        let mut prefix = texts.iter().next_back().cloned().unwrap_or_default();
        prefix.truncate(cut);
        let index = Index(texts);
        let expected: Vec<Vec<u8>> =
            index.0.iter().filter(|bytes| bytes.starts_with(&prefix)).cloned().collect();
        prop_assert_eq!(index.prefix(prefix.as_slice()), expected);
    }
}

#[test]
fn every_range_type_means_what_it_says() {
    let index = Index::from([1_u32, 2, 3, 4]);
    assert_eq!(index.range(2..4), [2, 3]);
    assert_eq!(index.range(2..=3), [2, 3]);
    assert_eq!(index.range(3..), [3, 4]);
    assert_eq!(index.range(..3), [1, 2]);
    assert_eq!(index.range(..=3), [1, 2, 3]);
    assert_eq!(index.range(..), [1, 2, 3, 4]);
    assert_eq!(index.range((Excluded(2), Included(4))), [3, 4]);
    assert_eq!(index.range((Excluded(3), Unbounded)), [4]);
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
fn an_empty_or_inverted_range_is_an_empty_span() {
    fn check(range: impl KeyRange<u8>) {
        assert!(range.span().is_empty());
    }
    check(3..3);
    check(4..3);
    check(4..=3);
    check((Excluded(3), Excluded(3)));
    check((Excluded(3), Included(3)));
    check((Excluded(4), Excluded(3)));
    check((Excluded(255), Unbounded));
    check((Excluded(255), Included(255)));
    check(255..255);
    let mut used = 3..=3_u8;
    used.next();
    check(used);
}

#[test]
fn literals_and_newtypes_infer_the_key() {
    #[derive(Debug, Clone, PartialEq)]
    struct Age(u32);
    impl KeyBound<u32> for Age {
        fn encode_bound(&self, out: &mut Vec<u8>) {
            self.0.encode_key(out);
        }
    }
    let ages = Index::from([17_u32, 18, 30]);
    assert_eq!(ages.range(18..), ages.range(Age(18)..));
    assert_eq!(Index::from([-1_i16, 0]).range(-256..=-1), [-1]);
    let names = Index::from(["a", "b", "c"].map(String::from));
    assert_eq!(names.range("a".."c"), ["a", "b"]);
    assert_eq!(names.range("b".to_owned()..), ["b", "c"]);
    let floats = |range: std::ops::Range<f64>| KeyRange::<f64>::span(&range);
    assert!(holds(&floats(1.0..2.5), &encode_key(&1.5)));
}

#[test]
fn leading_parts_select_what_begins_with_them() {
    let index = Index::from([
        (1_u32, "a".to_owned(), 5_i8),
        (1, "ab".to_owned(), -5),
        (1, "b".to_owned(), 0),
        (2, "a".to_owned(), 0),
        (u32::MAX, String::new(), -1),
    ]);
    let count = |keys: Vec<_>| keys.len();
    assert_eq!(count(index.leading((1,))), 3);
    assert_eq!(count(index.leading((1, "a"))), 1);
    assert_eq!(count(index.leading((1, "ab".to_owned(), -5))), 1);
    assert_eq!(count(index.leading((1, "ab", 5))), 0);
    assert_eq!(count(index.leading((u32::MAX,))), 1);
}
