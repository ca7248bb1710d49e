//! `#[netabase_definition_module(Def, Keys)]`: what is added to the module.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    check::definition::{Definition, Member, ShortName},
    expand::keys,
    names,
};

/// Generates the enums, the definition and the short names.
pub(crate) fn definition(definition: &Definition) -> TokenStream {
    let enums = enums(definition);
    let implement = implement(definition);
    let members = definition.members.iter();
    let defined = members.clone().map(|member| defined(definition, member));
    let variants = members.filter(|member| !member.repeated);
    let conversions = variants.map(|member| conversions(definition, member));
    let short_names = definition.short_names.iter().map(short_name);
    quote! {
        #enums
        #(#short_names)*
        const _: () = {
            #implement
            #(#defined)*
            #(#conversions)*
        };
    }
}

fn enums(definition: &Definition) -> TokenStream {
    let Definition {
        ident,
        keys,
        vis,
        root,
        ..
    } = definition;
    let module = names::plain(&definition.module);
    let of_records = format!("A record of any model of `{module}`.");
    let of_keys = format!("A key of any model of `{module}`.");
    let (derives, key_derives) = (&definition.derives, keys::derives());
    let derives = (!derives.is_empty()).then(|| quote!(#[derive(#(#derives),*)]));
    let (mut records, mut key_variants) = (TokenStream::new(), TokenStream::new());
    let variants = definition.members.iter().filter(|member| !member.repeated);
    for Member {
        variant,
        path,
        cfgs,
        ..
    } in variants
    {
        let of_record = format!("A record of `{variant}`.");
        let of_key = format!("A key of `{variant}`.");
        records.extend(quote!(#(#cfgs)* #[doc = #of_record] #variant(#path),));
        key_variants.extend(quote! {
            #(#cfgs)*
            #[doc = #of_key]
            #variant(<#path as #root::NetabaseModelTrait<#ident>>::Keys),
        });
    }
    quote! {
        #[doc = #of_records]
        #derives
        #[allow(clippy::large_enum_variant, private_interfaces)]
        #vis enum #ident {
            #records
        }
        #[doc = #of_keys]
        #key_derives
        #[allow(clippy::large_enum_variant, private_interfaces)]
        #vis enum #keys {
            #key_variants
        }
    }
}

fn implement(definition: &Definition) -> TokenStream {
    let Definition {
        ident, keys, root, ..
    } = definition;
    let name = names::plain(ident);
    let discriminants = each(definition, |_, model| quote!(#model::DISCRIMINANT,));
    let records = records(definition);
    let schema = schema(definition);
    let visits = each(
        definition,
        |Member { path, .. }, _| quote!(<__NbVisitor as #root::ModelVisitor<Self>>::visit::<#path>(__nb_visitor)?;),
    );
    quote! {
        #[automatically_derived]
        impl #root::NetabaseDefinitionTrait for #ident {
            type Keys = #keys;
            const NAME: &'static ::core::primitive::str = #name;
            const DISCRIMINANTS: &'static [&'static ::core::primitive::str] = &[#discriminants];
            #records
            #schema
            #[allow(unused_variables)]
            fn __visit_models<__NbVisitor: #root::ModelVisitor<Self>>(
                __nb_visitor: &mut __NbVisitor,
            ) -> #root::Result<()> {
                #visits
                ::core::result::Result::Ok(())
            }
        }
    }
}

fn records(definition: &Definition) -> TokenStream {
    let keys = &definition.keys;
    let discriminants = each(
        definition,
        |Member { variant, .. }, model| quote!(Self::#variant(_) => #model::DISCRIMINANT,),
    );
    let primary_keys = each(definition, |Member { variant, .. }, model| {
        quote! {
            Self::#variant(ref __nb_record) => #keys::#variant(
                ::core::convert::From::from(#model::primary_key(__nb_record)),
            ),
        }
    });
    quote! {
        fn discriminant(&self) -> &'static ::core::primitive::str {
            match *self {
                #discriminants
            }
        }
        fn primary_key(&self) -> Self::Keys {
            match *self {
                #primary_keys
            }
        }
    }
}

fn schema(definition: &Definition) -> TokenStream {
    let root = &definition.root;
    let name = names::plain(&definition.ident);
    let schemas = each(
        definition,
        |_, model| quote!(#model::schema(&mut __nb_types),),
    );
    quote! {
        #[allow(unused_mut)]
        fn schema() -> #root::DefinitionSchema {
            let mut __nb_types = <#root::Types as ::core::default::Default>::default();
            let __nb_models = ::std::vec::Vec::from([#schemas]);
            #root::DefinitionSchema {
                name: ::std::string::String::from(#name),
                models: __nb_models,
                types: #root::Types::into_named(__nb_types),
            }
        }
    }
}

/// Writes something for each model under its `#[cfg]`, given the model's trait in full.
fn each(
    definition: &Definition,
    write: impl Fn(&Member, &TokenStream) -> TokenStream,
) -> TokenStream {
    let Definition { ident, root, .. } = definition;
    let variants = definition.members.iter().filter(|member| !member.repeated);
    let tokens = variants.map(|member| {
        let Member { path, cfgs, .. } = member;
        let tokens = write(
            member,
            &quote!(<#path as #root::NetabaseModelTrait<#ident>>),
        );
        quote!(#(#cfgs)* #tokens)
    });
    tokens.collect()
}

fn defined(definition: &Definition, member: &Member) -> TokenStream {
    let Definition { ident, root, .. } = definition;
    let Member {
        variant,
        path,
        cfgs,
        repeated,
        ..
    } = member;
    let into = if *repeated {
        // The definition is refused already, for one reason.
        quote!(::core::unreachable!())
    } else {
        quote!(#ident::#variant(self))
    };
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl #root::DefinedIn<#ident> for #path {
            fn __into_definition(self) -> #ident {
                #into
            }
        }
    }
}

fn conversions(definition: &Definition, member: &Member) -> TokenStream {
    let Definition {
        ident,
        keys: all_keys,
        ..
    } = definition;
    let Member {
        variant,
        path,
        keys,
        cfgs,
        ..
    } = member;
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl ::core::convert::From<#path> for #ident {
            fn from(__nb_record: #path) -> Self {
                Self::#variant(__nb_record)
            }
        }
        #(#cfgs)*
        #[automatically_derived]
        impl ::core::convert::TryFrom<#ident> for #path {
            type Error = #ident;
            #[allow(unreachable_patterns)]
            fn try_from(__nb_record: #ident) -> ::core::result::Result<Self, Self::Error> {
                match __nb_record {
                    #ident::#variant(__nb_record) => ::core::result::Result::Ok(__nb_record),
                    __nb_other => ::core::result::Result::Err(__nb_other),
                }
            }
        }
        #(#cfgs)*
        #[automatically_derived]
        impl ::core::convert::From<#keys> for #all_keys {
            fn from(__nb_key: #keys) -> Self {
                Self::#variant(__nb_key)
            }
        }
    }
}

fn short_name(name: &ShortName) -> TokenStream {
    let ShortName {
        short,
        long,
        vis,
        cfgs,
    } = name;
    quote! {
        #(#cfgs)*
        #[doc(inline)]
        #[allow(unused_imports)]
        #vis use self::#long as #short;
    }
}
