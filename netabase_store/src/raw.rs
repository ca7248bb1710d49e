//! Stores without their types: what a tool can do with any of them.

mod check;
mod compact;
mod detect;
mod halves;
mod load;
mod records;
mod recover;
mod sort;
mod verify;

use std::{fmt, path::Path, sync::Arc};

#[cfg(feature = "redb")]
pub(crate) use self::detect::REDB_MAGIC;
pub(crate) use self::records::split_entry;
pub use self::{
    detect::detect_engine,
    load::RawLoader,
    records::{RawRecord, RawRecords},
    recover::{Description, RecoveredModel, RecoveredRecordStore, Recovery},
};

use crate::{
    backends::{Backend, OpenBackend, TableSet},
    copy::copy_tables,
    dynamic::{Value, add_entries, decode_fields},
    envelope,
    error::{EncodingDecodingError, NetabaseError, Result, StoreError},
    inner::{Durability, Inner, Settings},
    meta,
    open::{read_stored, table_names},
    options::StoreOptions,
    plan::Entries,
    reader::Reader,
    rebuild::rebuild_indexes,
    schema::{DefinitionSchema, ModelSchema},
    tables::{Layout, META_TABLE, ModelTables},
    verify::Report,
};

/// A store of any definition on the engine `B`, read by the description that it carries.
///
/// Fields show in full where their types are this crate's or derive `NetabaseValue`, and as bytes
/// where only their own serde implementation reads them. What a program computes, a raw store keeps
/// and cannot make: the entries of computed indexes.
///
/// ```
/// # #[cfg(not(feature = "redb"))]
/// # fn main() {}
/// # #[cfg(feature = "redb")]
/// # fn main() -> netabase_store::Result<()> {
/// # let folder = tempfile::tempdir().expect("a folder");
/// # let path = folder.path().join("blog.redb");
/// # #[netabase_store::netabase_definition_module(BlogDefinition, BlogKeys)]
/// # mod blog {
/// #     use netabase_store::NetabaseModel;
/// #     #[derive(NetabaseModel, Clone, Debug, PartialEq)]
/// #     #[netabase(BlogDefinition)]
/// #     pub struct User {
/// #         #[primary_key]
/// #         pub id: u64,
/// #     }
/// # }
/// # let store = netabase_store::RedbStore::<blog::BlogDefinition>::new(&path)?;
/// # store.open_tree::<blog::User>().put(blog::User { id: 7 })?;
/// # drop(store);
/// use netabase_store::{RawStore, StoreOptions, backends::redb::RedbBackend};
///
/// let store = RawStore::<RedbBackend>::open(&path, &StoreOptions::new())?;
/// for model in store.models() {
///     for record in model.records()? {
///         assert_eq!(record?.key.to_string(), "7");
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct RawStore<B: Backend> {
    inner: Arc<Inner<B>>,
    schema: DefinitionSchema,
    format: u32,
    pending: Vec<String>,
}

impl<B: OpenBackend> RawStore<B> {
    /// Opens the store at `path`, which must exist.
    ///
    /// A redb file that was not closed is repaired first, also when it is opened for reading only.
    ///
    /// # Errors
    /// Says what to do when the path is missing, in use, no store, or one of a newer format.
    pub fn open(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self> {
        let path = path.as_ref();
        let opened = match B::open(path, &options.engine(false)) {
            Err(error) if options.is_read_only() && error.needs_repair() => {
                drop(B::open(
                    path,
                    &options.clone().read_only(false).engine(false),
                )?);
                B::open(path, &options.engine(false))
            }
            opened => opened,
        };
        Self::over(opened?, options, path)
    }

    fn over(backend: B, options: &StoreOptions, path: &Path) -> Result<Self> {
        let settings = Settings {
            durability: options.durability,
            path: path.to_path_buf(),
            read_only: options.is_read_only(),
            folder: None,
        };
        let described = Arc::new(TableSet::new(vec![META_TABLE.to_owned()]));
        let names = table_names(&backend)?;
        let Some(stored) = read_stored(&backend, &names, &described, &settings)? else {
            let what = "it is empty".to_owned();
            return Err(StoreError::NotAStore {
                path: settings.path,
                what,
            }
            .into());
        };
        check::check_schema(&stored.schema).map_err(|source| {
            let (table, key) = (META_TABLE.to_owned(), "schema".to_owned());
            EncodingDecodingError::BincodeDecode { table, key, source }
        })?;
        let inner = Inner::new(backend, Layout::new(&stored.schema), settings);
        let (schema, format, pending) = (stored.schema, stored.format, stored.rebuild);
        Ok(Self {
            inner,
            schema,
            format,
            pending,
        })
    }
}

impl<B: Backend> RawStore<B> {
    /// Returns what the store says about its definition.
    #[must_use]
    pub fn schema(&self) -> &DefinitionSchema {
        &self.schema
    }

    /// Returns the version of the format that the store is written in.
    #[must_use]
    pub fn format_version(&self) -> u32 {
        self.format
    }

    /// Returns the tables of the indexes that the next program with the models rebuilds.
    #[must_use]
    pub fn pending_rebuilds(&self) -> &[String] {
        &self.pending
    }

    /// Returns the models, in the order of the definition.
    pub fn models(&self) -> impl Iterator<Item = RawModel<'_, B>> {
        let both = self.schema.models.iter().zip(&self.inner.layout.models);
        both.map(|(schema, tables)| RawModel {
            store: self,
            schema,
            tables,
        })
    }

    /// Checks every record, and every index against its records; O(n log n).
    ///
    /// Of a computed index it checks what can be known without the program: that each entry is
    /// whole, has a value of its type and names a record, and that no record has fewer or more
    /// entries than the index allows. Whether their values are right, `Store::verify` tells.
    ///
    /// # Errors
    /// Fails when the engine does; what is wrong with the data is in the report.
    pub fn verify(&self) -> Result<Report> {
        verify::verify(self, &self.inner.reader()?)
    }

    /// Builds every index over fields anew from the records, in one transaction, and has computed
    /// ones rebuilt when a program with the models opens the store next.
    ///
    /// Returns the tables of those that wait for that. The entries of all indexes are held in
    /// memory until the commit.
    ///
    /// # Errors
    /// Fails when a record cannot be read, when two records have a value that may be had once, or
    /// when the engine does; then nothing has changed.
    pub fn rebuild_indexes(&mut self) -> Result<Vec<String>> {
        let core = self.inner.begin()?;
        let mut waiting = Vec::new();
        for RawModel { schema, tables, .. } in self.models() {
            let both = schema.indexes.iter().zip(&tables.indexes);
            let computed = both.filter(|(index, _)| index.computed);
            waiting.extend(computed.map(|(_, index)| index.table.clone()));
            rebuild_indexes(
                &core,
                tables,
                |index| !waiting.contains(&index.table),
                |key, row, entries| {
                    let fields = self.decode_row(schema, tables, key, row)?;
                    self.add_entries(schema, tables, key, &fields, entries)
                },
            )?;
        }
        meta::edit_rebuild(&core, &waiting);
        core.commit(Durability::Immediate)?;
        self.pending.clone_from(&waiting);
        Ok(waiting)
    }

    /// Writes a copy of the store to `path`, where nothing may be yet, on the engine `T`.
    ///
    /// The copy is complete or absent after a crash. It has every table of the store, those of
    /// models and others, byte for byte.
    ///
    /// # Errors
    /// Fails when something is at `path`, or when an engine fails.
    pub fn copy_to_engine<T: OpenBackend>(&self, path: impl AsRef<Path>) -> Result<()> {
        let (reader, tables) = self.all_tables()?;
        copy_tables::<B, T>(&reader, &tables, path.as_ref())
    }

    /// Returns a view of every table that the engine holds.
    fn all_tables(&self) -> Result<(Reader<B>, Arc<TableSet>)> {
        let tables = Arc::new(TableSet::new(self.inner.backend().table_names()?));
        let snapshot = self.inner.backend().snapshot(&tables)?;
        Ok((Reader::new(Arc::new(snapshot)), tables))
    }

    fn decode_row<'s>(
        &'s self,
        schema: &'s ModelSchema,
        tables: &ModelTables,
        key: &[u8],
        row: &[u8],
    ) -> Result<Fields<'s>> {
        let payload = envelope::open(&tables.rows, key, row)?;
        decode_fields(schema, &self.schema.types, payload)
            .map_err(|source| undecodable(tables, key, source))
    }

    fn add_entries(
        &self,
        schema: &ModelSchema,
        tables: &ModelTables,
        key: &[u8],
        fields: &[(&str, Value<'_>)],
        entries: &mut Entries,
    ) -> Result<()> {
        add_entries(schema, &self.schema.types, fields, entries)
            .map_err(|source| undecodable(tables, key, source))
    }
}

type Fields<'s> = Vec<(&'s str, Value<'s>)>;

fn undecodable(tables: &ModelTables, key: &[u8], source: crate::ValueError) -> NetabaseError {
    let (table, key) = (tables.rows.name.clone(), tables.rows.display_key(key));
    EncodingDecodingError::BincodeDecode { table, key, source }.into()
}

impl<B: Backend> fmt::Debug for RawStore<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStore")
            .field("engine", &B::ENGINE)
            .field("path", &self.inner.path)
            .field("definition", &self.schema.name)
            .finish_non_exhaustive()
    }
}

/// A model of a raw store.
pub struct RawModel<'a, B: Backend> {
    store: &'a RawStore<B>,
    schema: &'a ModelSchema,
    tables: &'a Arc<ModelTables>,
}

impl<'a, B: Backend> RawModel<'a, B> {
    /// Returns what the store says about the model.
    #[must_use]
    pub fn schema(&self) -> &'a ModelSchema {
        self.schema
    }

    /// Returns the number of records.
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn len(&self) -> Result<u64> {
        self.store.inner.reader()?.len(self.tables.rows.id)
    }

    /// Returns whether there is no record.
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Returns the number of entries of each index, in the order of the model's indexes.
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn index_lens(&self) -> Result<Vec<u64>> {
        let reader = self.store.inner.reader()?;
        self.tables
            .indexes
            .iter()
            .map(|index| reader.len(index.id))
            .collect()
    }

    /// Walks over the records in the order of their keys, each with its entries in the computed
    /// indexes.
    ///
    /// The entries of the model's computed indexes are read first, and held in memory.
    ///
    /// # Errors
    /// Fails when the engine does, or when an entry of a computed index is damaged.
    pub fn records(&self) -> Result<RawRecords<'a, B>> {
        RawRecords::new(self)
    }
}

impl<B: Backend> fmt::Debug for RawModel<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawModel")
            .field("schema", self.schema)
            .finish_non_exhaustive()
    }
}
