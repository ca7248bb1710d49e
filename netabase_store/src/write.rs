//! Writing one record: read the old one, check, then make the planned edits.

use std::marker::PhantomData;

use crate::{
    backends::Backend,
    checksum::ENTRY_CHECKSUM_BYTES,
    envelope,
    error::{Result, StoreError},
    key::KEY_BYTES_MAX,
    model::NetabaseModelTrait,
    plan::{Claim, Edit, Entries, claims, plan_entries},
    tables::ModelTables,
    txn::WriteCore,
};

/// A record as it will stand on disk: its key, its row and its index entries.
pub(crate) struct Encoded {
    key: Vec<u8>,
    row: Vec<u8>,
    entries: Entries,
}

impl Encoded {
    /// Encodes a record; no transaction is needed for that.
    ///
    /// # Errors
    /// Fails when a key or the record is too long, or cannot be represented.
    pub(crate) fn new<D, M: NetabaseModelTrait<D>>(
        model: &ModelTables,
        record: &M,
    ) -> Result<Self> {
        let mut key = Vec::new();
        record.__encode_primary_key(&mut key);
        check_key(&model.rows.name, &key)?;
        let mut entries = Entries::default();
        record.__encode_entries(&mut entries);
        for (position, index) in model.indexes.iter().enumerate() {
            for value in entries.of(position) {
                check_key(&index.table, value)?;
            }
        }
        let mut row = Vec::new();
        envelope::seal(&model.rows, &key, &mut row, |writer| {
            record.__encode_payload(writer)
        })?;
        Ok(Self { key, row, entries })
    }
}

fn check_key(table: &str, key: &[u8]) -> Result<()> {
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
enum Found {
    Nothing,
    /// The very row that is to be written.
    Same,
    Other(Entries),
}

impl<'a, D, M: NetabaseModelTrait<D>, B: Backend> Write<'a, D, M, B> {
    pub(crate) fn new(core: &'a WriteCore<B>, model: &'a ModelTables) -> Self {
        Self {
            core,
            model,
            types: PhantomData,
        }
    }

    /// Inserts or replaces a record.
    pub(crate) fn put(&self, new: Encoded) -> Result<()> {
        if self.model.indexes.is_empty() {
            self.core.edit(self.model.rows.id, new.key, Some(new.row));
            return Ok(());
        }
        match self.find(&new)? {
            Found::Nothing => self.replace(&Entries::default(), new),
            Found::Same => Ok(()),
            Found::Other(old) => self.replace(&old, new),
        }
    }

    /// Inserts a record whose key is free.
    pub(crate) fn insert(&self, new: Encoded) -> Result<()> {
        if self
            .core
            .get(self.model.rows.id, &new.key, |_| ())?
            .is_some()
        {
            let model = self.model.rows.name.clone();
            let key = self.model.rows.display_key(&new.key);
            return Err(StoreError::Exists { model, key }.into());
        }
        self.replace(&Entries::default(), new)
    }

    /// Changes the record under `key`, if there is one.
    pub(crate) fn update(&self, key: &[u8], change: impl FnOnce(&mut M)) -> Result<Option<M>> {
        let Some(mut record) = self.read(key)? else {
            return Ok(None);
        };
        let mut old = Entries::default();
        record.__encode_entries(&mut old);
        change(&mut record);
        let new = Encoded::new::<D, M>(self.model, &record)?;
        if new.key != key {
            let rows = &self.model.rows;
            return Err(StoreError::KeyChanged {
                model: rows.name.clone(),
                key: rows.display_key(key),
                changed: rows.display_key(&new.key),
            }
            .into());
        }
        self.replace(&old, new)?;
        Ok(Some(record))
    }

    /// Removes the record under `key` and returns it, if there is one.
    pub(crate) fn remove(&self, key: &[u8]) -> Result<Option<M>> {
        let Some(record) = self.read(key)? else {
            return Ok(None);
        };
        let mut old = Entries::default();
        record.__encode_entries(&mut old);
        self.core.edit(self.model.rows.id, key.to_vec(), None);
        plan_entries(self.model, key, &old, &Entries::default(), &mut |edit| {
            self.apply(edit)
        });
        Ok(Some(record))
    }

    fn read(&self, key: &[u8]) -> Result<Option<M>> {
        let rows = &self.model.rows;
        self.core
            .get(rows.id, key, |row| envelope::decode::<D, M>(rows, key, row))?
            .transpose()
    }

    fn find(&self, new: &Encoded) -> Result<Found> {
        let rows = &self.model.rows;
        let found = self.core.get(rows.id, &new.key, |row| {
            if row == new.row {
                return Ok(Found::Same);
            }
            let old = envelope::decode::<D, M>(rows, &new.key, row)?;
            let mut entries = Entries::default();
            old.__encode_entries(&mut entries);
            Ok(Found::Other(entries))
        })?;
        found.unwrap_or(Ok(Found::Nothing))
    }

    /// Writes the row and the entries that differ, after checking what may refuse them.
    fn replace(&self, old: &Entries, new: Encoded) -> Result<()> {
        check_claims(self.core, self.model, &new.key, old, &new.entries)?;
        plan_entries(self.model, &new.key, old, &new.entries, &mut |edit| {
            self.apply(edit)
        });
        self.core.edit(self.model.rows.id, new.key, Some(new.row));
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
