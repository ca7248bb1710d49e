//! Reading: a snapshot, with the edits of a transaction laid over it where there is one.

use std::{cmp::Ordering, ops::Bound, sync::Arc};

use crate::{
    backends::{Backend, End, Rows, Snapshot, Span, TableEdits, TableId, WriteSet},
    error::Result,
};

/// A view that no later write reaches.
pub(crate) struct Reader<B: Backend> {
    snapshot: Arc<B::Snapshot>,
    edits: Option<WriteSet>,
}

impl<B: Backend> Clone for Reader<B> {
    fn clone(&self) -> Self {
        Self {
            snapshot: Arc::clone(&self.snapshot),
            edits: self.edits.clone(),
        }
    }
}

impl<B: Backend> Reader<B> {
    pub(crate) fn new(snapshot: Arc<B::Snapshot>) -> Self {
        Self {
            snapshot,
            edits: None,
        }
    }

    pub(crate) fn over(snapshot: Arc<B::Snapshot>, edits: WriteSet) -> Self {
        let edits = (!edits.tables.is_empty()).then_some(edits);
        Self { snapshot, edits }
    }

    fn edits(&self, table: TableId) -> Option<&Arc<TableEdits>> {
        self.edits.as_ref()?.tables.get(&table)
    }

    /// Calls `read` with the value under `key`, if there is one.
    #[inline]
    pub(crate) fn get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        match self.edits(table).and_then(|edits| edits.get(key)) {
            Some(edit) => Ok(edit.as_deref().map(read)),
            None => self.snapshot.get(table, key, read),
        }
    }

    /// Starts reading a span; an empty one yields nothing.
    pub(crate) fn rows(&self, table: TableId, span: &Span) -> Result<MergedRows<B>> {
        if span.is_empty() {
            return Ok(MergedRows {
                base: None,
                overlay: None,
            });
        }
        let base = Some(self.snapshot.rows(table, span)?);
        let overlay = self.edits(table).map(|edits| Overlay {
            edits: Arc::clone(edits),
            span: span.clone(),
            front: None,
            back: None,
        });
        Ok(MergedRows { base, overlay })
    }

    /// Returns the number of rows; O(1) unless the transaction has written to the table, then
    /// O(its writes there).
    pub(crate) fn len(&self, table: TableId) -> Result<u64> {
        let mut len = self.snapshot.len(table)?;
        for (key, edit) in self.edits(table).into_iter().flat_map(|edits| edits.iter()) {
            let stored = self.snapshot.get(table, key, |_| ())?.is_some();
            match (stored, edit.is_some()) {
                (false, true) => len += 1,
                (true, false) => len = len.saturating_sub(1),
                _ => {}
            }
        }
        Ok(len)
    }
}

/// Rows of a snapshot merged with the edits over it.
pub(crate) struct MergedRows<B: Backend> {
    base: Option<<B::Snapshot as Snapshot>::Rows>,
    overlay: Option<Overlay>,
}

/// The edits of a table inside a span, and the rows of the snapshot that were read too far.
struct Overlay {
    edits: Arc<TableEdits>,
    /// What is left of the span, for the edits.
    span: Span,
    front: Option<Pair>,
    back: Option<Pair>,
}

type Pair = (Vec<u8>, Vec<u8>);

impl<B: Backend> MergedRows<B> {
    /// Calls `read` with the next row from an end, or returns `None` when the ends have met.
    #[inline]
    pub(crate) fn step<R>(
        &mut self,
        end: End,
        read: impl FnOnce(&[u8], &[u8]) -> R,
    ) -> Result<Option<R>> {
        match (&mut self.base, &mut self.overlay) {
            (None, _) => Ok(None),
            (Some(base), None) => base.step(end, read),
            (Some(base), Some(overlay)) => Ok(overlay
                .step(base, end)?
                .map(|(key, value)| read(&key, &value))),
        }
    }
}

impl Overlay {
    /// Returns the next row: of the snapshot or of the edits, whichever comes first.
    fn step<R: Rows>(&mut self, base: &mut R, end: End) -> Result<Option<Pair>> {
        loop {
            let row = self.next_row(base, end)?;
            let edit = self.peek_edit(end);
            let order = match (&row, &edit) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((row, _)), Some((edit, _))) => match end {
                    End::Front => row.cmp(edit),
                    End::Back => edit.cmp(row),
                },
            };
            if order == Ordering::Less {
                return Ok(row);
            }
            if order == Ordering::Greater {
                self.put_back(end, row);
            }
            let Some((key, value)) = edit else {
                return Ok(None);
            };
            match end {
                End::Front => self.span.lower = Bound::Excluded(key.clone()),
                End::Back => self.span.upper = Bound::Excluded(key.clone()),
            }
            if let Some(value) = value {
                return Ok(Some((key, value)));
            }
        }
    }

    /// Takes the snapshot's next row from an end; the last one may wait at the other end.
    fn next_row<R: Rows>(&mut self, base: &mut R, end: End) -> Result<Option<Pair>> {
        let (near, far) = match end {
            End::Front => (&mut self.front, &mut self.back),
            End::Back => (&mut self.back, &mut self.front),
        };
        if let Some(row) = near.take() {
            return Ok(Some(row));
        }
        let row = base.step(end, |key, value| (key.to_vec(), value.to_vec()))?;
        Ok(row.or_else(|| far.take()))
    }

    fn put_back(&mut self, end: End, row: Option<Pair>) {
        match end {
            End::Front => self.front = row,
            End::Back => self.back = row,
        }
    }

    fn peek_edit(&self, end: End) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        if self.span.is_empty() {
            return None;
        }
        let mut edits = self.edits.range::<[u8], _>(self.span.as_slices());
        let edit = match end {
            End::Front => edits.next(),
            End::Back => edits.next_back(),
        };
        edit.map(|(key, value)| (key.to_vec(), value.as_deref().map(<[u8]>::to_vec)))
    }
}
