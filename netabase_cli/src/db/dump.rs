//! A store as JSON Lines.
//!
//! - the first line: `{"netabase": format, "schema": {..}}`
//! - a line for each record, by model and key: `{"model": .., "key": .., "record": {..}}`, and, where
//!   the model has computed indexes, `"computed": {index: [values]}`

use std::io::{self, Write};

use netabase_store::{
    DefinitionSchema, NetabaseValue, RawModel, RawRecord, RawStore, Types, Value, ValueError,
    ValueWriter, backends::Backend,
};

use super::json::{write_fields, write_list, write_text, write_value};
use crate::error::{Error, Result};

/// Prints a whole store.
pub(super) fn dump<B: Backend>(store: &RawStore<B>, out: &mut dyn Write) -> Result<()> {
    write_header(store, out)?;
    let mut models: Vec<_> = store.models().collect();
    models.sort_by_key(|model| &model.schema().discriminant);
    models
        .iter()
        .try_for_each(|model| write_records(model, out))
}

/// Writes the description, itself described by the types that it is made of.
fn write_header<B: Backend>(store: &RawStore<B>, out: &mut dyn Write) -> Result<()> {
    let mut types = Types::default();
    let shape = DefinitionSchema::value_shape(&mut types);
    let types = types.into_named();
    let bytes = encoded(store.schema()).map_err(undescribable)?;
    let schema = Value::decode(&shape, &types, &bytes).map_err(undescribable)?;
    let write = |out: &mut dyn Write| {
        write!(out, "{{\"netabase\":{},\"schema\":", store.format_version())?;
        write_value(&schema, out)?;
        out.write_all(b"}\n")
    };
    write(out).map_err(Error::Output)
}

fn encoded(schema: &DefinitionSchema) -> Result<Vec<u8>, ValueError> {
    let mut bytes = Vec::new();
    schema.encode_value(&mut ValueWriter::new(&mut bytes))?;
    Ok(bytes)
}

fn undescribable(error: ValueError) -> Error {
    Error::Misfit {
        path: "schema".to_owned(),
        what: error.to_string(),
    }
}

fn write_records<B: Backend>(model: &RawModel<'_, B>, out: &mut dyn Write) -> Result<()> {
    for record in model.records()? {
        let record = record?;
        write_record(&model.schema().discriminant, &record, out).map_err(Error::Output)?;
    }
    Ok(())
}

fn write_record(model: &str, record: &RawRecord<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{\"model\":")?;
    write_text(model, out)?;
    out.write_all(b",\"key\":")?;
    write_value(&record.key, out)?;
    out.write_all(b",\"record\":")?;
    write_fields(&record.fields, out)?;
    if !record.computed.is_empty() {
        out.write_all(b",\"computed\":{")?;
        for (position, (index, values)) in record.computed.iter().enumerate() {
            out.write_all(if position == 0 { b"" } else { b"," })?;
            write_text(index, out)?;
            out.write_all(b":")?;
            write_list(values, out, write_value)?;
        }
        out.write_all(b"}")?;
    }
    out.write_all(b"}\n")
}
