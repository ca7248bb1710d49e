//! The model's trait: its keys, its entries, its fields and its description.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::{
    check::{Field, Index, IndexValue, Model, Standing},
    expand::{entries, keys::Names, located, value},
    names, types,
};

/// Implements `NetabaseModelTrait`.
pub(super) fn implement(model: &Model) -> TokenStream {
    let (root, user, definition) = (&model.root, &model.ident, &model.definition);
    let Names {
        secondary,
        key,
        primary,
    } = Names::of(model);
    let discriminant = names::plain(user);
    let functions = match model.standing {
        Standing::Sound => functions(model),
        Standing::Stub | Standing::Names => stubs(model),
    };
    let model_of = located(quote!(#root::NetabaseModelTrait), user);
    let (open, close) = (located(quote!(<), user), located(quote!(>), user));
    quote! {
        #[automatically_derived]
        impl #model_of #open #definition #close for #user {
            type PrimaryKey = #primary;
            type SecondaryKeys = #secondary;
            type Keys = #key;
            const DISCRIMINANT: &'static ::core::primitive::str = #discriminant;
            #functions
        }
        #[automatically_derived]
        impl #root::ToIVec for #user {
            fn to_ivec(&self) -> #root::Result<::std::vec::Vec<::core::primitive::u8>> {
                #root::row_to_ivec::<#definition, Self>(self)
            }
            fn from_ivec(__nb_bytes: &[::core::primitive::u8]) -> #root::Result<Self> {
                #root::row_from_ivec::<#definition, Self>(__nb_bytes)
            }
        }
    }
}

fn functions(model: &Model) -> TokenStream {
    let keys = key_functions(model);
    let schema = schema(model);
    let payload = payload(model);
    quote!(#keys #schema #payload)
}

fn key_functions(model: &Model) -> TokenStream {
    let root = &model.root;
    let fields = &model.primary_fields;
    let Names {
        secondary, primary, ..
    } = Names::of(model);
    let parts = &model.primary.parts;
    let indexes = model.indexes.iter().enumerate();
    let entries = indexes.map(|(position, index)| entries::encode(model, position, index));
    let keys = model
        .indexes
        .iter()
        .map(|index| entries::keys(model, index));
    quote! {
        fn primary_key(&self) -> #primary {
            #primary(#(::core::clone::Clone::clone(&self.#fields),)*)
        }
        #[allow(unused_mut)]
        fn secondary_keys(&self) -> ::std::vec::Vec<#secondary> {
            let mut __nb_keys = ::std::vec::Vec::new();
            #(#keys)*
            __nb_keys
        }
        fn __encode_primary_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            #(<#parts as #root::NetabaseKey>::encode_key(&self.#fields, __nb_out);)*
        }
        #[allow(unused_variables)]
        fn __encode_entries(&self, __nb_entries: &mut #root::Entries) {
            #(#entries)*
        }
    }
}

fn payload(model: &Model) -> TokenStream {
    let root = &model.root;
    let encode = model.fields.iter().map(|field| {
        let (ident, name, ty) = (&field.ident, names::plain(&field.ident), &field.ty);
        value::encode_field(root, ty, field.serde, &quote!(&self.#ident), &name)
    });
    let decode = model.fields.iter().map(|field| {
        let (ident, name) = (&field.ident, names::plain(&field.ident));
        let value = value::decode_field(root, &field.ty, field.serde, &name);
        quote!(#ident: #value,)
    });
    quote! {
        fn __encode_payload(
            &self,
            __nb_writer: &mut #root::ValueWriter<'_>,
        ) -> ::core::result::Result<(), #root::ValueError> {
            #(#encode)*
            ::core::result::Result::Ok(())
        }
        fn __decode_payload(
            __nb_reader: &mut #root::ValueReader<'_>,
        ) -> ::core::result::Result<Self, #root::ValueError> {
            ::core::result::Result::Ok(Self {
                #(#decode)*
            })
        }
    }
}

fn schema(model: &Model) -> TokenStream {
    let root = &model.root;
    let discriminant = string(&names::plain(&model.ident));
    let fields = model.fields.iter().map(|field| {
        let name = string(&names::plain(&field.ident));
        let shape = shape(model, field);
        quote!((#name, #shape),)
    });
    let primary = &model.primary.ident;
    let primary_fields = strings(&model.primary_fields);
    let indexes = model.indexes.iter().map(|index| index_schema(model, index));
    let indexes = vec_of(indexes);
    quote! {
        fn schema(__nb_types: &mut #root::Types) -> #root::ModelSchema {
            #root::ModelSchema {
                discriminant: #discriminant,
                version: 1,
                fields: ::std::vec::Vec::from([#(#fields)*]),
                primary_fields: #primary_fields,
                primary_shape: <#primary as #root::NetabaseKey>::key_shape(__nb_types),
                indexes: #indexes,
            }
        }
    }
}

fn shape(model: &Model, field: &Field) -> TokenStream {
    let (root, ty) = (&model.root, &field.ty);
    if field.serde {
        let written = types::text(ty);
        return quote!(#root::opaque_shape(#written));
    }
    quote!(<#ty as #root::NetabaseValue>::value_shape(__nb_types))
}

fn index_schema(model: &Model, index: &Index) -> TokenStream {
    let root = &model.root;
    let name = string(&names::plain(&index.name));
    let newtype = &index.newtype.ident;
    let fields = match &index.value {
        IndexValue::Field(field) | IndexValue::Sparse(field) | IndexValue::Each(field) => {
            strings(std::slice::from_ref(field))
        }
        IndexValue::Parts(fields) => strings(fields),
        IndexValue::Computed { .. } => quote!(::std::vec::Vec::new()),
    };
    let unique = index.unique;
    let each = matches!(
        index.value,
        IndexValue::Each(_) | IndexValue::Computed { each: true, .. }
    );
    let sparse = matches!(
        index.value,
        IndexValue::Sparse(_) | IndexValue::Computed { sparse: true, .. }
    );
    let computed = matches!(index.value, IndexValue::Computed { .. });
    quote! {
        #root::IndexSchema {
            name: #name,
            fields: #fields,
            shape: <#newtype as #root::NetabaseKey>::key_shape(__nb_types),
            unique: #unique,
            each: #each,
            sparse: #sparse,
            computed: #computed,
        }
    }
}

fn stubs(model: &Model) -> TokenStream {
    let root = &model.root;
    let Names {
        secondary, primary, ..
    } = Names::of(model);
    quote! {
        fn primary_key(&self) -> #primary {
            ::core::unreachable!()
        }
        fn secondary_keys(&self) -> ::std::vec::Vec<#secondary> {
            ::core::unreachable!()
        }
        fn schema(_: &mut #root::Types) -> #root::ModelSchema {
            ::core::unreachable!()
        }
        fn __encode_primary_key(&self, _: &mut ::std::vec::Vec<::core::primitive::u8>) {
            ::core::unreachable!()
        }
        fn __encode_entries(&self, _: &mut #root::Entries) {
            ::core::unreachable!()
        }
        fn __encode_payload(
            &self,
            _: &mut #root::ValueWriter<'_>,
        ) -> ::core::result::Result<(), #root::ValueError> {
            ::core::unreachable!()
        }
        fn __decode_payload(
            _: &mut #root::ValueReader<'_>,
        ) -> ::core::result::Result<Self, #root::ValueError> {
            ::core::unreachable!()
        }
    }
}

fn strings(idents: &[Ident]) -> TokenStream {
    vec_of(idents.iter().map(|ident| string(&names::plain(ident))))
}

fn string(text: &str) -> TokenStream {
    quote!(::std::string::String::from(#text))
}

/// An empty array would leave the type of `Vec::from` open.
fn vec_of(items: impl Iterator<Item = TokenStream>) -> TokenStream {
    let items: Vec<_> = items.collect();
    if items.is_empty() {
        return quote!(::std::vec::Vec::new());
    }
    quote!(::std::vec::Vec::from([#(#items,)*]))
}
