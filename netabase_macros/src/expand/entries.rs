//! What a record has in an index: encoded for the plan, and typed for the user.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::Ident;

use crate::{
    check::{Index, IndexValue, Model},
    expand::located,
};

/// Adds the entries of an index to `__nb_entries`.
pub(super) fn encode(model: &Model, position: usize, index: &Index) -> TokenStream {
    let root = &model.root;
    let at = Literal::usize_unsuffixed(position);
    let parts = &index.newtype.parts;
    let encode = quote! {
        |__nb_key: &#(#parts)*, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>| {
            #(<#parts as #root::NetabaseKey>::encode_key(__nb_key, __nb_out))*
        }
    };
    match &index.value {
        IndexValue::Sparse(field) => {
            quote!(#root::Entries::sparse(__nb_entries, #at, &self.#field, #encode);)
        }
        IndexValue::Each(field) => {
            let elements = elements(model, index, field);
            let each = quote!(#root::Entries::each(__nb_entries, #at, #elements, __nb_encode););
            let each = located(each, &quote!(#(#parts)*));
            quote! {
                let __nb_encode = #encode;
                #each
            }
        }
        IndexValue::Field(field) => parts_of(model, index, &at, std::slice::from_ref(field)),
        IndexValue::Parts(fields) => parts_of(model, index, &at, fields),
        IndexValue::Computed { each, sparse, .. } => {
            let computed = computed(model, index);
            let add = match (each, sparse) {
                (true, _) => quote!(each),
                (false, true) => quote!(sparse),
                (false, false) => quote!(one),
            };
            quote!(#root::Entries::#add(__nb_entries, #at, &#computed, #encode);)
        }
    }
}

fn parts_of(model: &Model, index: &Index, at: &Literal, fields: &[Ident]) -> TokenStream {
    let (root, parts) = (&model.root, &index.newtype.parts);
    quote! {
        #root::Entries::parts(__nb_entries, #at, |__nb_out| {
            #(<#parts as #root::NetabaseKey>::encode_key(&self.#fields, __nb_out);)*
        });
    }
}

/// Adds the typed values of an index to `__nb_keys`.
pub(super) fn keys(model: &Model, index: &Index) -> TokenStream {
    let newtype = &index.newtype.ident;
    let parts = &index.newtype.parts;
    match &index.value {
        IndexValue::Field(field) => push(
            model,
            index,
            &quote!(::core::clone::Clone::clone(&self.#field)),
        ),
        IndexValue::Parts(fields) => push(
            model,
            index,
            &quote!(#(::core::clone::Clone::clone(&self.#fields),)*),
        ),
        IndexValue::Sparse(field) => extend(
            model,
            index,
            &quote! {
                ::core::option::Option::map(
                    ::core::clone::Clone::clone(&self.#field),
                    #newtype,
                )
            },
        ),
        IndexValue::Each(field) => {
            let elements = elements(model, index, field);
            let newtypes = quote! {
                ::core::iter::Iterator::map(
                    #elements,
                    |__nb_element| #newtype(::core::clone::Clone::clone(__nb_element)),
                )
            };
            located(distinct(model, index, &newtypes), &quote!(#(#parts)*))
        }
        IndexValue::Computed { each, sparse, .. } => {
            let computed = computed(model, index);
            match (each, sparse) {
                (true, _) => distinct(
                    model,
                    index,
                    &quote! {
                        ::core::iter::Iterator::map(
                            ::core::iter::IntoIterator::into_iter(#computed),
                            #newtype,
                        )
                    },
                ),
                (false, true) => extend(
                    model,
                    index,
                    &quote!(::core::option::Option::map(#computed, #newtype)),
                ),
                (false, false) => push(model, index, &computed),
            }
        }
    }
}

/// The elements of a collection, as references. Entries and typed values ask for them in the same
/// words, so that an element of another type is one message.
fn elements(model: &Model, index: &Index, field: &Ident) -> TokenStream {
    let (root, parts) = (&model.root, &index.newtype.parts);
    located(
        quote!(#root::Entries::elements::<#(#parts)*>(&self.#field)),
        &quote!(#(#parts)*),
    )
}

/// The value that the function of an index computes; with `each`, the vector of them.
fn computed(model: &Model, index: &Index) -> TokenStream {
    let root = &model.root;
    let parts = &index.newtype.parts;
    let IndexValue::Computed {
        function,
        each,
        sparse,
    } = &index.value
    else {
        return TokenStream::new();
    };
    let key = if *sparse {
        quote!(::core::option::Option<#(#parts)*>)
    } else {
        quote!(#(#parts)*)
    };
    // What the function returns is shown at its path, and so is a return type that does not fit.
    let arguments = located(quote!((self)), function);
    let path = located(quote!(#root::IntoIndexed), function);
    let into_indexed = located(quote!(into_indexed), function);
    let convert = quote!(#path::<#key>::#into_indexed);
    if *each {
        return quote! {
            <::std::vec::Vec<#key> as ::core::iter::FromIterator<#key>>::from_iter(
                ::core::iter::Iterator::map(
                    ::core::iter::IntoIterator::into_iter(#function #arguments),
                    #convert,
                ),
            )
        };
    }
    quote!(#convert(#function #arguments))
}

fn push(model: &Model, index: &Index, value: &TokenStream) -> TokenStream {
    let (newtype, variant) = (&index.newtype.ident, &index.variant);
    let secondary = &model.secondary_keys;
    quote!(::std::vec::Vec::push(&mut __nb_keys, #secondary::#variant(#newtype(#value)));)
}

/// Adds what an iterator of newtypes yields.
fn extend(model: &Model, index: &Index, newtypes: &TokenStream) -> TokenStream {
    let (variant, secondary) = (&index.variant, &model.secondary_keys);
    quote! {
        ::core::iter::Extend::extend(
            &mut __nb_keys,
            ::core::iter::Iterator::map(
                ::core::iter::IntoIterator::into_iter(#newtypes),
                #secondary::#variant,
            ),
        );
    }
}

/// Adds what an iterator of newtypes yields, once each and ascending.
fn distinct(model: &Model, index: &Index, newtypes: &TokenStream) -> TokenStream {
    let newtype = &index.newtype.ident;
    let set = quote! {
        <::std::collections::BTreeSet<#newtype> as ::core::iter::FromIterator<#newtype>>::from_iter(
            #newtypes,
        )
    };
    extend(model, index, &set)
}
