//! `#[derive(NetabaseValue)]`.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::{GenericParam, Generics, Member, Type, parse_quote};

use crate::{
    names,
    parse::data::{BodySource, DataSource, Part, Parts, Style, VariantSource},
    root::Root,
    types,
};

/// Implements `NetabaseValue`; with `is_stub`, by bodies that are never run. A type that
/// borrows gets none, as it could not be `'static`.
pub(crate) fn value(source: &DataSource<'_>, is_stub: bool) -> TokenStream {
    let root = &source.container.root;
    let ident = source.ident;
    let generics = bounded(source.generics, root);
    let (impl_generics, type_generics, clause) = generics.split_for_impl();
    if source.generics.lifetimes().next().is_some() {
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
            impl #impl_generics #root::NetabaseValue for #ident #type_generics #clause {
                #functions
            }
        };
    }
}

/// Describes fields, whose shapes `shape` writes.
pub(super) fn fields(
    root: &Root,
    parts: &Parts<'_>,
    shape: impl Fn(&Part<'_>) -> TokenStream,
) -> TokenStream {
    let shapes = parts.parts.iter().map(shape);
    match parts.style {
        _ if parts.parts.is_empty() => quote!(#root::Fields::Unit),
        Style::Unit => quote!(#root::Fields::Unit),
        Style::Tuple => quote!(#root::Fields::Tuple(::std::vec::Vec::from([#(#shapes,)*]))),
        Style::Named => {
            let names = parts.parts.iter().map(|part| member_name(&part.member));
            quote! {
                #root::Fields::Named(::std::vec::Vec::from([
                    #((::std::string::String::from(#names), #shapes),)*
                ]))
            }
        }
    }
}

fn of_struct(source: &DataSource<'_>, parts: &Parts<'_>) -> TokenStream {
    let root = &source.container.root;
    let mins = parts.parts.iter().map(|part| {
        let ty = part.ty;
        match part.serde {
            true => quote!(1),
            false => quote!(<#ty as #root::NetabaseValue>::BYTES_MIN),
        }
    });
    let encode = parts.parts.iter().map(|part| {
        let member = &part.member;
        let name = member_name(member);
        encode_field(root, part.ty, part.serde, &quote!(&self.#member), &name)
    });
    let decode = decode(root, parts, "");
    let fields = value_fields(root, parts);
    functions(
        source,
        &quote!(0 #(+ #mins)*),
        &quote!(#(#encode)* ::core::result::Result::Ok(())),
        &quote!(::core::result::Result::Ok(Self #decode)),
        &quote!(Struct(#fields)),
    )
}

fn of_enum(source: &DataSource<'_>, variants: &[VariantSource<'_>]) -> TokenStream {
    let root = &source.container.root;
    let name = names::plain(source.ident);
    let encode = variants.iter().zip(0_u32..).map(|(variant, number)| {
        let number = Literal::u32_unsuffixed(number);
        let ident = variant.ident;
        let members = variant.parts.parts.iter().map(|part| &part.member);
        let locals = variant.parts.parts.iter().map(|part| &part.local);
        let fields = variant.parts.parts.iter().map(|part| {
            let local = &part.local;
            let name = format!("{}.{}", names::plain(ident), member_name(&part.member));
            encode_field(root, part.ty, part.serde, &quote!(#local), &name)
        });
        quote! {
            Self::#ident { #(#members: ref #locals,)* } => {
                #root::ValueWriter::variant(__nb_writer, #number);
                #(#fields)*
                ::core::result::Result::Ok(())
            }
        }
    });
    let decode = variants.iter().zip(0_u32..).map(|(variant, number)| {
        let number = Literal::u32_unsuffixed(number);
        let ident = variant.ident;
        let prefix = format!("{}.", names::plain(ident));
        let fields = decode(root, &variant.parts, &prefix);
        quote!(#number => ::core::result::Result::Ok(Self::#ident #fields),)
    });
    let bodies = variants.iter().map(|variant| {
        let name = names::plain(variant.ident);
        let fields = value_fields(root, &variant.parts);
        quote!((::std::string::String::from(#name), #fields),)
    });
    functions(
        source,
        // The variant's number; to ask the fields would not end for a type that contains itself.
        &quote!(1),
        &quote!(match *self { #(#encode)* }),
        &quote! {
            match #root::ValueReader::variant(__nb_reader)? {
                #(#decode)*
                __nb_number => ::core::result::Result::Err(
                    #root::ValueReader::unknown_variant(__nb_reader, __nb_number, #name),
                ),
            }
        },
        &quote!(Enum(::std::vec::Vec::from([#(#bodies)*]))),
    )
}

fn functions(
    source: &DataSource<'_>,
    bytes_min: &TokenStream,
    encode: &TokenStream,
    decode: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let root = &source.container.root;
    let name = names::plain(source.ident);
    quote! {
        const BYTES_MIN: ::core::primitive::usize = #bytes_min;
        #[allow(unused_variables)]
        fn encode_value(
            &self,
            __nb_writer: &mut #root::ValueWriter<'_>,
        ) -> ::core::result::Result<(), #root::ValueError> {
            #root::ValueWriter::nest(__nb_writer, |__nb_writer| { #encode })
        }
        #[allow(unused_variables)]
        fn decode_value(
            __nb_reader: &mut #root::ValueReader<'_>,
        ) -> ::core::result::Result<Self, #root::ValueError> {
            #root::ValueReader::nest(__nb_reader, |__nb_reader| { #decode })
        }
        #[allow(unused_variables)]
        fn value_shape(__nb_types: &mut #root::Types) -> #root::Shape {
            #root::Types::named::<Self>(__nb_types, #root::Role::Value, #name, |__nb_types| {
                #root::TypeBody::#body
            })
        }
    }
}

fn stubs(root: &Root) -> TokenStream {
    quote! {
        const BYTES_MIN: ::core::primitive::usize = 0;
        fn encode_value(
            &self,
            _: &mut #root::ValueWriter<'_>,
        ) -> ::core::result::Result<(), #root::ValueError> {
            ::core::unreachable!()
        }
        fn decode_value(
            _: &mut #root::ValueReader<'_>,
        ) -> ::core::result::Result<Self, #root::ValueError> {
            ::core::unreachable!()
        }
        fn value_shape(_: &mut #root::Types) -> #root::Shape {
            ::core::unreachable!()
        }
    }
}

/// Writes the field that `value` refers to.
pub(super) fn encode_field(
    root: &Root,
    ty: &Type,
    is_serde: bool,
    value: &TokenStream,
    name: &str,
) -> TokenStream {
    if is_serde {
        return quote!(#root::encode_serde_field::<#ty>(__nb_writer, #value, #name)?;);
    }
    let written = quote!(<#ty as #root::NetabaseValue>::encode_value(#value, __nb_writer));
    quote!(#root::name_field(#written, #name)?;)
}

/// Reads a field.
pub(super) fn decode_field(root: &Root, ty: &Type, is_serde: bool, name: &str) -> TokenStream {
    if is_serde {
        return quote!(#root::decode_serde_field::<#ty>(__nb_reader, #name)?);
    }
    let read = quote!(<#ty as #root::NetabaseValue>::decode_value(__nb_reader));
    quote!(#root::name_field(#read, #name)?)
}

fn decode(root: &Root, parts: &Parts<'_>, prefix: &str) -> TokenStream {
    let members = parts.parts.iter().map(|part| &part.member);
    let values = parts.parts.iter().map(|part| {
        let name = format!("{prefix}{}", member_name(&part.member));
        decode_field(root, part.ty, part.serde, &name)
    });
    quote!({ #(#members: #values,)* })
}

fn value_fields(root: &Root, parts: &Parts<'_>) -> TokenStream {
    fields(root, parts, |part| {
        let ty = part.ty;
        if part.serde {
            let written = types::text(ty);
            return quote!(#root::opaque_shape(#written));
        }
        quote!(<#ty as #root::NetabaseValue>::value_shape(__nb_types))
    })
}

fn member_name(member: &Member) -> String {
    match member {
        Member::Named(ident) => names::plain(ident),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

/// Adds `T: NetabaseValue` for every type parameter.
fn bounded(generics: &Generics, root: &Root) -> Generics {
    let mut generics = generics.clone();
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(parse_quote!(#root::NetabaseValue));
        }
    }
    generics
}
