//! Texts and byte strings that begin with a given one.

use crate::{backends::Span, key::NetabaseKey, key::text::escape};

/// A key whose values are text, and which can be asked for those that begin with some text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text, so its keys have no prefix",
    label = "not a `String` or `Box<str>`"
)]
pub trait TextKey: NetabaseKey {
    /// Returns the span of the keys that begin with `prefix`.
    #[must_use]
    fn prefix_span(prefix: &str) -> Span {
        span_of(prefix.as_bytes())
    }
}

impl TextKey for String {}
impl TextKey for Box<str> {}

/// What a key `V` can begin with: text for text, bytes for byte strings.
#[diagnostic::on_unimplemented(
    message = "no `{V}` begins with a `{Self}`",
    label = "not a prefix of `{V}`",
    note = "text begins with a `&str`, a byte string with a `&[u8]`"
)]
pub trait PrefixOf<V> {
    /// Returns the span of the keys that begin with this, and of the entries of those.
    fn prefix_span(&self) -> Span;
}

macro_rules! text_prefix {
    ($($text:ty),*) => {$(
        impl<V: TextKey> PrefixOf<V> for $text {
            fn prefix_span(&self) -> Span {
                V::prefix_span(self)
            }
        }
    )*};
}

text_prefix!(str, &str, String, &String);

macro_rules! bytes_prefix {
    ($([$($param:tt)*] $bytes:ty;)*) => {$(
        impl<$($param)*> PrefixOf<Vec<u8>> for $bytes {
            fn prefix_span(&self) -> Span {
                span_of(self.as_ref())
            }
        }
    )*};
}

bytes_prefix! {
    [] [u8];
    [] &[u8];
    [] Vec<u8>;
    [] &Vec<u8>;
    [const N: usize] [u8; N];
    [const N: usize] &[u8; N];
}

fn span_of(prefix: &[u8]) -> Span {
    let mut escaped = Vec::with_capacity(prefix.len());
    escape(prefix, &mut escaped);
    Span::prefix(escaped)
}
