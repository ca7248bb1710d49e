//! `#[derive(NetabaseKey)]`.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::{
    names,
    parse::data::{BodySource, DataSource, Parts, VariantSource},
    root::Root,
};

/// The most variants whose position fits in one byte.
const BYTE_VARIANTS_MAX: usize = 1 << 8;

/// Implements `NetabaseKey`; with `is_stub`, by bodies that are never run. A generic type
/// gets none, as it could not be bounded.
pub(crate) fn key(source: &DataSource<'_>, is_stub: bool) -> TokenStream {
    let root = &source.container.root;
    let ident = source.ident;
    if !source.generics.params.is_empty() {
        return TokenStream::new();
    }
    let functions = match &source.body {
        _ if is_stub => stubs(root),
        BodySource::Struct(parts) => of_struct(source, parts),
        BodySource::Enum(variants) => of_enum(source, variants),
        BodySource::Union => stubs(root),
    };
    quote! {
        const _: () = {
            #[automatically_derived]
            impl #root::NetabaseKey for #ident {
                type Indexed = Self;
                #functions
            }
        };
    }
}

fn of_struct(source: &DataSource<'_>, parts: &Parts<'_>) -> TokenStream {
    let members: Vec<_> = parts.parts.iter().map(|part| &part.member).collect();
    let types: Vec<_> = parts.parts.iter().map(|part| part.ty).collect();
    let root = &source.container.root;
    let encode = quote! {
        #(<#types as #root::NetabaseKey>::encode_key(&self.#members, __nb_out);)*
    };
    let decode = quote! {
        ::core::result::Result::Ok(Self {
            #(#members: <#types as #root::NetabaseKey>::decode_key(__nb_reader)?,)*
        })
    };
    let skip = quote! {
        #(<#types as #root::NetabaseKey>::skip_key(__nb_reader)?;)*
        ::core::result::Result::Ok(())
    };
    let fields = super::value::fields(root, parts, |part| {
        let ty = part.ty;
        quote!(<#ty as #root::NetabaseKey>::key_shape(__nb_types))
    });
    functions(source, &encode, &decode, &skip, &quote!(Struct(#fields)))
}

fn of_enum(source: &DataSource<'_>, variants: &[VariantSource<'_>]) -> TokenStream {
    let root = &source.container.root;
    let idents: Vec<_> = variants.iter().map(|variant| variant.ident).collect();
    let is_byte = variants.len() <= BYTE_VARIANTS_MAX;
    let bytes = (0..variants.len()).map(|position| position_bytes(position, is_byte));
    let bytes: Vec<TokenStream> = bytes.collect();
    let width = Literal::usize_unsuffixed(if is_byte { 1 } else { 2 });
    let what = names::plain(source.ident);
    let names = idents.iter().map(|ident| names::plain(ident));
    let encode = quote! {
        ::std::vec::Vec::extend_from_slice(
            __nb_out,
            match *self {
                #(Self::#idents { .. } => &#bytes,)*
            },
        );
    };
    let decode = quote! {
        let __nb_at = #root::KeyReader::position(__nb_reader);
        match #root::KeyReader::take::<#width>(__nb_reader, #what)? {
            #(#bytes => ::core::result::Result::Ok(Self::#idents {}),)*
            #[allow(unreachable_patterns)]
            _ => ::core::result::Result::Err(#root::KeyError::Invalid {
                at: __nb_at,
                what: #what,
            }),
        }
    };
    let skip = quote!(#root::KeyReader::skip(__nb_reader, #width, #what));
    let body = quote! {
        Enum(::std::vec::Vec::from([
            #((::std::string::String::from(#names), #root::Fields::Unit),)*
        ]))
    };
    functions(source, &encode, &decode, &skip, &body)
}

fn functions(
    source: &DataSource<'_>,
    encode: &TokenStream,
    decode: &TokenStream,
    skip: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let root = &source.container.root;
    let name = names::plain(source.ident);
    quote! {
        fn encode_key(&self, __nb_out: &mut ::std::vec::Vec<::core::primitive::u8>) {
            #encode
        }
        fn decode_key(
            __nb_reader: &mut #root::KeyReader<'_>,
        ) -> ::core::result::Result<Self, #root::KeyError> {
            #decode
        }
        fn skip_key(
            __nb_reader: &mut #root::KeyReader<'_>,
        ) -> ::core::result::Result<(), #root::KeyError> {
            #skip
        }
        #[allow(unused_variables)]
        fn key_shape(__nb_types: &mut #root::Types) -> #root::Shape {
            #root::Types::named::<Self>(__nb_types, #root::Role::Key, #name, |__nb_types| {
                #root::TypeBody::#body
            })
        }
    }
}

fn stubs(root: &Root) -> TokenStream {
    quote! {
        fn encode_key(&self, _: &mut ::std::vec::Vec<::core::primitive::u8>) {
            ::core::unreachable!()
        }
        fn decode_key(
            _: &mut #root::KeyReader<'_>,
        ) -> ::core::result::Result<Self, #root::KeyError> {
            ::core::unreachable!()
        }
        fn key_shape(_: &mut #root::Types) -> #root::Shape {
            ::core::unreachable!()
        }
    }
}

/// The position of a variant, big endian.
fn position_bytes(position: usize, is_byte: bool) -> TokenStream {
    let [.., high, low] = position.to_be_bytes();
    let (high, low) = (Literal::u8_unsuffixed(high), Literal::u8_unsuffixed(low));
    if is_byte {
        quote!([#low])
    } else {
        quote!([#high, #low])
    }
}
