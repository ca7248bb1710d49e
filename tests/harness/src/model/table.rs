//! What a tree should hold, in maps: the records, and every index.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    operations::{Answer, Read, Rows, Write},
    space::KEY_BYTES_SAFE,
    subject::{Part, Span, Subject, Value},
};

/// The records of a model, and its indexes.
#[derive(Debug, Clone)]
pub(super) struct Table<M> {
    rows: BTreeMap<Value, Arc<M>>,
    indexes: Vec<BTreeMap<Value, BTreeSet<Value>>>,
    /// What stood under each key before it was changed, the last change last.
    undo: Vec<(Value, Option<Arc<M>>)>,
}

impl<M: Subject> Default for Table<M> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            indexes: vec![BTreeMap::new(); M::UNIQUE.len()],
            undo: Vec::new(),
        }
    }
}

impl<M: Subject> Table<M> {
    /// Returns the records, by key.
    pub(super) fn rows(&self) -> &BTreeMap<Value, Arc<M>> {
        &self.rows
    }

    /// Forgets how to take back what was changed.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Takes back what was changed, but for the first changes.
    pub(super) fn undo_to(&mut self, kept: usize) {
        while self.undo.len() > kept {
            let Some((key, row)) = self.undo.pop() else {
                return;
            };
            self.replace(key, row);
        }
    }

    /// Returns every entry of an index: the value, and the key.
    pub(super) fn pairs(&self, index: usize) -> Vec<(Value, Value)> {
        let values = self.indexes.get(index).into_iter().flatten();
        let pairs = values.flat_map(|(value, keys)| keys.iter().map(move |key| (value, key)));
        pairs
            .map(|(value, key)| (value.clone(), key.clone()))
            .collect()
    }

    /// Makes a write, all or nothing.
    pub(super) fn write(&mut self, write: &Write<M>) -> Answer<M> {
        match write {
            Write::Put(row) => self.put(row),
            Write::Insert(row) if is_too_long(&row.key()) => Answer::TooLong,
            Write::Insert(row) if self.rows.contains_key(&row.key()) => Answer::Exists,
            Write::Insert(row) => self.put(row),
            Write::Update(key, _) if !self.rows.contains_key(key) => Answer::Row(None),
            Write::Update(_, row) if is_too_long(&row.key()) => Answer::TooLong,
            Write::Update(key, row) if *key != row.key() => Answer::KeyChanged,
            Write::Update(_, row) => match self.put(row) {
                Answer::Done => Answer::Row(Some(Arc::clone(row))),
                refused => refused,
            },
            Write::Remove(key) => Answer::Row(self.set(key.clone(), None)),
            Write::PutMany(rows) => {
                let begun = self.undo.len();
                for row in rows {
                    let answer = self.put(row);
                    if !matches!(answer, Answer::Done) {
                        self.undo_to(begun);
                        return answer;
                    }
                }
                Answer::Done
            }
            Write::RemoveMany(keys) => {
                let removed = keys
                    .iter()
                    .filter(|key| self.set((*key).clone(), None).is_some());
                Answer::Count(removed.count())
            }
            Write::Clear => {
                let keys: Vec<_> = self.rows.keys().cloned().collect();
                for key in keys {
                    self.set(key, None);
                }
                Answer::Done
            }
        }
    }

    fn put(&mut self, row: &Arc<M>) -> Answer<M> {
        let key = row.key();
        if is_too_long(&key) {
            return Answer::TooLong;
        }
        let is_taken = row.entries().iter().any(|(index, value)| {
            let is_unique = M::UNIQUE.get(*index) == Some(&true);
            let holders = self.indexes.get(*index).and_then(|it| it.get(value));
            is_unique && holders.is_some_and(|holders| holders.iter().any(|it| *it != key))
        });
        if is_taken {
            return Answer::Taken;
        }
        self.set(key, Some(Arc::clone(row)));
        Answer::Done
    }

    /// Changes what stands under a key, and returns what stood there.
    fn set(&mut self, key: Value, row: Option<Arc<M>>) -> Option<Arc<M>> {
        if row.is_none() && !self.rows.contains_key(&key) {
            return None;
        }
        let before = self.replace(key.clone(), row);
        self.undo.push((key, before.clone()));
        before
    }

    fn replace(&mut self, key: Value, row: Option<Arc<M>>) -> Option<Arc<M>> {
        let before = self.rows.get(&key).cloned();
        let (old, new) = (entries(before.as_deref()), entries(row.as_deref()));
        if old != new {
            for (index, value) in old {
                self.remove_entry(index, &value, &key);
            }
            for (index, value) in new {
                if let Some(index) = self.indexes.get_mut(index) {
                    index.entry(value).or_default().insert(key.clone());
                }
            }
        }
        match row {
            Some(row) => drop(self.rows.insert(key, row)),
            None => drop(self.rows.remove(&key)),
        }
        before
    }

    fn remove_entry(&mut self, index: usize, value: &Value, key: &Value) {
        let Some(index) = self.indexes.get_mut(index) else {
            return;
        };
        let Some(keys) = index.get_mut(value) else {
            return;
        };
        keys.remove(key);
        if keys.is_empty() {
            index.remove(value);
        }
    }

    /// Answers a question.
    pub(super) fn read(&self, read: &Read) -> Answer<M> {
        match read {
            Read::Get(key) => Answer::Row(self.rows.get(key).cloned()),
            Read::Contains(key) => Answer::Is(self.rows.contains_key(key)),
            Read::Len => Answer::Count(self.rows.len()),
            Read::IsEmpty => Answer::Is(self.rows.is_empty()),
            Read::LookUp(index, value) => {
                let span = Span {
                    index: Some(*index),
                    part: Part::At(value.clone()),
                    is_reversed: false,
                };
                Answer::Rows(self.walk(&span).collect())
            }
            Read::Count(span) => Answer::Count(self.walk(span).count()),
            Read::Walk(span, Rows::Keys, limit) => {
                Answer::Keys(self.walk(span).take(*limit).map(|row| row.key()).collect())
            }
            Read::Walk(span, Rows::Pairs | Rows::Values, limit) => {
                Answer::Rows(self.walk(span).take(*limit).collect())
            }
            Read::Ends(span, turns) => {
                let mut walk = self.walk(span);
                let step = |is_back: &bool| {
                    if *is_back {
                        walk.next_back()
                    } else {
                        walk.next()
                    }
                };
                Answer::Rows(turns.iter().map_while(step).collect())
            }
            Read::Pages(span, limit, pages) => {
                let mut walk = self.walk(span);
                let rows = walk.by_ref().take(limit * pages).collect();
                Answer::Pages(rows, walk.next().is_some())
            }
        }
    }

    /// Walks over a span, in its direction.
    pub(super) fn walk(&self, span: &Span) -> Box<dyn DoubleEndedIterator<Item = Arc<M>> + '_> {
        let Some(bounds) = span.part.bounds() else {
            return Box::new(std::iter::empty());
        };
        let index = span.index.and_then(|index| self.indexes.get(index));
        let row = |key| {
            self.rows
                .get(key)
                .cloned()
                .expect("an entry has its record")
        };
        match (index, span.is_reversed) {
            (None, false) => Box::new(self.rows.range(bounds).map(|(_, row)| Arc::clone(row))),
            (None, true) => Box::new(
                self.rows
                    .range(bounds)
                    .rev()
                    .map(|(_, row)| Arc::clone(row)),
            ),
            (Some(index), false) => Box::new(
                index
                    .range(bounds)
                    .flat_map(|(_, keys)| keys.iter())
                    .map(row),
            ),
            (Some(index), true) => Box::new(
                index
                    .range(bounds)
                    .flat_map(|(_, keys)| keys.iter())
                    .rev()
                    .map(row),
            ),
        }
    }
}

fn entries<M: Subject>(row: Option<&M>) -> Vec<(usize, Value)> {
    row.map(Subject::entries).unwrap_or_default()
}

/// Returns whether no store takes a key; keys are either short or much too long.
fn is_too_long(key: &Value) -> bool {
    match key {
        Value::Text(text) => text.len() > KEY_BYTES_SAFE,
        Value::Bytes(bytes) => bytes.len() > KEY_BYTES_SAFE,
        _ => false,
    }
}
