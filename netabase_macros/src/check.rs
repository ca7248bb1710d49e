//! The rules between attributes: a model as written becomes a model that can be generated.

pub(crate) mod data;
pub(crate) mod definition;
mod index;
mod serde;

use syn::{Attribute, Data, ExprPath, Fields, Ident, Path, Type, Visibility, parse_quote};

use crate::{
    errors::Errors,
    names,
    parse::{FieldSource, ModelSource},
    root::Root,
};

/// A model whose names, fields and indexes are known.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    /// The `#[cfg]` attributes of the struct, for what is generated elsewhere.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) definition: Option<Path>,
    pub(crate) root: Root,
    pub(crate) fields: Vec<Field>,
    pub(crate) primary: Newtype,
    pub(crate) primary_fields: Vec<Ident>,
    /// The enum of the values of all indexes.
    pub(crate) secondary_keys: Ident,
    /// The enum of the primary and the secondary keys.
    pub(crate) keys: Ident,
    pub(crate) indexes: Vec<Index>,
    pub(crate) standing: Standing,
}

/// How much of a model can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// All of it.
    Sound,
    /// Every item, but with bodies that are never run: a mistake was found.
    Stub,
    /// The names of the keys and nothing that refers to the model.
    Names,
}

/// A stored field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) serde: bool,
}

/// The type that wraps the value of a key.
#[derive(Debug)]
pub(crate) struct Newtype {
    pub(crate) ident: Ident,
    /// The types of the parts, at least one.
    pub(crate) parts: Vec<Type>,
    /// The first sentence of its documentation.
    pub(crate) doc: String,
}

/// A secondary index.
#[derive(Debug)]
pub(crate) struct Index {
    /// The field, or the name that was given.
    pub(crate) name: Ident,
    pub(crate) variant: Ident,
    pub(crate) newtype: Newtype,
    pub(crate) value: IndexValue,
    pub(crate) unique: bool,
    /// The `#[cfg]` attributes of its field.
    pub(crate) cfgs: Vec<Attribute>,
}

/// Where the values of an index come from.
#[derive(Debug)]
pub(crate) enum IndexValue {
    Field(Ident),
    Sparse(Ident),
    Each(Ident),
    Parts(Vec<Ident>),
    Computed {
        function: ExprPath,
        each: bool,
        sparse: bool,
    },
}

/// Checks a model, and completes it where a mistake left a gap.
pub(crate) fn model(source: &ModelSource<'_>, errors: &mut Errors) -> Model {
    let mut standing = shape(source, errors);
    if source.container.definition.is_none() && errors.len() == 0 {
        errors.add(
            source.ident,
            format_args!(
                "`{}` names no definition: write `#[netabase(Definition)]` below the derive",
                source.ident
            ),
        );
    }
    let is_struct = matches!(&source.input.data, Data::Struct(data) if named(&data.fields));
    let primary_fields = if is_struct {
        primary_fields(source, errors)
    } else {
        Vec::new()
    };
    let indexes = index::all(source, errors);
    serde::container(&source.input.attrs, errors);
    for field in &source.fields {
        serde::field(field.attrs, errors);
    }
    if source.container.definition.is_none() {
        standing = Standing::Names;
    } else if standing == Standing::Sound && errors.len() > 0 {
        standing = Standing::Stub;
    }
    Model {
        ident: source.ident.clone(),
        vis: source.vis.clone(),
        cfgs: cfgs(&source.input.attrs),
        definition: source.container.definition.clone(),
        root: source.container.root.clone(),
        fields: source.fields.iter().map(field).collect(),
        primary: primary(source, &primary_fields),
        primary_fields,
        secondary_keys: names::of_model(source.ident, "SecondaryKeys"),
        keys: names::of_model(source.ident, "Key"),
        indexes,
        standing,
    }
}

/// Returns the type that stands in for one that a mistake hides.
fn unknown_type() -> Type {
    parse_quote!(::core::primitive::u64)
}

fn named(fields: &Fields) -> bool {
    matches!(fields, Fields::Named(_))
}

fn shape(source: &ModelSource<'_>, errors: &mut Errors) -> Standing {
    const ADVICE: &str = "a model is a struct with named fields";
    let before = errors.len();
    match &source.input.data {
        Data::Struct(data) if named(&data.fields) => {}
        Data::Struct(_) => {
            errors.add(source.ident, format_args!("{ADVICE}: name the fields"));
        }
        Data::Enum(data) => errors.add(
            data.enum_token,
            format_args!("{ADVICE}: write one, and keep the enum in a field of it"),
        ),
        Data::Union(data) => errors.add(data.union_token, ADVICE),
    }
    if !source.input.generics.params.is_empty() {
        errors.add(
            &source.input.generics.params,
            "a model has no generic parameters, as its tables have one name: \
             write one struct for each type",
        );
        return Standing::Names;
    }
    if errors.len() > before {
        Standing::Stub
    } else {
        Standing::Sound
    }
}

fn field(source: &FieldSource<'_>) -> Field {
    Field {
        ident: source.ident.clone(),
        ty: source.ty.clone(),
        serde: source.serde,
    }
}

/// Returns the fields of the primary key, none if there is a mistake.
fn primary_fields(source: &ModelSource<'_>, errors: &mut Errors) -> Vec<Ident> {
    let on_fields = source.fields.iter().flat_map(|field| {
        field
            .primary
            .iter()
            .map(|at| (at, vec![field.ident.clone()]))
    });
    let on_struct = source
        .primary
        .iter()
        .map(|primary| (&primary.at, primary.fields.clone()));
    let mut keys = on_struct.chain(on_fields);
    let Some((at, fields)) = keys.next() else {
        if errors.len() == 0 {
            errors.add(
                source.ident,
                format_args!(
                    "`{}` has no primary key: mark a field `#[primary_key]`, \
                     or write `#[primary_key(a, b)]` on the struct",
                    source.ident
                ),
            );
        }
        return Vec::new();
    };
    for (second, _) in keys {
        errors.add(
            second,
            "a model has one primary key: remove this one, \
             or write `#[primary_key(a, b)]` on the struct for a key of several fields",
        );
    }
    if fields.is_empty() {
        errors.add(at, "name the fields: `#[primary_key(a, b)]`");
    }
    let known = index::known_fields(source, &fields, errors);
    if known { fields } else { Vec::new() }
}

fn primary(source: &ModelSource<'_>, fields: &[Ident]) -> Newtype {
    let mut parts = index::types_of(source, fields);
    if parts.is_empty() {
        parts.push(unknown_type());
    }
    Newtype {
        ident: names::of_model(source.ident, "PrimaryKey"),
        parts,
        doc: format!("The primary key of `{}`.", names::plain(source.ident)),
    }
}

fn cfgs(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"))
        .cloned()
        .collect()
}
