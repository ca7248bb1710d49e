//! The enums over the keys of a model.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::Ident;

use crate::{
    check::{Index, Model},
    names,
};

/// The derives of every enum of keys.
pub(super) fn derives() -> TokenStream {
    quote! {
        #[derive(
            ::core::clone::Clone,
            ::core::fmt::Debug,
            ::core::cmp::PartialEq,
            ::core::cmp::Eq,
            ::core::cmp::PartialOrd,
            ::core::cmp::Ord,
            ::core::hash::Hash,
        )]
    }
}

/// Declares `UserSecondaryKeys` and `UserKey` beside the model.
pub(super) fn enums(model: &Model) -> TokenStream {
    let (vis, derives) = (&model.vis, derives());
    let Names {
        secondary,
        key,
        primary,
    } = Names::of(model);
    let user = names::plain(&model.ident);
    let of_secondary = format!("A value of one of the indexes of `{user}`.");
    let of_key = format!("A key of `{user}`: primary, or of one of its indexes.");
    let variants = model.indexes.iter().map(|index| {
        let Index {
            variant, newtype, ..
        } = index;
        let (doc, ident) = (&newtype.doc, &newtype.ident);
        quote!(#[doc = #doc] #variant(#ident),)
    });
    quote! {
        #[doc = #of_secondary]
        #derives
        #vis enum #secondary {
            #(#variants)*
        }
        #[doc = #of_key]
        #derives
        #vis enum #key {
            /// The primary key.
            Primary(#primary),
            /// The value of an index.
            Secondary(#secondary),
        }
    }
}

/// Implements the conversions, and the place of each variant.
pub(super) fn impls(model: &Model) -> TokenStream {
    let root = &model.root;
    let Names {
        secondary,
        key,
        primary,
    } = Names::of(model);
    let variants: Vec<_> = model.indexes.iter().map(|index| &index.variant).collect();
    let newtypes: Vec<_> = model
        .indexes
        .iter()
        .map(|index| &index.newtype.ident)
        .collect();
    let positions = (0..variants.len()).map(Literal::usize_unsuffixed);
    let to_primary = convert(primary, key, &quote!(Self::Primary(__nb_key)));
    let to_secondary = convert(secondary, key, &quote!(Self::Secondary(__nb_key)));
    let to_variants = variants.iter().zip(&newtypes).map(|(variant, newtype)| {
        let into_secondary = convert(newtype, secondary, &quote!(Self::#variant(__nb_key)));
        let into_key = convert(
            newtype,
            key,
            &quote!(Self::Secondary(#secondary::#variant(__nb_key))),
        );
        quote!(#into_secondary #into_key)
    });
    quote! {
        #[automatically_derived]
        impl #root::SecondaryKeyOf for #secondary {
            fn position(&self) -> ::core::primitive::usize {
                match *self {
                    #(Self::#variants(_) => #positions,)*
                }
            }
            #[allow(unused_variables)]
            fn encode_value(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
                match *self {
                    #(
                        Self::#variants(ref __nb_key) => {
                            <#newtypes as #root::NetabaseKey>::encode_key(__nb_key, __nb_out)
                        }
                    )*
                }
            }
        }
        #to_primary
        #to_secondary
        #(#to_variants)*
    }
}

/// Implements `From<source> for target`.
fn convert(source: &Ident, target: &Ident, body: &TokenStream) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl ::core::convert::From<#source> for #target {
            fn from(__nb_key: #source) -> Self {
                #body
            }
        }
    }
}

/// The enums and the primary key's newtype.
pub(super) struct Names<'a> {
    pub(super) secondary: &'a Ident,
    pub(super) key: &'a Ident,
    pub(super) primary: &'a Ident,
}

impl<'a> Names<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        Self {
            secondary: &model.secondary_keys,
            key: &model.keys,
            primary: &model.primary.ident,
        }
    }
}
