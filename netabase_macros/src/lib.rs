//! The macros of `netabase_store`, which re-exports them and is the crate to depend on.
//!
//! They turn tokens into tokens: no files, no environment, no printing. Generated code refers to
//! `::netabase_store::__private` and to the standard library by absolute paths only.

mod check;
mod entry;
mod errors;
mod expand;
mod names;
mod parse;
#[cfg(test)]
mod refusals;
mod root;
#[cfg(test)]
mod snapshots;
mod types;

use proc_macro::TokenStream;

/// Makes a struct a model: a record with a primary key and secondary indexes.
///
/// ```text
/// #[derive(NetabaseModel)]
/// #[netabase(Definition)]              the definition, or (Definition, crate = "path")
/// #[primary_key(a, b)]                 a key of several fields
/// #[secondary_key(name = by_ab, fields(a, b))]
/// #[secondary_key(name = by_some, with = path::to_fn, key = Type)]
/// struct Model {
///     #[primary_key]                   a key of one field
///     #[secondary_key(name = other)]   an index over a field; an `Option` is sparse
///     #[secondary_key(unique)]         no two records may share a value
///     #[secondary_key(each, element = Type)]   an entry for each element of a collection
///     #[netabase(serde)]               a field that serde stores
/// }
/// ```
///
/// For a model `User` it generates, beside the struct and as visible as it, `UserPrimaryKey`, one
/// newtype an index such as `UserEmailSecondaryKey`, the enum `UserSecondaryKeys` and the enum
/// `UserKey`. A function given by `with` takes `&Model`; its index holds a `String` unless `key`
/// names another type, and `key = Option<Type>` makes it sparse.
#[proc_macro_derive(NetabaseModel, attributes(netabase, primary_key, secondary_key))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    entry::model(input.into()).into()
}

/// Makes a newtype, a struct or an enum without fields a key.
///
/// The encoding of a struct is that of its fields, one after another; the encoding of an enum is
/// the position of the variant, in one byte, or in two if there are more than 256. The order of
/// the encoding is the one that `#[derive(PartialOrd, Ord)]` gives.
#[proc_macro_derive(NetabaseKey, attributes(netabase))]
pub fn derive_key(input: TokenStream) -> TokenStream {
    entry::key(input.into()).into()
}

/// Makes a struct or an enum a type that records can hold.
///
/// Fields are stored in the order of declaration, an enum by the number of its variant. A field
/// marked `#[netabase(serde)]` is stored by serde.
#[proc_macro_derive(NetabaseValue, attributes(netabase))]
pub fn derive_value(input: TokenStream) -> TokenStream {
    entry::value(input.into()).into()
}

/// Makes a module a definition: all models of a store.
///
/// ```text
/// #[netabase_definition_module(Definition, Keys)]
/// #[netabase_definition_module(Definition, Keys, models(path::A, path::B), crate = "path")]
/// mod name { .. }
/// ```
///
/// The models are the structs in the module that `#[netabase(Definition)]` marks, and those that
/// `models(..)` lists, whose generated keys stand beside them. It adds to the module the enum of
/// all records, the enum of all keys, the conversions from and to the models, and for each index
/// a short name such as `EmailSecondaryKey` where one model of the module has it and nothing else
/// in the module is called so. A second model with an index of that name takes it away again.
#[proc_macro_attribute]
pub fn netabase_definition_module(arguments: TokenStream, module: TokenStream) -> TokenStream {
    entry::definition(arguments.into(), module.into()).into()
}
