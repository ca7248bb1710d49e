//! Our tree to tokens. Nothing here can fail.

mod definition;
mod entries;
mod key;
mod keys;
mod model;
mod newtype;
mod value;

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};

use crate::check::{Model, Standing};

pub(crate) use crate::expand::{definition::definition, key::key, value::value};

/// Shows the errors of generated tokens at what the user wrote; names resolve as before.
fn located(tokens: TokenStream, at: &impl ToTokens) -> TokenStream {
    let mut spans = at.to_token_stream().into_iter().map(|token| token.span());
    let Some(first) = spans.next() else {
        return tokens;
    };
    let last = spans.last().unwrap_or(first);
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let end = tokens.len().saturating_sub(1);
    for (position, token) in tokens.iter_mut().enumerate() {
        if let TokenTree::Group(group) = token {
            let inner = located(group.stream(), at);
            let span = group.span();
            *group = Group::new(group.delimiter(), inner);
            group.set_span(span);
        }
        let target = if position == end { last } else { first };
        token.set_span(token.span().located_at(target));
    }
    tokens.into_iter().collect()
}

/// Generates the keys of a model and what the store needs to know of it.
pub(crate) fn model(model: &Model) -> TokenStream {
    let newtypes = newtype::all(model);
    let enums = keys::enums(model);
    let impls = newtype::impls(model);
    let enum_impls = keys::impls(model);
    let model_impl = (model.standing != Standing::Names).then(|| model::implement(model));
    quote! {
        #newtypes
        #enums
        const _: () = {
            #impls
            #enum_impls
            #model_impl
        };
    }
}
