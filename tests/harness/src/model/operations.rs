//! What is done to a tree and asked of it, and what it answers.

use std::sync::Arc;

use netabase_store::{Cursor, NetabaseError, Result, StoreError, View, Writable};

use super::subject::{Span, Subject, Subjects, Value};

/// One write.
#[derive(Debug, Clone)]
pub(super) enum Write<M> {
    Put(Arc<M>),
    Insert(Arc<M>),
    /// Replaces the record under the key, which the new one may not have.
    Update(Value, Arc<M>),
    Remove(Value),
    PutMany(Vec<Arc<M>>),
    RemoveMany(Vec<Value>),
    Clear,
}

/// One question.
#[derive(Debug, Clone)]
pub(super) enum Read {
    Get(Value),
    Contains(Value),
    Len,
    IsEmpty,
    /// All records that have a value in an index, and the first of them.
    LookUp(usize, Value),
    Count(Span),
    /// So many rows of a span, from its front.
    Walk(Span, Rows, usize),
    /// Rows of a span from either end; from the back where it is true.
    Ends(Span, Vec<bool>),
    /// So many pages of a span, of so many rows.
    Pages(Span, usize, usize),
}

/// What a walk yields.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows {
    Pairs,
    Keys,
    Values,
}

/// A write or a question.
#[derive(Debug, Clone)]
pub(super) enum Operation<M> {
    Write(Write<M>),
    Read(Read),
}

/// What a write or a question comes to.
#[derive(Debug)]
pub(super) enum Answer<M> {
    Done,
    Row(Option<Arc<M>>),
    Is(bool),
    Count(usize),
    Rows(Vec<Arc<M>>),
    Keys(Vec<Value>),
    /// Rows, and whether more follow.
    Pages(Vec<Arc<M>>, bool),
    Exists,
    Taken,
    KeyChanged,
    TooLong,
}

impl<M: Subject> Answer<M> {
    /// Returns whether the other answer is the same, bit for bit.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |one: &[Arc<M>], other: &[Arc<M>]| {
            let mut both = one.iter().zip(other);
            one.len() == other.len() && both.all(|(one, other)| one.is_same(other))
        };
        match (self, other) {
            (Self::Row(Some(one)), Self::Row(Some(other))) => one.is_same(other),
            (Self::Is(one), Self::Is(other)) => one == other,
            (Self::Count(one), Self::Count(other)) => one == other,
            (Self::Rows(one), Self::Rows(other)) => same(one, other),
            (Self::Keys(one), Self::Keys(other)) => one == other,
            (Self::Pages(one, more), Self::Pages(other, others)) => {
                more == others && same(one, other)
            }
            (Self::Row(None), Self::Row(None))
            | (Self::Done, Self::Done)
            | (Self::Exists, Self::Exists)
            | (Self::Taken, Self::Taken)
            | (Self::KeyChanged, Self::KeyChanged)
            | (Self::TooLong, Self::TooLong) => true,
            _ => false,
        }
    }
}

/// Does it to a tree.
pub(super) fn operate<M: Subject, V: Writable>(
    tree: &Subjects<M, V>,
    operation: &Operation<M>,
) -> Result<Answer<M>> {
    match operation {
        Operation::Write(write) => self::write(tree, write),
        Operation::Read(read) => self::read(tree, read),
    }
}

fn write<M: Subject, V: Writable>(tree: &Subjects<M, V>, write: &Write<M>) -> Result<Answer<M>> {
    let done = |()| Answer::Done;
    let row = |row: Option<M>| Answer::Row(row.map(Arc::new));
    let answer = match write {
        Write::Put(new) => tree.put(M::clone(new)).map(done),
        Write::Insert(new) => tree.insert(M::clone(new)).map(done),
        Write::Update(key, new) => tree
            .update(M::primary(key), |old| *old = M::clone(new))
            .map(row),
        Write::Remove(key) => tree.remove(M::primary(key)).map(row),
        Write::PutMany(rows) => tree.put_many(rows.iter().map(|it| M::clone(it))).map(done),
        Write::RemoveMany(keys) => tree
            .remove_many(keys.iter().map(M::primary))
            .map(|count| Answer::Count(in_memory(count))),
        Write::Clear => tree.clear().map(done),
    };
    match answer {
        Err(NetabaseError::StoreError(refused)) => match refused {
            StoreError::Exists { .. } => Ok(Answer::Exists),
            StoreError::UniqueViolated { .. } => Ok(Answer::Taken),
            StoreError::KeyChanged { .. } => Ok(Answer::KeyChanged),
            StoreError::KeyTooLong { .. } => Ok(Answer::TooLong),
            refused => Err(refused.into()),
        },
        answer => answer,
    }
}

/// Asks a tree.
pub(super) fn read<M: Subject, V: View>(tree: &Subjects<M, V>, read: &Read) -> Result<Answer<M>> {
    Ok(match read {
        Read::Get(key) => Answer::Row(tree.get(M::primary(key))?.map(Arc::new)),
        Read::Contains(key) => Answer::Is(tree.contains(M::primary(key))?),
        Read::Len => Answer::Count(in_memory(tree.len()?)),
        Read::IsEmpty => Answer::Is(tree.is_empty()?),
        Read::LookUp(index, value) => {
            let (rows, first) = M::look_up(tree, *index, value)?;
            let is_first = match (rows.first(), &first) {
                (Some(one), Some(other)) => one.is_same(other),
                (None, None) => true,
                _ => false,
            };
            assert!(is_first, "the first of {rows:?} is {first:?}");
            Answer::Rows(rows.into_iter().map(Arc::new).collect())
        }
        Read::Count(span) => Answer::Count(in_memory(M::query(tree, span).count()?)),
        Read::Walk(span, rows, limit) => walk(tree, span, *rows, *limit)?,
        Read::Ends(span, turns) => {
            let mut query = M::query(tree, span);
            let step = |is_back: &bool| {
                if *is_back {
                    query.next_back()
                } else {
                    query.next()
                }
            };
            let rows = turns.iter().map_while(step);
            Answer::Rows(rows.map(own_key).collect::<Result<_>>()?)
        }
        Read::Pages(span, limit, pages) => {
            let (mut rows, mut cursor) = (Vec::new(), None);
            for _ in 0..*pages {
                let page = M::query(tree, span).page(*limit, cursor.as_ref())?;
                rows.extend(page.items.into_iter().map(|(_, row)| Arc::new(row)));
                // As one that was stored.
                cursor = page.next.map(|it| Cursor::from_bytes(it.as_bytes()));
                if cursor.is_none() {
                    break;
                }
            }
            Answer::Pages(rows, cursor.is_some())
        }
    })
}

fn walk<M: Subject, V: View>(
    tree: &Subjects<M, V>,
    span: &Span,
    rows: Rows,
    limit: usize,
) -> Result<Answer<M>> {
    let query = M::query(tree, span);
    Ok(match rows {
        Rows::Pairs => {
            let rows = query.take(limit).map(own_key);
            Answer::Rows(rows.collect::<Result<_>>()?)
        }
        Rows::Values => {
            let rows = query.values().take(limit).map(|row| row.map(Arc::new));
            Answer::Rows(rows.collect::<Result<_>>()?)
        }
        Rows::Keys => {
            let keys = query.keys().take(limit).map(|key| key.map(M::value));
            Answer::Keys(keys.collect::<Result<_>>()?)
        }
    })
}

/// Returns a record, after checking that it stands under its own key.
fn own_key<M: Subject>(pair: Result<(M::PrimaryKey, M)>) -> Result<Arc<M>> {
    let (key, row) = pair?;
    assert_eq!(M::value(key), row.key(), "the key of {row:?}");
    Ok(Arc::new(row))
}

fn in_memory(count: u64) -> usize {
    usize::try_from(count).expect("records that were counted fit into memory")
}
