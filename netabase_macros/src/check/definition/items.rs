//! The items of a definition module: their attributes and names.

use std::{collections::BTreeMap, slice};

use quote::quote;
use syn::{Attribute, Ident, Item, UseTree, parse_quote};

use crate::{
    check::{Model, definition::ShortName},
    errors::Errors,
    names,
    parse::{
        container,
        definition::{self, Arguments, Inline},
    },
    root::Root,
};

/// The attributes that a model's derive reads from the struct.
const HELPERS: [&str; 3] = ["netabase", "primary_key", "secondary_key"];

/// The attributes that change nothing of an item.
const INERT: [&str; 7] = ["allow", "cfg", "deny", "doc", "expect", "must_use", "warn"];

/// Passes `crate = ".."` on to the derives, and puts right the attributes that are reported here.
pub(super) fn correct(
    items: &mut [Item],
    inline: &[Inline],
    arguments: &Arguments,
    errors: &mut Errors,
) {
    for (position, item) in items.iter_mut().enumerate() {
        let Some(attrs) = definition::attributes(item) else {
            continue;
        };
        match inline.iter().find(|model| model.position == position) {
            Some(model) => {
                derive_first(attrs, model, arguments, errors);
                helpers_last(attrs, errors);
                rewrite(attrs, model, arguments);
            }
            None => pass_crate(attrs, arguments),
        }
    }
}

/// Returns whether a struct derives a model, although it names no definition.
pub(super) fn derive_a_model(items: &[Item]) -> bool {
    items.iter().any(|item| {
        let Item::Struct(item) = item else {
            return false;
        };
        definition::derives(&item.attrs)
            .iter()
            .any(|name| name == "NetabaseModel")
    })
}

/// Takes out the models with an index whose newtype is called as that of an earlier model.
pub(super) fn refuse_collisions(
    items: &mut [Item],
    inline: &[Inline],
    models: &mut Vec<Model>,
    errors: &mut Errors,
) {
    let mut owners: BTreeMap<String, Ident> = BTreeMap::new();
    let mut positions = inline.iter().map(|model| model.position);
    models.retain(|model| {
        let position = positions.next();
        let before = errors.len();
        for index in &model.indexes {
            let newtype = index.newtype.ident.to_string();
            match owners.get(&newtype) {
                // Models under `#[cfg]` may exclude each other.
                Some(owner) if *owner != model.ident && model.cfgs.is_empty() => errors.add(
                    &index.name,
                    format_args!(
                        "an index of `{owner}` is called `{newtype}` too: \
                         name this one by `name = other`"
                    ),
                ),
                Some(_) => {}
                None => drop(owners.insert(newtype, model.ident.clone())),
            }
        }
        if errors.len() == before {
            return true;
        }
        let item = position.and_then(|position| items.get_mut(position));
        if let Some(attrs) = item.and_then(definition::attributes) {
            let refused = Ident::new(container::REFUSED, model.ident.span());
            attrs.push(parse_quote!(#[netabase(#refused)]));
        }
        false
    });
}

/// Returns the short names that one model has and nothing else in the module.
pub(super) fn short_names(
    items: &[Item],
    models: &[Model],
    arguments: &Arguments,
) -> Vec<ShortName> {
    let mut taken = vec![arguments.definition.to_string(), arguments.keys.to_string()];
    for item in items {
        item_names(item, &mut taken);
    }
    let mut short_count: BTreeMap<String, usize> = BTreeMap::new();
    for model in models {
        let keys = [&model.primary.ident, &model.secondary_keys, &model.keys];
        taken.extend(keys.map(Ident::to_string));
        for index in &model.indexes {
            taken.push(index.newtype.ident.to_string());
            *short_count
                .entry(names::short_of_index(&index.name).to_string())
                .or_default() += 1;
        }
    }
    let indexes = models
        .iter()
        .flat_map(|model| model.indexes.iter().map(move |i| (model, i)));
    let names = indexes.filter_map(|(model, index)| {
        let short = names::short_of_index(&index.name);
        let text = short.to_string();
        let is_unique = !taken.contains(&text) && short_count.get(&text) == Some(&1);
        is_unique.then(|| ShortName {
            short,
            long: index.newtype.ident.clone(),
            vis: model.vis.clone(),
            cfgs: model.cfgs.iter().chain(&index.cfgs).cloned().collect(),
        })
    });
    names.collect()
}

/// Adds the derive of a model that has none, where no other attribute can bring it.
fn derive_first(
    attrs: &mut Vec<Attribute>,
    model: &Inline,
    arguments: &Arguments,
    errors: &mut Errors,
) {
    let is_inert = |attr: &Attribute| {
        HELPERS
            .iter()
            .chain(&INERT)
            .any(|name| attr.path().is_ident(name))
    };
    if !attrs.iter().all(is_inert) {
        return;
    }
    errors.add(
        &model.container.definition,
        format_args!(
            "`{}` derives no model: write `#[derive(NetabaseModel)]` above this",
            model.input.ident
        ),
    );
    let root = arguments
        .renamed
        .as_ref()
        .map(Root::parse)
        .and_then(Result::ok);
    let derive = root.unwrap_or_default().item(&parse_quote!(NetabaseModel));
    attrs.insert(0, parse_quote!(#[derive(#derive)]));
}

/// Moves helper attributes that stand before the derive to the end.
fn helpers_last(attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    let is_derive = |attr: &Attribute| attr.path().is_ident("derive");
    let of_model = attrs.iter().position(|attr| {
        is_derive(attr)
            && definition::derives(slice::from_ref(attr))
                .iter()
                .any(|n| n == "NetabaseModel")
    });
    let Some(derive) = of_model.or_else(|| attrs.iter().position(is_derive)) else {
        return;
    };
    let mut early = Vec::new();
    let mut position = 0;
    attrs.retain(|attr| {
        let is_early = position < derive && HELPERS.iter().any(|name| attr.path().is_ident(name));
        position += 1;
        if is_early {
            early.push(attr.clone());
        }
        !is_early
    });
    for attr in &early {
        let name = attr
            .path()
            .get_ident()
            .map(Ident::to_string)
            .unwrap_or_default();
        errors.add(
            attr.path(),
            format_args!("`#[{name}(..)]` stands after `#[derive(NetabaseModel)]`: move it down"),
        );
    }
    attrs.extend(early);
}

/// Names the module's definition and runtime in `#[netabase(..)]`.
fn rewrite(attrs: &mut [Attribute], model: &Inline, arguments: &Arguments) {
    let definition = &arguments.definition;
    for attr in attrs
        .iter_mut()
        .filter(|attr| attr.path().is_ident("netabase"))
    {
        let mut errors = Errors::default();
        let container = container::model(slice::from_ref(attr), &mut errors);
        let is_sound = errors.len() == 0;
        errors.discard();
        let Some(path) = container.definition.filter(|_| is_sound) else {
            continue;
        };
        let is_ours = path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == *definition);
        let path = if is_ours {
            path
        } else {
            parse_quote!(#definition)
        };
        let inherited = arguments
            .renamed
            .clone()
            .filter(|_| model.container.renamed.is_none());
        let renamed = container
            .renamed
            .or(inherited)
            .map(|text| quote!(, crate = #text));
        attr.meta = parse_quote!(netabase(#path #renamed));
    }
}

fn pass_crate(attrs: &mut Vec<Attribute>, arguments: &Arguments) {
    let Some(text) = &arguments.renamed else {
        return;
    };
    let has_own = attrs.iter().any(|attr| attr.path().is_ident("netabase"));
    if !has_own && definition::derives_data(attrs) {
        attrs.push(parse_quote!(#[netabase(crate = #text)]));
    }
}

fn item_names(item: &Item, taken: &mut Vec<String>) {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Use(item) => return use_names(&item.tree, taken),
        _ => return,
    };
    taken.push(ident.to_string());
}

fn use_names(tree: &UseTree, taken: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => use_names(&path.tree, taken),
        UseTree::Name(name) => taken.push(name.ident.to_string()),
        UseTree::Rename(rename) => taken.push(rename.rename.to_string()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| use_names(tree, taken)),
        UseTree::Glob(_) => {}
    }
}
