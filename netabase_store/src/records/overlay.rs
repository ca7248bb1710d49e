//! Rows that are not on disk yet: those that gather, and those that are being written.

use std::{collections::BTreeMap, mem, sync::Arc};

use super::row::RowKey;

/// How many bytes of rows lie in one piece of memory, so that a row costs no allocation, and a
/// commit gives back few pieces.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a row that waits costs beside its bytes.
const EDIT_BYTES: usize = 64;

/// The rows of one commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    edits: BTreeMap<RowKey, Option<Slot>>,
    chunks: Vec<Vec<u8>>,
    bytes: usize,
}

/// Where the bytes of a row lie.
#[derive(Clone, Copy, Debug)]
struct Slot {
    chunk: usize,
    start: usize,
    end: usize,
}

/// Rows over those on disk.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    pending: Batch,
    writing: Arc<Batch>,
}

impl Overlay {
    /// Returns what a row will be: its bytes, or none where it is to be removed; none of both where it
    /// is as on disk.
    pub(super) fn get(&self, row: RowKey) -> Option<Option<&[u8]>> {
        match self.pending.get(row) {
            None if self.writing.edits.is_empty() => None,
            None => self.writing.get(row),
            found => found,
        }
    }

    /// Stores a row, or has it removed.
    pub(super) fn set(&mut self, row: RowKey, bytes: Option<&[u8]>) {
        self.pending.set(row, bytes);
    }

    /// Returns how many rows gather.
    pub(super) fn rows(&self) -> usize {
        self.pending.len()
    }

    /// Returns how many rows wait in all, and about how many bytes they take.
    pub(super) fn load(&self) -> (usize, usize) {
        let (pending, writing) = (&self.pending, &self.writing);
        (pending.len() + writing.len(), pending.bytes + writing.bytes)
    }

    /// Takes what has gathered to be written; it can still be read here.
    pub(super) fn begin(&mut self) -> Arc<Batch> {
        self.writing = Arc::new(mem::take(&mut self.pending));
        Arc::clone(&self.writing)
    }

    /// Forgets what was being written: it is on disk.
    pub(super) fn end(&mut self) -> Arc<Batch> {
        mem::take(&mut self.writing)
    }
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.edits.len()
    }

    /// Returns the rows in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RowKey, Option<&[u8]>)> {
        let edits = self.edits.iter();
        edits.map(|(row, slot)| (*row, slot.map(|slot| self.bytes_of(slot))))
    }

    fn get(&self, row: RowKey) -> Option<Option<&[u8]>> {
        let slot = *self.edits.get(&row)?;
        Some(slot.map(|slot| self.bytes_of(slot)))
    }

    fn bytes_of(&self, slot: Slot) -> &[u8] {
        let chunk = self.chunks.get(slot.chunk);
        let bytes = chunk.and_then(|chunk| chunk.get(slot.start..slot.end));
        bytes.expect("a chunk keeps what was put there")
    }

    /// A row that is set anew leaves its old bytes where they are until the commit.
    fn set(&mut self, row: RowKey, bytes: Option<&[u8]>) {
        let slot = bytes.map(|bytes| self.keep(bytes));
        self.bytes += EDIT_BYTES + bytes.map_or(0, <[u8]>::len);
        self.edits.insert(row, slot);
    }

    fn keep(&mut self, bytes: &[u8]) -> Slot {
        let has_room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= bytes.len();
        if !self.chunks.last().is_some_and(has_room) {
            self.chunks
                .push(Vec::with_capacity(CHUNK_BYTES.max(bytes.len())));
        }
        let chunk = self.chunks.len() - 1;
        let last = self
            .chunks
            .last_mut()
            .expect("one was pushed if there was none");
        let start = last.len();
        last.extend_from_slice(bytes);
        Slot {
            chunk,
            start,
            end: last.len(),
        }
    }
}
