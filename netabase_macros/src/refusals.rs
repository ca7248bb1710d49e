//! What the macros refuse, by the files of `tests/ui`: each is expanded here too, without a compiler.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, LitStr, Meta};

use crate::entry;

/// A file, its source, and what the compiler says to it.
type Case = (&'static str, &'static str, &'static str);

macro_rules! cases {
    ($($topic:literal: $($name:ident)*;)*) => {
        &[$($((
            concat!($topic, "/", stringify!($name)),
            include_str!(concat!("../../tests/ui/", $topic, "/", stringify!($name), ".rs")),
            include_str!(concat!("../../tests/ui/", $topic, "/", stringify!($name), ".stderr")),
        ),)*)*]
    };
}

/// The files with mistakes; to some of them the macros have nothing to say, and the compiler has.
const REFUSED: &[Case] = cases! {
    "definition": a_struct crate_is_no_path equal_names model_named_twice model_not_listed model_of_another_definition module_in_another_file no_arguments no_model one_argument path_as_name unknown_option;
    "index": alias_hides_option computed_by_unknown_function computed_of_another_type duplicate_name each_of_optional_key each_of_unknown_collection each_with_fields element_of_another_type element_without_each fields_and_with fields_without_name key_of_fields key_without_order name_of_another_model neither_fields_nor_with one_field struct_option_on_field two_on_one_field unknown_field unknown_option unknown_option_on_struct;
    "key": a_unit_struct an_enum_with_fields an_enum_without_variants an_union discriminant_of_unknown_value discriminants_out_of_order generic part_without_order;
    "model": a_tuple_struct an_enum an_union crate_is_no_path crate_without_value field_is_no_value generic netabase_before_derive netabase_without_derive no_definition no_netabase_attribute no_primary_key primary_key_of_no_fields primary_key_on_field_and_struct primary_key_options_on_field primary_key_repeated_field primary_key_unknown_field primary_key_without_fields serde_from serde_skip several_mistakes two_definitions two_primary_keys unknown_field_option unknown_netabase_option;
    "value": an_enum_without_variants an_union borrows part_is_no_value serde_attributes serde_on_the_type;
};

/// Returns what is said by `compile_error!` in an expansion.
fn messages(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_error = false;
    for token in tokens {
        match token {
            TokenTree::Ident(name) => is_error = name == "compile_error",
            TokenTree::Group(group) if is_error => {
                let message = syn::parse2::<LitStr>(group.stream()).expect("a message");
                found.push(message.value());
            }
            TokenTree::Group(group) => found.extend(messages(group.stream())),
            _ => {}
        }
    }
    found
}

/// Takes the attribute of this name out of `attributes`, and returns its arguments.
fn taken(attributes: &mut Vec<Attribute>, name: &str) -> Option<TokenStream> {
    let is_it = |attribute: &Attribute| {
        let path = attribute.path().segments.last();
        path.is_some_and(|segment| segment.ident == name)
    };
    let at = attributes.iter().position(is_it)?;
    Some(match attributes.remove(at).meta {
        Meta::List(list) => list.tokens,
        _ => TokenStream::new(),
    })
}

fn derived(item: &impl ToTokens, derives: &TokenStream) -> Vec<String> {
    let derives = derives.to_string();
    let mut found = Vec::new();
    for (name, expand) in [
        (
            "NetabaseModel",
            entry::model as fn(TokenStream) -> TokenStream,
        ),
        ("NetabaseKey", entry::key),
        ("NetabaseValue", entry::value),
    ] {
        if derives.contains(name) {
            found.extend(messages(expand(item.to_token_stream())));
        }
    }
    found
}

/// Expands what is ours in these items, outer macros first.
fn refusals(items: &mut [Item]) -> Vec<String> {
    let mut found = Vec::new();
    for item in items {
        let attributes = match item {
            Item::Struct(item) => &mut item.attrs,
            Item::Enum(item) => &mut item.attrs,
            Item::Union(item) => &mut item.attrs,
            Item::Mod(item) => &mut item.attrs,
            _ => continue,
        };
        let definition = taken(attributes, "netabase_definition_module");
        let derives = taken(attributes, "derive");
        if let Some(arguments) = definition {
            let module = item.to_token_stream();
            found.extend(messages(entry::definition(arguments, module)));
        }
        if let Some(derives) = derives {
            found.extend(derived(item, &derives));
        }
        if let Item::Mod(module) = item
            && let Some((_, items)) = &mut module.content
        {
            found.extend(refusals(items));
        }
    }
    found
}

fn said(source: &str) -> Vec<String> {
    let mut file = syn::parse_file(source).expect("the file is Rust");
    let mut said = refusals(&mut file.items);
    said.sort_unstable();
    said
}

#[test]
fn each_mistake_is_refused_in_the_words_that_the_compiler_shows() {
    for (name, source, shown) in REFUSED {
        let shown = shown
            .lines()
            .filter_map(|line| line.strip_prefix("error: "));
        let mut shown: Vec<_> = shown.map(str::to_owned).collect();
        shown.sort_unstable();
        assert_eq!(said(source), shown, "{name}");
    }
}

#[test]
fn what_is_documented_is_refused_in_nothing() {
    for source in [
        include_str!("../../tests/ui/pass/blog.rs"),
        include_str!("../../tests/ui/pass/definitions.rs"),
        include_str!("../../tests/ui/pass/documented.rs"),
        include_str!("../../tests/ui/pass/every_index.rs"),
        include_str!("../../tests/ui/pass/hostile_names.rs"),
        include_str!("../../tests/ui/pass/raw_identifiers.rs"),
        include_str!("../../tests/ui/pass/renamed_crate.rs"),
    ] {
        assert!(said(source).is_empty(), "{source}");
    }
}
