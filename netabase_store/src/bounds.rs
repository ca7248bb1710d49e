//! Ranges and prefixes of keys, as spans of their bytes.
//!
//! A span covers index entries, `encode(value) ++ encode(primary key)`, as well as primary keys. So
//! an end stands for all keys that begin with its encoding: it is included by starting at it or
//! stopping after the last of them, excluded the other way round. No encoding is a prefix of
//! another, so a key that begins with the end's encoding has the end's value.

mod leading;
mod prefix;
#[cfg(test)]
mod tests;

use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};

pub use leading::Leading;
pub use prefix::{PrefixOf, TextKey};

use crate::{
    backends::{Span, successor},
    key::{NetabaseKey, text::encode_text},
};

/// No key.
const NOTHING: Span = Span {
    lower: Bound::Included(Vec::new()),
    upper: Bound::Excluded(Vec::new()),
};

/// The end of a range of keys `V`: a `V`, the newtype over it, or what stands for it without a copy.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the end of a range of `{V}`",
    label = "not a `{V}`, nor a newtype over it"
)]
pub trait KeyBound<V> {
    /// Appends the encoding of the `V` that this stands for.
    fn encode_bound(&self, out: &mut Vec<u8>);
}

impl<V: NetabaseKey> KeyBound<V> for V {
    #[inline]
    fn encode_bound(&self, out: &mut Vec<u8>) {
        self.encode_key(out);
    }
}

macro_rules! borrowed {
    ($([$($param:tt)*] $borrowed:ty => $key:ty;)*) => {$(
        impl<$($param)*> KeyBound<$key> for $borrowed {
            #[inline]
            fn encode_bound(&self, out: &mut Vec<u8>) {
                encode_text(self.as_ref(), out);
            }
        }
    )*};
}

borrowed! {
    [] &str => String;
    [] &String => String;
    [] &str => Box<str>;
    [] &[u8] => Vec<u8>;
    [] &Vec<u8> => Vec<u8>;
    [const N: usize] &[u8; N] => Vec<u8>;
}

/// A range of keys `V`: every range type of the standard library over ends of `V`.
///
/// An empty range, or one whose ends are the wrong way round, holds no key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a range of `{V}`",
    label = "not a range over `{V}` or the newtype over it"
)]
pub trait KeyRange<V>: sealed::Sealed {
    /// Returns the span of the keys, and of the entries that begin with one of them.
    fn span(&self) -> Span;
}

macro_rules! ranges {
    ($($range:ty),*) => {$(
        impl<A> sealed::Sealed for $range {}

        impl<V, A: KeyBound<V>> KeyRange<V> for $range {
            fn span(&self) -> Span {
                between(self.start_bound(), self.end_bound())
            }
        }
    )*};
}

ranges! {
    Range<A>, RangeInclusive<A>, RangeFrom<A>, RangeTo<A>, RangeToInclusive<A>,
    (Bound<A>, Bound<A>)
}

impl sealed::Sealed for RangeFull {}

impl<V> KeyRange<V> for RangeFull {
    fn span(&self) -> Span {
        Span::ALL
    }
}

fn between<V, A: KeyBound<V>>(lower: Bound<&A>, upper: Bound<&A>) -> Span {
    let lower = match lower {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(end) => Bound::Included(encode(end)),
        Bound::Excluded(end) => match successor(&encode(end)) {
            Some(next) => Bound::Included(next),
            None => return NOTHING,
        },
    };
    let upper = match upper {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(end) => successor(&encode(end)).map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Excluded(end) => Bound::Excluded(encode(end)),
    };
    Span { lower, upper }
}

fn encode<V>(end: &impl KeyBound<V>) -> Vec<u8> {
    let mut out = Vec::new();
    end.encode_bound(&mut out);
    out
}

mod sealed {
    pub trait Sealed {}
}
