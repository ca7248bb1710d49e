//! A typed tree: the records of one model, with their indexes.

use std::{fmt, marker::PhantomData, sync::Arc};

use crate::{
    backends::{End, Span},
    bounds::{KeyRange, Leading, PrefixOf},
    envelope,
    error::Result,
    index::Index,
    key::with_encoded,
    model::{IndexOf, KeyNewtype, NetabaseModelTrait, SecondaryKeyOf},
    query::{Query, Source, Split},
    tables::ModelTables,
    view::{View, Writable},
    write::{Scratch, Write},
};

/// The records of the model `M` in a store of the definition `D`, seen through `V`.
///
/// A cheap handle. On a store every write is a transaction of its own; on a transaction the writes
/// become visible with its commit. Equality with a key type of another model does not compile.
pub struct Tree<D, M, V> {
    view: V,
    model: Arc<ModelTables>,
    types: PhantomData<fn() -> (D, M)>,
}

/// The value of a model's primary key, as ranges and prefixes name it.
type PrimaryValue<D, M> = <<M as NetabaseModelTrait<D>>::PrimaryKey as KeyNewtype>::Value;

impl<D, M: NetabaseModelTrait<D>, V: View> Tree<D, M, V> {
    pub(crate) fn new(view: V) -> Self {
        let found = view.__inner().layout.model(M::DISCRIMINANT);
        let model = found.expect("the layout has every model of the definition");
        Self {
            model: Arc::clone(model),
            view,
            types: PhantomData,
        }
    }

    /// Returns the record under `key`; O(log n).
    ///
    /// # Errors
    /// Fails when the engine does, or when the stored bytes have changed.
    pub fn get(&self, key: impl Into<M::PrimaryKey>) -> Result<Option<M>> {
        let rows = &self.model.rows;
        with_encoded(&key.into(), |key| {
            self.view
                .__get(rows.id, key, |row| envelope::decode(rows, key, row))?
                .transpose()
        })
    }

    /// Returns whether there is a record under `key`, without decoding it; O(log n).
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn contains(&self, key: impl Into<M::PrimaryKey>) -> Result<bool> {
        let table = self.model.rows.id;
        with_encoded(&key.into(), |key| {
            Ok(self.view.__get(table, key, |_| ())?.is_some())
        })
    }

    /// Returns the records that have a value in a secondary index, by primary key; O(log n) and
    /// one lookup a record.
    ///
    /// # Errors
    /// Fails when the engine does, or when stored bytes have changed.
    pub fn get_by_secondary_key(&self, key: impl Into<M::SecondaryKeys>) -> Result<Vec<M>> {
        let key = key.into();
        let mut value = Vec::new();
        key.encode_value(&mut value);
        let split = Split::At(value.len());
        let source = Source::Index {
            position: key.position(),
            split,
        };
        self.query(source, Span::prefix(value)).values().collect()
    }

    /// Returns all records, by primary key; each step O(1), memory O(1).
    pub fn iter(&self) -> Query<D, M, V::Backend> {
        self.query(Source::Rows, Span::ALL)
    }

    /// Returns the records whose primary key lies in a range.
    pub fn range(&self, range: impl KeyRange<PrimaryValue<D, M>>) -> Query<D, M, V::Backend> {
        self.query(Source::Rows, range.span())
    }

    /// Returns the records whose primary key is text, or bytes, that begins with `prefix`.
    pub fn prefix(&self, prefix: impl PrefixOf<PrimaryValue<D, M>>) -> Query<D, M, V::Backend> {
        self.query(Source::Rows, prefix.prefix_span())
    }

    /// Returns the records whose composite primary key begins with the given parts.
    pub fn leading(&self, parts: impl Leading<PrimaryValue<D, M>>) -> Query<D, M, V::Backend> {
        self.query(Source::Rows, parts.leading_span())
    }

    /// Returns the secondary index that the newtype `K` names.
    pub fn index<K: IndexOf<M>>(&self) -> Index<'_, D, M, V, K> {
        Index::new(self)
    }

    /// Returns the number of records; O(1) on redb and memory, on sled O(n) once a handle.
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn len(&self) -> Result<u64> {
        self.view.__reader()?.0.len(self.model.rows.id)
    }

    /// Returns whether there is no record.
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    pub(crate) fn query(&self, source: Source, span: Span) -> Query<D, M, V::Backend> {
        Query::new(self.view.__reader(), Arc::clone(&self.model), source, span)
    }
}

impl<D, M: NetabaseModelTrait<D>, V: Writable> Tree<D, M, V> {
    /// Stores a record, replacing the one under its key. Only indexes whose value changed are
    /// written.
    ///
    /// # Errors
    /// Fails when a unique index has the value for another record, when the record is too large,
    /// or when the engine fails. A refused write leaves no trace.
    pub fn put(&self, model: M) -> Result<()> {
        Scratch::with(|scratch| {
            scratch.new.fill::<D, M>(&self.model, &model)?;
            self.view
                .__write_one(&self.model, scratch, |core, model, scratch| {
                    Write::<D, M, _>::new(core, model).put(scratch)
                })
        })
    }

    /// Stores a record under a key that is free.
    ///
    /// # Errors
    /// Fails as [`put`](Self::put) does, and when the key exists.
    pub fn insert(&self, model: M) -> Result<()> {
        Scratch::with(|scratch| {
            scratch.new.fill::<D, M>(&self.model, &model)?;
            self.view
                .__write_one(&self.model, scratch, |core, model, scratch| {
                    Write::<D, M, _>::new(core, model).insert(scratch)
                })
        })
    }

    /// Changes the record under `key` and returns it, or `None` where there is none.
    ///
    /// Reading, changing and writing are one transaction.
    ///
    /// # Errors
    /// Fails as [`put`](Self::put) does, and when `change` gives the record another key.
    pub fn update(
        &self,
        key: impl Into<M::PrimaryKey>,
        change: impl FnOnce(&mut M),
    ) -> Result<Option<M>> {
        Scratch::with(|scratch| {
            scratch.find(&key.into());
            self.view
                .__write(|core| Write::<D, M, _>::new(core, &self.model).update(scratch, change))
        })
    }

    /// Removes the record under `key` and returns it, or `None` where there is none.
    ///
    /// # Errors
    /// Fails when the engine does, or when the stored bytes have changed.
    pub fn remove(&self, key: impl Into<M::PrimaryKey>) -> Result<Option<M>> {
        Scratch::with(|scratch| {
            scratch.find(&key.into());
            self.view.__remove(&self.model, scratch)
        })
    }

    /// Stores all records in one transaction; a later one replaces an earlier one of its key.
    ///
    /// The fastest way to load many: the rows of every table are written in order.
    ///
    /// # Errors
    /// Fails as [`put`](Self::put) does; then none of the records is stored.
    pub fn put_many(&self, models: impl IntoIterator<Item = M>) -> Result<()> {
        self.view.__write_batch(|core| {
            let write = Write::<D, M, _>::new(core, &self.model);
            let mut scratch = Scratch::default();
            for model in models {
                scratch.new.fill::<D, M>(&self.model, &model)?;
                write.put(&mut scratch)?;
            }
            Ok(())
        })
    }

    /// Removes the records under all keys in one transaction, and returns how many there were.
    ///
    /// # Errors
    /// Fails as [`remove`](Self::remove) does; then none of the records is removed.
    pub fn remove_many<K>(&self, keys: impl IntoIterator<Item = K>) -> Result<u64>
    where
        K: Into<M::PrimaryKey>,
    {
        self.view.__write_batch(|core| {
            let write = Write::<D, M, _>::new(core, &self.model);
            let (mut scratch, mut removed) = (Scratch::default(), 0);
            for key in keys {
                scratch.find(&key.into());
                removed += u64::from(write.remove(&mut scratch)?.is_some());
            }
            Ok(removed)
        })
    }

    /// Removes all records and index entries in one transaction; O(n).
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn clear(&self) -> Result<()> {
        self.view.__write_batch(|core| {
            let reader = core.reader();
            let indexes = self.model.indexes.iter().map(|index| index.id);
            for table in std::iter::once(self.model.rows.id).chain(indexes) {
                let mut rows = reader.rows(table, &Span::ALL)?;
                while let Some(key) = rows.step(End::Front, |key, _| key.to_vec())? {
                    core.edit(table, key, None);
                }
            }
            Ok(())
        })
    }
}

impl<D, M, V: Clone> Clone for Tree<D, M, V> {
    fn clone(&self) -> Self {
        Self {
            view: self.view.clone(),
            model: Arc::clone(&self.model),
            types: PhantomData,
        }
    }
}

impl<D, M, V> fmt::Debug for Tree<D, M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("model", &self.model.rows.name)
            .finish_non_exhaustive()
    }
}

impl<D, M: NetabaseModelTrait<D>, V: View> IntoIterator for &Tree<D, M, V> {
    type Item = Result<(M::PrimaryKey, M)>;
    type IntoIter = Query<D, M, V::Backend>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
