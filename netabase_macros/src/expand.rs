//! Our tree to tokens. Nothing here can fail.

mod definition;
mod entries;
mod key;
mod keys;
mod model;
mod newtype;
mod value;

use proc_macro2::TokenStream;
use quote::quote;

use crate::check::{Model, Standing};

pub(crate) use crate::expand::{definition::definition, key::key, value::value};

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
