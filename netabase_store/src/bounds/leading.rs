//! The first parts of a composite key.

use super::KeyBound;
use crate::{backends::Span, key::NetabaseKey};

/// Whole leading parts of the composite key `V`: a tuple that is at most as long.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the first parts of `{V}`",
    label = "not leading parts of the key",
    note = "pass a tuple of the first parts, such as `(author,)`"
)]
pub trait Leading<V> {
    /// Returns the span of the keys that begin with these parts, and of the entries of those.
    fn leading_span(&self) -> Span;
}

macro_rules! leading {
    ($(($($given:ident $part:ident $value:ident),+) ($($open:ident),*);)*) => {$(
        impl<$($given: KeyBound<$part>,)+ $($part: NetabaseKey,)+ $($open: NetabaseKey),*>
            Leading<($($part,)+ $($open,)*)> for ($($given,)+)
        {
            fn leading_span(&self) -> Span {
                let ($($value,)+) = self;
                let mut prefix = Vec::new();
                $($value.encode_bound(&mut prefix);)+
                Span::prefix(prefix)
            }
        }
    )*};
}

leading! {
    (A1 P1 a) ();
    (A1 P1 a) (P2);
    (A1 P1 a) (P2, P3);
    (A1 P1 a) (P2, P3, P4);
    (A1 P1 a) (P2, P3, P4, P5);
    (A1 P1 a) (P2, P3, P4, P5, P6);
    (A1 P1 a) (P2, P3, P4, P5, P6, P7);
    (A1 P1 a) (P2, P3, P4, P5, P6, P7, P8);
    (A1 P1 a, A2 P2 b) ();
    (A1 P1 a, A2 P2 b) (P3);
    (A1 P1 a, A2 P2 b) (P3, P4);
    (A1 P1 a, A2 P2 b) (P3, P4, P5);
    (A1 P1 a, A2 P2 b) (P3, P4, P5, P6);
    (A1 P1 a, A2 P2 b) (P3, P4, P5, P6, P7);
    (A1 P1 a, A2 P2 b) (P3, P4, P5, P6, P7, P8);
    (A1 P1 a, A2 P2 b, A3 P3 c) ();
    (A1 P1 a, A2 P2 b, A3 P3 c) (P4);
    (A1 P1 a, A2 P2 b, A3 P3 c) (P4, P5);
    (A1 P1 a, A2 P2 b, A3 P3 c) (P4, P5, P6);
    (A1 P1 a, A2 P2 b, A3 P3 c) (P4, P5, P6, P7);
    (A1 P1 a, A2 P2 b, A3 P3 c) (P4, P5, P6, P7, P8);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d) ();
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d) (P5);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d) (P5, P6);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d) (P5, P6, P7);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d) (P5, P6, P7, P8);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e) ();
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e) (P6);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e) (P6, P7);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e) (P6, P7, P8);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e, A6 P6 f) ();
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e, A6 P6 f) (P7);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e, A6 P6 f) (P7, P8);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e, A6 P6 f, A7 P7 g) ();
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e, A6 P6 f, A7 P7 g) (P8);
    (A1 P1 a, A2 P2 b, A3 P3 c, A4 P4 d, A5 P5 e, A6 P6 f, A7 P7 g, A8 P8 h) ();
}
