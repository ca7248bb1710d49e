//! The structs and enums of the derives `NetabaseKey` and `NetabaseValue`.

use quote::format_ident;
use syn::{
    Attribute, Data, DeriveInput, Expr, Fields, Generics, Ident, Index, Member, Type, Variant,
};

use crate::{
    errors::Errors,
    parse::container::{self, Container},
};

/// A type as written.
#[derive(Debug)]
pub(crate) struct DataSource<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) container: Container,
    pub(crate) body: BodySource<'a>,
}

/// What a type consists of.
#[derive(Debug)]
pub(crate) enum BodySource<'a> {
    Struct(Parts<'a>),
    Enum(Vec<VariantSource<'a>>),
    Union,
}

/// A variant of an enum as written.
#[derive(Debug)]
pub(crate) struct VariantSource<'a> {
    pub(crate) variant: &'a Variant,
    pub(crate) ident: &'a Ident,
    pub(crate) discriminant: Option<&'a Expr>,
    pub(crate) parts: Parts<'a>,
}

/// The fields of a struct or a variant.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) style: Style,
    pub(crate) parts: Vec<Part<'a>>,
}

/// How fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Unit,
    Tuple,
    Named,
}

/// One field.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) member: Member,
    /// The variable that holds the field while its variant is matched.
    pub(crate) local: Ident,
    pub(crate) ty: &'a Type,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) serde: bool,
}

/// Reads a key or value type.
pub(crate) fn data<'a>(input: &'a DeriveInput, errors: &mut Errors) -> DataSource<'a> {
    DataSource {
        ident: &input.ident,
        generics: &input.generics,
        attrs: &input.attrs,
        container: container::data(&input.attrs, errors),
        body: match &input.data {
            Data::Struct(data) => BodySource::Struct(parts(&data.fields, errors)),
            Data::Enum(data) => BodySource::Enum(
                data.variants
                    .iter()
                    .map(|variant| variant_source(variant, errors))
                    .collect(),
            ),
            Data::Union(_) => BodySource::Union,
        },
    }
}

fn variant_source<'a>(variant: &'a Variant, errors: &mut Errors) -> VariantSource<'a> {
    VariantSource {
        variant,
        ident: &variant.ident,
        discriminant: variant.discriminant.as_ref().map(|(_, value)| value),
        parts: parts(&variant.fields, errors),
    }
}

fn parts<'a>(fields: &'a Fields, errors: &mut Errors) -> Parts<'a> {
    let style = match fields {
        Fields::Unit => Style::Unit,
        Fields::Unnamed(_) => Style::Tuple,
        Fields::Named(_) => Style::Named,
    };
    let parts = fields
        .iter()
        .enumerate()
        .map(|(position, field)| Part {
            member: match &field.ident {
                Some(ident) => Member::Named(ident.clone()),
                None => Member::Unnamed(Index::from(position)),
            },
            local: format_ident!("__nb_{position}"),
            ty: &field.ty,
            attrs: &field.attrs,
            serde: container::field_is_serde(&field.attrs, errors),
        })
        .collect();
    Parts { style, parts }
}
