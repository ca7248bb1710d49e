//! What a store says about itself.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use netabase_store::{
    Fields, IndexSchema, ModelSchema, NamedType, RawStore, TypeBody,
    backends::{Backend, Engine},
};
use serde_json::{Value, json};

use crate::error::Result;

/// A store's description and counts.
pub(super) struct Info<'a, B: Backend> {
    store: &'a RawStore<B>,
    engine: Engine,
    path: PathBuf,
    bytes: u64,
    models: Vec<Model<'a>>,
}

/// A model, and how many records and index entries there are of it.
struct Model<'a> {
    schema: &'a ModelSchema,
    records: u64,
    entries: Vec<u64>,
}

impl<'a, B: Backend> Info<'a, B> {
    pub(super) fn of(
        store: &'a RawStore<B>,
        engine: Engine,
        path: &Path,
        bytes: u64,
    ) -> Result<Self> {
        let models = store.models().map(|model| {
            let (records, entries) = (model.len()?, model.index_lens()?);
            Ok(Model {
                schema: model.schema(),
                records,
                entries,
            })
        });
        let models = models.collect::<Result<_>>()?;
        Ok(Self {
            store,
            engine,
            path: path.to_owned(),
            bytes,
            models,
        })
    }

    fn types(&self) -> &'a [NamedType] {
        &self.store.schema().types
    }

    fn is_pending(&self, model: &ModelSchema, index: &IndexSchema) -> bool {
        let table = format!("{}/{}", model.discriminant, index.name);
        self.store.pending_rebuilds().contains(&table)
    }

    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{:<12}{}", "store", self.path.display())?;
        writeln!(out, "{:<12}{}", "engine", self.engine)?;
        writeln!(out, "{:<12}{}", "format", self.store.format_version())?;
        writeln!(out, "{:<12}{}", "definition", self.store.schema().name)?;
        writeln!(out, "{:<12}{}", "bytes", self.bytes)?;
        self.models
            .iter()
            .try_for_each(|model| self.print_model(model, out))?;
        for named in self.types() {
            writeln!(
                out,
                "\ntype {}{}",
                named.name,
                body_text(named, self.types())
            )?;
        }
        Ok(())
    }

    fn print_model(&self, model: &Model<'_>, out: &mut dyn Write) -> io::Result<()> {
        let Model {
            schema,
            records,
            entries,
        } = model;
        writeln!(out, "\nmodel {}: {records} records", schema.discriminant)?;
        let key = schema.primary_shape.to_text(self.types());
        writeln!(
            out,
            "  key    ({}): {key}",
            schema.primary_fields.join(", ")
        )?;
        for (name, shape) in &schema.fields {
            writeln!(out, "  field  {name}: {}", shape.to_text(self.types()))?;
        }
        for (index, entries) in schema.indexes.iter().zip(entries) {
            let shape = index.shape.to_text(self.types());
            let kinds: String = kinds(index)
                .iter()
                .map(|kind| format!(", {kind}"))
                .collect();
            let pending = if self.is_pending(schema, index) {
                ", to be rebuilt"
            } else {
                ""
            };
            let fields = index.fields.join(", ");
            writeln!(
                out,
                "  index  {} ({fields}): {shape}{kinds}, {entries} entries{pending}",
                index.name
            )?;
        }
        Ok(())
    }

    pub(super) fn print_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let models: Vec<_> = self
            .models
            .iter()
            .map(|model| self.model_json(model))
            .collect();
        let types = self.types().iter().map(|named| {
            json!({ "name": named.name, "body": body_text(named, self.types()).trim_start() })
        });
        let info = json!({
            "path": self.path.to_string_lossy(),
            "engine": self.engine.to_string(),
            "format": self.store.format_version(),
            "definition": self.store.schema().name,
            "bytes": self.bytes,
            "models": models,
            "types": types.collect::<Vec<_>>(),
        });
        writeln!(out, "{info}")
    }

    fn model_json(&self, model: &Model<'_>) -> Value {
        let schema = model.schema;
        let fields = schema
            .fields
            .iter()
            .map(|(name, shape)| json!({ "name": name, "type": shape.to_text(self.types()) }));
        let indexes = schema
            .indexes
            .iter()
            .zip(&model.entries)
            .map(|(index, entries)| {
                json!({
                    "name": index.name,
                    "fields": index.fields,
                    "type": index.shape.to_text(self.types()),
                    "kinds": kinds(index),
                    "entries": entries,
                    "pending": self.is_pending(schema, index),
                })
            });
        json!({
            "name": schema.discriminant,
            "version": schema.version,
            "records": model.records,
            "key": {
                "fields": schema.primary_fields,
                "type": schema.primary_shape.to_text(self.types()),
            },
            "fields": fields.collect::<Vec<_>>(),
            "indexes": indexes.collect::<Vec<_>>(),
        })
    }
}

fn kinds(index: &IndexSchema) -> Vec<&'static str> {
    let kinds = [
        (index.unique, "unique"),
        (index.each, "each"),
        (index.sparse, "sparse"),
        (index.computed, "computed"),
    ];
    kinds
        .into_iter()
        .filter(|(is_set, _)| *is_set)
        .map(|(_, kind)| kind)
        .collect()
}

fn body_text(named: &NamedType, types: &[NamedType]) -> String {
    match &named.body {
        TypeBody::Struct(fields) => fields_text(fields, types),
        TypeBody::Enum(variants) => {
            let variants = variants.iter();
            let variants =
                variants.map(|(name, fields)| name.clone() + &fields_text(fields, types));
            format!(" {{ {} }}", variants.collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}

fn fields_text(fields: &Fields, types: &[NamedType]) -> String {
    match fields {
        Fields::Tuple(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(|shape| shape.to_text(types)).collect();
            format!("({})", shapes.join(", "))
        }
        Fields::Named(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, shape)| format!("{name}: {}", shape.to_text(types)));
            format!(" {{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}
