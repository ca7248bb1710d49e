//! Queries: lazy walks over records or index entries, from both ends.

mod pairs;
mod walk;

use std::{fmt, iter::FusedIterator, marker::PhantomData, sync::Arc};

pub use pairs::Pairs;
use walk::{State, Walk};

use crate::{
    backends::{Backend, End, Span},
    error::Result,
    key::{KeyError, KeyReader},
    model::NetabaseModelTrait,
    page::{Cursor, Page},
    tables::ModelTables,
    value::{ValueError, ValueReader},
    view::ReaderOf,
};

/// What a query walks over.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// The records.
    Rows,
    /// An index, and how an entry's value is told from the primary key behind it.
    Index { position: usize, split: Split },
}

/// Where the value of an index entry ends.
#[derive(Clone, Copy)]
pub(crate) enum Split {
    /// After so many bytes: the span is one value.
    At(usize),
    /// Where this function stops reading.
    After(fn(&mut KeyReader<'_>) -> Result<(), KeyError>),
}

impl Split {
    pub(crate) fn pass(self, reader: &mut KeyReader<'_>) -> Result<(), KeyError> {
        match self {
            Self::At(bytes) => reader.skip(bytes, "index value"),
            Self::After(skip) => skip(reader),
        }
    }
}

/// A lazy walk over records, ascending unless [reversed](Self::rev).
///
/// Yields `Result<(M::PrimaryKey, M)>` and ends after the first error. It sees the store as it was
/// when the query was made, and its memory does not grow with the number of records.
#[must_use = "a query reads nothing until it is iterated"]
pub struct Query<D, M, B: Backend> {
    walk: Walk<B>,
    types: PhantomData<fn() -> (D, M)>,
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> Query<D, M, B> {
    pub(crate) fn new(
        reader: Result<ReaderOf<B>>,
        model: Arc<ModelTables>,
        source: Source,
        span: Span,
    ) -> Self {
        let state = match reader {
            Ok(ReaderOf(reader)) => State::Ready(reader, span),
            Err(error) => State::Failed(error),
        };
        Self {
            walk: Walk {
                model,
                source,
                reversed: false,
                state,
            },
            types: PhantomData,
        }
    }

    /// Walks from the other end.
    pub fn rev(mut self) -> Self {
        self.walk.reversed = !self.walk.reversed;
        self
    }

    /// Yields primary keys only: from the index alone, or without decoding records.
    pub fn keys(self) -> Keys<D, M, B> {
        Keys {
            walk: self.walk,
            types: PhantomData,
        }
    }

    /// Yields records without their keys, which saves reading the keys.
    pub fn values(self) -> Values<D, M, B> {
        Values {
            walk: self.walk,
            types: PhantomData,
        }
    }

    /// Calls `read` with the stored fields of the next record, or returns nothing after the last.
    ///
    /// The fields follow each other in the order in which the model declares them, and `read` may
    /// leave off wherever it has what it needs: of many records, this builds nothing but what is
    /// asked for. The checksum of the whole record is checked before.
    ///
    /// # Errors
    /// Fails when the engine does, when stored bytes have changed, and when `read` fails.
    ///
    /// # Examples
    /// ```
    /// use netabase_store::{MemoryStore, netabase_definition_module};
    ///
    /// #[netabase_definition_module(BlogDefinition, BlogKeys)]
    /// mod blog {
    ///     use netabase_store::NetabaseModel;
    ///
    ///     #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    ///     #[netabase(BlogDefinition)]
    ///     pub struct Post {
    ///         #[primary_key]
    ///         pub id: u64,
    ///         pub title: String,
    ///         pub text: String,
    ///     }
    /// }
    /// # fn main() -> netabase_store::Result<()> {
    /// let posts = MemoryStore::<blog::BlogDefinition>::new().open_tree::<blog::Post>();
    /// posts.put(blog::Post { id: 1, title: "Keys".to_owned(), text: "...".to_owned() })?;
    /// let mut query = posts.iter();
    /// let title = query.next_fields(|fields| {
    ///     fields.get_u64()?;
    ///     fields.get_text().map(str::to_owned)
    /// })?;
    /// assert_eq!(title.as_deref(), Some("Keys"));
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn next_fields<R>(
        &mut self,
        read: impl FnOnce(&mut ValueReader<'_>) -> Result<R, ValueError>,
    ) -> Result<Option<R>> {
        self.walk.step(End::Front, |context, key, value| {
            context.fields(key, value, read)
        })
    }

    /// Returns the number of records, without reading one; O(their keys).
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn count(mut self) -> Result<u64> {
        let mut count = 0;
        while self.walk.step(End::Front, |_, _, _| Ok(()))?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Returns up to `limit` records and, where more follow, a cursor to go on from; O(limit).
    ///
    /// `cursor` is the one that the page before gave. It can be stored, and stays good whatever is
    /// written in between: a page starts after the last key of the page before.
    ///
    /// # Errors
    /// Fails when the engine does, when stored bytes have changed, or when the cursor comes from
    /// another index or direction.
    pub fn page(mut self, limit: usize, cursor: Option<&Cursor>) -> Result<Page<M::PrimaryKey, M>> {
        if let Some(cursor) = cursor {
            let last = cursor.last(self.walk.table_name(), self.walk.reversed)?;
            self.walk.resume_after(last);
        }
        let mut items = Vec::new();
        let mut last = None;
        if limit == 0 {
            return Ok(Page {
                items,
                next: cursor.cloned(),
            });
        }
        while items.len() < limit {
            let is_last = items.len() + 1 == limit;
            let stepped = self.walk.step(End::Front, |context, key, value| {
                let item = context.pair::<D, M>(key, value)?;
                Ok((item, is_last.then(|| key.to_vec())))
            })?;
            let Some((item, key)) = stepped else { break };
            items.push(item);
            last = key;
        }
        let more = last.is_some() && self.walk.step(End::Front, |_, _, _| Ok(()))?.is_some();
        let (table, reversed) = (self.walk.table_name(), self.walk.reversed);
        let next = last
            .filter(|_| more)
            .map(|key| Cursor::new(table, reversed, &key));
        Ok(Page { items, next })
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> Iterator for Query<D, M, B> {
    type Item = Result<(M::PrimaryKey, M)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.walk
            .step(End::Front, |context, key, value| {
                context.pair::<D, M>(key, value)
            })
            .transpose()
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> DoubleEndedIterator for Query<D, M, B> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.walk
            .step(End::Back, |context, key, value| {
                context.pair::<D, M>(key, value)
            })
            .transpose()
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> FusedIterator for Query<D, M, B> {}

impl<D, M, B: Backend> fmt::Debug for Query<D, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("model", &self.walk.model.rows.name)
            .finish_non_exhaustive()
    }
}

/// The primary keys of a query, from [`Query::keys`].
#[must_use = "a query reads nothing until it is iterated"]
pub struct Keys<D, M, B: Backend> {
    walk: Walk<B>,
    types: PhantomData<fn() -> (D, M)>,
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> Keys<D, M, B> {
    /// Walks from the other end.
    pub fn rev(mut self) -> Self {
        self.walk.reversed = !self.walk.reversed;
        self
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> Iterator for Keys<D, M, B> {
    type Item = Result<M::PrimaryKey>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.walk
            .step(End::Front, |context, key, value| {
                context.primary::<D, M>(key, value)
            })
            .transpose()
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> DoubleEndedIterator for Keys<D, M, B> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.walk
            .step(End::Back, |context, key, value| {
                context.primary::<D, M>(key, value)
            })
            .transpose()
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> FusedIterator for Keys<D, M, B> {}

impl<D, M, B: Backend> fmt::Debug for Keys<D, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("model", &self.walk.model.rows.name)
            .finish_non_exhaustive()
    }
}

/// The records of a query without their keys, from [`Query::values`].
#[must_use = "a query reads nothing until it is iterated"]
pub struct Values<D, M, B: Backend> {
    walk: Walk<B>,
    types: PhantomData<fn() -> (D, M)>,
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> Iterator for Values<D, M, B> {
    type Item = Result<M>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let step = self.walk.step(End::Front, |context, key, value| {
            context.record::<D, M, _>(key, value, |_| Ok(()))
        });
        step.transpose()
            .map(|found| found.map(|((), record)| record))
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> DoubleEndedIterator for Values<D, M, B> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let step = self.walk.step(End::Back, |context, key, value| {
            context.record::<D, M, _>(key, value, |_| Ok(()))
        });
        step.transpose()
            .map(|found| found.map(|((), record)| record))
    }
}

impl<D, M: NetabaseModelTrait<D>, B: Backend> FusedIterator for Values<D, M, B> {}

impl<D, M, B: Backend> fmt::Debug for Values<D, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("model", &self.walk.model.rows.name)
            .finish_non_exhaustive()
    }
}
