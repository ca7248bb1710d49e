//! Rows that are not on disk yet: those that gather, and those that are being written.

use std::{collections::HashMap, mem, sync::Arc};

use super::{
    hashing::Places,
    row::{RecordRow, RowKey},
};
use crate::backends::EditValue;

/// How many bytes of rows lie in one piece of memory, so that a row costs no allocation, and a
/// commit gives back few pieces.
const CHUNK_BYTES: usize = 64 * 1024;

/// How many pieces, and places for rows, a batch that is on disk leaves to a later one: memory that the
/// system gives anew costs more than to fill it.
const SPARE_CHUNKS: usize = 32;
const SPARE_ROWS: usize = 4096;

/// What a row that waits costs beside its bytes.
const EDIT_BYTES: usize = 64;

/// The rows of one commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    edits: HashMap<RowKey, Kept, Places>,
    /// Nobody shares them until all rows are there.
    chunks: Vec<Arc<Vec<u8>>>,
    /// The piece that is being filled.
    chunk: usize,
    bytes: usize,
}

/// What a row becomes, and where that lies.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Removed,
    Bytes(Slot),
}

/// What a row becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit<'a> {
    /// It is to be removed.
    Removed,
    /// It is to be these bytes.
    Bytes(&'a [u8]),
}

impl Edit<'_> {
    /// Returns the bytes of the row, unless it is to be removed.
    pub(super) fn to_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Removed => None,
            Self::Bytes(bytes) => Some(bytes.to_vec()),
        }
    }
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
    /// Without rows, but with memory for them.
    spare: Batch,
}

impl Overlay {
    /// Returns what a row will be; none where it is as on disk.
    pub(super) fn get(&self, row: RowKey) -> Option<Edit<'_>> {
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

    /// Stores a record, whose row takes so many bytes.
    pub(super) fn set_record(&mut self, row: RowKey, record: &RecordRow<'_>, bytes: usize) {
        let encode = |chunk: &mut Vec<u8>| record.encode_behind(chunk, row);
        self.pending.add(row, bytes, encode);
    }

    /// Returns how many rows wait for the next commit, and about how many bytes they take.
    pub(super) fn gathered(&self) -> (usize, usize) {
        (self.pending.len(), self.pending.bytes)
    }

    /// Returns how many rows wait in all, and about how many bytes they take.
    pub(super) fn load(&self) -> (usize, usize) {
        let (pending, writing) = (&self.pending, &self.writing);
        (pending.len() + writing.len(), pending.bytes + writing.bytes)
    }

    /// Takes what has gathered to be written; it can still be read here.
    pub(super) fn begin(&mut self) -> Arc<Batch> {
        let next = mem::take(&mut self.spare);
        self.writing = Arc::new(mem::replace(&mut self.pending, next));
        Arc::clone(&self.writing)
    }

    /// Forgets what was being written: it is on disk.
    pub(super) fn end(&mut self) {
        self.writing = Arc::default();
    }

    /// Keeps an [emptied](Batch::empty) batch for later rows.
    pub(super) fn reuse(&mut self, batch: Batch) {
        self.spare = batch;
    }
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.edits.len()
    }

    /// Returns the rows in the order of their keys; their bytes stay where they are.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (RowKey, Option<EditValue>)> {
        let mut edits: Vec<_> = self.edits.iter().map(|(row, kept)| (*row, *kept)).collect();
        edits.sort_unstable_by_key(|(row, _)| *row);
        edits.into_iter().map(|(row, kept)| (row, self.value(kept)))
    }

    /// Returns the batch without its rows.
    pub(super) fn empty(mut self) -> Self {
        self.edits.clear();
        self.edits.shrink_to(SPARE_ROWS);
        self.chunks.retain_mut(|chunk| {
            // One that an edit still lies in is not written to again.
            let spare = Arc::get_mut(chunk).filter(|chunk| chunk.capacity() == CHUNK_BYTES);
            spare.map(Vec::clear).is_some()
        });
        self.chunks.truncate(SPARE_CHUNKS);
        (self.chunk, self.bytes) = (0, 0);
        self
    }

    fn get(&self, row: RowKey) -> Option<Edit<'_>> {
        self.edits.get(&row).map(|kept| self.edit(*kept))
    }

    fn edit(&self, kept: Kept) -> Edit<'_> {
        match kept {
            Kept::Removed => Edit::Removed,
            Kept::Bytes(slot) => {
                let bytes = self.chunk(slot).get(slot.start..slot.end);
                Edit::Bytes(bytes.expect("a chunk keeps what was put there"))
            }
        }
    }

    fn value(&self, kept: Kept) -> Option<EditValue> {
        match kept {
            Kept::Removed => None,
            Kept::Bytes(slot) => Some(EditValue::within(self.chunk(slot), slot.start..slot.end)),
        }
    }

    fn chunk(&self, slot: Slot) -> &Arc<Vec<u8>> {
        let chunk = self.chunks.get(slot.chunk);
        chunk.expect("a batch keeps its chunks")
    }

    fn set(&mut self, row: RowKey, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.add(row, bytes.len(), |chunk| chunk.extend_from_slice(bytes)),
            None => {
                self.bytes += EDIT_BYTES;
                self.edits.insert(row, Kept::Removed);
            }
        }
    }

    /// Adds a row that `write` appends to its chunk, and which takes so many bytes. A row that is set
    /// anew leaves its old bytes where they are until the commit.
    fn add(&mut self, row: RowKey, bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let number = self.chunk_with_room(bytes);
        let chunk = self.chunks.get_mut(number).and_then(Arc::get_mut);
        let chunk = chunk.expect("it was made if there was none, and rows are still added");
        let start = chunk.len();
        write(chunk);
        let slot = Slot {
            chunk: number,
            start,
            end: chunk.len(),
        };
        self.bytes += EDIT_BYTES + bytes;
        self.edits.insert(row, Kept::Bytes(slot));
    }

    /// Returns the number of the first chunk, from the one that is being filled on, with so much room.
    fn chunk_with_room(&mut self, bytes: usize) -> usize {
        let has_room = |chunk: &Arc<Vec<u8>>| chunk.capacity() - chunk.len() >= bytes;
        while self
            .chunks
            .get(self.chunk)
            .is_some_and(|chunk| !has_room(chunk))
        {
            self.chunk += 1;
        }
        if self.chunk == self.chunks.len() {
            let chunk = Vec::with_capacity(CHUNK_BYTES.max(bytes));
            self.chunks.push(Arc::new(chunk));
        }
        self.chunk
    }
}

#[cfg(test)]
mod tests;
