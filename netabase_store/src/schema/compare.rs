//! What differs between a stored description and a program's definition.

use std::{collections::BTreeSet, fmt::Write};

use super::{DefinitionSchema, Fields, IndexSchema, ModelSchema, NamedType, Shape, TypeBody};

/// What a program's definition has that a store has not, and what cannot be reconciled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// One sentence a difference that only a migration could bridge.
    pub(crate) differences: Vec<String>,
    /// The models that the store does not have yet.
    pub(crate) new_models: Vec<String>,
    /// The tables of the indexes that the store does not have yet.
    pub(crate) new_indexes: Vec<String>,
}

/// Compares the description in a store with that of a program.
pub(crate) fn compare(stored: &DefinitionSchema, program: &DefinitionSchema) -> Comparison {
    let mut found = Comparison::default();
    if stored.name != program.name {
        found.differences.push(format!(
            "it is a store of `{}`, the program opens it as `{}`",
            stored.name, program.name
        ));
        return found;
    }
    for model in &stored.models {
        let name = &model.discriminant;
        match program
            .models
            .iter()
            .find(|other| other.discriminant == *name)
        {
            Some(other) => {
                let sides = Sides {
                    stored: &stored.types,
                    program: &program.types,
                };
                sides.compare_models(model, other, &mut found);
            }
            None => found
                .differences
                .push(format!("the program has no model `{name}`")),
        }
    }
    let is_new = |model: &&ModelSchema| {
        !stored
            .models
            .iter()
            .any(|other| other.discriminant == model.discriminant)
    };
    let new = program.models.iter().filter(is_new);
    found.new_models = new.map(|model| model.discriminant.clone()).collect();
    found
}

/// The named types that the shapes of each side refer to.
struct Sides<'a> {
    stored: &'a [NamedType],
    program: &'a [NamedType],
}

impl Sides<'_> {
    fn compare_models(&self, stored: &ModelSchema, program: &ModelSchema, found: &mut Comparison) {
        let name = &stored.discriminant;
        if stored.version != program.version {
            found.differences.push(format!(
                "records of `{name}` have schema version {}, the program's {}",
                stored.version, program.version
            ));
        }
        self.compare_fields(name, &stored.fields, &program.fields, found);
        let keys_differ = stored.primary_fields != program.primary_fields
            || self.text(stored_side, &stored.primary_shape)
                != self.text(program_side, &program.primary_shape);
        if keys_differ {
            found.differences.push(format!(
                "the primary key of `{name}` is stored as ({}): {}, the program has ({}): {}",
                stored.primary_fields.join(", "),
                self.text(stored_side, &stored.primary_shape),
                program.primary_fields.join(", "),
                self.text(program_side, &program.primary_shape),
            ));
        }
        for index in &stored.indexes {
            match program
                .indexes
                .iter()
                .find(|other| other.name == index.name)
            {
                Some(other) => self.compare_indexes(name, index, other, found),
                None => {
                    let text = format!("the program has no index `{name}/{}`", index.name);
                    found.differences.push(text);
                }
            }
        }
        let is_new =
            |index: &&IndexSchema| !stored.indexes.iter().any(|other| other.name == index.name);
        let new = program.indexes.iter().filter(is_new);
        let tables = new.map(|index| crate::tables::index_table_name(name, &index.name));
        found.new_indexes.extend(tables);
    }

    fn compare_fields(
        &self,
        model: &str,
        stored: &[(String, Shape)],
        program: &[(String, Shape)],
        found: &mut Comparison,
    ) {
        for (name, shape) in stored {
            let was = self.text(stored_side, shape);
            match program.iter().find(|(other, _)| other == name) {
                None => found.differences.push(format!(
                    "the program has no field `{name}` in `{model}`, stored as {was}"
                )),
                Some((_, shape)) => {
                    let is = self.text(program_side, shape);
                    if was != is {
                        found.differences.push(format!(
                            "field `{name}` of `{model}` is stored as {was}, the program has {is}"
                        ));
                    }
                }
            }
        }
        for (name, _) in program {
            if !stored.iter().any(|(other, _)| other == name) {
                let text = format!("records of `{model}` have no field `{name}`");
                found.differences.push(text);
            }
        }
        let order = |fields: &[(String, Shape)]| {
            fields
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let same_names = stored.len() == program.len()
            && stored
                .iter()
                .all(|(name, _)| program.iter().any(|(other, _)| other == name));
        if same_names && order(stored) != order(program) {
            found.differences.push(format!(
                "the fields of `{model}` are stored in the order {}, the program has {}",
                order(stored),
                order(program)
            ));
        }
    }

    fn compare_indexes(
        &self,
        model: &str,
        stored: &IndexSchema,
        program: &IndexSchema,
        found: &mut Comparison,
    ) {
        let was = self.index_text(stored_side, stored);
        let is = self.index_text(program_side, program);
        if was != is {
            let name = &stored.name;
            found.differences.push(format!(
                "index `{model}/{name}` is stored as {was}, the program has {is}"
            ));
        }
    }

    fn index_text(&self, side: Side, index: &IndexSchema) -> String {
        let mut text = String::new();
        let flags = [
            (index.unique, "unique "),
            (index.each, "each "),
            (index.sparse, "sparse "),
            (index.computed, "computed "),
        ];
        text.extend(flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word));
        let fields = index.fields.join(", ");
        text + &format!("({fields}): {}", self.text(side, &index.shape))
    }

    fn text(&self, side: Side, shape: &Shape) -> String {
        let mut text = String::new();
        write_shape(&mut text, side(self), shape, &mut Met::default());
        text
    }
}

type Side = for<'a> fn(&Sides<'a>) -> &'a [NamedType];

fn stored_side<'a>(sides: &Sides<'a>) -> &'a [NamedType] {
    sides.stored
}

fn program_side<'a>(sides: &Sides<'a>) -> &'a [NamedType] {
    sides.program
}

/// Named types that are nested deeper are written by name alone.
const NAMED_DEPTH_MAX: u32 = 128;

/// The named types that a text has in full, and how many of them are around what is written.
#[derive(Default)]
pub(crate) struct Met {
    numbers: BTreeSet<u32>,
    depth: u32,
}

impl Shape {
    /// Returns the type as Rust would write it, a struct or an enum by its name.
    #[must_use]
    pub fn to_text(&self, types: &[NamedType]) -> String {
        let mut text = String::new();
        write_shape(
            &mut text,
            types,
            self,
            &mut Met {
                depth: NAMED_DEPTH_MAX,
                ..Met::default()
            },
        );
        text
    }
}

/// Writes a type as Rust would; a named type in full where it is first met.
pub(crate) fn write_shape(text: &mut String, types: &[NamedType], shape: &Shape, met: &mut Met) {
    let list = |text: &mut String, shapes: &[Shape], met: &mut Met| {
        for (position, shape) in shapes.iter().enumerate() {
            text.push_str(if position == 0 { "" } else { ", " });
            write_shape(text, types, shape, met);
        }
    };
    let wrapped = |text: &mut String, name: &str, shapes: &[&Shape], met: &mut Met| {
        text.push_str(name);
        text.push('<');
        for (position, shape) in shapes.iter().enumerate() {
            text.push_str(if position == 0 { "" } else { ", " });
            write_shape(text, types, shape, met);
        }
        text.push('>');
    };
    match shape {
        Shape::Unit => text.push_str("()"),
        Shape::Bool => text.push_str("bool"),
        Shape::Char => text.push_str("char"),
        Shape::Unsigned(bits) => {
            let _ = write!(text, "u{bits}");
        }
        Shape::Signed(bits) => {
            let _ = write!(text, "i{bits}");
        }
        Shape::Float(bits) => {
            let _ = write!(text, "f{bits}");
        }
        Shape::Text => text.push_str("String"),
        Shape::Bytes => text.push_str("Vec<u8>"),
        Shape::Array(item, len) => {
            text.push('[');
            write_shape(text, types, item, met);
            let _ = write!(text, "; {len}]");
        }
        Shape::Sequence(item) => wrapped(text, "Vec", &[item], met),
        Shape::Map(key, value) => wrapped(text, "Map", &[key, value], met),
        Shape::Option(item) => wrapped(text, "Option", &[item], met),
        Shape::Reverse(item) => wrapped(text, "Reverse", &[item], met),
        Shape::Tuple(items) => {
            text.push('(');
            list(text, items, met);
            text.push(')');
        }
        Shape::Opaque(name) => {
            let _ = write!(text, "serde {name}");
        }
        Shape::Known(name) => text.push_str(name),
        Shape::Named(number) => write_named(text, types, *number, met),
    }
}

fn write_named(text: &mut String, types: &[NamedType], number: u32, met: &mut Met) {
    let named = usize::try_from(number)
        .ok()
        .and_then(|number| types.get(number));
    let Some(named) = named else {
        return text.push('?');
    };
    text.push_str(&named.name);
    if met.depth == NAMED_DEPTH_MAX || !met.numbers.insert(number) {
        return;
    }
    met.depth += 1;
    match &named.body {
        TypeBody::Struct(fields) => write_fields(text, types, fields, met),
        TypeBody::Enum(variants) => {
            text.push_str(" { ");
            for (name, fields) in variants {
                text.push_str(name);
                write_fields(text, types, fields, met);
                text.push_str(", ");
            }
            text.push('}');
        }
    }
    met.depth -= 1;
}

fn write_fields(text: &mut String, types: &[NamedType], fields: &Fields, met: &mut Met) {
    match fields {
        Fields::Unit => {}
        Fields::Tuple(shapes) => {
            write_shape(text, types, &Shape::Tuple(shapes.clone()), met);
        }
        Fields::Named(fields) => {
            text.push_str(" { ");
            for (name, shape) in fields {
                let _ = write!(text, "{name}: ");
                write_shape(text, types, shape, met);
                text.push_str(", ");
            }
            text.push('}');
        }
    }
}
