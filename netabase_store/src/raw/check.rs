//! Whether a description is one that a store can have, before anything is built on it.

use std::collections::HashSet;

use crate::{
    schema::{DefinitionSchema, IndexSchema, ModelSchema},
    tables::META_TABLE,
    value::ValueError,
};

/// How many tables a store can have.
const TABLES_MAX: usize = u16::MAX as usize;

/// Checks that tables have names of their own and that keys and indexes read fields that there are.
///
/// # Errors
/// Says what is wrong first.
pub(super) fn check_schema(schema: &DefinitionSchema) -> Result<(), ValueError> {
    let indexes = schema.models.iter().map(|model| model.indexes.len());
    let tables = 1 + schema.models.len() + indexes.sum::<usize>();
    if tables > TABLES_MAX {
        return refuse(format!(
            "{tables} tables, at most {TABLES_MAX} are possible"
        ));
    }
    let mut names = HashSet::from([META_TABLE]);
    for model in &schema.models {
        let name = model.discriminant.as_str();
        if name.is_empty() || name.contains('/') || !names.insert(name) {
            return refuse(format!("a model cannot have the name `{name}`"));
        }
        check_model(model)?;
    }
    Ok(())
}

fn check_model(model: &ModelSchema) -> Result<(), ValueError> {
    let name = &model.discriminant;
    let fields: HashSet<_> = model.fields.iter().map(|(field, _)| field).collect();
    if fields.len() < model.fields.len() {
        return refuse(format!("`{name}` has a field twice"));
    }
    let lists = model.indexes.iter().map(|index| &index.fields);
    for field in lists.chain([&model.primary_fields]).flatten() {
        if !fields.contains(field) {
            return refuse(format!(
                "`{name}` has no field `{field}`, which a key reads"
            ));
        }
    }
    if model.primary_fields.is_empty() {
        return refuse(format!("`{name}` has no primary key"));
    }
    let mut names = HashSet::new();
    for index in &model.indexes {
        if !names.insert(&index.name) {
            return refuse(format!("`{name}` has the index `{}` twice", index.name));
        }
        if !is_sensible(index) {
            let index = &index.name;
            return refuse(format!(
                "the index `{name}/{index}` reads another number of fields"
            ));
        }
    }
    Ok(())
}

/// Returns whether an index reads as many fields as its kind says.
fn is_sensible(index: &IndexSchema) -> bool {
    match (index.computed, index.each, index.sparse) {
        (_, true, true) => false,
        (true, ..) => index.fields.is_empty(),
        (false, false, false) => !index.fields.is_empty(),
        (false, ..) => index.fields.len() == 1,
    }
}

fn refuse(what: String) -> Result<(), ValueError> {
    Err(ValueError { at: 0, what })
}
