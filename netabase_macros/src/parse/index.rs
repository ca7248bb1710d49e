//! `#[primary_key(..)]` and `#[secondary_key(..)]`.

use syn::{
    Attribute, ExprPath, Ident, Meta, Path, Token, Type, meta::ParseNestedMeta, parenthesized,
    punctuated::Punctuated,
};

use crate::errors::Errors;

/// `#[primary_key(a, b)]` on a struct.
#[derive(Debug)]
pub(crate) struct PrimarySource {
    /// The attribute's name, where mistakes are shown.
    pub(crate) at: Path,
    pub(crate) fields: Vec<Ident>,
}

/// `#[secondary_key(..)]` on a field or a struct.
#[derive(Debug)]
pub(crate) struct IndexSource {
    /// The attribute's name, where mistakes are shown.
    pub(crate) at: Path,
    pub(crate) name: Option<Ident>,
    pub(crate) unique: bool,
    pub(crate) each: Option<Path>,
    pub(crate) element: Option<Type>,
    pub(crate) fields: Option<Vec<Ident>>,
    pub(crate) with: Option<ExprPath>,
    pub(crate) key: Option<Type>,
    /// Whether a mistake was found in it.
    pub(crate) broken: bool,
}

/// Reads the fields of a primary key.
pub(crate) fn primary(attr: &Attribute) -> syn::Result<PrimarySource> {
    let Meta::List(list) = &attr.meta else {
        return Err(syn::Error::new_spanned(
            attr.path(),
            "name the fields, `#[primary_key(a, b)]`, or mark one field `#[primary_key]`",
        ));
    };
    let fields = list.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated)?;
    Ok(PrimarySource {
        at: attr.path().clone(),
        fields: fields.into_iter().collect(),
    })
}

/// Reads the options of an index over a field.
pub(crate) fn on_field(attr: &Attribute, errors: &mut Errors) -> IndexSource {
    read(attr, errors, |source, meta| {
        if meta.path.is_ident("element") {
            source.element = Some(meta.value()?.parse()?);
            return Ok(());
        }
        if ["fields", "with", "key"]
            .iter()
            .any(|name| meta.path.is_ident(name))
        {
            return Err(meta.error(
                "this belongs on the struct: `#[secondary_key(name = by_some, fields(a, b))]` \
                 or `#[secondary_key(name = by_some, with = path::to_fn, key = Type)]`",
            ));
        }
        Err(meta.error(
            "unknown option: `secondary_key` on a field takes \
             `unique`, `each`, `element = Type` and `name = other`",
        ))
    })
}

/// Reads the options of an index over several fields or over what a function computes.
pub(crate) fn on_struct(attr: &Attribute, errors: &mut Errors) -> IndexSource {
    read(attr, errors, |source, meta| {
        if meta.path.is_ident("fields") {
            let content;
            parenthesized!(content in meta.input);
            let fields = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
            source.fields = Some(fields.into_iter().collect());
        } else if meta.path.is_ident("with") {
            source.with = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("key") {
            source.key = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error(
                "unknown option: `secondary_key` on a struct takes `name = by_some`, \
                 `fields(a, b)`, `with = path::to_fn`, `key = Type`, `each` and `unique`",
            ));
        }
        Ok(())
    })
}

fn read(
    attr: &Attribute,
    errors: &mut Errors,
    mut option: impl FnMut(&mut IndexSource, &ParseNestedMeta<'_>) -> syn::Result<()>,
) -> IndexSource {
    let mut source = IndexSource {
        at: attr.path().clone(),
        name: None,
        unique: false,
        each: None,
        element: None,
        fields: None,
        with: None,
        key: None,
        broken: false,
    };
    if matches!(attr.meta, Meta::Path(_)) {
        return source;
    }
    let result = attr.parse_nested_meta(|meta| {
        if meta.path.is_ident("unique") {
            source.unique = true;
        } else if meta.path.is_ident("each") {
            source.each = Some(meta.path.clone());
        } else if meta.path.is_ident("name") {
            source.name = Some(meta.value()?.parse()?);
        } else {
            option(&mut source, &meta)?;
        }
        Ok(())
    });
    source.broken = errors.take(result).is_none();
    source
}
