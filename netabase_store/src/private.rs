//! What generated code calls. Not for people.

pub use crate::key_via_encoding;
pub use crate::{
    bounds::KeyBound,
    codec::{decode_serde_field, encode_serde_field, name_field, opaque_shape},
    computed::IntoIndexed,
    definition::{ModelVisitor, NetabaseDefinitionTrait},
    error::Result,
    key::{KeyError, KeyReader, NetabaseKey},
    model::{DefinedIn, IndexOf, KeyNewtype, NetabaseModelTrait, SecondaryKeyOf, assert_whole},
    plan::Entries,
    schema::{
        DefinitionSchema, Fields, IndexSchema, ModelSchema, NamedType, Role, Shape, TypeBody, Types,
    },
    to_ivec::{ToIVec, key_from_ivec, key_to_ivec, row_from_ivec, row_to_ivec},
    value::{NetabaseValue, ValueError, ValueReader, ValueWriter},
};
