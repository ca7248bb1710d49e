//! The methods of a tree as a trait, for code that is generic over trees.

use crate::{
    backends::Backend, error::Result, model::NetabaseModelTrait, query::Query, tree::Tree,
    view::Writable,
};

/// What every tree that can be written does, without waiting for anything but the engine.
///
/// Trees have the same methods inherently; import this for code that takes any tree.
pub trait NetabaseTreeSync<D, M: NetabaseModelTrait<D>> {
    /// The engine below.
    type Backend: Backend;

    /// Stores a record, replacing the one under its key.
    ///
    /// # Errors
    /// Fails as [`Tree::put`] does.
    fn put(&self, model: M) -> Result<()>;

    /// Stores a record under a key that is free.
    ///
    /// # Errors
    /// Fails as [`Tree::insert`] does.
    fn insert(&self, model: M) -> Result<()>;

    /// Returns the record under `key`.
    ///
    /// # Errors
    /// Fails as [`Tree::get`] does.
    fn get(&self, key: M::PrimaryKey) -> Result<Option<M>>;

    /// Removes the record under `key` and returns it.
    ///
    /// # Errors
    /// Fails as [`Tree::remove`] does.
    fn remove(&self, key: M::PrimaryKey) -> Result<Option<M>>;

    /// Returns the records that have a value in a secondary index.
    ///
    /// # Errors
    /// Fails as [`Tree::get_by_secondary_key`] does.
    fn get_by_secondary_key(&self, key: M::SecondaryKeys) -> Result<Vec<M>>;

    /// Returns all records, by primary key.
    fn iter(&self) -> Query<D, M, Self::Backend>;

    /// Returns the number of records.
    ///
    /// # Errors
    /// Fails as [`Tree::len`] does.
    fn len(&self) -> Result<u64>;

    /// Returns whether there is no record.
    ///
    /// # Errors
    /// Fails as [`Tree::len`] does.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes all records.
    ///
    /// # Errors
    /// Fails as [`Tree::clear`] does.
    fn clear(&self) -> Result<()>;
}

impl<D, M: NetabaseModelTrait<D>, V: Writable> NetabaseTreeSync<D, M> for Tree<D, M, V> {
    type Backend = V::Backend;

    fn put(&self, model: M) -> Result<()> {
        self.put(model)
    }

    fn insert(&self, model: M) -> Result<()> {
        self.insert(model)
    }

    fn get(&self, key: M::PrimaryKey) -> Result<Option<M>> {
        self.get(key)
    }

    fn remove(&self, key: M::PrimaryKey) -> Result<Option<M>> {
        self.remove(key)
    }

    fn get_by_secondary_key(&self, key: M::SecondaryKeys) -> Result<Vec<M>> {
        self.get_by_secondary_key(key)
    }

    fn iter(&self) -> Query<D, M, V::Backend> {
        self.iter()
    }

    fn len(&self) -> Result<u64> {
        self.len()
    }

    fn clear(&self) -> Result<()> {
        self.clear()
    }
}
