//! A serializer that refuses what nests too deep to be read back, around any other.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::too_deep;
use crate::value::VALUE_DEPTH_MAX;

/// A value, a serializer or a part of one, and how many values it is inside of.
pub(super) struct Bounded<T> {
    inner: T,
    depth: u32,
}

impl<T> Bounded<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, depth: 0 }
    }

    /// Returns the depth of what is inside.
    fn inside<E: Error>(&self) -> Result<u32, E> {
        if self.depth == VALUE_DEPTH_MAX {
            Err(E::custom(too_deep()))
        } else {
            Ok(self.depth + 1)
        }
    }
}

impl<T: Serialize> Serialize for Bounded<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(Bounded {
            inner: serializer,
            depth: self.depth,
        })
    }
}

macro_rules! scalars {
    ($($method:ident($($value:ident: $type:ty),*);)*) => {$(
        fn $method(self $(, $value: $type)*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($value),*)
        }
    )*};
}

macro_rules! wrappers {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<T: Serialize + ?Sized>(
            self,
            $($argument: $type,)*
            value: &T,
        ) -> Result<S::Ok, S::Error> {
            let depth = self.inside()?;
            self.inner.$method($($argument,)* &Bounded { inner: value, depth })
        }
    )*};
}

macro_rules! compounds {
    ($($method:ident($($argument:ident: $type:ty),*) -> $compound:ident;)*) => {$(
        fn $method(self, $($argument: $type),*) -> Result<Self::$compound, S::Error> {
            let depth = self.inside()?;
            Ok(Bounded { inner: self.inner.$method($($argument),*)?, depth })
        }
    )*};
}

impl<S: Serializer> Serializer for Bounded<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Bounded<S::SerializeSeq>;
    type SerializeTuple = Bounded<S::SerializeTuple>;
    type SerializeTupleStruct = Bounded<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Bounded<S::SerializeTupleVariant>;
    type SerializeMap = Bounded<S::SerializeMap>;
    type SerializeStruct = Bounded<S::SerializeStruct>;
    type SerializeStructVariant = Bounded<S::SerializeStructVariant>;

    scalars! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    wrappers! {
        serialize_some();
        serialize_newtype_struct(name: &'static str);
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str);
    }

    compounds! {
        serialize_seq(count: Option<usize>) -> SerializeSeq;
        serialize_tuple(count: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, count: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, count: usize
        ) -> SerializeTupleVariant;
        serialize_map(count: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, count: usize) -> SerializeStruct;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, count: usize
        ) -> SerializeStructVariant;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! parts {
    ($($compound:ident: $($method:ident($($name:ident)?)),+;)*) => {$(
        impl<C: $compound> $compound for Bounded<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), C::Error> {
                let value = Bounded { inner: value, depth: self.depth };
                self.inner.$method($($name,)? &value)
            })+

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(name);
    SerializeStructVariant: serialize_field(name);
}
