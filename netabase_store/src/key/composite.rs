//! Keys made of keys: options, arrays, tuples, and any key in descending order.
//!
//! - `Option`: 00, or 01 and the value
//! - arrays and tuples: their parts one after another
//! - `Reverse`: every byte of the encoding inverted

use std::cmp::Reverse;

use crate::{
    key::{KeyError, KeyReader, NetabaseKey},
    schema::{Shape, Types},
};

/// How many bytes after a descending key are inverted without allocating.
const INVERT_BYTES: usize = 128;

impl<T: NetabaseKey> NetabaseKey for Option<T> {
    type Indexed = T;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode_key(out);
            }
        }
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        Ok(if is_some(reader)? {
            Some(T::decode_key(reader)?)
        } else {
            None
        })
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        if is_some(reader)? {
            T::skip_key(reader)
        } else {
            Ok(())
        }
    }

    fn key_shape(types: &mut Types) -> Shape {
        Shape::Option(Box::new(T::key_shape(types)))
    }
}

fn is_some(reader: &mut KeyReader<'_>) -> Result<bool, KeyError> {
    let at = reader.position();
    match reader.take("possible value")? {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(KeyError::Invalid {
            at,
            what: "possible value",
        }),
    }
}

impl<T: NetabaseKey, const N: usize> NetabaseKey for [T; N] {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        T::__encode_key_slice(self, out);
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        T::__decode_key_array(reader)
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        T::__skip_key_array(N, reader)
    }

    fn key_shape(types: &mut Types) -> Shape {
        Shape::Array(Box::new(T::key_shape(types)), N as u64)
    }
}

macro_rules! tuple {
    ($($part:ident $value:ident),+) => {
        impl<$($part: NetabaseKey),+> NetabaseKey for ($($part,)+) {
            type Indexed = Self;

            #[inline]
            fn encode_key(&self, out: &mut Vec<u8>) {
                let ($($value,)+) = self;
                $($value.encode_key(out);)+
            }

            #[inline]
            fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
                Ok(($($part::decode_key(reader)?,)+))
            }

            #[inline]
            fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
                $($part::skip_key(reader)?;)+
                Ok(())
            }

            fn key_shape(types: &mut Types) -> Shape {
                Shape::Tuple(vec![$($part::key_shape(types)),+])
            }
        }
    };
}

tuple!(A a);
tuple!(A a, B b);
tuple!(A a, B b, C c);
tuple!(A a, B b, C c, D d);
tuple!(A a, B b, C c, D d, E e);
tuple!(A a, B b, C c, D d, E e, F f);
tuple!(A a, B b, C c, D d, E e, F f, G g);
tuple!(A a, B b, C c, D d, E e, F f, G g, H h);

impl<T: NetabaseKey> NetabaseKey for Reverse<T> {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.0.encode_key(out);
        for byte in out.iter_mut().skip(start) {
            *byte = !*byte;
        }
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        inverted(reader, T::decode_key).map(Self)
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        inverted(reader, T::skip_key)
    }

    fn key_shape(types: &mut Types) -> Shape {
        Shape::Reverse(Box::new(T::key_shape(types)))
    }
}

/// Reads from the inverted bytes and passes over as many as were read.
fn inverted<R>(
    reader: &mut KeyReader<'_>,
    read: impl FnOnce(&mut KeyReader<'_>) -> Result<R, KeyError>,
) -> Result<R, KeyError> {
    let rest = reader.rest();
    let mut near = [0; INVERT_BYTES];
    let far: Vec<u8>;
    let bytes = if let Some(near) = near.get_mut(..rest.len()) {
        for (to, from) in near.iter_mut().zip(rest) {
            *to = !from;
        }
        &*near
    } else {
        far = rest.iter().map(|byte| !byte).collect();
        &far
    };
    let mut inner = KeyReader::new(bytes);
    let value = read(&mut inner).map_err(|error| moved(error, reader.position()))?;
    reader.skip(inner.position(), "descending key")?;
    Ok(value)
}

fn moved(mut error: KeyError, by: usize) -> KeyError {
    let (KeyError::Truncated { at, .. }
    | KeyError::Invalid { at, .. }
    | KeyError::Trailing { at, .. }) = &mut error;
    *at += by;
    error
}
