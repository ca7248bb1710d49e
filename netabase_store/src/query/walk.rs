//! The untyped walk of a query, and what a row is read with.

use std::{mem, sync::Arc};

use super::Source;
use crate::{
    backends::{Backend, End, Span, hex},
    envelope,
    error::{EncodingDecodingError, NetabaseError, Result, StoreError},
    key::{KeyReader, NetabaseKey, decode_key},
    model::NetabaseModelTrait,
    plan::entry_primary,
    query::Split,
    reader::{MergedRows, Reader},
    tables::{IndexTable, ModelTables},
    value::{ValueError, ValueReader},
};

/// The untyped part of a query.
pub(super) struct Walk<B: Backend> {
    pub(super) model: Arc<ModelTables>,
    pub(super) source: Source,
    pub(super) reversed: bool,
    pub(super) state: State<B>,
}

/// How far a walk has come.
pub(super) enum State<B: Backend> {
    Ready(Reader<B>, Span),
    Open(Reader<B>, MergedRows<B>),
    Failed(NetabaseError),
    Done,
}

impl<B: Backend> Walk<B> {
    /// Calls `read` with the next row from an end; after an error the walk is done.
    #[inline]
    pub(super) fn step<R>(
        &mut self,
        end: End,
        read: impl FnOnce(&Context<'_, B>, &[u8], &[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        if !matches!(self.state, State::Open(..)) && !self.open()? {
            return Ok(None);
        }
        let State::Open(reader, rows) = &mut self.state else {
            return Ok(None);
        };
        let context = Context {
            model: &self.model,
            source: self.source,
            reader,
        };
        let end = match (end, self.reversed) {
            (End::Front, false) | (End::Back, true) => End::Front,
            _ => End::Back,
        };
        match rows.step(end, |key, value| read(&context, key, value)) {
            Ok(Some(Ok(item))) => Ok(Some(item)),
            Ok(None) => {
                self.state = State::Done;
                Ok(None)
            }
            Ok(Some(Err(error))) | Err(error) => {
                self.state = State::Done;
                Err(error)
            }
        }
    }

    /// Starts reading; returns whether there is anything to read.
    fn open(&mut self) -> Result<bool> {
        match mem::replace(&mut self.state, State::Done) {
            State::Ready(reader, span) => {
                let table = match self.index() {
                    Some(index) => index.id,
                    None => self.model.rows.id,
                };
                let rows = reader.rows(table, &span)?;
                self.state = State::Open(reader, rows);
                Ok(true)
            }
            State::Failed(error) => Err(error),
            State::Open(..) | State::Done => Ok(false),
        }
    }

    fn index(&self) -> Option<&IndexTable> {
        match self.source {
            Source::Rows => None,
            Source::Index { position, .. } => self.model.indexes.get(position),
        }
    }

    pub(super) fn table_name(&self) -> &str {
        self.index()
            .map_or(&self.model.rows.name, |index| &index.table)
    }

    /// Leaves out what a page that ended with the key `last` has shown.
    pub(super) fn resume_after(&mut self, last: &[u8]) {
        if let State::Ready(_, span) = &mut self.state {
            span.resume_after(last, self.reversed);
        }
    }
}

/// What a row is read with.
pub(super) struct Context<'a, B: Backend> {
    model: &'a ModelTables,
    source: Source,
    reader: &'a Reader<B>,
}

impl<B: Backend> Context<'_, B> {
    /// Builds the record of a row, or the one that an index entry names, and what `primary` makes
    /// of its key.
    #[inline]
    pub(super) fn record<D, M: NetabaseModelTrait<D>, K>(
        &self,
        key: &[u8],
        value: &[u8],
        primary: impl FnOnce(&[u8]) -> Result<K>,
    ) -> Result<(K, M)> {
        self.row(key, value, |key, row| {
            Ok((primary(key)?, envelope::decode(&self.model.rows, key, row)?))
        })
    }

    /// Hands on the fields of a row, or of the one that an index entry names.
    #[inline]
    pub(super) fn fields<R>(
        &self,
        key: &[u8],
        value: &[u8],
        read: impl FnOnce(&mut ValueReader<'_>) -> Result<R, ValueError>,
    ) -> Result<R> {
        self.row(key, value, |key, row| {
            envelope::read_fields(&self.model.rows, key, row, read)
        })
    }

    /// Hands on a row and its key, or those that an index entry names.
    #[inline]
    fn row<R>(
        &self,
        key: &[u8],
        value: &[u8],
        read: impl FnOnce(&[u8], &[u8]) -> Result<R>,
    ) -> Result<R> {
        let Source::Index { position, split } = self.source else {
            return read(key, value);
        };
        let named = self.entry(position, split, key, value)?;
        let rows = self.model.rows.id;
        match self.reader.get(rows, named, |row| read(named, row))? {
            Some(read) => read,
            None => Err(self.dangling(position, named)),
        }
    }

    /// Builds the record and its key.
    #[inline]
    pub(super) fn pair<D, M: NetabaseModelTrait<D>>(
        &self,
        key: &[u8],
        value: &[u8],
    ) -> Result<(M::PrimaryKey, M)> {
        self.record::<D, M, _>(key, value, |key| self.decode_primary::<D, M>(key))
    }

    /// Reads the primary key of a row, or the one that an index entry names.
    #[inline]
    pub(super) fn primary<D, M: NetabaseModelTrait<D>>(
        &self,
        key: &[u8],
        value: &[u8],
    ) -> Result<M::PrimaryKey> {
        match self.source {
            Source::Rows => {
                envelope::open(&self.model.rows, key, value)?;
                self.decode_primary::<D, M>(key)
            }
            Source::Index { position, split } => {
                self.decode_primary::<D, M>(self.entry(position, split, key, value)?)
            }
        }
    }

    #[inline]
    fn decode_primary<D, M: NetabaseModelTrait<D>>(&self, key: &[u8]) -> Result<M::PrimaryKey> {
        decode_key(key).map_err(|source| {
            let table = self.model.rows.name.clone();
            EncodingDecodingError::Key {
                table,
                key: hex(key),
                source,
            }
            .into()
        })
    }

    /// Reads the value that the key of an index entry begins with; the entry has been checked.
    #[inline]
    pub(super) fn indexed<K: NetabaseKey>(&self, key: &[u8]) -> Result<K> {
        K::decode_key(&mut KeyReader::new(key)).map_err(|source| {
            let index = self.index();
            EncodingDecodingError::Key {
                table: index.table.clone(),
                key: hex(key),
                source,
            }
            .into()
        })
    }

    fn index(&self) -> &IndexTable {
        let position = match self.source {
            Source::Index { position, .. } => Some(position),
            Source::Rows => None,
        };
        let index = position.and_then(|position| self.model.indexes.get(position));
        index.expect("a query over entries is made over an index of its model")
    }

    /// Returns the primary key that an entry names.
    #[inline]
    fn entry<'k>(
        &self,
        position: usize,
        split: Split,
        key: &'k [u8],
        value: &'k [u8],
    ) -> Result<&'k [u8]> {
        let index = self.model.indexes.get(position);
        let index = index.expect("a query is made over an index of its model");
        entry_primary(index, key, value, split).ok_or_else(|| {
            let table = index.table.clone();
            EncodingDecodingError::Checksum {
                table,
                key: hex(key),
            }
            .into()
        })
    }

    #[cold]
    fn dangling(&self, position: usize, primary: &[u8]) -> NetabaseError {
        let table = self
            .model
            .indexes
            .get(position)
            .map_or("", |index| &index.table)
            .to_owned();
        StoreError::DanglingEntry {
            table,
            key: self.model.rows.display_key(primary),
        }
        .into()
    }
}
