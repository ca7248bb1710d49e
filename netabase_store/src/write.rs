//! Writing one record: read the old one, check, then make the planned edits.

use std::{cell::Cell, marker::PhantomData};

use crate::{
    backends::Backend,
    checksum::ENTRY_CHECKSUM_BYTES,
    envelope,
    error::{Result, StoreError},
    key::{KEY_BYTES_MAX, NetabaseKey},
    model::NetabaseModelTrait,
    plan::{Claim, Edit, Entries, claims, plan_entries},
    tables::ModelTables,
    txn::WriteCore,
    value::ValueWriter,
};

/// A record as it will stand on disk: its key, its row and its index entries.
#[derive(Default)]
pub(crate) struct Encoded {
    key: Vec<u8>,
    row: Vec<u8>,
    entries: Entries,
}

/// Memory that a thread reuses from write to write.
#[derive(Default)]
pub struct Scratch {
    pub(crate) new: Encoded,
    /// The key of a record that is to be changed or removed.
    pub(crate) key: Vec<u8>,
    old: Entries,
}

/// The most memory of a kind that a thread keeps between writes.
const SCRATCH_BYTES_MAX: usize = 1 << 20;

impl Scratch {
    /// Takes a key in place of the one before.
    pub(crate) fn find<K: NetabaseKey>(&mut self, key: &K) {
        self.key.clear();
        key.encode_key(&mut self.key);
    }

    /// Returns the record that `Write::take` left, if there was one.
    pub(crate) fn taken<D, M: NetabaseModelTrait<D>>(
        &self,
        model: &ModelTables,
    ) -> Result<Option<M>> {
        let Self { new, key, .. } = self;
        let is_taken = !new.row.is_empty();
        is_taken
            .then(|| envelope::decode(&model.rows, key, &new.row))
            .transpose()
    }

    /// Runs `work` with this thread's memory; a write inside a write gets memory of its own.
    pub(crate) fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        thread_local! {
            static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
        }
        let mut scratch = SCRATCH.take().unwrap_or_default();
        let result = work(&mut scratch);
        if scratch.new.row.capacity() <= SCRATCH_BYTES_MAX {
            SCRATCH.set(Some(scratch));
        }
        result
    }
}

impl Encoded {
    /// Encodes a record in place of the one before; no transaction is needed for that.
    ///
    /// # Errors
    /// Fails when a key or the record is too long, or cannot be represented.
    pub(crate) fn fill<D, M: NetabaseModelTrait<D>>(
        &mut self,
        model: &ModelTables,
        record: &M,
    ) -> Result<()> {
        self.key.clear();
        record.__encode_primary_key(&mut self.key);
        check_key(&model.rows.name, &self.key)?;
        self.entries.clear();
        record.__encode_entries(&mut self.entries);
        check_entries(model, &self.entries)?;
        self.row.clear();
        let payload = |writer: &mut ValueWriter<'_>| record.__encode_payload(writer);
        envelope::seal(&model.rows, &self.key, &mut self.row, payload)
    }
}

/// Checks that no value of an index is too long.
#[inline]
fn check_entries(model: &ModelTables, entries: &Entries) -> Result<()> {
    // None can be where they are not all together.
    if entries.bytes() <= KEY_BYTES_MAX {
        return Ok(());
    }
    entries.all().try_for_each(|(index, value)| {
        let table = model.indexes.get(index).map_or("", |index| &index.table);
        check_key(table, value)
    })
}

/// Checks that a key, or the value of an index, is not too long.
#[inline]
pub(crate) fn check_key(table: &str, key: &[u8]) -> Result<()> {
    if key.len() > KEY_BYTES_MAX {
        let (table, bytes) = (table.to_owned(), key.len());
        return Err(StoreError::KeyTooLong {
            table,
            bytes,
            max: KEY_BYTES_MAX,
        }
        .into());
    }
    Ok(())
}

/// Writes records of one model inside a transaction.
pub(crate) struct Write<'a, D, M, B: Backend> {
    core: &'a WriteCore<B>,
    model: &'a ModelTables,
    types: PhantomData<fn() -> (D, M)>,
}

/// What a write found under its key.
#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    /// The very row that is to be written.
    Same,
    Other,
}

impl<'a, D, M: NetabaseModelTrait<D>, B: Backend> Write<'a, D, M, B> {
    pub(crate) fn new(core: &'a WriteCore<B>, model: &'a ModelTables) -> Self {
        Self {
            core,
            model,
            types: PhantomData,
        }
    }

    /// Inserts or replaces the record in `scratch`.
    pub(crate) fn put(&self, scratch: &mut Scratch) -> Result<()> {
        let Scratch { new, old, .. } = scratch;
        old.clear();
        if !self.model.indexes.is_empty() && self.find(new, old)? == Found::Same {
            return Ok(());
        }
        self.replace(old, new)
    }

    /// Inserts the record in `scratch`, whose key is free.
    pub(crate) fn insert(&self, scratch: &mut Scratch) -> Result<()> {
        let Scratch { new, old, .. } = scratch;
        if self
            .core
            .get(self.model.rows.id, &new.key, |_| ())?
            .is_some()
        {
            let model = self.model.rows.name.clone();
            let key = self.model.rows.display_key(&new.key);
            return Err(StoreError::Exists { model, key }.into());
        }
        old.clear();
        self.replace(old, new)
    }

    /// Changes the record under the key in `scratch`, if there is one.
    pub(crate) fn update(
        &self,
        scratch: &mut Scratch,
        change: impl FnOnce(&mut M),
    ) -> Result<Option<M>> {
        let Scratch { new, old, key } = scratch;
        let Some(mut record) = self.read(key)? else {
            return Ok(None);
        };
        old.clear();
        record.__encode_entries(old);
        change(&mut record);
        new.fill::<D, M>(self.model, &record)?;
        if new.key != *key {
            let rows = &self.model.rows;
            return Err(StoreError::KeyChanged {
                model: rows.name.clone(),
                key: rows.display_key(key),
                changed: rows.display_key(&new.key),
            }
            .into());
        }
        self.replace(old, new)?;
        Ok(Some(record))
    }

    /// Removes the record under the key in `scratch` and returns it, if there is one.
    pub(crate) fn remove(&self, scratch: &mut Scratch) -> Result<Option<M>> {
        let Scratch { new, old, key } = scratch;
        let Some(record) = self.read(key)? else {
            return Ok(None);
        };
        old.clear();
        record.__encode_entries(old);
        new.entries.clear();
        self.core.edit(self.model.rows.id, key.clone(), None);
        plan_entries(self.model, key, old, &new.entries, &mut |edit| {
            self.apply(edit)
        });
        Ok(Some(record))
    }

    /// Removes the record under the key in `scratch` and leaves its row there.
    pub(crate) fn take(&self, scratch: &mut Scratch) -> Result<()> {
        let Scratch { new, key, .. } = scratch;
        new.row.clear();
        self.core.get(self.model.rows.id, key, |row| {
            new.row.extend_from_slice(row)
        })?;
        self.remove(scratch).map(drop)
    }

    fn read(&self, key: &[u8]) -> Result<Option<M>> {
        let rows = &self.model.rows;
        let mut read = None;
        self.core.get(rows.id, key, |row| {
            read = Some(envelope::decode(rows, key, row))
        })?;
        read.transpose()
    }

    /// Looks under the key of `new`, and adds the entries of another record there to `old`.
    fn find(&self, new: &Encoded, old: &mut Entries) -> Result<Found> {
        let rows = &self.model.rows;
        let found = self.core.get(rows.id, &new.key, |row| {
            if row == new.row {
                return Ok(Found::Same);
            }
            envelope::decode::<D, M>(rows, &new.key, row)?.__encode_entries(old);
            Ok(Found::Other)
        })?;
        found.unwrap_or(Ok(Found::Nothing))
    }

    /// Writes the row and the entries that differ, after checking what may refuse them.
    fn replace(&self, old: &Entries, new: &Encoded) -> Result<()> {
        check_claims(self.core, self.model, &new.key, old, &new.entries)?;
        plan_entries(self.model, &new.key, old, &new.entries, &mut |edit| {
            self.apply(edit)
        });
        self.core.edit(
            self.model.rows.id,
            new.key.clone(),
            Some(new.row.as_slice().into()),
        );
        Ok(())
    }

    fn apply(&self, edit: Edit) {
        self.core.edit(edit.table, edit.key, edit.value);
    }
}

/// Checks that no other record has a unique value that the record under `key` newly has.
///
/// # Errors
/// Names the record that has it.
pub(crate) fn check_claims<B: Backend>(
    core: &WriteCore<B>,
    model: &ModelTables,
    key: &[u8],
    old: &Entries,
    new: &Entries,
) -> Result<()> {
    for Claim { index, value } in claims(model, old, new) {
        let holder = core.get(index.id, value, |entry| {
            let end = entry.len().saturating_sub(ENTRY_CHECKSUM_BYTES);
            entry.get(..end).unwrap_or_default().to_vec()
        })?;
        if let Some(holder) = holder.filter(|holder| holder != key) {
            return Err(StoreError::UniqueViolated {
                model: model.rows.name.clone(),
                index: index.name.clone(),
                key: model.rows.display_key(key),
                holder: model.rows.display_key(&holder),
            }
            .into());
        }
    }
    Ok(())
}
