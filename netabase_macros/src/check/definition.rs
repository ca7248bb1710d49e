//! The rules of a definition module.

mod items;

use proc_macro2::Span;
use quote::format_ident;
use syn::{Attribute, Ident, Item, Path, Visibility, parse_quote};

use crate::{
    check::{self, Model, Standing},
    errors::Errors,
    names, parse,
    parse::definition::{Arguments, Inline},
    root::Root,
};

/// A definition whose models and names are known.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) module: Ident,
    pub(crate) ident: Ident,
    pub(crate) keys: Ident,
    pub(crate) vis: Visibility,
    pub(crate) root: Root,
    pub(crate) members: Vec<Member>,
    pub(crate) short_names: Vec<ShortName>,
    /// The traits that the enum of the records derives, as every model does.
    pub(crate) derives: Vec<Path>,
}

/// A model of the definition.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) variant: Ident,
    pub(crate) path: Path,
    /// The path of the model's generated `Key` enum.
    pub(crate) keys: Path,
    pub(crate) cfgs: Vec<Attribute>,
    /// Whether another model has the name, so that there is no variant for this one.
    pub(crate) repeated: bool,
}

/// A second name of an index's newtype, without the model's.
#[derive(Debug)]
pub(crate) struct ShortName {
    pub(crate) short: Ident,
    pub(crate) long: Ident,
    pub(crate) vis: Visibility,
    pub(crate) cfgs: Vec<Attribute>,
}

/// Checks the module, and corrects in `items` what would be reported twice.
pub(crate) fn definition(
    module: &Ident,
    arguments: Option<Arguments>,
    items: &mut [Item],
    errors: &mut Errors,
) -> Definition {
    let inline = parse::definition::models(items);
    let is_named = arguments.is_some();
    let mut arguments = arguments.unwrap_or_else(|| stand_in(&inline));
    if arguments.definition == arguments.keys {
        errors.add(
            &arguments.keys,
            "the enum of the keys needs a name of its own",
        );
        arguments.keys = stand_in_keys(&arguments.definition);
    }
    if is_named {
        for model in &inline {
            owner(model, &arguments.definition, module, errors);
        }
    }
    items::correct(items, &inline, &arguments, errors);
    let mut models: Vec<Model> = inline.iter().map(checked).collect();
    items::refuse_collisions(items, &inline, &mut models, errors);
    let mut members: Vec<Member> = models
        .iter()
        .filter(|model| model.standing != Standing::Names)
        .map(member)
        .collect();
    members.extend(arguments.listed.iter().filter_map(listed));
    distinct(&mut members, errors);
    if members.is_empty() && models.is_empty() && !items::derive_a_model(items) {
        errors.add(module, no_model(module, &arguments.definition));
    }
    Definition {
        module: module.clone(),
        vis: narrowest(&inline),
        root: root(&arguments),
        short_names: items::short_names(items, &models, &arguments),
        derives: if arguments.listed.is_empty() {
            shared_derives(&inline)
        } else {
            Vec::new()
        },
        members,
        ident: arguments.definition,
        keys: arguments.keys,
    }
}

/// Returns names for a module whose attribute has none, so that its models find a definition.
fn stand_in(inline: &[Inline]) -> Arguments {
    let path = inline
        .iter()
        .find_map(|model| model.container.definition.as_ref());
    let name = path
        .and_then(|path| path.segments.last())
        .map(|segment| segment.ident.clone());
    let definition = name.unwrap_or_else(|| Ident::new("__NbDefinition", Span::call_site()));
    let keys = stand_in_keys(&definition);
    Arguments {
        definition,
        keys,
        listed: Vec::new(),
        renamed: None,
    }
}

fn stand_in_keys(definition: &Ident) -> Ident {
    format_ident!("__Nb{}Keys", names::plain(definition))
}

fn owner(model: &Inline, definition: &Ident, module: &Ident, errors: &mut Errors) {
    let Some(path) = &model.container.definition else {
        return;
    };
    if names::ends_in(path, definition) {
        return;
    }
    let [model, module, definition] = [&model.input.ident, module, definition].map(names::plain);
    let owner = path
        .segments
        .last()
        .map(|segment| names::plain(&segment.ident));
    errors.add(
        path,
        format_args!(
            "`{model}` belongs to `{}`, but the module `{module}` defines `{definition}`: \
             write `#[netabase({definition})]`, or move the model",
            owner.unwrap_or_default()
        ),
    );
}

/// Checks a model whose own derive reports its mistakes.
fn checked(inline: &Inline) -> Model {
    let mut errors = Errors::default();
    let source = parse::model(&inline.input, &mut errors);
    let model = check::model(&source, &mut errors);
    errors.discard();
    model
}

fn member(model: &Model) -> Member {
    let (ident, keys) = (&model.ident, names::of_model(&model.ident, "Key"));
    Member {
        variant: ident.clone(),
        path: parse_quote!(#ident),
        keys: parse_quote!(#keys),
        cfgs: model.cfgs.clone(),
        repeated: false,
    }
}

fn listed(path: &Path) -> Option<Member> {
    let mut keys = path.clone();
    let last = keys.segments.last_mut()?;
    let variant = last.ident.clone();
    last.ident = names::of_model(&variant, "Key");
    Some(Member {
        variant,
        path: path.clone(),
        keys,
        cfgs: Vec::new(),
        repeated: false,
    })
}

fn distinct(members: &mut [Member], errors: &mut Errors) {
    let mut seen: Vec<Ident> = Vec::new();
    for member in members {
        // Models under `#[cfg]` may exclude each other.
        if seen.contains(&member.variant) && member.cfgs.is_empty() {
            member.repeated = true;
            errors.add(
                &member.path,
                format_args!(
                    "the definition has a model `{}` already, and tables are named by models",
                    member.variant
                ),
            );
        }
        seen.push(member.variant.clone());
    }
}

fn no_model(module: &Ident, definition: &Ident) -> String {
    let [module, definition] = [module, definition].map(names::plain);
    format!(
        "`{module}` has no model: write a struct in it with `#[derive(NetabaseModel)]` \
         and below that `#[netabase({definition})]`"
    )
}

fn root(arguments: &Arguments) -> Root {
    let parsed = arguments.renamed.as_ref().map(Root::parse);
    parsed.and_then(Result::ok).unwrap_or_default()
}

fn narrowest(inline: &[Inline]) -> Visibility {
    let all = inline.iter().map(|model| &model.input.vis);
    all.min_by_key(|vis| breadth(vis))
        .cloned()
        .unwrap_or_else(|| parse_quote!(pub))
}

fn breadth(vis: &Visibility) -> u8 {
    match vis {
        Visibility::Inherited => 0,
        Visibility::Restricted(restricted) if restricted.path.is_ident("self") => 0,
        Visibility::Restricted(restricted) if restricted.path.is_ident("crate") => 2,
        Visibility::Restricted(_) => 1,
        Visibility::Public(_) => 3,
    }
}

/// Returns those of `Clone`, `Debug` and `PartialEq` that every model derives.
fn shared_derives(inline: &[Inline]) -> Vec<Path> {
    let derived: Vec<_> = inline
        .iter()
        .map(|model| parse::definition::derives(&model.input.attrs))
        .collect();
    let all: [(&str, Path); 3] = [
        ("Clone", parse_quote!(::core::clone::Clone)),
        ("Debug", parse_quote!(::core::fmt::Debug)),
        ("PartialEq", parse_quote!(::core::cmp::PartialEq)),
    ];
    let shared = all.into_iter().filter(|(name, _)| {
        derived
            .iter()
            .all(|derives| derives.iter().any(|derive| derive == name))
    });
    shared.map(|(_, path)| path).collect()
}
