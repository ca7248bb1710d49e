//! What the tokens of a type say: its parts, its order and its text.
//!
//! Types are read by their tokens, so a user's type that shadows `Option` or `String` by that very
//! name is taken for the standard one.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, PathSegment, Type};

/// The first segments of a path that leads to the standard library.
const STANDARD: [&str; 8] = [
    "std",
    "core",
    "alloc",
    "boxed",
    "collections",
    "option",
    "string",
    "vec",
];

/// The standard collections whose one type argument is the element.
const COLLECTIONS: [&str; 4] = ["BTreeSet", "HashSet", "Vec", "VecDeque"];

/// The types whose derived order and equality are those of their encoding.
const PLAIN: [&str; 15] = [
    "String", "bool", "char", "i128", "i16", "i32", "i64", "i8", "isize", "u128", "u16", "u32",
    "u64", "u8", "usize",
];

/// Returns the `T` of an `Option<T>`.
pub(crate) fn option_inner(ty: &Type) -> Option<&Type> {
    let segment = standard(ty)?;
    if segment.ident == "Option" {
        first_argument(segment)
    } else {
        None
    }
}

/// Returns the element of a collection of the standard library, an array or a boxed slice.
pub(crate) fn element(ty: &Type) -> Option<&Type> {
    if let Type::Array(array) = bare(ty) {
        return Some(&array.elem);
    }
    let segment = standard(ty)?;
    let argument = first_argument(segment)?;
    if COLLECTIONS.iter().any(|name| segment.ident == name) {
        return Some(argument);
    }
    match argument {
        Type::Slice(slice) if segment.ident == "Box" => Some(&slice.elem),
        _ => None,
    }
}

/// Returns whether the type is `String`.
pub(crate) fn is_text(ty: &Type) -> bool {
    standard(ty).is_some_and(|segment| segment.ident == "String")
}

/// Returns whether derived comparison of the type agrees with comparison of its encoding.
pub(crate) fn is_plain(ty: &Type) -> bool {
    match bare(ty) {
        Type::Array(array) => is_plain(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_plain),
        _ => match option_inner(ty) {
            Some(inner) => is_plain(inner),
            None => standard(ty).is_some_and(|segment| PLAIN.iter().any(|n| segment.ident == n)),
        },
    }
}

/// Returns the type as it is written, with the same spaces whatever the compiler.
pub(crate) fn text(ty: &Type) -> String {
    let mut out = String::new();
    write_tokens(ty.to_token_stream(), &mut out);
    out
}

fn write_tokens(tokens: TokenStream, out: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                out.push_str(open);
                write_tokens(group.stream(), out);
                out.push_str(close);
            }
            TokenTree::Punct(punct) => {
                out.push(punct.as_char());
                if matches!(punct.as_char(), ',' | ';') {
                    out.push(' ');
                }
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                if out.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    out.push(' ');
                }
                out.push_str(&token.to_string());
            }
        }
    }
}

/// Returns the type without parentheses and invisible groups around it.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        _ => ty,
    }
}

/// Returns the last segment of a path that can be one of the standard library.
fn standard(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => standard_segment(&path.path),
        _ => None,
    }
}

fn standard_segment(path: &Path) -> Option<&PathSegment> {
    let first = path.segments.first()?;
    let is_standard = STANDARD.iter().any(|name| first.ident == name);
    if path.segments.len() == 1 || is_standard {
        path.segments.last()
    } else {
        None
    }
}

fn first_argument(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn standard_types_are_found_under_every_usual_path() {
        for ty in [
            parse_quote!(Option<u8>),
            parse_quote!(::std::option::Option<u8>),
        ] {
            assert_eq!(option_inner(&ty), Some(&parse_quote!(u8)));
        }
        assert_eq!(option_inner(&parse_quote!(mine::Option<u8>)), None);
        for ty in [
            parse_quote!(Vec<u8>),
            parse_quote!(collections::BTreeSet<u8>),
            parse_quote!([u8; 4]),
            parse_quote!(Box<[u8]>),
        ] {
            assert_eq!(element(&ty), Some(&parse_quote!(u8)));
        }
        assert_eq!(element(&parse_quote!(Box<u8>)), None);
    }

    #[test]
    fn only_types_whose_order_is_certain_are_plain() {
        for ty in [
            parse_quote!(u64),
            parse_quote!((u8, [Option<String>; 2])),
            parse_quote!(()),
        ] {
            assert!(is_plain(&ty));
        }
        for ty in [parse_quote!(f64), parse_quote!(Id), parse_quote!((u8, f32))] {
            assert!(!is_plain(&ty));
        }
    }

    #[test]
    fn text_has_one_form_whatever_the_spaces() {
        let ty = parse_quote!(HashMap < String , [ u8 ; 4 ] >);
        assert_eq!(text(&ty), "HashMap<String, [u8; 4]>");
        assert_eq!(text(&parse_quote!(Box<dyn Any>)), "Box<dyn Any>");
    }
}
