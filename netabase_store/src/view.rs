//! What a tree reads and writes through: the live store, a snapshot, or an open transaction.

use std::sync::Arc;

use crate::{
    backends::{Backend, Snapshot, TableId},
    error::Result,
    group::Work,
    inner::Inner,
    model::NetabaseModelTrait,
    reader::Reader,
    tables::ModelTables,
    txn::WriteCore,
    write::{Scratch, Write},
};

mod sealed {
    pub trait Sealed {}
}

/// Where a tree reads from. Implemented here only.
pub trait View: Clone + sealed::Sealed {
    /// The engine below.
    type Backend: Backend;

    #[doc(hidden)]
    fn __inner(&self) -> &Arc<Inner<Self::Backend>>;

    #[doc(hidden)]
    fn __reader(&self) -> Result<ReaderOf<Self::Backend>>;

    #[doc(hidden)]
    fn __get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>>;
}

/// A view that can be written. Implemented here only.
pub trait Writable: View {
    /// Runs `work` in a transaction: in the open one, or in one of its own that commits after it.
    #[doc(hidden)]
    fn __write<R>(&self, work: impl FnOnce(&WriteCore<Self::Backend>) -> Result<R>) -> Result<R>;

    /// As `__write`, for one write of what `scratch` holds; on the live store its commit is shared
    /// with those that come at the same time.
    #[doc(hidden)]
    fn __write_one(
        &self,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
        work: Work<Self::Backend>,
    ) -> Result<()>;

    /// Removes the record under the key in `scratch`, as `__write_one` writes, and returns it.
    #[doc(hidden)]
    fn __remove<D, M: NetabaseModelTrait<D>>(
        &self,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
    ) -> Result<Option<M>>;

    /// As `__write`, for work that makes edits before it can fail.
    #[doc(hidden)]
    fn __write_batch<R>(
        &self,
        work: impl FnOnce(&WriteCore<Self::Backend>) -> Result<R>,
    ) -> Result<R>;
}

/// A reader that only this crate can use.
#[doc(hidden)]
pub struct ReaderOf<B: Backend>(pub(crate) Reader<B>);

/// The store as it is at each call; every write is a transaction of its own.
pub struct Live<B: Backend>(pub(crate) Arc<Inner<B>>);

/// The store as it was when a read transaction began.
pub struct ReadView<'txn, B: Backend> {
    inner: &'txn Arc<Inner<B>>,
    snapshot: &'txn Arc<B::Snapshot>,
}

/// The store as a write transaction sees it.
pub struct WriteView<'txn, B: Backend>(&'txn WriteCore<B>);

impl<B: Backend> Clone for Live<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B: Backend> Clone for ReadView<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for ReadView<'_, B> {}

impl<B: Backend> Clone for WriteView<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend> Copy for WriteView<'_, B> {}

impl<'txn, B: Backend> ReadView<'txn, B> {
    pub(crate) fn new(inner: &'txn Arc<Inner<B>>, snapshot: &'txn Arc<B::Snapshot>) -> Self {
        Self { inner, snapshot }
    }
}

impl<'txn, B: Backend> WriteView<'txn, B> {
    pub(crate) fn new(core: &'txn WriteCore<B>) -> Self {
        Self(core)
    }
}

impl<B: Backend> sealed::Sealed for Live<B> {}
impl<B: Backend> sealed::Sealed for ReadView<'_, B> {}
impl<B: Backend> sealed::Sealed for WriteView<'_, B> {}

impl<B: Backend> View for Live<B> {
    type Backend = B;

    fn __inner(&self) -> &Arc<Inner<B>> {
        &self.0
    }

    fn __reader(&self) -> Result<ReaderOf<B>> {
        self.0.reader().map(ReaderOf)
    }

    #[inline]
    fn __get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        self.0.snapshot()?.get(table, key, read)
    }
}

impl<B: Backend> View for ReadView<'_, B> {
    type Backend = B;

    fn __inner(&self) -> &Arc<Inner<B>> {
        self.inner
    }

    fn __reader(&self) -> Result<ReaderOf<B>> {
        Ok(ReaderOf(Reader::new(Arc::clone(self.snapshot))))
    }

    #[inline]
    fn __get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        self.snapshot.get(table, key, read)
    }
}

impl<B: Backend> View for WriteView<'_, B> {
    type Backend = B;

    fn __inner(&self) -> &Arc<Inner<B>> {
        self.0.inner()
    }

    fn __reader(&self) -> Result<ReaderOf<B>> {
        Ok(ReaderOf(self.0.reader()))
    }

    fn __get<R>(
        &self,
        table: TableId,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        self.0.get(table, key, read)
    }
}

impl<B: Backend> Writable for Live<B> {
    fn __write<R>(&self, work: impl FnOnce(&WriteCore<B>) -> Result<R>) -> Result<R> {
        let core = self.0.begin()?;
        let done = work(&core)?;
        core.commit(self.0.durability)?;
        Ok(done)
    }

    fn __write_one(
        &self,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
        work: Work<B>,
    ) -> Result<()> {
        self.0.write_one(model, scratch, work)
    }

    fn __remove<D, M: NetabaseModelTrait<D>>(
        &self,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
    ) -> Result<Option<M>> {
        // The thread that removes it may be another one: bytes come back, and not a record.
        self.0.write_one(model, scratch, |core, model, scratch| {
            Write::<D, M, _>::new(core, model).take(scratch)
        })?;
        scratch.taken::<D, M>(model)
    }

    fn __write_batch<R>(&self, work: impl FnOnce(&WriteCore<B>) -> Result<R>) -> Result<R> {
        self.__write(work)
    }
}

impl<B: Backend> Writable for WriteView<'_, B> {
    fn __write<R>(&self, work: impl FnOnce(&WriteCore<B>) -> Result<R>) -> Result<R> {
        work(self.0)
    }

    fn __write_one(
        &self,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
        work: Work<B>,
    ) -> Result<()> {
        work(self.0, model, scratch)
    }

    fn __remove<D, M: NetabaseModelTrait<D>>(
        &self,
        model: &Arc<ModelTables>,
        scratch: &mut Scratch,
    ) -> Result<Option<M>> {
        Write::<D, M, _>::new(self.0, model).remove(scratch)
    }

    fn __write_batch<R>(&self, work: impl FnOnce(&WriteCore<B>) -> Result<R>) -> Result<R> {
        self.0.all_or_nothing(|| work(self.0))
    }
}
