//! Opening: what stands in the store is compared with the definition, and what is new is built.

use std::sync::Arc;

use tempfile::TempDir;

use crate::{
    backends::{Backend, TableSet},
    definition::{ModelVisitor, NetabaseDefinitionTrait},
    envelope,
    error::{NetabaseError, Result, StoreError},
    inner::{Inner, Settings},
    meta::{self, Stored},
    model::NetabaseModelTrait,
    rebuild::rebuild_indexes,
    schema::{
        DefinitionSchema,
        compare::{Comparison, compare},
    },
    tables::{IndexTable, Layout, META_TABLE},
    txn::WriteCore,
};

/// Tells an engine of an error for which its store is not opened, before it is dropped: where damage
/// has made tables disappear, the store may even seem to be none.
pub(crate) fn doubt<B: Backend>(backend: &B, error: &NetabaseError) {
    let is_whole = matches!(
        error,
        NetabaseError::StoreError(StoreError::SchemaDiffers { .. })
    );
    if !is_whole {
        backend.doubt();
    }
}

/// Opens the shared part of a store of `D`.
pub(crate) fn open_inner<D: NetabaseDefinitionTrait, B: Backend>(
    backend: B,
    settings: Settings,
    create: bool,
) -> Result<Arc<Inner<B>>> {
    let schema = D::schema();
    let names = table_names(&backend)?;
    let layout = Layout::of_store(&schema, &names);
    let stored = read_stored(&backend, &names, &layout.tables, &settings)?;
    let read_only = settings.read_only;
    let inner = Inner::new(backend, layout, settings);
    let opened = match stored {
        Some(stored) => bring_up_to_date::<D, B>(&inner, &stored, &schema, read_only),
        None if create && !read_only => meta::write_schema(&inner, &schema),
        None => {
            let what = "it is empty: use `new` to make it one".to_owned();
            Err(StoreError::NotAStore {
                path: inner.path.clone(),
                what,
            }
            .into())
        }
    };
    opened.inspect_err(|error| doubt(inner.backend(), error))?;
    Ok(inner)
}

/// Returns the names of the tables that are there.
pub(crate) fn table_names<B: Backend>(backend: &B) -> Result<Vec<String>> {
    let names = backend.table_names();
    names.inspect_err(|error| doubt(backend, error))
}

/// Reads the description of a store whose engine holds the tables `names`; none where it holds none.
pub(crate) fn read_stored<B: Backend>(
    backend: &B,
    names: &[String],
    tables: &Arc<TableSet>,
    settings: &Settings,
) -> Result<Option<Stored>> {
    let stored = stored_in(backend, names, tables, settings);
    stored.inspect_err(|error| doubt(backend, error))
}

fn stored_in<B: Backend>(
    backend: &B,
    names: &[String],
    tables: &Arc<TableSet>,
    settings: &Settings,
) -> Result<Option<Stored>> {
    if !names.iter().any(|name| name == META_TABLE) {
        return match names.first() {
            None => Ok(None),
            Some(name) => {
                let what = format!("it has a table `{name}` and no description of it");
                Err(StoreError::NotAStore {
                    path: settings.path.clone(),
                    what,
                }
                .into())
            }
        };
    }
    let snapshot = Arc::new(backend.snapshot(tables)?);
    meta::read(&snapshot, &settings.path).map(Some)
}

/// Creates a folder that is removed when its handle is dropped.
pub(crate) fn temporary_folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("netabase-")
        .tempdir()
        .map_err(|source| {
            let path = std::env::temp_dir();
            StoreError::Io {
                action: "create a folder in",
                path,
                source,
            }
            .into()
        })
}

/// Adds the models and indexes that the store does not have, or says what else differs.
fn bring_up_to_date<D: NetabaseDefinitionTrait, B: Backend>(
    inner: &Arc<Inner<B>>,
    stored: &Stored,
    schema: &DefinitionSchema,
    read_only: bool,
) -> Result<()> {
    let Comparison {
        mut differences,
        new_models,
        new_indexes,
    } = compare(&stored.schema, schema);
    let rebuild = new_indexes
        .iter()
        .chain(&stored.rebuild)
        .cloned()
        .collect::<Vec<_>>();
    let changed = !new_models.is_empty() || !rebuild.is_empty();
    if changed && read_only {
        let added = new_models.iter().chain(&rebuild);
        differences.extend(
            added.map(|name| format!("`{name}` has to be built: open the store for writing once")),
        );
    }
    if !differences.is_empty() {
        return Err(StoreError::SchemaDiffers { differences }.into());
    }
    if !changed {
        return Ok(());
    }
    let core = inner.begin()?;
    D::__visit_models(&mut Build {
        core: &core,
        layout: &inner.layout,
        tables: &rebuild,
    })?;
    meta::edit_schema(&core, schema)?;
    meta::edit_rebuilt(&core, &stored.rebuild);
    core.commit(crate::Durability::Immediate)
}

/// Builds the named index tables from their records.
struct Build<'a, B: Backend> {
    core: &'a WriteCore<B>,
    layout: &'a Layout,
    tables: &'a [String],
}

impl<D, B: Backend> ModelVisitor<D> for Build<'_, B> {
    fn visit<M: NetabaseModelTrait<D>>(&mut self) -> Result<()> {
        let Some(model) = self.layout.model(M::DISCRIMINANT) else {
            return Ok(());
        };
        let is_wanted = |index: &IndexTable| self.tables.contains(&index.table);
        rebuild_indexes(self.core, model, is_wanted, |key, row, entries| {
            envelope::decode::<D, M>(&model.rows, key, row)?.__encode_entries(entries);
            Ok(())
        })
    }
}
