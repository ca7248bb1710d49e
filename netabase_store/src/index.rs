//! A secondary index of a tree, named by its newtype.

use std::{fmt, marker::PhantomData};

use crate::{
    backends::Span,
    bounds::{KeyRange, Leading, PrefixOf},
    error::Result,
    key::encode_key,
    model::{IndexOf, KeyNewtype, NetabaseModelTrait},
    query::{Pairs, Query, Source, Split},
    tree::Tree,
    view::View,
};

/// A secondary index, from [`Tree::index`].
///
/// Every query reads the index in the order of its values, and fetches each record by its primary
/// key when it is asked for. [`keys`](Query::keys) and [`count`](Query::count) read the index alone.
#[must_use]
pub struct Index<'t, D, M, V, K> {
    tree: &'t Tree<D, M, V>,
    key: PhantomData<fn() -> K>,
}

impl<'t, D, M, V, K> Index<'t, D, M, V, K>
where
    M: NetabaseModelTrait<D>,
    V: View,
    K: IndexOf<M>,
{
    pub(crate) fn new(tree: &'t Tree<D, M, V>) -> Self {
        Self {
            tree,
            key: PhantomData,
        }
    }

    /// Returns the records that have the value; O(log n) to start, one lookup a record.
    pub fn get(&self, value: impl Into<K>) -> Query<D, M, V::Backend> {
        let value = encode_key(&value.into());
        let source = Source::Index {
            position: K::POSITION,
            split: Split::At(value.len()),
        };
        self.tree.query(source, Span::prefix(value))
    }

    /// Returns the first record that has the value, by primary key: the only one where the index is
    /// unique.
    ///
    /// # Errors
    /// Fails when the engine does, or when stored bytes have changed.
    pub fn first(&self, value: impl Into<K>) -> Result<Option<M>> {
        self.get(value)
            .next()
            .transpose()
            .map(|found| found.map(|(_, model)| model))
    }

    /// Returns all records that are in the index, by value and then by primary key.
    pub fn iter(&self) -> Query<D, M, V::Backend> {
        self.query(Span::ALL)
    }

    /// Returns every value of the index, each with the key of a record that has it: from the index
    /// alone, by value and then by key.
    pub fn pairs(&self) -> Pairs<D, M, K, V::Backend> {
        Pairs::new(self.query(Span::ALL))
    }

    /// Returns the records whose value lies in a range.
    pub fn range(&self, range: impl KeyRange<<K as KeyNewtype>::Value>) -> Query<D, M, V::Backend> {
        self.query(range.span())
    }

    /// Returns the records whose value is text, or bytes, that begins with `prefix`.
    pub fn prefix(
        &self,
        prefix: impl PrefixOf<<K as KeyNewtype>::Value>,
    ) -> Query<D, M, V::Backend> {
        self.query(prefix.prefix_span())
    }

    /// Returns the records whose composite value begins with the given parts.
    pub fn leading(
        &self,
        parts: impl Leading<<K as KeyNewtype>::Value>,
    ) -> Query<D, M, V::Backend> {
        self.query(parts.leading_span())
    }

    fn query(&self, span: Span) -> Query<D, M, V::Backend> {
        let source = Source::Index {
            position: K::POSITION,
            split: Split::After(K::skip_key),
        };
        self.tree.query(source, span)
    }
}

impl<D, M, V, K> Clone for Index<'_, D, M, V, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D, M, V, K> Copy for Index<'_, D, M, V, K> {}

impl<D, M, V, K> fmt::Debug for Index<'_, D, M, V, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").finish_non_exhaustive()
    }
}
