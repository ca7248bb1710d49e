//! Writing a store from a description and records, without their types.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::{
    RawRecord, RawStore,
    check::check_schema,
    halves::{Hand, in_halves},
    sort::{Row, SORT_BYTES, Sorter},
    undecodable,
};
use crate::{
    backends::{Backend, OpenBackend},
    copy::{CHUNK_BYTES, beside, create_aside},
    dynamic::{add_entries, decode_fields, encode_fields, encode_primary},
    envelope,
    error::{EncodingDecodingError, NetabaseError, Result, StoreError},
    inner::{Durability, Inner, Settings},
    meta,
    options::StoreOptions,
    plan::{Entries, plan_entries},
    schema::{DefinitionSchema, IndexSchema, ModelSchema},
    tables::{Layout, ModelTables},
    txn::WriteCore,
    value::ValueError,
    write::{check_claims, check_key},
};

impl<B: OpenBackend> RawStore<B> {
    /// Writes a new store of `schema` to `path`, where nothing may be yet, with the records that
    /// `fill` adds.
    ///
    /// The store is complete or absent after a crash and after an error. About 8 MiB of records are
    /// held in memory, and 16 MiB of entries of indexes that are not unique: these are written last,
    /// in their order. Those beyond that wait in a file beside the store that has no name.
    ///
    /// # Errors
    /// Fails when something is at `path`, when no store can have the schema, when `fill` fails, or
    /// when the engine does.
    pub fn create<E: From<NetabaseError>>(
        path: impl AsRef<Path>,
        schema: &DefinitionSchema,
        fill: impl FnOnce(&mut RawLoader<'_, B>) -> Result<(), E>,
    ) -> Result<(), E> {
        create_aside(path.as_ref(), |partial| {
            Self::write(partial, schema, fill)?;
            let mut written = B::open(partial, &StoreOptions::new().engine(false))?;
            written.trim()?;
            Ok(written.sync()?)
        })
    }

    /// Writes a new store of `schema` to a path at which nobody looks yet. Between its pages may be room.
    pub(super) fn write<E: From<NetabaseError>>(
        partial: &Path,
        schema: &DefinitionSchema,
        fill: impl FnOnce(&mut RawLoader<'_, B>) -> Result<(), E>,
    ) -> Result<(), E> {
        check_schema(schema).map_err(|source| unencodable(&schema.name, source))?;
        let backend = B::open(partial, &StoreOptions::new().engine(true))?;
        let settings = Settings {
            path: partial.to_path_buf(),
            ..Settings::default()
        };
        let inner = Inner::new(backend, Layout::new(schema), settings);
        meta::write_schema(&inner, schema)?;
        let rebuild = BTreeSet::new();
        let mut loader = RawLoader {
            inner,
            schema,
            core: None,
            bytes: 0,
            entries: Sorter::new(beside(partial, "entries"), SORT_BYTES),
            rebuild,
        };
        fill(&mut loader)?;
        Ok(loader.finish()?)
    }
}

/// How many sorted rows are handed on together.
const ROWS_AT_ONCE: usize = 1024;

/// A new store that takes records, from [`RawStore::create`].
pub struct RawLoader<'s, B: Backend> {
    inner: Arc<Inner<B>>,
    schema: &'s DefinitionSchema,
    // The chunk that is being filled, once it has a record.
    core: Option<WriteCore<B>>,
    bytes: usize,
    /// The entries of indexes in which nothing is looked up meanwhile.
    entries: Sorter,
    rebuild: BTreeSet<String>,
}

impl<'s, B: Backend> RawLoader<'s, B> {
    /// Adds a record of the model of that name.
    ///
    /// An index over fields gets its entries from them, a computed one those that the record names.
    /// A computed index that a record does not name is rebuilt when a program with the model opens
    /// the store.
    ///
    /// # Errors
    /// Fails when the record is not one of the model, when its key is not that of its fields or is
    /// taken, or when another record has a value that may be had once.
    pub fn add(&mut self, model: &str, record: &RawRecord<'_>) -> Result<()> {
        let models = self.schema.models.iter().zip(&self.inner.layout.models);
        let mut named = models.filter(|(schema, _)| schema.discriminant == model);
        let Some((schema, tables)) = named.next().map(|(schema, it)| (schema, Arc::clone(it)))
        else {
            return Err(unencodable(
                model,
                error("the definition has no such model"),
            ));
        };
        let key = self
            .key(schema, record)
            .map_err(|source| unencodable(model, source))?;
        check_key(model, &key)?;
        if self.core()?.get(tables.rows.id, &key, |_| ())?.is_some() {
            let (model, key) = (model.to_owned(), tables.rows.display_key(&key));
            return Err(StoreError::Exists { model, key }.into());
        }
        let entries = self
            .entries(schema, &tables, record)
            .map_err(|source| unencodable(model, source))?;
        for (position, index) in tables.indexes.iter().enumerate() {
            entries
                .of(position)
                .try_for_each(|value| check_key(&index.table, value))?;
        }
        let mut row = Vec::new();
        envelope::seal(&tables.rows, &key, &mut row, |writer| {
            encode_fields(schema, &self.schema.types, &record.fields, writer)
        })?;
        self.write_row(&tables, key, row, &entries)
    }

    /// Adds a record by its row, of the model at this place in the definition, whose keys come once.
    ///
    /// Computed indexes are rebuilt when a program with the model opens the store.
    ///
    /// # Errors
    /// Fails when the row is not one of the model under its own key, or when another record has a
    /// value that may be had once.
    pub(super) fn add_row(&mut self, model: usize, key: &[u8], row: &[u8]) -> Result<()> {
        let tables = self.inner.layout.models.get(model).map(Arc::clone);
        let (Some(schema), Some(tables)) = (self.schema.models.get(model), tables) else {
            return Ok(());
        };
        let (types, mut entries) = (&self.schema.types, Entries::default());
        let payload = envelope::open(&tables.rows, key, row)?;
        let is_own = decode_fields(schema, types, payload).and_then(|fields| {
            add_entries(schema, types, &fields, &mut entries)?;
            Ok(encode_primary(schema, types, &fields)? == key)
        });
        if !is_own.map_err(|source| undecodable(&tables, key, source))? {
            let (model, key) = (tables.rows.name.clone(), tables.rows.display_key(key));
            return Err(StoreError::Misplaced { model, key }.into());
        }
        let computed = schema.indexes.iter().zip(&tables.indexes);
        for (_, table) in computed.filter(|(index, _)| index.computed) {
            if !self.rebuild.contains(&table.table) {
                self.rebuild.insert(table.table.clone());
            }
        }
        self.write_row(&tables, key.to_vec(), row.to_vec(), &entries)
    }

    fn key(&self, schema: &ModelSchema, record: &RawRecord<'_>) -> Result<Vec<u8>, ValueError> {
        let types = &self.schema.types;
        let mut key = Vec::new();
        record
            .key
            .encode_key(&schema.primary_shape, types, &mut key)?;
        if encode_primary(schema, types, &record.fields)? != key {
            return Err(error("its key is not that of its fields"));
        }
        Ok(key)
    }

    fn entries(
        &mut self,
        schema: &ModelSchema,
        tables: &ModelTables,
        record: &RawRecord<'_>,
    ) -> Result<Entries, ValueError> {
        let mut entries = Entries::default();
        add_entries(schema, &self.schema.types, &record.fields, &mut entries)?;
        for (position, (index, table)) in schema.indexes.iter().zip(&tables.indexes).enumerate() {
            if !index.computed {
                continue;
            }
            match record.computed.iter().find(|(name, _)| *name == index.name) {
                None => drop(self.rebuild.insert(table.table.clone())),
                Some((_, values)) => {
                    check_count(index, values.len())?;
                    let mut encoded = BTreeSet::new();
                    for value in values {
                        let mut out = Vec::new();
                        value.encode_key(&index.shape, &self.schema.types, &mut out)?;
                        encoded.insert(out);
                    }
                    for value in encoded {
                        entries.parts(position, |out| out.extend_from_slice(&value));
                    }
                }
            }
        }
        Ok(entries)
    }

    fn write_row(
        &mut self,
        tables: &ModelTables,
        key: Vec<u8>,
        row: Vec<u8>,
        entries: &Entries,
    ) -> Result<()> {
        let (none, mut bytes) = (Entries::default(), key.len() + row.len());
        let core = begun(&self.inner, &mut self.core)?;
        check_claims(core, tables, &key, &none, entries)?;
        let is_unique = |table| {
            let mut indexes = tables.indexes.iter();
            tables.has_unique && indexes.any(|index| index.id == table && index.unique)
        };
        plan_entries(tables, &key, &none, entries, &mut |edit| {
            let value = edit.value.as_deref().unwrap_or_default();
            if is_unique(edit.table) {
                bytes += edit.key.len() + value.len();
                core.edit(edit.table, edit.key, edit.value);
            } else {
                self.entries.add(edit.table, &edit.key, value);
            }
        });
        core.edit(tables.rows.id, key, Some(row.into()));
        self.entries.make_room()?;
        self.grown(bytes)
    }

    /// Writes a row of Kademlia's record store as it is, or takes it out again.
    ///
    /// # Errors
    /// Fails when the engine does.
    #[cfg(feature = "libp2p")]
    pub(super) fn edit_record(&mut self, key: &[u8], row: Option<&[u8]>) -> Result<()> {
        let table = self.inner.layout.records();
        let row = row.map(<[u8]>::to_vec);
        let bytes = key.len() + row.as_ref().map_or(0, Vec::len);
        self.core()?.edit(table, key.to_vec(), row.map(Into::into));
        self.grown(bytes)
    }

    /// Takes note that the chunk has so many bytes more, and ends it where that are enough.
    fn grown(&mut self, bytes: usize) -> Result<()> {
        self.bytes += bytes;
        if self.bytes < CHUNK_BYTES {
            return Ok(());
        }
        self.bytes = 0;
        self.core
            .take()
            .map_or(Ok(()), |core| core.commit(Durability::None))
    }

    fn core(&mut self) -> Result<&WriteCore<B>> {
        begun(&self.inner, &mut self.core)
    }

    fn finish(mut self) -> Result<()> {
        let mut rows = self.entries.drain()?;
        let merge = |hand: &mut Hand<'_, Vec<Row>>| {
            loop {
                let part = rows.next_up_to(ROWS_AT_ONCE)?;
                if part.is_empty() {
                    return Ok(());
                }
                hand(part)?;
            }
        };
        in_halves(merge, |part| {
            part.into_iter().try_for_each(|row| {
                let bytes = row.key.len() + row.value.len();
                self.core()?
                    .edit(row.table, row.key, Some(row.value.into()));
                self.grown(bytes)
            })
        })?;
        let rebuild: Vec<_> = std::mem::take(&mut self.rebuild).into_iter().collect();
        meta::edit_rebuild(self.core()?, &rebuild);
        self.core
            .map_or(Ok(()), |core| core.commit(Durability::Immediate))?;
        self.inner.flush()
    }
}

/// Returns the chunk that is being filled.
fn begun<'c, B: Backend>(
    inner: &Arc<Inner<B>>,
    core: &'c mut Option<WriteCore<B>>,
) -> Result<&'c WriteCore<B>> {
    let begun = match core.take() {
        Some(core) => core,
        None => inner.begin()?,
    };
    Ok(core.insert(begun))
}

impl<B: Backend> std::fmt::Debug for RawLoader<'_, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawLoader")
            .field("definition", &self.schema.name)
            .finish_non_exhaustive()
    }
}

/// Checks that a record has as many values in a computed index as the index allows.
fn check_count(index: &IndexSchema, count: usize) -> Result<(), ValueError> {
    let allowed = match (index.each, index.sparse) {
        (true, _) => 0..=usize::MAX,
        (false, true) => 0..=1,
        (false, false) => 1..=1,
    };
    if allowed.contains(&count) {
        return Ok(());
    }
    Err(error(format!(
        "{count} values in the computed index `{}`",
        index.name
    )))
}

fn error(what: impl Into<String>) -> ValueError {
    ValueError {
        at: 0,
        what: what.into(),
    }
}

fn unencodable(model: &str, source: ValueError) -> NetabaseError {
    EncodingDecodingError::BincodeEncode {
        model: model.to_owned(),
        source,
    }
    .into()
}
