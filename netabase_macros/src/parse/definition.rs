//! `#[netabase_definition_module(Def, Keys, ..)]` and the module under it.

use proc_macro2::TokenStream;
use syn::{
    Attribute, DeriveInput, Ident, Item, LitStr, Path, Token,
    ext::IdentExt,
    parenthesized,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    token,
};

use crate::{
    errors::Errors,
    parse::container::{self, Container},
    root::Root,
};

/// The derives that generated code of a module reaches by `crate = ".."`.
const DERIVES: [&str; 2] = ["NetabaseKey", "NetabaseValue"];

/// The arguments of the attribute.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) definition: Ident,
    pub(crate) keys: Ident,
    /// The models that are written elsewhere.
    pub(crate) listed: Vec<Path>,
    pub(crate) renamed: Option<LitStr>,
}

impl Arguments {
    fn parse_names(input: ParseStream<'_>) -> syn::Result<Self> {
        let definition = input.parse()?;
        input.parse::<Token![,]>()?;
        Ok(Self {
            definition,
            keys: input.parse()?,
            listed: Vec::new(),
            renamed: None,
        })
    }

    fn parse_options(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                self.parse_option(input)?;
            }
        }
        Ok(())
    }

    fn parse_option(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let name = input.call(Ident::parse_any)?;
        if name == "models" && input.peek(token::Paren) {
            let content;
            parenthesized!(content in input);
            self.listed
                .extend(content.parse_terminated(Path::parse_mod_style, Token![,])?);
        } else if name == "crate" && input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            let text: LitStr = input.parse()?;
            Root::parse(&text)?;
            self.renamed = Some(text);
        } else {
            return Err(syn::Error::new(
                name.span(),
                "unknown option: after the two names stand `models(path::A, ..)` \
                 and `crate = \"path\"`",
            ));
        }
        Ok(())
    }
}

/// Reads the arguments; without the two names there are none.
pub(crate) fn arguments(
    tokens: TokenStream,
    module: &Ident,
    errors: &mut Errors,
) -> Option<Arguments> {
    const NAMES: &str = "name the enum of the records and the enum of the keys: \
                         `#[netabase_definition_module(Definition, Keys)]`";
    let mut named = None;
    let read = |input: ParseStream<'_>| {
        let mut arguments = Arguments::parse_names(input)?;
        let result = arguments.parse_options(input);
        named = Some(arguments);
        result
    };
    let result = read.parse2(tokens.clone());
    if named.is_some() {
        errors.take(result);
    } else if tokens.is_empty() {
        errors.add(module, NAMES);
    } else {
        errors.add(tokens, NAMES);
    }
    named
}

/// A model inside the module.
#[derive(Debug)]
pub(crate) struct Inline {
    /// Its item's place in the module.
    pub(crate) position: usize,
    pub(crate) input: DeriveInput,
    pub(crate) container: Container,
}

/// Returns the items that `#[netabase(Definition)]` marks as models.
pub(crate) fn models(items: &[Item]) -> Vec<Inline> {
    let inputs = items.iter().enumerate().filter_map(|(position, item)| {
        let input = match item.clone() {
            Item::Struct(item) => DeriveInput::from(item),
            Item::Enum(item) => DeriveInput::from(item),
            Item::Union(item) => DeriveInput::from(item),
            _ => return None,
        };
        Some((position, input))
    });
    let mut models = Vec::new();
    for (position, input) in inputs {
        let mut errors = Errors::default();
        let container = container::model(&input.attrs, &mut errors);
        errors.discard();
        if container.definition.is_some() {
            models.push(Inline {
                position,
                input,
                container,
            });
        }
    }
    models
}

/// Returns the attributes of a struct or enum.
pub(crate) fn attributes(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    match item {
        Item::Struct(item) => Some(&mut item.attrs),
        Item::Enum(item) => Some(&mut item.attrs),
        Item::Union(item) => Some(&mut item.attrs),
        _ => None,
    }
}

/// Returns the names in the `#[derive(..)]` attributes, by their last segments.
pub(crate) fn derives(attrs: &[Attribute]) -> Vec<String> {
    let lists = attrs.iter().filter(|attr| attr.path().is_ident("derive"));
    let paths = lists.filter_map(|attr| {
        attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
            .ok()
    });
    paths
        .flatten()
        .filter_map(|path| {
            path.segments
                .last()
                .map(|segment| segment.ident.to_string())
        })
        .collect()
}

/// Returns whether a key or value type is derived.
pub(crate) fn derives_data(attrs: &[Attribute]) -> bool {
    derives(attrs)
        .iter()
        .any(|name| DERIVES.contains(&name.as_str()))
}
