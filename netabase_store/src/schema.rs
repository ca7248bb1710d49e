//! What a store says about itself: its definition, models, fields, types and indexes.
//!
//! The description is stored beside the data in the same value codec, so that tools read any store
//! without its Rust types.

pub(crate) mod compare;

use std::any::TypeId;

use crate::NetabaseValue;

/// The type of a field or key, as stored.
#[derive(Debug, Clone, PartialEq, Eq, NetabaseValue)]
#[non_exhaustive]
pub enum Shape {
    /// `()`
    Unit,
    /// `bool`
    Bool,
    /// `char`
    Char,
    /// An unsigned integer of so many bits; `usize` counts as 64.
    Unsigned(u8),
    /// A signed integer of so many bits; `isize` counts as 64.
    Signed(u8),
    /// A float of so many bits.
    Float(u8),
    /// A string.
    Text,
    /// A byte string.
    Bytes,
    /// An array of a fixed length.
    Array(Box<Shape>, u64),
    /// A vector or a set.
    Sequence(Box<Shape>),
    /// A map, as a sequence of pairs.
    Map(Box<Shape>, Box<Shape>),
    /// A value or nothing.
    Option(Box<Shape>),
    /// A tuple.
    Tuple(Vec<Shape>),
    /// A key in descending order.
    Reverse(Box<Shape>),
    /// A type that has a name: the entry with this number in the definition's types.
    Named(u32),
    /// A value that only its own `serde` implementation reads; the text names its type.
    Opaque(String),
    /// A type that this crate or a feature of it knows by name, such as `uuid` or `duration`.
    Known(String),
}

/// A struct or enum that fields or keys use.
#[derive(Debug, Clone, PartialEq, Eq, NetabaseValue)]
pub struct NamedType {
    /// The type's name.
    pub name: String,
    /// What it consists of.
    pub body: TypeBody,
}

/// What a named type consists of.
#[derive(Debug, Clone, PartialEq, Eq, NetabaseValue)]
#[non_exhaustive]
pub enum TypeBody {
    /// A struct or a tuple struct.
    Struct(Fields),
    /// An enum: each variant's name and fields, in order.
    Enum(Vec<(String, Fields)>),
}

/// The fields of a struct or of a variant.
#[derive(Debug, Clone, PartialEq, Eq, NetabaseValue)]
#[non_exhaustive]
pub enum Fields {
    /// None.
    Unit,
    /// By position.
    Tuple(Vec<Shape>),
    /// By name.
    Named(Vec<(String, Shape)>),
}

/// A model: its fields, key and indexes.
#[derive(Debug, Clone, PartialEq, Eq, NetabaseValue)]
pub struct ModelSchema {
    /// The model's name, which names its tables.
    pub discriminant: String,
    /// The version that its records carry.
    pub version: u16,
    /// The fields, in the order in which a record stores them.
    pub fields: Vec<(String, Shape)>,
    /// The fields that make up the primary key.
    pub primary_fields: Vec<String>,
    /// The type of the primary key.
    pub primary_shape: Shape,
    /// The indexes, in the order of declaration.
    pub indexes: Vec<IndexSchema>,
}

/// A secondary index of a model.
#[derive(Debug, Clone, PartialEq, Eq, NetabaseValue)]
pub struct IndexSchema {
    /// The index's name.
    pub name: String,
    /// The fields that it reads; none where a function computes it.
    pub fields: Vec<String>,
    /// The type of one indexed value.
    pub shape: Shape,
    /// Whether no two records may share a value.
    pub unique: bool,
    /// Whether each element of a collection has an entry.
    pub each: bool,
    /// Whether `None` has no entry.
    pub sparse: bool,
    /// Whether a function of the program computes the value.
    pub computed: bool,
}

/// A definition: all models of a store.
#[derive(Debug, Clone, PartialEq, Eq, NetabaseValue)]
pub struct DefinitionSchema {
    /// The definition's name.
    pub name: String,
    /// The models, in the order of declaration.
    pub models: Vec<ModelSchema>,
    /// The named types that their fields and keys use.
    pub types: Vec<NamedType>,
}

/// The named types met so far while a description is made.
#[derive(Debug, Default)]
pub struct Types {
    named: Vec<NamedType>,
    ids: Vec<(TypeId, Role, u32)>,
}

/// Whether a named type is described as a stored value or as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// In a record.
    Value,
    /// In a key.
    Key,
}

impl Types {
    /// Returns the shape of the named type `T`, describing it with `body` when first met.
    ///
    /// The type has its number before `body` runs, so a type may contain itself.
    pub fn named<T: 'static>(
        &mut self,
        role: Role,
        name: &str,
        body: impl FnOnce(&mut Self) -> TypeBody,
    ) -> Shape {
        let id = TypeId::of::<T>();
        if let Some((.., number)) = self.ids.iter().find(|(i, r, _)| *i == id && *r == role) {
            return Shape::Named(*number);
        }
        let position = self.named.len();
        let number = u32::try_from(position).expect("a program has fewer than 2^32 types");
        self.ids.push((id, role, number));
        let placeholder = TypeBody::Struct(Fields::Unit);
        self.named.push(NamedType {
            name: name.to_owned(),
            body: placeholder,
        });
        let body = body(self);
        if let Some(named) = self.named.get_mut(position) {
            named.body = body;
        }
        Shape::Named(number)
    }

    /// Returns the types, numbered by position.
    #[must_use]
    pub fn into_named(self) -> Vec<NamedType> {
        self.named
    }
}
