//! The rules of secondary indexes.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, ExprPath, Ident, Type, parse_quote};

use crate::{
    check::{Index, IndexValue, Newtype, cfgs, unknown_type},
    errors::Errors,
    names,
    parse::{FieldSource, ModelSource, index::IndexSource},
    types,
};

/// Where the values of an index come from, and the types of their parts.
type Value = (IndexValue, Vec<Type>);

/// Returns the indexes: those over fields in their order, then those of the struct.
pub(crate) fn all(source: &ModelSource<'_>, errors: &mut Errors) -> Vec<Index> {
    let mut indexes: Vec<Index> = Vec::new();
    let mut add = |written: &IndexSource, index: Index, errors: &mut Errors| {
        if let Some(first) = indexes.iter().find(|other| other.variant == index.variant) {
            errors.add(
                place(written),
                format_args!(
                    "the index `{}` exists already: name this one by `name = other`",
                    first.name
                ),
            );
        } else {
            indexes.push(index);
        }
    };
    for field in &source.fields {
        for index in &field.indexes {
            let value = sound(errors, |errors| over_field(field, index, errors));
            let name = index.name.as_ref().unwrap_or(field.ident);
            add(
                index,
                build(source, index, name, value, cfgs(field.attrs)),
                errors,
            );
        }
    }
    for index in &source.indexes {
        let value = sound(errors, |errors| over_struct(source, index, errors));
        match &index.name {
            Some(name) => add(index, build(source, index, name, value, Vec::new()), errors),
            None if index.broken => {}
            None => errors.add(&index.at, "name the index: `name = by_some`"),
        }
    }
    indexes
}

/// Gives an index with a mistake a type that has none.
fn sound(errors: &mut Errors, check: impl FnOnce(&mut Errors) -> Value) -> Value {
    let before = errors.len();
    let (value, parts) = check(errors);
    if errors.len() > before {
        (value, vec![unknown_type()])
    } else {
        (value, parts)
    }
}

/// The name of an index as written, or its attribute.
fn place(index: &IndexSource) -> TokenStream {
    index
        .name
        .as_ref()
        .map_or_else(|| index.at.to_token_stream(), ToTokens::to_token_stream)
}

/// Checks that the fields exist and none is named twice.
pub(crate) fn known_fields(
    source: &ModelSource<'_>,
    fields: &[Ident],
    errors: &mut Errors,
) -> bool {
    let before = errors.len();
    for (position, field) in fields.iter().enumerate() {
        if !source.fields.iter().any(|known| known.ident == field) {
            errors.add(
                field,
                format_args!("`{}` has no field `{field}`", source.ident),
            );
        } else if fields.iter().take(position).any(|other| other == field) {
            errors.add(
                field,
                format_args!("`{field}` is a part of the key already"),
            );
        }
    }
    errors.len() == before
}

/// Returns the types of the fields that exist.
pub(crate) fn types_of(source: &ModelSource<'_>, fields: &[Ident]) -> Vec<Type> {
    let types = fields.iter().filter_map(|field| {
        source
            .fields
            .iter()
            .find(|known| known.ident == field)
            .map(|known| known.ty.clone())
    });
    types.collect()
}

fn build(
    source: &ModelSource<'_>,
    index: &IndexSource,
    name: &Ident,
    (value, parts): Value,
    cfgs: Vec<Attribute>,
) -> Index {
    Index {
        name: name.clone(),
        variant: names::variant(name),
        newtype: Newtype {
            ident: names::of_index(source.ident, name),
            parts,
            doc: format!(
                "The index `{}` of `{}`.",
                names::plain(name),
                names::plain(source.ident)
            ),
        },
        value,
        unique: index.unique,
        cfgs,
    }
}

fn over_field(field: &FieldSource<'_>, index: &IndexSource, errors: &mut Errors) -> Value {
    let ident = field.ident.clone();
    let Some(each) = &index.each else {
        if let Some(element) = &index.element {
            errors.add(
                element,
                "an element belongs to `each`: write `each, element = Type`",
            );
        }
        return match types::option_inner(field.ty) {
            Some(inner) => (IndexValue::Sparse(ident), vec![inner.clone()]),
            None => (IndexValue::Field(ident), vec![field.ty.clone()]),
        };
    };
    let element = index.element.as_ref().or_else(|| types::element(field.ty));
    if element.is_none() && !index.broken {
        errors.add(
            each,
            "the element's type is not known: write `each, element = Type` \
             for a collection that is not of the standard library",
        );
    }
    (
        IndexValue::Each(ident),
        vec![element.cloned().unwrap_or_else(unknown_type)],
    )
}

fn over_struct(source: &ModelSource<'_>, index: &IndexSource, errors: &mut Errors) -> Value {
    match (&index.fields, &index.with) {
        (Some(fields), None) => over_parts(source, index, fields, errors),
        (None, Some(function)) => computed(index, function, errors),
        (Some(_), Some(function)) => {
            errors.add(function, "an index has `fields(..)` or `with`, not both");
            computed(index, function, errors)
        }
        (None, None) => {
            if !index.broken {
                errors.add(
                    &index.at,
                    "say what it is over: `fields(a, b)` or `with = path::to_fn`; \
                     for one field, mark the field `#[secondary_key]`",
                );
            }
            (IndexValue::Parts(Vec::new()), vec![unknown_type()])
        }
    }
}

fn over_parts(
    source: &ModelSource<'_>,
    index: &IndexSource,
    fields: &[Ident],
    errors: &mut Errors,
) -> Value {
    if let Some(each) = &index.each {
        errors.add(
            each,
            "`each` is for one collection: mark the field `#[secondary_key(each)]`",
        );
    }
    if let Some(key) = &index.key {
        errors.add(key, "the fields say the key's type: remove `key`");
    }
    if fields.len() < 2 {
        errors.add(
            &index.at,
            "`fields` takes two fields or more; for one, mark the field `#[secondary_key]`",
        );
    }
    known_fields(source, fields, errors);
    let mut parts = types_of(source, fields);
    if parts.is_empty() {
        parts.push(unknown_type());
    }
    (IndexValue::Parts(fields.to_vec()), parts)
}

fn computed(index: &IndexSource, function: &ExprPath, errors: &mut Errors) -> Value {
    let key = index
        .key
        .clone()
        .unwrap_or_else(|| parse_quote!(::std::string::String));
    let each = index.each.is_some();
    let inner = types::option_inner(&key).cloned();
    if each && inner.is_some() {
        errors.add(
            &index.key,
            "leave out the elements without a key instead of `Option`",
        );
    }
    let value = IndexValue::Computed {
        function: function.clone(),
        each,
        sparse: inner.is_some(),
    };
    (value, vec![inner.unwrap_or(key)])
}
