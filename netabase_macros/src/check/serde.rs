//! serde's attributes that would say something else than what is stored.
//!
//! A record is written field by field in the order of declaration, whatever serde is told. What
//! only renames or fills gaps is harmless; the rest is refused.

use syn::{Attribute, Ident, Path, Token, ext::IdentExt, meta::ParseNestedMeta, token};

use crate::errors::Errors;

const ON_FIELDS: [&str; 8] = [
    "skip",
    "skip_serializing",
    "skip_deserializing",
    "skip_serializing_if",
    "with",
    "serialize_with",
    "deserialize_with",
    "flatten",
];

const ON_TYPES: [&str; 7] = [
    "tag", "untagged", "content", "from", "into", "try_from", "remote",
];

const ON_VARIANTS: [&str; 8] = [
    "skip",
    "skip_serializing",
    "skip_deserializing",
    "with",
    "serialize_with",
    "deserialize_with",
    "other",
    "untagged",
];

/// Refuses attributes of a field.
pub(crate) fn field(attrs: &[Attribute], errors: &mut Errors) {
    refuse(attrs, &ON_FIELDS, "a field", errors);
}

/// Refuses attributes of a variant.
pub(crate) fn variant(attrs: &[Attribute], errors: &mut Errors) {
    refuse(attrs, &ON_VARIANTS, "a variant", errors);
}

/// Refuses attributes of a struct or enum.
pub(crate) fn container(attrs: &[Attribute], errors: &mut Errors) {
    refuse(attrs, &ON_TYPES, "a type", errors);
}

fn refuse(attrs: &[Attribute], refused: &[&str], place: &str, errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let mut found: Vec<Path> = Vec::new();
        let result = attr.parse_nested_meta(|meta| {
            if refused.iter().any(|name| meta.path.is_ident(name)) {
                found.push(meta.path.clone());
            }
            skip_value(&meta)
        });
        // What does not parse is serde's to report.
        drop(result);
        for path in found {
            let name = path
                .get_ident()
                .map(|ident: &Ident| ident.unraw().to_string());
            errors.add(
                &path,
                format_args!(
                    "`{}` on {place} does not change what a record stores: write a newtype that \
                     implements serde's traits so, and mark the field that holds it \
                     `#[netabase(serde)]`",
                    name.unwrap_or_default()
                ),
            );
        }
    }
}

fn skip_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(token::Paren) {
        meta.input.parse::<proc_macro2::Group>()?;
    }
    Ok(())
}
