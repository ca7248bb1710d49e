//! The newtypes over the values of keys.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Index as Position, Type};

use crate::{
    check::{Index, Model, Newtype, Standing},
    root::Root,
    types,
};

/// Declares the newtypes of a model beside it.
pub(super) fn all(model: &Model) -> TokenStream {
    let vis = &model.vis;
    let newtypes = newtypes(model).map(|newtype| {
        let Newtype { ident, parts, doc } = newtype;
        let order = newtype.parts.iter().all(types::is_plain).then(|| {
            quote! {
                ::core::cmp::PartialEq,
                ::core::cmp::Eq,
                ::core::cmp::PartialOrd,
                ::core::cmp::Ord,
                ::core::hash::Hash
            }
        });
        quote! {
            #[doc = #doc]
            #[derive(::core::clone::Clone, ::core::fmt::Debug, #order)]
            #vis struct #ident(#(pub #parts),*);
        }
    });
    newtypes.collect()
}

/// Implements the traits of the newtypes.
pub(super) fn impls(model: &Model) -> TokenStream {
    let root = &model.root;
    let keys: TokenStream = newtypes(model)
        .map(|newtype| implement(newtype, root))
        .collect();
    if model.standing == Standing::Names {
        return keys;
    }
    let indexes = model.indexes.iter().enumerate();
    let places = indexes.map(|(position, index)| index_of(model, position, index));
    quote!(#keys #(#places)*)
}

/// The type of the value: that of the only part, or the tuple of all.
pub(super) fn value(newtype: &Newtype) -> TokenStream {
    match newtype.parts.as_slice() {
        [only] => only.to_token_stream(),
        parts => quote!((#(#parts,)*)),
    }
}

fn newtypes(model: &Model) -> impl Iterator<Item = &Newtype> {
    std::iter::once(&model.primary).chain(model.indexes.iter().map(|index| &index.newtype))
}

fn implement(newtype: &Newtype, root: &Root) -> TokenStream {
    let ident = &newtype.ident;
    let value = value(newtype);
    let name = ident.to_string();
    let key = key_impl(newtype, root);
    let from = from_impl(newtype);
    let order = (!newtype.parts.iter().all(types::is_plain))
        .then(|| quote!(#root::key_via_encoding!(#ident);));
    quote! {
        #key
        #order
        #[automatically_derived]
        impl #root::KeyNewtype for #ident {
            type Value = #value;
        }
        #[automatically_derived]
        impl #root::ToIVec for #ident {
            fn to_ivec(&self) -> #root::Result<::std::vec::Vec<::core::primitive::u8>> {
                ::core::result::Result::Ok(#root::key_to_ivec(self))
            }
            fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> #root::Result<Self> {
                #root::key_from_ivec(#name, __nb_bytes)
            }
        }
        #from
        #[automatically_derived]
        impl #root::KeyBound<#value> for #ident {
            fn encode_bound(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
                <Self as #root::NetabaseKey>::encode_key(self, __nb_out)
            }
        }
    }
}

fn key_impl(newtype: &Newtype, root: &Root) -> TokenStream {
    let ident = &newtype.ident;
    let parts = &newtype.parts;
    let positions = (0..parts.len()).map(Position::from);
    let shape = shape(parts, root);
    quote! {
        #[automatically_derived]
        impl #root::NetabaseKey for #ident {
            type Indexed = Self;
            #[inline]
            fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
                #(<#parts as #root::NetabaseKey>::encode_key(&self.#positions, __nb_out);)*
            }
            #[inline]
            fn decode_key(
                __nb_reader: &mut #root::KeyReader<'_>,
            ) -> ::core::result::Result<Self, #root::KeyError> {
                ::core::result::Result::Ok(Self(
                    #(<#parts as #root::NetabaseKey>::decode_key(__nb_reader)?,)*
                ))
            }
            #[inline]
            fn skip_key(
                __nb_reader: &mut #root::KeyReader<'_>,
            ) -> ::core::result::Result<(), #root::KeyError> {
                #(<#parts as #root::NetabaseKey>::skip_key(__nb_reader)?;)*
                ::core::result::Result::Ok(())
            }
            fn key_shape(__nb_types: &mut #root::Types) -> #root::Shape {
                #shape
            }
        }
    }
}

fn shape(parts: &[Type], root: &Root) -> TokenStream {
    let shapes = parts
        .iter()
        .map(|part| quote!(<#part as #root::NetabaseKey>::key_shape(__nb_types)));
    match parts {
        [_] => quote!(#(#shapes)*),
        _ => quote!(#root::Shape::Tuple(::std::vec::Vec::from([#(#shapes,)*]))),
    }
}

/// Implements exactly one numeric `From`, so that integer literals find their type.
fn from_impl(newtype: &Newtype) -> TokenStream {
    let ident = &newtype.ident;
    let value = value(newtype);
    let positions = (0..newtype.parts.len()).map(Position::from);
    let arguments = match newtype.parts.as_slice() {
        [_] => quote!(__nb_value),
        _ => quote!(#(__nb_value.#positions,)*),
    };
    let from_text = match newtype.parts.as_slice() {
        [only] if types::is_text(only) => Some(quote! {
            #[automatically_derived]
            impl ::core::convert::From<&::core::primitive::str> for #ident {
                fn from(__nb_text: &::core::primitive::str) -> Self {
                    Self(<#only as ::core::convert::From<_>>::from(__nb_text))
                }
            }
        }),
        _ => None,
    };
    quote! {
        #[automatically_derived]
        impl ::core::convert::From<#value> for #ident {
            fn from(__nb_value: #value) -> Self {
                Self(#arguments)
            }
        }
        #from_text
    }
}

fn index_of(model: &Model, position: usize, index: &Index) -> TokenStream {
    let (root, user, ident) = (&model.root, &model.ident, &index.newtype.ident);
    let position = Literal::usize_unsuffixed(position);
    let types = &index.newtype.parts;
    let whole = match types.as_slice() {
        [only] => Some(whole(only, root)),
        _ => None,
    };
    quote! {
        #[automatically_derived]
        impl #root::IndexOf<#user> for #ident {
            const POSITION: ::core::primitive::usize = #position;
        }
        #whole
    }
}

/// A constant that does not compile where an alias hides an `Option`.
///
/// The projection begins and ends where the field's type does: of a type that is no key it says
/// what every other use of the type says, at the same place, and is not shown again.
fn whole(ty: &Type, root: &Root) -> TokenStream {
    let mut spans = ty.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    let last = spans.last().unwrap_or(first);
    let (open, indexed) = (quote_spanned!(first=> <), quote_spanned!(last=> Indexed));
    quote! {
        const _: fn() = #root::assert_whole::<#open #ty as #root::NetabaseKey>::#indexed, #ty>;
    }
}
