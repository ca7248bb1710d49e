//! Where the runtime is: `::netabase_store`, or what `crate = ".."` says.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Ident, LitStr, Path, Token};

const NO_PATH: &str = "not a path: write `crate = \"name\"`, as `netabase_store` is called here";

/// The path of the runtime's module for generated code.
#[derive(Debug, Clone, Default)]
pub(crate) struct Root {
    renamed: Option<Path>,
}

impl Root {
    /// Reads the value of `crate = ".."`: a name is a dependency's, `crate::..` stays as it is.
    pub(crate) fn parse(text: &LitStr) -> syn::Result<Self> {
        let mut path: Path = text
            .parse()
            .map_err(|_| syn::Error::new(text.span(), NO_PATH))?;
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

    /// The path of what the runtime exports to users.
    pub(crate) fn item(&self, name: &Ident) -> TokenStream {
        match &self.renamed {
            Some(path) => quote!(#path::#name),
            None => quote!(::netabase_store::#name),
        }
    }
}

impl ToTokens for Root {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.item(&Ident::new("__private", Span::call_site())));
    }
}
