//! The steps of each macro: parse, check, expand.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{DeriveInput, ItemMod};

use crate::{check, errors::Errors, expand, parse};

/// Derives `NetabaseModel`.
pub(crate) fn model(input: TokenStream) -> TokenStream {
    derive(input, |input, errors| {
        let source = parse::model(input, errors);
        if source.container.refused {
            return TokenStream::new();
        }
        expand::model(&check::model(&source, errors))
    })
}

/// Derives `NetabaseKey`.
pub(crate) fn key(input: TokenStream) -> TokenStream {
    derive(input, |input, errors| {
        let source = parse::data::data(input, errors);
        check::data::key(&source, errors);
        expand::key(&source, errors.len() > 0)
    })
}

/// Derives `NetabaseValue`.
pub(crate) fn value(input: TokenStream) -> TokenStream {
    derive(input, |input, errors| {
        let source = parse::data::data(input, errors);
        check::data::value(&source, errors);
        expand::value(&source, errors.len() > 0)
    })
}

/// Completes a definition module.
pub(crate) fn definition(arguments: TokenStream, module: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Some(mut module) = errors.take(syn::parse2::<ItemMod>(module.clone())) else {
        return errors.finish(module);
    };
    let arguments = parse::definition::arguments(arguments, &module.ident, &mut errors);
    let Some((_, items)) = &mut module.content else {
        errors.add(module.semi, "write the module here: `mod name { .. }`");
        let ItemMod {
            attrs, vis, ident, ..
        } = module;
        return errors.finish(quote!(#(#attrs)* #vis mod #ident {}));
    };
    let definition = check::definition::definition(&module.ident, arguments, items, &mut errors);
    let generated = expand::definition(&definition);
    items.push(syn::Item::Verbatim(generated));
    errors.finish(module.into_token_stream())
}

fn derive(
    input: TokenStream,
    generate: impl FnOnce(&DeriveInput, &mut Errors) -> TokenStream,
) -> TokenStream {
    let mut errors = Errors::default();
    let expansion = match errors.take(syn::parse2(input)) {
        Some(input) => generate(&input, &mut errors),
        None => quote!(),
    };
    errors.finish(expansion)
}
