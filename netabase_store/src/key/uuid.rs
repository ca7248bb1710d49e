//! UUIDs: their 16 bytes.

use uuid::Uuid;

use crate::{
    key::{KeyError, KeyReader, NetabaseKey},
    schema::{Shape, Types},
};

impl NetabaseKey for Uuid {
    type Indexed = Self;

    #[inline]
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    #[inline]
    fn decode_key(reader: &mut KeyReader<'_>) -> Result<Self, KeyError> {
        reader.take("UUID").map(Self::from_bytes)
    }

    #[inline]
    fn skip_key(reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        reader.skip(16, "UUID")
    }

    fn key_shape(_: &mut Types) -> Shape {
        Shape::Known("uuid".to_owned())
    }
}
