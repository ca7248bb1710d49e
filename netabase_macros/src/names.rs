//! The names of generated items.

use quote::format_ident;
use syn::{Ident, Path, ext::IdentExt};

/// Returns the identifier as the user says it, without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Returns whether the last segment of `path` is `name`.
pub(crate) fn ends_in(path: &Path, name: &Ident) -> bool {
    path.segments
        .last()
        .is_some_and(|segment| segment.ident.unraw() == name.unraw())
}

/// Returns `User` and `PrimaryKey` as `UserPrimaryKey`.
pub(crate) fn of_model(model: &Ident, suffix: &str) -> Ident {
    format_ident!("{}{suffix}", model.unraw(), span = model.span())
}

/// Returns the newtype of an index: `UserEmailSecondaryKey`.
pub(crate) fn of_index(model: &Ident, index: &Ident) -> Ident {
    format_ident!(
        "{}{}SecondaryKey",
        model.unraw(),
        pascal(index),
        span = index.span()
    )
}

/// Returns the short name of an index: `EmailSecondaryKey`.
pub(crate) fn short_of_index(index: &Ident) -> Ident {
    format_ident!("{}SecondaryKey", variant(index), span = index.span())
}

/// Returns the enum variant of an index: `Email`.
pub(crate) fn variant(index: &Ident) -> Ident {
    let name = pascal(index);
    let starts_with_digit = name.starts_with(|first: char| first.is_ascii_digit());
    if starts_with_digit || name.is_empty() || name == "Self" {
        return format_ident!("_{name}", span = index.span());
    }
    Ident::new(&name, index.span())
}

fn pascal(ident: &Ident) -> String {
    plain(ident)
        .split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .chain(letters)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn names_are_pascal_case_and_always_identifiers() {
        let user = parse_quote!(User);
        assert_eq!(
            of_index(&user, &parse_quote!(by_author_date)),
            "UserByAuthorDateSecondaryKey"
        );
        assert_eq!(
            of_index(&user, &parse_quote!(r#type)),
            "UserTypeSecondaryKey"
        );
        assert_eq!(variant(&parse_quote!(r#type)), "Type");
        assert_eq!(variant(&parse_quote!(self_)), "_Self");
        assert_eq!(variant(&parse_quote!(_1)), "_1");
        assert_eq!(short_of_index(&parse_quote!(email)), "EmailSecondaryKey");
    }
}
