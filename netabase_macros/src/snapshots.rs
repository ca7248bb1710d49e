//! Expansions of three representative inputs, as the files of `tests/expansions` have them.
//!
//! The files are formatted by rustfmt; a comma that closes a list makes no difference.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use crate::entry;

/// Returns the tokens one by one, without commas that close a list.
fn flat(tokens: TokenStream) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for token in tokens {
        let text = token.to_string();
        if text == ">" {
            drop_comma(&mut out);
        }
        if let TokenTree::Group(group) = &token {
            out.push(format!("{:?}", group.delimiter()));
            out.extend(flat(group.stream()));
            drop_comma(&mut out);
            out.push("end".to_owned());
        } else {
            out.push(text);
        }
    }
    out
}

fn drop_comma(tokens: &mut Vec<String>) {
    if tokens.last().is_some_and(|last| last == ",") {
        tokens.pop();
    }
}

fn check(expansion: TokenStream, expected: &str) {
    let text = expansion.to_string();
    let expected: TokenStream = expected.parse().expect("the file is Rust");
    assert_eq!(
        flat(expansion),
        flat(expected),
        "the expansion is now {text}"
    );
}

#[test]
fn a_model_expands_as_written_down() {
    let input = quote! {
        #[netabase(BlogDefinition)]
        pub struct User {
            #[primary_key]
            pub id: u64,
            #[secondary_key]
            pub email: String,
            #[secondary_key]
            pub age: u32,
        }
    };
    check(
        entry::model(input),
        include_str!("../tests/expansions/user.rs"),
    );
}

#[test]
fn a_model_with_computed_and_composite_keys_expands_as_written_down() {
    let input = quote! {
        #[netabase(super::Definition, crate = "renamed")]
        #[primary_key(author, slug)]
        #[secondary_key(name = by_title, with = Post::title_lower)]
        pub(crate) struct Post {
            author: Author,
            slug: String,
            year: Option<u32>,
            #[secondary_key(each, name = tag)]
            tags: Vec<String>,
            #[netabase(serde)]
            r#type: Foreign<u8>,
        }
    };
    let expansion = entry::model(input);
    assert!(!expansion.to_string().contains("netabase_store"));
    check(expansion, include_str!("../tests/expansions/post.rs"));
}

#[test]
fn a_definition_expands_as_written_down() {
    let module = quote! {
        pub mod blog {
            #[derive(NetabaseModel, Clone, Debug)]
            #[netabase(Blog)]
            pub struct User {
                #[primary_key]
                pub id: u64,
                #[secondary_key]
                pub email: String,
            }

            #[cfg(feature = "posts")]
            #[derive(NetabaseModel, Clone)]
            #[netabase(Blog)]
            pub struct Post {
                #[primary_key]
                pub id: u64,
                #[secondary_key]
                pub title: String,
            }
        }
    };
    let arguments = quote!(Blog, BlogKeys);
    check(
        entry::definition(arguments, module),
        include_str!("../tests/expansions/blog.rs"),
    );
}
