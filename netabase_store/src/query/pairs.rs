//! The entries of an index by themselves: values, and the keys of the records that have them.

use std::{fmt, iter::FusedIterator, marker::PhantomData};

use super::{Query, Walk};
use crate::{
    backends::{Backend, End},
    error::Result,
    model::{IndexOf, NetabaseModelTrait},
};

/// Keeps the types without owning a value of them.
type Types<D, M, K> = fn() -> (D, M, K);

/// The entries of an index, from [`Index::pairs`](crate::Index::pairs).
#[must_use = "a query reads nothing until it is iterated"]
pub struct Pairs<D, M, K, B: Backend> {
    walk: Walk<B>,
    types: PhantomData<Types<D, M, K>>,
}

impl<D, M: NetabaseModelTrait<D>, K: IndexOf<M>, B: Backend> Pairs<D, M, K, B> {
    /// Takes a query over an index that `K` names.
    pub(crate) fn new(query: Query<D, M, B>) -> Self {
        Self {
            walk: query.walk,
            types: PhantomData,
        }
    }
}

impl<D, M: NetabaseModelTrait<D>, K: IndexOf<M>, B: Backend> Iterator for Pairs<D, M, K, B> {
    type Item = Result<(K, M::PrimaryKey)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let step = self.walk.step(End::Front, |context, key, value| {
            let primary = context.primary::<D, M>(key, value)?;
            Ok((context.indexed(key)?, primary))
        });
        step.transpose()
    }
}

impl<D, M: NetabaseModelTrait<D>, K: IndexOf<M>, B: Backend> FusedIterator for Pairs<D, M, K, B> {}

impl<D, M, K, B: Backend> fmt::Debug for Pairs<D, M, K, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairs")
            .field("model", &self.walk.model.rows.name)
            .finish_non_exhaustive()
    }
}
