//! A walk over a table of a snapshot: chunks of the engine's rows, corrected by what it was before.

use std::{cmp::Ordering, collections::VecDeque, fmt, sync::Arc};

use super::{
    VersionedSnapshot,
    history::{History, Pin},
    live::{Live, Row, SharedBytes},
};
use crate::{
    backends::{End, Rows, Span},
    error::Result,
};

/// The rows that a walk reads at first.
const CHUNK_ROWS_MIN: usize = 16;
/// The most rows that a walk reads at once; the engine's lock is held meanwhile.
const CHUNK_ROWS_MAX: usize = 256;

/// A walk over a span of a table of a snapshot.
pub struct VersionedRows<L: Live> {
    /// Rows that were read from the front, in ascending order.
    front: VecDeque<Row<L::Bytes>>,
    /// Rows that were read from the back, in descending order.
    back: VecDeque<Row<L::Bytes>>,
    walk: Walk<L>,
    place: usize,
    // Last: the engine outlives what the walk holds of it.
    snapshot: Arc<VersionedSnapshot<L>>,
}

/// What is still to be read of a span.
pub(super) struct Walk<L: Live> {
    rest: Option<Span>,
    cursor: L::Cursor,
    limit: usize,
}

impl<L: Live> VersionedRows<L> {
    pub(super) fn new(snapshot: Arc<VersionedSnapshot<L>>, place: usize, span: Span) -> Self {
        let walk = Walk::new(span);
        Self {
            front: VecDeque::new(),
            back: VecDeque::new(),
            walk,
            place,
            snapshot,
        }
    }

    #[inline]
    fn next_row(&mut self, end: End) -> Result<Option<Row<L::Bytes>>> {
        loop {
            let (near, far) = match end {
                End::Front => (&mut self.front, &mut self.back),
                End::Back => (&mut self.back, &mut self.front),
            };
            if let Some(row) = near.pop_front() {
                return Ok(Some(row));
            }
            match self.walk.fill(&self.snapshot, self.place, end, near) {
                Ok(true) => {}
                Ok(false) => return Ok(far.pop_back()),
                Err(error) => {
                    far.clear();
                    return Err(error);
                }
            }
        }
    }
}

impl<L: Live> Rows for VersionedRows<L> {
    #[inline]
    fn step<R>(&mut self, end: End, read: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        let row = self.next_row(end)?;
        Ok(row.map(|(key, value)| read(key.as_ref(), value.as_ref())))
    }
}

impl<L: Live> fmt::Debug for VersionedRows<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionedRows")
            .field("rest", &self.walk.rest)
            .finish_non_exhaustive()
    }
}

impl<L: Live> Walk<L> {
    pub(super) fn new(span: Span) -> Self {
        let rest = (!span.is_empty()).then_some(span);
        Self {
            rest,
            cursor: L::Cursor::default(),
            limit: CHUNK_ROWS_MIN,
        }
    }

    /// Reads the next chunk from an end into `rows`, which is empty. A chunk may have no rows;
    /// returns `false` when there is no next one.
    pub(super) fn fill(
        &mut self,
        snapshot: &VersionedSnapshot<L>,
        place: usize,
        end: End,
        rows: &mut VecDeque<Row<L::Bytes>>,
    ) -> Result<bool> {
        // Taken for good when the engine fails: the walk then ends.
        let Some(mut span) = self.rest.take() else {
            return Ok(false);
        };
        let limit = self.limit;
        self.limit = CHUNK_ROWS_MAX.min(limit * 2);
        let live = &snapshot.shared.live;
        let state = snapshot.shared.read();
        let table = state.table(place);
        let passed = if let Some(history) = state.timeline.history(place, &snapshot.pin) {
            self.cursor = L::Cursor::default();
            let mut found = VecDeque::new();
            live.chunk(
                table,
                &span,
                (end, limit),
                &mut L::Cursor::default(),
                &mut found,
            )?;
            let past = Past {
                history,
                pin: &snapshot.pin,
                span: &span,
                end,
            };
            past.correct(found, limit, rows)
        } else {
            live.chunk(table, &span, (end, limit), &mut self.cursor, rows)?;
            rows.back()
                .filter(|_| rows.len() >= limit)
                .map(|(key, _)| key.clone())
        };
        drop(state);
        if let Some(key) = passed {
            span.resume_after(key.as_ref(), end == End::Back);
            self.rest = (!span.is_empty()).then_some(span);
        }
        Ok(true)
    }
}

/// The history of a span as one snapshot sees it.
struct Past<'a, B> {
    history: &'a History<B>,
    pin: &'a Pin,
    span: &'a Span,
    end: End,
}

impl<B: SharedBytes> Past<'_, B> {
    /// Puts the snapshot's rows in place of the engine's, up to `limit`; returns the last key that
    /// was decided, or `None` at the end of the span.
    fn correct(
        &self,
        found: VecDeque<Row<B>>,
        limit: usize,
        rows: &mut VecDeque<Row<B>>,
    ) -> Option<B> {
        let found_all = found.len() < limit;
        let mut found = found.into_iter().peekable();
        let mut images = self.history.walk(self.span, self.end, self.pin).peekable();
        let mut images_left = limit;
        let mut last = None;
        while rows.len() < limit && images_left > 0 {
            let order = match (found.peek(), images.peek()) {
                (None, None) if found_all => return None,
                (None, _) if !found_all => return last,
                (None, _) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((key, _)), Some((changed, _))) => self.order(key, changed),
            };
            let row = if order.is_le() { found.next() } else { None };
            let image = if order.is_ge() { images.next() } else { None };
            let (key, value) = match (row, image) {
                (row, Some((key, seen))) => {
                    images_left -= 1;
                    let value = match seen {
                        Some(before) => before.cloned(),
                        None => row.map(|(_, value)| value),
                    };
                    (key.clone(), value)
                }
                (Some((key, value)), None) => (key, Some(value)),
                (None, None) => return last,
            };
            if let Some(value) = value {
                rows.push_back((key.clone(), value));
            }
            last = Some(key);
        }
        last
    }

    fn order(&self, a: &B, b: &B) -> Ordering {
        match self.end {
            End::Front => a.cmp(b),
            End::Back => b.cmp(a),
        }
    }
}
