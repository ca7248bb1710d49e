//! What a model under test has to say of itself, and the values that keys and indexes are made of.

use std::{fmt::Debug, ops::Bound};

use netabase_store::{NetabaseModelTrait, Query, Result, Tree, View};
use netabase_tests::{Random, ShopDefinition};

use super::{reference::Reference, space::Space, table::Table};

/// A tree of a model under test.
pub(super) type Subjects<M, V> = Tree<ShopDefinition, M, V>;

/// A query of such a tree.
pub(super) type Found<M, V> = Query<ShopDefinition, M, <V as View>::Backend>;

/// A model under test.
pub(super) trait Subject:
    NetabaseModelTrait<ShopDefinition> + Clone + Debug + 'static
{
    /// Of each index, whether a value may be had once.
    const UNIQUE: &'static [bool];

    /// Returns the primary key.
    fn key(&self) -> Value;

    /// Returns the primary key that the value stands for.
    fn primary(key: &Value) -> Self::PrimaryKey;

    /// Returns the value that a primary key stands for.
    fn value(key: Self::PrimaryKey) -> Value;

    /// Returns every entry that the record is to have: the index, and the value.
    fn entries(&self) -> Vec<(usize, Value)>;

    /// Returns whether the other record is the same, bit for bit.
    fn is_same(&self, other: &Self) -> bool;

    /// Returns a random record.
    fn random(random: &mut Random, space: &Space) -> Self;

    /// Returns a random value of the index, or a random key where there is none.
    fn random_value(random: &mut Random, space: &Space, index: Option<usize>) -> Value;

    /// Returns the query of a span.
    fn query<V: View>(tree: &Subjects<Self, V>, span: &Span) -> Found<Self, V>;

    /// Returns the records that have the value, by the methods that look for one value.
    fn look_up<V: View>(
        tree: &Subjects<Self, V>,
        index: usize,
        value: &Value,
    ) -> Result<(Vec<Self>, Option<Self>)>;

    /// Returns the entries of an index: the value, and the key of the record.
    fn pairs<V: View>(tree: &Subjects<Self, V>, index: usize) -> Result<Vec<(Value, Value)>>;

    /// Returns its table.
    fn table(reference: &Reference) -> &Table<Self>;

    /// Returns its table, to be changed.
    fn table_mut(reference: &mut Reference) -> &mut Table<Self>;
}

/// What a key or an entry of an index holds. Those of one index are of one kind, and are ordered as
/// the index is to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    Bytes(Vec<u8>),
    /// A float as a number that is ordered as `total_cmp` orders floats.
    Real(i64),
    /// A customer and a number.
    Numbers(u64, u32),
    /// A day and a status.
    Day(u32, Option<String>),
}

impl Value {
    pub(super) fn real(number: f64) -> Self {
        Self::Real(ordered(number.to_bits().cast_signed()))
    }

    pub(super) fn as_real(&self) -> f64 {
        match self {
            Self::Real(order) => f64::from_bits(ordered(*order).cast_unsigned()),
            other => panic!("{other:?} is no float"),
        }
    }

    pub(super) fn as_number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    pub(super) fn as_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => panic!("{other:?} is no text"),
        }
    }

    pub(super) fn as_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            other => panic!("{other:?} is no byte string"),
        }
    }
}

/// Turns the bits of a float into a number with their order, and back.
fn ordered(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// Which records are asked for, and in which order.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// The index that is walked over; the records themselves where there is none.
    pub(super) index: Option<usize>,
    pub(super) part: Part,
    pub(super) is_reversed: bool,
}

/// The part of an index, or of the keys.
#[derive(Debug, Clone)]
pub(super) enum Part {
    All,
    /// One value; of keys, the range from it to it.
    At(Value),
    Range(Bound<Value>, Bound<Value>),
    /// Texts or byte strings that begin so.
    Prefix(Value),
    /// Pairs with this first part.
    Leading(Value),
}

impl Part {
    /// Returns the ends, or nothing where no value can lie between them.
    pub(super) fn bounds(&self) -> Option<(Bound<Value>, Bound<Value>)> {
        use Bound::{Excluded, Included, Unbounded};
        let bounds = match self {
            Self::All => (Unbounded, Unbounded),
            Self::At(value) => (Included(value.clone()), Included(value.clone())),
            Self::Range(lower, upper) => (lower.clone(), upper.clone()),
            Self::Prefix(value) => {
                let upper = match value {
                    Value::Text(text) => after_text(text).map(Value::Text),
                    Value::Bytes(bytes) => after_bytes(bytes).map(Value::Bytes),
                    other => panic!("{other:?} is no prefix"),
                };
                (Included(value.clone()), upper.map_or(Unbounded, Excluded))
            }
            Self::Leading(Value::Day(day, _)) => {
                let upper = day.checked_add(1).map(|day| Value::Day(day, None));
                (
                    Included(Value::Day(*day, None)),
                    upper.map_or(Unbounded, Excluded),
                )
            }
            Self::Leading(Value::Numbers(first, _)) => (
                Included(Value::Numbers(*first, 0)),
                Included(Value::Numbers(*first, u32::MAX)),
            ),
            Self::Leading(other) => panic!("{other:?} has no first part"),
        };
        let is_empty = match &bounds {
            (Included(lower), Included(upper)) => lower > upper,
            (Included(lower) | Excluded(lower), Excluded(upper))
            | (Excluded(lower), Included(upper)) => lower >= upper,
            _ => false,
        };
        (!is_empty).then_some(bounds)
    }
}

/// Returns the first text behind all that begin with `prefix`.
fn after_text(prefix: &str) -> Option<String> {
    let mut chars: Vec<_> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// Returns the first byte string behind all that begin with `prefix`.
fn after_bytes(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_keep_their_order_and_their_bits() {
        let mut floats = [
            0.0,
            -0.0,
            1.5,
            -1.5,
            f64::MIN,
            f64::INFINITY,
            f64::NAN,
            -f64::NAN,
        ];
        floats.sort_by(f64::total_cmp);
        let values = floats.map(Value::real);
        assert!(values.is_sorted_by(|one, other| one < other), "{values:?}");
        for (value, float) in values.iter().zip(floats) {
            assert_eq!(value.as_real().to_bits(), float.to_bits());
        }
    }

    #[test]
    fn a_prefix_ends_before_the_first_text_that_does_not_begin_with_it() {
        assert_eq!(after_text("ab"), Some("ac".to_owned()));
        assert_eq!(after_text("a\u{d7ff}"), Some("a\u{e000}".to_owned()));
        assert_eq!(after_text(&format!("a{}", char::MAX)), Some("b".to_owned()));
        assert_eq!(after_text(""), None);
        assert_eq!(after_bytes(&[1, 255]), Some(vec![2]));
        assert_eq!(after_bytes(&[255]), None);
    }
}
