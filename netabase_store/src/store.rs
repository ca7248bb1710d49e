//! A store: an engine that holds the models of one definition.

use std::{fmt, marker::PhantomData, path::Path, sync::Arc};

use crate::{
    backends::{Backend, OpenBackend, memory::MemoryBackend},
    copy::copy_tables,
    definition::NetabaseDefinitionTrait,
    error::Result,
    inner::{Inner, Settings},
    meta,
    model::NetabaseModelTrait,
    open::{doubt, open_inner, temporary_folder},
    options::StoreOptions,
    raw::{RawStore, Recovery},
    scrub::{Scrub, ScrubOptions},
    tables::Layout,
    tree::Tree,
    txn::{ReadTransaction, WriteTransaction},
    verify::{self, Report},
    view::Live,
};

/// A store of the models of `D` on the engine `B`.
///
/// A cheap handle: clones share one store, which closes with the last of them, and may be used from
/// many threads.
pub struct Store<D, B: Backend> {
    pub(crate) inner: Arc<Inner<B>>,
    definition: PhantomData<fn() -> D>,
}

impl<D: NetabaseDefinitionTrait, B: OpenBackend> Store<D, B> {
    /// Opens the store at `path`, or creates it.
    ///
    /// A model or index that the store does not have yet is added, and its index built.
    ///
    /// # Errors
    /// Says what to do when the path is in use, not writable, no store, one of a newer format, or
    /// one of a different definition.
    pub fn new(path: impl AsRef<Path>) -> Result<Self> {
        Self::new_with(path, &StoreOptions::new())
    }

    /// Opens or creates the store at `path` with options.
    ///
    /// # Errors
    /// Fails as [`new`](Self::new) does.
    pub fn new_with(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self> {
        Self::open_path(path.as_ref(), options, true)
    }

    /// Opens the store at `path`, which must exist.
    ///
    /// # Errors
    /// Fails as [`new`](Self::new) does, and when there is no store.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, &StoreOptions::new())
    }

    /// Opens the store at `path`, which must exist, with options.
    ///
    /// # Errors
    /// Fails as [`open`](Self::open) does.
    pub fn open_with(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self> {
        Self::open_path(path.as_ref(), options, false)
    }

    /// Creates a store in a new temporary folder, which is removed with the last handle.
    ///
    /// # Errors
    /// Fails when the folder or the store cannot be created.
    pub fn temp() -> Result<Self> {
        Self::temp_with(&StoreOptions::new())
    }

    /// Creates a store in a new temporary folder with options.
    ///
    /// # Errors
    /// Fails as [`temp`](Self::temp) does.
    pub fn temp_with(options: &StoreOptions) -> Result<Self> {
        let folder = temporary_folder()?;
        let path = folder.path().join("store");
        let backend = B::open(&path, &options.engine(true))?;
        Self::opened(backend, options, path.as_path(), true, Some(folder))
    }

    fn open_path(path: &Path, options: &StoreOptions, create: bool) -> Result<Self> {
        let backend = B::open(path, &options.engine(create))?;
        Self::opened(backend, options, path, create, None)
    }

    /// Writes every record that can be read of the damaged store at `from` to a new store at `to`,
    /// where nothing may be yet, and says what was lost. See [`RawStore::recover`].
    ///
    /// Where the store's description of itself is lost, that of `D` takes its place. All indexes are
    /// built anew.
    ///
    /// # Errors
    /// Fails as [`RawStore::recover`] does, and when the store is one of another definition.
    pub fn recover(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Recovery> {
        let open = |path: &Path| Self::open(path).map(drop);
        RawStore::<B>::recover_and(from.as_ref(), to.as_ref(), Some(&D::schema()), open)
    }

    /// Writes a copy of the store, as it is now, to `path`, where nothing may be yet.
    ///
    /// Others go on reading and writing meanwhile. The copy is complete or absent after a crash,
    /// and as small as its data.
    ///
    /// # Errors
    /// Fails when something is at `path`, or when an engine fails.
    pub fn copy_to(&self, path: impl AsRef<Path>) -> Result<()> {
        self.copy_to_engine::<B>(path)
    }
}

impl<D: NetabaseDefinitionTrait> Store<D, MemoryBackend> {
    /// Creates a store in memory, which ends with its last handle.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "the other engines' stores have no default"
    )]
    pub fn new() -> Self {
        let schema = D::schema();
        let layout = Layout::new(&schema);
        let inner = Inner::new(MemoryBackend::new(), layout, Settings::default());
        // A new store in memory has nothing to compare with, and its engine does not fail.
        let written = meta::write_schema(&inner, &schema);
        written.expect("memory takes the description of a new store");
        Self {
            inner,
            definition: PhantomData,
        }
    }

    /// Creates a store in memory, as [`new`](Self::new) does.
    ///
    /// # Errors
    /// Never; the result is that of the other engines' stores.
    pub fn temp() -> Result<Self> {
        Ok(Self::new())
    }
}

impl<D: NetabaseDefinitionTrait, B: Backend> Store<D, B> {
    /// Opens a store over an engine that is open already; one without tables is initialised.
    ///
    /// # Errors
    /// Fails when the engine holds something else, or a store of another definition.
    pub fn with_backend(backend: B, options: &StoreOptions) -> Result<Self> {
        Self::opened(backend, options, Path::new(""), true, None)
    }

    fn opened(
        backend: B,
        options: &StoreOptions,
        path: &Path,
        create: bool,
        folder: Option<tempfile::TempDir>,
    ) -> Result<Self> {
        let settings = Settings {
            durability: options.durability,
            path: path.to_path_buf(),
            read_only: options.is_read_only(),
            folder,
        };
        let is_checked = options.verify.is_due(backend.was_unclean());
        let inner = open_inner::<D, B>(backend, settings, create)?;
        if is_checked {
            let checked = verify::check::<D, B>(&inner.reader()?, &inner.layout);
            checked.inspect_err(|error| doubt(inner.backend(), error))?;
        }
        Ok(Self {
            inner,
            definition: PhantomData,
        })
    }

    /// Returns the tree of a model; O(number of models).
    #[must_use]
    pub fn open_tree<M: NetabaseModelTrait<D>>(&self) -> Tree<D, M, Live<B>> {
        Tree::new(Live(Arc::clone(&self.inner)))
    }

    /// Begins to read the store as it is now; O(1).
    ///
    /// # Errors
    /// Fails when the engine does.
    pub fn begin_read(&self) -> Result<ReadTransaction<D, B>> {
        Ok(ReadTransaction::new(
            Arc::clone(&self.inner),
            self.inner.snapshot()?,
        ))
    }

    /// Begins to write, when no other transaction of the store writes any more.
    ///
    /// # Errors
    /// Fails when this thread has an open write transaction, when the store is read-only or
    /// poisoned, or when the engine fails.
    pub fn begin_write(&self) -> Result<WriteTransaction<D, B>> {
        self.inner.begin().map(WriteTransaction::new)
    }

    /// Returns the names of the models.
    pub fn tree_names(&self) -> Vec<&'static str> {
        D::DISCRIMINANTS.to_vec()
    }

    /// Brings every commit to disk, whatever its durability.
    ///
    /// # Errors
    /// Fails when the engine does; the handle is then poisoned.
    pub fn flush(&self) -> Result<()> {
        self.inner.flush()
    }

    /// Returns the engine below, for inspection.
    ///
    /// Writing through it voids indexes, checksums and snapshots.
    #[must_use]
    pub fn db(&self) -> &B {
        self.inner.backend()
    }

    /// Reads every record and compares every index with them; O(n log n).
    ///
    /// # Errors
    /// Fails when the engine does; what is wrong with the data is in the report.
    pub fn verify(&self) -> Result<Report> {
        verify::verify::<D, B>(&self.inner.reader()?, &self.inner.layout)
    }

    /// Verifies the store in steps, each of a bounded number of rows, while others read and write.
    ///
    /// ```
    /// # fn main() -> netabase_store::Result<()> {
    /// # #[netabase_store::netabase_definition_module(BlogDefinition, BlogKeys)]
    /// # mod blog {
    /// #     use netabase_store::NetabaseModel;
    /// #     #[derive(NetabaseModel, Clone, Debug, PartialEq)]
    /// #     #[netabase(BlogDefinition)]
    /// #     pub struct User {
    /// #         #[primary_key]
    /// #         pub id: u64,
    /// #     }
    /// # }
    /// # use blog::*;
    /// use netabase_store::{MemoryStore, ScrubOptions};
    ///
    /// let store = MemoryStore::<BlogDefinition>::new();
    /// store.open_tree::<User>().put_many((0..10).map(|id| User { id }))?;
    /// let mut scrub = store.scrub(&ScrubOptions::new().rows_per_step(4))?;
    /// for step in &mut scrub {
    ///     // A program that is busy waits a while here.
    ///     assert!(step?.findings.is_empty());
    /// }
    /// assert_eq!(scrub.report().records, 10);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Fails when it should go on from a place that the store does not have.
    pub fn scrub(&self, options: &ScrubOptions) -> Result<Scrub<D, B>> {
        Scrub::new(&self.inner, options)
    }

    /// Writes a copy of the store, as it is now, to `path` on the engine `T`.
    ///
    /// # Errors
    /// Fails as [`copy_to`](Self::copy_to) does.
    pub fn copy_to_engine<T: OpenBackend>(&self, path: impl AsRef<Path>) -> Result<()> {
        copy_tables::<B, T>(
            &self.inner.reader()?,
            &self.inner.layout.tables,
            path.as_ref(),
        )
    }
}

impl<D, B: Backend> Clone for Store<D, B> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            definition: PhantomData,
        }
    }
}

impl<D, B: Backend> fmt::Debug for Store<D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("engine", &B::ENGINE)
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}
