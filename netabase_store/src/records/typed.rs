//! Typed records: models as records of the DHT, and back.
//!
//! Layout of a key: [`TYPED_NAMESPACE`], one byte with the length of the model's discriminant, the
//! discriminant, the ordered encoding of the primary key. The value is the row as a table holds it:
//! format, schema version, payload, and the checksum that ties them to table and key.

mod error;
mod filing;
mod models;
mod sink;
mod validator;

#[cfg(test)]
mod sink_tests;
#[cfg(test)]
mod tests;

use libp2p_kad::{Record, RecordKey};

use super::validate::{RECORD_KEY_BYTES_MAX, RECORD_VALUE_BYTES_MAX};
use crate::{
    definition::NetabaseDefinitionTrait, key::encode_key, model::NetabaseModelTrait,
    to_ivec::row_to_ivec,
};
use models::Models;

pub use error::RecordError;
pub use filing::Filed;
pub use sink::TypedSink;
pub use validator::TypedValidator;

/// What every key of a typed record begins with: register a [`TypedValidator`] for it.
pub const TYPED_NAMESPACE: &[u8] = b"/netabase/1/";

/// A model as a record of the DHT. Every model has it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use netabase_store::{netabase_definition_module, records::{TypedDefinition, TypedRecord}};
///
/// #[netabase_definition_module(BlogDefinition, BlogKeys)]
/// mod blog {
///     use netabase_store::NetabaseModel;
///
///     #[derive(NetabaseModel, Clone, Debug, PartialEq)]
///     #[netabase(BlogDefinition)]
///     pub struct User {
///         #[primary_key]
///         pub id: u64,
///         pub name: String,
///     }
/// }
/// use blog::*;
///
/// let user = User { id: 1, name: "Ada".to_owned() };
/// let record = user.to_record()?;
/// assert_eq!(record.key, User::record_key(1)?);
///
/// let BlogDefinition::User(found) = BlogDefinition::from_record(&record)?;
/// assert_eq!(found, user);
/// # Ok(())
/// # }
/// ```
pub trait TypedRecord<D>: NetabaseModelTrait<D> {
    /// Returns the record to publish, without publisher and expiry; O(size of the model's schema).
    ///
    /// # Errors
    /// Fails when the model cannot be encoded, or is larger than the DHT takes:
    /// [`RECORD_VALUE_BYTES_MAX`] and [`RECORD_KEY_BYTES_MAX`].
    fn to_record(&self) -> Result<Record, RecordError> {
        let mut key = Vec::new();
        self.__encode_primary_key(&mut key);
        let key = typed_key(Self::DISCRIMINANT, &key)?;
        let value = row_to_ivec::<D, Self>(self).map_err(|source| RecordError::Encode {
            model: Self::DISCRIMINANT,
            source: Box::new(source),
        })?;
        if value.len() > RECORD_VALUE_BYTES_MAX {
            return Err(RecordError::TooLarge {
                model: Self::DISCRIMINANT,
                bytes: value.len(),
                max: RECORD_VALUE_BYTES_MAX,
            });
        }
        Ok(Record::new(key, value))
    }

    /// Returns the key to look up.
    ///
    /// # Errors
    /// Fails when it is longer than [`RECORD_KEY_BYTES_MAX`].
    fn record_key(key: impl Into<Self::PrimaryKey>) -> Result<RecordKey, RecordError> {
        typed_key(Self::DISCRIMINANT, &encode_key(&key.into()))
    }
}

impl<D, M: NetabaseModelTrait<D>> TypedRecord<D> for M {}

/// A definition whose models are read back from records of the DHT. Every definition has it.
pub trait TypedDefinition: NetabaseDefinitionTrait {
    /// Reads a typed record; O(size of the definition's schema), which a [`TypedValidator`] pays
    /// once.
    ///
    /// That a record can be read says nothing of who wrote it.
    ///
    /// # Errors
    /// Fails when the key is no typed one, names a model that the definition does not have, or
    /// belongs to another record, and when the value is damaged or of another schema version.
    fn from_record(record: &Record) -> Result<Self, RecordError> {
        Models::new().decode(&record.key, &record.value)
    }
}

impl<D: NetabaseDefinitionTrait> TypedDefinition for D {}

/// Joins the parts of a key.
fn typed_key(discriminant: &'static str, primary: &[u8]) -> Result<RecordKey, RecordError> {
    let bytes = TYPED_NAMESPACE.len() + 1 + discriminant.len() + primary.len();
    let too_long = || RecordError::KeyTooLong {
        model: discriminant,
        bytes,
        max: RECORD_KEY_BYTES_MAX,
    };
    if bytes > RECORD_KEY_BYTES_MAX {
        return Err(too_long());
    }
    let length = u8::try_from(discriminant.len()).map_err(|_| too_long())?;
    let parts = [TYPED_NAMESPACE, &[length], discriminant.as_bytes(), primary];
    Ok(RecordKey::from(parts.concat()))
}

/// The parts of a key: which record of which model it names.
struct Address<'a> {
    discriminant: &'a [u8],
    primary: &'a [u8],
}

impl<'a> Address<'a> {
    /// Takes a key apart.
    fn parse(key: &'a RecordKey) -> Result<Self, RecordError> {
        let key: &[u8] = key.as_ref();
        let rest = key.strip_prefix(TYPED_NAMESPACE);
        let rest = rest.ok_or(RecordError::ForeignKey)?;
        let (length, rest) = rest.split_first().ok_or(RecordError::KeyTruncated)?;
        let (discriminant, primary) = rest
            .split_at_checked(usize::from(*length))
            .ok_or(RecordError::KeyTruncated)?;
        Ok(Self {
            discriminant,
            primary,
        })
    }

    fn names(&self, discriminant: &str) -> bool {
        self.discriminant == discriminant.as_bytes()
    }

    fn unknown_model(&self) -> RecordError {
        let discriminant = self.discriminant.escape_ascii().to_string();
        RecordError::UnknownModel { discriminant }
    }
}
