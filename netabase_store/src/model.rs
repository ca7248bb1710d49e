//! What the derive macro says about a model, and what the store does with it.

use std::{fmt::Debug, hash::Hash};

use crate::{
    key::NetabaseKey,
    plan::Entries,
    schema::{ModelSchema, Types},
    value::{ValueError, ValueReader, ValueWriter},
};

/// A struct of the definition `D`, with a primary key and secondary indexes.
///
/// Implemented by `#[derive(NetabaseModel)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model of `{D}`",
    label = "not a model of this store's definition",
    note = "derive `NetabaseModel` with `#[netabase({D})]` inside the definition's module"
)]
pub trait NetabaseModelTrait<D>: DefinedIn<D> + Sized + 'static {
    /// The newtype over the primary key.
    type PrimaryKey: KeyNewtype;
    /// One variant an index.
    type SecondaryKeys: SecondaryKeyOf;
    /// A primary or a secondary key.
    type Keys: From<Self::PrimaryKey> + From<Self::SecondaryKeys> + Clone + Debug;

    /// The model's name, which names its tables.
    const DISCRIMINANT: &'static str;

    /// Returns the primary key.
    fn primary_key(&self) -> Self::PrimaryKey;

    /// Returns every entry that the record has in an index: none for `None`, one for each distinct
    /// element of a collection.
    fn secondary_keys(&self) -> Vec<Self::SecondaryKeys>;

    /// Describes the model.
    fn schema(types: &mut Types) -> ModelSchema;

    #[doc(hidden)]
    fn __encode_primary_key(&self, out: &mut Vec<u8>);
    #[doc(hidden)]
    fn __encode_entries(&self, entries: &mut Entries);
    #[doc(hidden)]
    fn __encode_payload(&self, writer: &mut ValueWriter<'_>) -> Result<(), ValueError>;
    #[doc(hidden)]
    fn __decode_payload(reader: &mut ValueReader<'_>) -> Result<Self, ValueError>;
}

/// A model that the module of the definition `D` contains or lists.
#[diagnostic::on_unimplemented(
    message = "the module of `{D}` does not contain the model `{Self}`",
    label = "not in the module of `{D}`",
    note = "move the model into the module, or list it: `#[netabase_definition_module({D}, Keys, models(path::{Self}))]`"
)]
pub trait DefinedIn<D>: Sized {
    /// Returns the record as one of the definition.
    #[doc(hidden)]
    fn __into_definition(self) -> D;
}

/// A generated newtype over the value of a primary key or an index.
pub trait KeyNewtype:
    NetabaseKey + From<Self::Value> + PartialEq + Eq + PartialOrd + Ord + Hash
{
    /// The value: the field's type, the element of an `each` index, the inner type of an `Option`,
    /// or the tuple of a composite.
    type Value;
}

/// A newtype that names an index of the model `M`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no index of `{M}`",
    label = "not an index of this model"
)]
pub trait IndexOf<M>: KeyNewtype {
    /// The index's place among the model's indexes.
    const POSITION: usize;
}

/// What an index over a field of type `T` holds, when that is the whole value.
#[diagnostic::on_unimplemented(
    message = "`{T}` is optional, but the type's name does not show it",
    label = "an alias of `{T}`",
    note = "write `Option<{Self}>` in full: the index then leaves `None` out"
)]
pub trait Whole<T> {}

impl<T> Whole<T> for T {}

/// Compiles where an index over a field of type `T` holds the whole value.
pub fn assert_whole<I: Whole<T>, T>() {}

/// The enum of a model's secondary keys.
pub trait SecondaryKeyOf: Clone + Debug {
    /// Returns the place of the index that the key belongs to.
    fn position(&self) -> usize;

    /// Appends the encoding of the key's value.
    fn encode_value(&self, out: &mut Vec<u8>);
}
