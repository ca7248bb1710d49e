//! Values made of values: options, boxes, arrays, tuples, vectors, sets and maps.
//!
//! A hashed set or map is written in the order of its elements' bytes, so that equal ones are equal
//! bytes.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    hash::{BuildHasher, Hash},
};

use crate::{
    schema::{Shape, Types},
    value::{NetabaseValue, ValueError, ValueReader, ValueWriter},
};

impl<T: NetabaseValue> NetabaseValue for Option<T> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        match self {
            None => {
                writer.put_u8(0);
                Ok(())
            }
            Some(value) => {
                writer.put_u8(1);
                value.encode_value(writer)
            }
        }
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        match reader.get_u8()? {
            0 => Ok(None),
            1 => T::decode_value(reader).map(Some),
            byte => Err(reader.error(format!("{byte} is not the start of an option"))),
        }
    }

    fn value_shape(types: &mut Types) -> Shape {
        Shape::Option(Box::new(T::value_shape(types)))
    }
}

impl<T: NetabaseValue> NetabaseValue for Box<T> {
    const BYTES_MIN: usize = T::BYTES_MIN;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        T::encode_value(self, writer)
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        T::decode_value(reader).map(Self::new)
    }

    fn value_shape(types: &mut Types) -> Shape {
        T::value_shape(types)
    }
}

impl<T: NetabaseValue> NetabaseValue for Reverse<T> {
    const BYTES_MIN: usize = T::BYTES_MIN;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        self.0.encode_value(writer)
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        T::decode_value(reader).map(Self)
    }

    fn value_shape(types: &mut Types) -> Shape {
        T::value_shape(types)
    }
}

impl<T: NetabaseValue, const N: usize> NetabaseValue for [T; N] {
    const BYTES_MIN: usize = T::BYTES_MIN.saturating_mul(N);

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        T::__encode_slice(self, writer)
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        T::__decode_array(reader)
    }

    fn value_shape(types: &mut Types) -> Shape {
        Shape::Array(Box::new(T::value_shape(types)), N as u64)
    }
}

macro_rules! tuple {
    ($($part:ident $value:ident),+) => {
        impl<$($part: NetabaseValue),+> NetabaseValue for ($($part,)+) {
            const BYTES_MIN: usize = 0 $(+ $part::BYTES_MIN)+;

            #[inline]
            fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
                let ($($value,)+) = self;
                $($value.encode_value(writer)?;)+
                Ok(())
            }

            #[inline]
            fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
                Ok(($($part::decode_value(reader)?,)+))
            }

            fn value_shape(types: &mut Types) -> Shape {
                Shape::Tuple(vec![$($part::value_shape(types)),+])
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
tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i);
tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j);
tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k);
tuple!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l);

impl<T: NetabaseValue> NetabaseValue for Vec<T> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.count(self.len(), T::BYTES_MIN)?;
        T::__encode_slice(self, writer)
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        let count = reader.len(T::BYTES_MIN)?;
        T::__decode_vec(count, reader)
    }

    fn value_shape(types: &mut Types) -> Shape {
        T::__sequence_shape(types)
    }
}

impl<T: NetabaseValue> NetabaseValue for VecDeque<T> {
    const BYTES_MIN: usize = 1;

    #[inline]
    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.count(self.len(), T::BYTES_MIN)?;
        let (front, back) = self.as_slices();
        T::__encode_slice(front, writer)?;
        T::__encode_slice(back, writer)
    }

    #[inline]
    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        Vec::decode_value(reader).map(Self::from)
    }

    fn value_shape(types: &mut Types) -> Shape {
        T::__sequence_shape(types)
    }
}

impl<T: NetabaseValue + Ord> NetabaseValue for BTreeSet<T> {
    const BYTES_MIN: usize = 1;

    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.count(self.len(), T::BYTES_MIN)?;
        self.iter().try_for_each(|item| item.encode_value(writer))
    }

    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        let count = reader.len(T::BYTES_MIN)?;
        (0..count).map(|_| T::decode_value(reader)).collect()
    }

    fn value_shape(types: &mut Types) -> Shape {
        Shape::Sequence(Box::new(T::value_shape(types)))
    }
}

impl<K: NetabaseValue + Ord, V: NetabaseValue> NetabaseValue for BTreeMap<K, V> {
    const BYTES_MIN: usize = 1;

    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.count(self.len(), <(K, V)>::BYTES_MIN)?;
        self.iter().try_for_each(|(key, value)| {
            key.encode_value(writer)?;
            value.encode_value(writer)
        })
    }

    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        let count = reader.len(<(K, V)>::BYTES_MIN)?;
        (0..count).map(|_| <(K, V)>::decode_value(reader)).collect()
    }

    fn value_shape(types: &mut Types) -> Shape {
        Shape::Map(
            Box::new(K::value_shape(types)),
            Box::new(V::value_shape(types)),
        )
    }
}

impl<T, S> NetabaseValue for HashSet<T, S>
where
    T: NetabaseValue + Eq + Hash,
    S: BuildHasher + Default + 'static,
{
    const BYTES_MIN: usize = 1;

    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.count(self.len(), T::BYTES_MIN)?;
        encode_sorted(writer, self.iter(), |item, writer| {
            item.encode_value(writer)
        })
    }

    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        let count = reader.len(T::BYTES_MIN)?;
        let capacity = reader.ahead(count, table_bytes::<T>());
        let mut set = Self::with_capacity_and_hasher(capacity, S::default());
        for _ in 0..count {
            set.insert(T::decode_value(reader)?);
        }
        Ok(set)
    }

    fn value_shape(types: &mut Types) -> Shape {
        Shape::Sequence(Box::new(T::value_shape(types)))
    }
}

impl<K, V, S> NetabaseValue for HashMap<K, V, S>
where
    K: NetabaseValue + Eq + Hash,
    V: NetabaseValue,
    S: BuildHasher + Default + 'static,
{
    const BYTES_MIN: usize = 1;

    fn encode_value(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError> {
        writer.count(self.len(), <(K, V)>::BYTES_MIN)?;
        encode_sorted(writer, self.iter(), |(key, value), writer| {
            key.encode_value(writer)?;
            value.encode_value(writer)
        })
    }

    fn decode_value(reader: &mut ValueReader<'_>) -> Result<Self, ValueError> {
        let count = reader.len(<(K, V)>::BYTES_MIN)?;
        let capacity = reader.ahead(count, table_bytes::<(K, V)>());
        let mut map = Self::with_capacity_and_hasher(capacity, S::default());
        for _ in 0..count {
            let (key, value) = <(K, V)>::decode_value(reader)?;
            map.insert(key, value);
        }
        Ok(map)
    }

    fn value_shape(types: &mut Types) -> Shape {
        Shape::Map(
            Box::new(K::value_shape(types)),
            Box::new(V::value_shape(types)),
        )
    }
}

/// What a hash table may take for one element: the next power of two, an eighth of it unused.
const fn table_bytes<T>() -> usize {
    (size_of::<T>() + 1) * 16 / 7
}

/// Writes elements, then puts their bytes in order.
fn encode_sorted<T>(
    writer: &mut ValueWriter<'_>,
    items: impl ExactSizeIterator<Item = T>,
    encode: impl Fn(T, &mut ValueWriter<'_>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let start = writer.buffer().len();
    let mut ends = Vec::with_capacity(items.len());
    for item in items {
        encode(item, writer)?;
        ends.push(writer.buffer().len() - start);
    }
    let out = writer.buffer();
    let unsorted = out.split_off(start);
    let mut from = 0;
    let mut pieces: Vec<&[u8]> = Vec::with_capacity(ends.len());
    for end in ends {
        pieces.extend(unsorted.get(from..end));
        from = end;
    }
    pieces.sort_unstable();
    pieces
        .into_iter()
        .for_each(|piece| out.extend_from_slice(piece));
    Ok(())
}
