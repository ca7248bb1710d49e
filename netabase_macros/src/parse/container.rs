//! `#[netabase(..)]`: the definition of a model, the runtime's path, and fields that serde stores.

use syn::{Attribute, LitStr, Path, Token, ext::IdentExt, meta::ParseNestedMeta};

use crate::{errors::Errors, root::Root};

/// The option by which a definition module stops the derive of a model that it has reported.
pub(crate) const REFUSED: &str = "__nb_refused";

/// What `#[netabase(..)]` on a type says.
#[derive(Debug, Default)]
pub(crate) struct Container {
    /// The definition that a model belongs to.
    pub(crate) definition: Option<Path>,
    /// Where the runtime is.
    pub(crate) root: Root,
    /// Whether the definition module has reported the model, and nothing may be generated.
    pub(crate) refused: bool,
    /// The text of `crate = ".."`.
    pub(crate) renamed: Option<LitStr>,
}

/// Reads `#[netabase(Definition, crate = "..")]` of a model.
pub(crate) fn model(attrs: &[Attribute], errors: &mut Errors) -> Container {
    read(attrs, errors, |container, meta| {
        if container.definition.is_some() {
            return Err(meta.error("a model belongs to one definition: remove this one"));
        }
        container.definition = Some(meta.path.clone());
        Ok(())
    })
}

/// Reads `#[netabase(crate = "..")]` of a key or a value; a definition is that of a model.
pub(crate) fn data(attrs: &[Attribute], errors: &mut Errors) -> Container {
    read(attrs, errors, |container, meta| {
        if meta.path.is_ident("serde") {
            return Err(meta.error("`serde` stands on a field"));
        }
        container.definition = Some(meta.path.clone());
        Ok(())
    })
}

/// Returns whether a field has `#[netabase(serde)]`.
pub(crate) fn field_is_serde(attrs: &[Attribute], errors: &mut Errors) -> bool {
    let mut serde = false;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("netabase")) {
        errors.take(attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("serde") {
                serde = true;
                return Ok(());
            }
            Err(meta.error("unknown option: `netabase` on a field takes `serde`"))
        }));
    }
    serde
}

/// Reads the value of `crate = ".."`.
fn crate_text(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    if !meta.input.peek(Token![=]) {
        return Err(meta.error("write `crate = \"path\"`, the path of `netabase_store`"));
    }
    meta.value()?.parse()
}

fn read(
    attrs: &[Attribute],
    errors: &mut Errors,
    mut path: impl FnMut(&mut Container, &ParseNestedMeta<'_>) -> syn::Result<()>,
) -> Container {
    let mut container = Container::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("netabase")) {
        errors.take(attr.parse_nested_meta(|meta| {
            if meta.path.is_ident(REFUSED) {
                container.refused = true;
                return Ok(());
            }
            if meta.path.is_ident("crate") {
                let text = crate_text(&meta)?;
                container.root = Root::parse(&text)?;
                container.renamed = Some(text);
                return Ok(());
            }
            if meta.input.peek(Token![=]) || meta.input.peek(syn::token::Paren) {
                return Err(unknown(&meta));
            }
            path(&mut container, &meta)
        }));
    }
    container
}

fn unknown(meta: &ParseNestedMeta<'_>) -> syn::Error {
    let name = meta
        .path
        .segments
        .last()
        .map(|segment| segment.ident.unraw().to_string());
    meta.error(format_args!(
        "unknown option `{}`: `netabase` on a type takes the definition and `crate = \"path\"`",
        name.unwrap_or_default()
    ))
}
