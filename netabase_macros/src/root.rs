//! Where the runtime is: `::netabase_store`, or what `crate = ".."` says.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{LitStr, Path, Token};

/// The path of the runtime's module for generated code.
#[derive(Debug, Clone, Default)]
pub(crate) struct Root {
    renamed: Option<Path>,
}

impl Root {
    /// Reads the value of `crate = ".."`: a name is a dependency's, `crate::..` stays as it is.
    pub(crate) fn parse(text: &LitStr) -> syn::Result<Self> {
        let mut path: Path = text.parse().map_err(|_| {
            syn::Error::new(
                text.span(),
                "write the path of `netabase_store` as a string",
            )
        })?;
        let relative = path.segments.first().is_some_and(|first| {
            ["crate", "self", "super"]
                .iter()
                .any(|keyword| first.ident == keyword)
        });
        if !relative {
            path.leading_colon = Some(<Token![::]>::default());
        }
        Ok(Self {
            renamed: Some(path),
        })
    }
}

impl ToTokens for Root {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match &self.renamed {
            Some(path) => quote!(#path::__private),
            None => quote!(::netabase_store::__private),
        });
    }
}
