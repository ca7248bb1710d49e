//! serde's attributes that would say something else than what is stored.
//!
//! A record is written field by field in the order of declaration, whatever serde is told. What
//! only renames or fills gaps is harmless; the rest is refused.

use syn::{Attribute, Token, meta::ParseNestedMeta, token};

use crate::errors::Errors;

/// What a newtype with serde's traits of its own can do instead.
const BY_NEWTYPE: &str = "write a newtype that implements serde's traits so, \
                          and mark the field that holds it `#[netabase(serde)]`";

/// What means something only in a format that names its fields.
const BY_CONVERSION: &str = "it is for formats that name fields, so remove it, \
                             and convert to a type of its own for such a format";

const ON_FIELDS: [(&str, &str); 8] = [
    ("skip", BY_NEWTYPE),
    ("skip_serializing", BY_NEWTYPE),
    ("skip_deserializing", BY_NEWTYPE),
    ("skip_serializing_if", BY_CONVERSION),
    ("with", BY_NEWTYPE),
    ("serialize_with", BY_NEWTYPE),
    ("deserialize_with", BY_NEWTYPE),
    ("flatten", BY_CONVERSION),
];

const ON_TYPES: [(&str, &str); 7] = [
    ("tag", BY_CONVERSION),
    ("untagged", BY_CONVERSION),
    ("content", BY_CONVERSION),
    ("from", BY_NEWTYPE),
    ("into", BY_NEWTYPE),
    ("try_from", BY_NEWTYPE),
    ("remote", BY_NEWTYPE),
];

const ON_VARIANTS: [(&str, &str); 8] = [
    ("skip", BY_NEWTYPE),
    ("skip_serializing", BY_NEWTYPE),
    ("skip_deserializing", BY_NEWTYPE),
    ("with", BY_NEWTYPE),
    ("serialize_with", BY_NEWTYPE),
    ("deserialize_with", BY_NEWTYPE),
    ("other", BY_CONVERSION),
    ("untagged", BY_CONVERSION),
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

fn refuse(attrs: &[Attribute], refused: &[(&str, &str)], place: &str, errors: &mut Errors) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let result = attr.parse_nested_meta(|meta| {
            if let Some((name, advice)) = refused.iter().find(|(name, _)| meta.path.is_ident(name))
            {
                errors.add(
                    &meta.path,
                    format_args!("`{name}` on {place} changes nothing of a record: {advice}"),
                );
            }
            skip_value(&meta)
        });
        // What does not parse is serde's to report.
        drop(result);
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
