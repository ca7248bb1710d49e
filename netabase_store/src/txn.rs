//! Transactions over several models: a snapshot to read, and a write set that is applied at once.

mod edits;

use std::{cell::RefCell, fmt, marker::PhantomData, sync::Arc};

use self::edits::Edits;
use crate::{
    backends::{Backend, EditValue, Snapshot, TableId, WriteSet},
    error::Result,
    inner::{Durability, Inner},
    model::NetabaseModelTrait,
    reader::Reader,
    tree::Tree,
    view::{ReadView, WriteView},
    writer::WriterGuard,
};

/// An unchanging view of the whole store, from [`Store::begin_read`](crate::Store::begin_read).
#[must_use]
pub struct ReadTransaction<D, B: Backend> {
    inner: Arc<Inner<B>>,
    snapshot: Arc<B::Snapshot>,
    definition: PhantomData<fn() -> D>,
}

impl<D, B: Backend> ReadTransaction<D, B> {
    pub(crate) fn new(inner: Arc<Inner<B>>, snapshot: Arc<B::Snapshot>) -> Self {
        Self {
            inner,
            snapshot,
            definition: PhantomData,
        }
    }

    /// Returns the tree of a model, as it was when the transaction began.
    #[must_use]
    pub fn open_tree<M: NetabaseModelTrait<D>>(&self) -> Tree<D, M, ReadView<'_, B>> {
        Tree::new(ReadView::new(&self.inner, &self.snapshot))
    }
}

impl<D, B: Backend> fmt::Debug for ReadTransaction<D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTransaction").finish_non_exhaustive()
    }
}

/// Writes to several models that become visible at once, or not at all.
///
/// Only one exists at a time; others wait in [`Store::begin_write`](crate::Store::begin_write).
/// Reads inside it see its own writes. What it writes is kept in memory until
/// [`commit`](Self::commit), about the size of the rows and index entries; dropping it writes
/// nothing. It stays on the thread that began it.
#[must_use]
pub struct WriteTransaction<D, B: Backend> {
    core: WriteCore<B>,
    durability: Durability,
    definition: PhantomData<fn() -> D>,
    // The writer's lock knows its holder by thread, to refuse instead of deadlocking.
    stays_on_thread: PhantomData<*const ()>,
}

impl<D, B: Backend> WriteTransaction<D, B> {
    pub(crate) fn new(core: WriteCore<B>) -> Self {
        let durability = core.inner.durability;
        Self {
            core,
            durability,
            definition: PhantomData,
            stays_on_thread: PhantomData,
        }
    }

    /// Returns the tree of a model, for reading and writing inside this transaction.
    #[must_use]
    pub fn open_tree<M: NetabaseModelTrait<D>>(&self) -> Tree<D, M, WriteView<'_, B>> {
        Tree::new(WriteView::new(&self.core))
    }

    /// Sets how durable the commit will be, instead of the store's own setting.
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// Makes every write of the transaction visible at once.
    ///
    /// With [`Durability::Immediate`] it is on disk when this returns.
    ///
    /// # Errors
    /// Fails when the engine does; then nothing of the transaction is visible.
    pub fn commit(self) -> Result<()> {
        self.core.commit(self.durability)
    }

    /// Forgets every write of the transaction, as dropping it does.
    pub fn abort(self) {}
}

impl<D, B: Backend> fmt::Debug for WriteTransaction<D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTransaction").finish_non_exhaustive()
    }
}

/// The untyped part of a write transaction.
pub struct WriteCore<B: Backend> {
    inner: Arc<Inner<B>>,
    base: Arc<B::Snapshot>,
    edits: RefCell<Edits>,
    /// None where somebody else holds the writer's lock for this work.
    guard: Option<WriterGuard>,
}

impl<B: Backend> WriteCore<B> {
    pub(crate) fn new(inner: Arc<Inner<B>>, base: Arc<B::Snapshot>, guard: WriterGuard) -> Self {
        Self {
            inner,
            base,
            edits: RefCell::default(),
            guard: Some(guard),
        }
    }

    /// Begins work whose edits somebody else applies, who also holds the writer's lock.
    pub(crate) fn over(inner: Arc<Inner<B>>, base: Arc<B::Snapshot>) -> Self {
        Self {
            inner,
            base,
            edits: RefCell::default(),
            guard: None,
        }
    }

    /// Returns all edits, to be applied by somebody else.
    pub(crate) fn into_set(self) -> WriteSet {
        self.edits.into_inner().into_set()
    }

    pub(crate) fn inner(&self) -> &Arc<Inner<B>> {
        &self.inner
    }

    /// Returns a reader of the transaction as it is now; later writes do not reach it.
    pub(crate) fn reader(&self) -> Reader<B> {
        if let Ok(mut edits) = self.edits.try_borrow_mut() {
            edits.settle_all();
        }
        let set = self.edits.borrow().set();
        Reader::over(Arc::clone(&self.base), set)
    }

    /// Calls `read` with the value under `key` as the transaction sees it.
    pub(crate) fn get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        self.settle(table);
        let edits = self.edits.borrow();
        match edits.get(table, key) {
            Some(edit) => Ok(edit.as_deref().map(read)),
            None => {
                drop(edits);
                self.base.get(table, key, read)
            }
        }
    }

    /// Stores a value, or deletes the key.
    pub(crate) fn edit(&self, table: TableId, key: Vec<u8>, value: Option<EditValue>) {
        self.edits.borrow_mut().push(table, key.into(), value);
    }

    /// Sorts in what waits of a table, unless a read inside a read asks for it.
    #[inline]
    fn settle(&self, table: TableId) {
        if !self.edits.borrow().is_late(table) {
            return;
        }
        if let Ok(mut edits) = self.edits.try_borrow_mut() {
            edits.settle(table);
        }
    }

    /// Runs `work`; if it fails or panics, takes back every edit that was made meanwhile.
    ///
    /// # Errors
    /// Fails when `work` does.
    pub(crate) fn all_or_nothing<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<R> {
        let mut batch = Batch::begin(&self.edits);
        let done = work();
        batch.is_kept = done.is_ok();
        done
    }

    /// Applies the edits, and waits for the disk where the durability asks for it.
    pub(crate) fn commit(self, durability: Durability) -> Result<()> {
        let Self {
            inner,
            base,
            edits,
            guard,
        } = self;
        // The engine keeps what open snapshots see: this one must not count among them.
        drop(base);
        let guard = guard.expect("who commits a transaction began it with the lock");
        let set = edits.into_inner().into_set();
        inner.commit(set, durability, guard)
    }
}

/// A batch of edits that are taken back unless it is kept; an iterator of records that writes too
/// makes one inside another.
struct Batch<'a> {
    edits: &'a RefCell<Edits>,
    /// How many edits of the batch around it can be undone; none for the outermost.
    outer: Option<usize>,
    is_kept: bool,
}

impl<'a> Batch<'a> {
    fn begin(edits: &'a RefCell<Edits>) -> Self {
        let outer = edits.borrow_mut().begin_undo();
        Self {
            edits,
            outer,
            is_kept: false,
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let edits = &mut *self.edits.borrow_mut();
        if !self.is_kept {
            edits.undo_to(self.outer.unwrap_or(0));
        }
        if self.outer.is_none() {
            edits.end_undo();
        }
    }
}
