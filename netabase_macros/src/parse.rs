//! Tokens to our own tree: what the attributes say, before it is known whether it makes sense.

pub(crate) mod container;
pub(crate) mod data;
pub(crate) mod definition;
pub(crate) mod index;

use syn::{Attribute, Data, DeriveInput, Fields, Ident, Path, Type, Visibility};

use crate::errors::Errors;
use crate::parse::{
    container::Container,
    index::{IndexSource, PrimarySource},
};

/// A model as written.
#[derive(Debug)]
pub(crate) struct ModelSource<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    pub(crate) input: &'a DeriveInput,
    pub(crate) container: Container,
    pub(crate) fields: Vec<FieldSource<'a>>,
    pub(crate) primary: Vec<PrimarySource>,
    pub(crate) indexes: Vec<IndexSource>,
}

/// A field as written.
#[derive(Debug)]
pub(crate) struct FieldSource<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) primary: Vec<Path>,
    pub(crate) indexes: Vec<IndexSource>,
    pub(crate) serde: bool,
}

/// Reads a model; a struct without named fields has none here.
pub(crate) fn model<'a>(input: &'a DeriveInput, errors: &mut Errors) -> ModelSource<'a> {
    let mut source = ModelSource {
        ident: &input.ident,
        vis: &input.vis,
        input,
        container: container::model(&input.attrs, errors),
        fields: Vec::new(),
        primary: Vec::new(),
        indexes: Vec::new(),
    };
    for attr in &input.attrs {
        if attr.path().is_ident("primary_key") {
            source.primary.extend(errors.take(index::primary(attr)));
        } else if attr.path().is_ident("secondary_key") {
            source.indexes.push(index::on_struct(attr, errors));
        }
    }
    if let Data::Struct(data) = &input.data
        && let Fields::Named(fields) = &data.fields
    {
        source.fields = fields
            .named
            .iter()
            .filter_map(|f| field(f, errors))
            .collect();
    }
    source
}

fn field<'a>(field: &'a syn::Field, errors: &mut Errors) -> Option<FieldSource<'a>> {
    let mut source = FieldSource {
        ident: field.ident.as_ref()?,
        ty: &field.ty,
        attrs: &field.attrs,
        primary: Vec::new(),
        indexes: Vec::new(),
        serde: container::field_is_serde(&field.attrs, errors),
    };
    for attr in &field.attrs {
        if attr.path().is_ident("primary_key") {
            if let Err(error) = attr.meta.require_path_only() {
                errors.take::<()>(Err(syn::Error::new(
                    error.span(),
                    "`#[primary_key]` on a field takes no options; \
                     write `#[primary_key(a, b)]` on the struct for a key of several fields",
                )));
            }
            source.primary.push(attr.path().clone());
        } else if attr.path().is_ident("secondary_key") {
            source.indexes.push(index::on_field(attr, errors));
        }
    }
    Some(source)
}
