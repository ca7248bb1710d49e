//! The rules of key and value types.

use syn::{Expr, ExprLit, ExprUnary, GenericParam, Lit, UnOp};

use crate::{
    check::serde,
    errors::Errors,
    parse::data::{BodySource, DataSource, VariantSource},
};

/// The most variants that a key enum can have: its position takes two bytes.
const KEY_VARIANTS_MAX: usize = 1 << 16;

/// Checks a type that becomes a key; returns whether it can.
pub(crate) fn key(source: &DataSource<'_>, errors: &mut Errors) -> bool {
    let before = errors.len();
    if !source.generics.params.is_empty() {
        errors.add(
            &source.generics.params,
            "a key type has no generic parameters: write one newtype for each type",
        );
    }
    match &source.body {
        BodySource::Struct(parts) if parts.parts.is_empty() => {
            errors.add(source.ident, "a key has at least one field");
        }
        BodySource::Struct(_) => {}
        BodySource::Enum(variants) => key_enum(source, variants, errors),
        BodySource::Union => errors.add(source.ident, "a union cannot be a key: write a struct"),
    }
    errors.len() == before
}

/// Checks a type that records hold; returns whether they can.
pub(crate) fn value(source: &DataSource<'_>, errors: &mut Errors) -> bool {
    let before = errors.len();
    for param in &source.generics.params {
        if let GenericParam::Lifetime(lifetime) = param {
            errors.add(
                lifetime,
                "a stored value owns its data: remove the lifetime",
            );
        }
    }
    serde::container(source.attrs, errors);
    match &source.body {
        BodySource::Struct(parts) => {
            for part in &parts.parts {
                serde::field(part.attrs, errors);
            }
        }
        BodySource::Enum(variants) => {
            if variants.is_empty() {
                errors.add(
                    source.ident,
                    "an enum without variants has no value to store",
                );
            }
            for variant in variants {
                serde::variant(&variant.variant.attrs, errors);
                for part in &variant.parts.parts {
                    serde::field(part.attrs, errors);
                }
            }
        }
        BodySource::Union => {
            errors.add(
                source.ident,
                "a union cannot be stored: write a struct or an enum",
            );
        }
    }
    errors.len() == before
}

fn key_enum(source: &DataSource<'_>, variants: &[VariantSource<'_>], errors: &mut Errors) {
    if variants.is_empty() {
        errors.add(
            source.ident,
            "an enum without variants has no value to be a key",
        );
    }
    if variants.len() > KEY_VARIANTS_MAX {
        errors.add(
            source.ident,
            format_args!("a key enum has {KEY_VARIANTS_MAX} variants at most"),
        );
    }
    for variant in variants
        .iter()
        .filter(|variant| !variant.parts.parts.is_empty())
    {
        errors.add(
            &variant.variant.fields,
            "a key enum has no fields: use a tuple struct of the enum and the rest",
        );
    }
    ascending(variants, errors);
}

/// Checks that explicit discriminants ascend, as derived `Ord` follows them and the encoding
/// follows the variants.
fn ascending(variants: &[VariantSource<'_>], errors: &mut Errors) {
    let mut last: Option<i128> = None;
    for variant in variants {
        let value = match variant.discriminant {
            None => last.map_or(0, |last| last.saturating_add(1)),
            Some(expr) => match integer(expr) {
                Some(value) => value,
                None => {
                    errors.add(
                        expr,
                        "the order of the variants must be known: \
                         write the discriminant as an integer",
                    );
                    return;
                }
            },
        };
        if last.is_some_and(|last| value <= last) {
            errors.add(
                variant.discriminant,
                format_args!(
                    "`{}` would be stored after a greater variant: \
                     list the variants in ascending order of their discriminants",
                    variant.ident
                ),
            );
        }
        last = Some(value);
    }
}

fn integer(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Int(literal),
            ..
        }) => literal.base10_parse().ok(),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => integer(expr).map(|value| -value),
        Expr::Group(group) => integer(&group.expr),
        Expr::Paren(paren) => integer(&paren.expr),
        _ => None,
    }
}
