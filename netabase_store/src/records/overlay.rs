//! Rows that are not on disk yet: those that gather, and those that are being written.

use std::{collections::HashMap, mem, sync::Arc};

use libp2p_identity::PeerId;
use libp2p_kad::Record;

use super::{
    clock::Unix,
    hashing::Places,
    row::{RecordRow, RowKey},
};

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
    chunks: Vec<Vec<u8>>,
    /// The piece that is being filled.
    chunk: usize,
    records: Vec<Pending>,
    bytes: usize,
}

/// What a row becomes, and where that lies.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Removed,
    Bytes(Slot),
    Record(usize),
}

/// What a row becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit<'a> {
    /// It is to be removed.
    Removed,
    /// It is encoded.
    Bytes(&'a [u8]),
    /// Of a record, which the writing thread encodes.
    Record(&'a Pending),
}

/// A record as it came, with the expiry that it has here.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) record: Record,
    pub(super) stored: Unix,
    pub(super) expires: Option<Unix>,
    pub(super) source: Option<PeerId>,
}

impl Pending {
    pub(super) fn row(&self) -> RecordRow<'_> {
        RecordRow {
            stored: self.stored,
            expires: self.expires,
            publisher: self.record.publisher,
            source: self.source,
            key: self.record.key.as_ref(),
            value: &self.record.value,
        }
    }
}

impl Edit<'_> {
    /// Returns the bytes of the row, unless it is to be removed.
    pub(super) fn to_bytes(self, row: RowKey) -> Option<Vec<u8>> {
        match self {
            Self::Removed => None,
            Self::Bytes(bytes) => Some(bytes.to_vec()),
            Self::Record(pending) => Some(pending.row().encode(row)),
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
    pub(super) fn set_record(&mut self, row: RowKey, pending: Pending, bytes: usize) {
        let batch = &mut self.pending;
        batch.bytes += EDIT_BYTES + bytes;
        batch.edits.insert(row, Kept::Record(batch.records.len()));
        batch.records.push(pending);
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

    /// Returns the rows in the order of their keys.
    pub(super) fn sorted(&self) -> impl Iterator<Item = (RowKey, Edit<'_>)> {
        let mut edits: Vec<_> = self.edits.iter().map(|(row, kept)| (*row, *kept)).collect();
        edits.sort_unstable_by_key(|(row, _)| *row);
        edits.into_iter().map(|(row, kept)| (row, self.edit(kept)))
    }

    /// Returns the batch without its rows.
    pub(super) fn empty(mut self) -> Self {
        self.edits.clear();
        self.edits.shrink_to(SPARE_ROWS);
        self.records.clear();
        self.records.shrink_to(SPARE_ROWS);
        self.chunks.retain(|chunk| chunk.capacity() == CHUNK_BYTES);
        self.chunks.truncate(SPARE_CHUNKS);
        self.chunks.iter_mut().for_each(Vec::clear);
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
                let chunk = self.chunks.get(slot.chunk);
                let bytes = chunk.and_then(|chunk| chunk.get(slot.start..slot.end));
                Edit::Bytes(bytes.expect("a chunk keeps what was put there"))
            }
            Kept::Record(number) => {
                let pending = self.records.get(number);
                Edit::Record(pending.expect("a batch keeps what was put there"))
            }
        }
    }

    /// A row that is set anew leaves its old bytes where they are until the commit.
    fn set(&mut self, row: RowKey, bytes: Option<&[u8]>) {
        let kept = bytes.map_or(Kept::Removed, |bytes| Kept::Bytes(self.keep(bytes)));
        self.bytes += EDIT_BYTES + bytes.map_or(0, <[u8]>::len);
        self.edits.insert(row, kept);
    }

    fn keep(&mut self, bytes: &[u8]) -> Slot {
        let has_room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= bytes.len();
        while self
            .chunks
            .get(self.chunk)
            .is_some_and(|chunk| !has_room(chunk))
        {
            self.chunk += 1;
        }
        if self.chunk == self.chunks.len() {
            self.chunks
                .push(Vec::with_capacity(CHUNK_BYTES.max(bytes.len())));
        }
        let chunk = self.chunks.get_mut(self.chunk);
        let chunk = chunk.expect("one was pushed if there was none");
        let start = chunk.len();
        chunk.extend_from_slice(bytes);
        Slot {
            chunk: self.chunk,
            start,
            end: chunk.len(),
        }
    }
}

#[cfg(test)]
mod tests;
