//! The seam between this crate and an engine: a panic inside becomes an error, and closes the door.

use std::{
    any::Any,
    ops::{Deref, DerefMut},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    backends::Engine,
    error::{Result, StoreError},
};

/// Guards every call into an engine.
#[derive(Debug)]
pub(crate) struct Seam {
    engine: Engine,
    path: PathBuf,
    panicked: AtomicBool,
    doubted: AtomicBool,
}

/// What a handle of a damaged file unwinds with while it is dropped.
struct Closing;

impl Seam {
    pub(crate) fn new(engine: Engine, path: impl Into<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            path: path.into(),
            panicked: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes note that the file is damaged: its handle is dropped as in a panic, when an engine only
    /// lets go. To close the file in order redb commits once more, which reads pages of its own that
    /// nobody else has; where one of them is damaged it panics, and again while it unwinds, which
    /// would end the process.
    pub(crate) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Runs `call` unless the engine has panicked before.
    #[inline]
    pub(crate) fn run<R>(&self, call: impl FnOnce() -> Result<R>) -> Result<R> {
        if self.panicked.load(Ordering::Relaxed) {
            return Err(StoreError::Poisoned {
                path: self.path.clone(),
            }
            .into());
        }
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(result) => result,
            Err(payload) => Err(self.panicked(&*payload).into()),
        }
    }

    #[cold]
    fn panicked(&self, payload: &(dyn Any + Send)) -> StoreError {
        self.panicked.store(true, Ordering::Relaxed);
        self.doubt();
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        StoreError::EnginePanicked {
            engine: self.engine,
            path: self.path.clone(),
            message,
        }
    }
}

/// A value of the engine whose drop may panic over a damaged file.
#[derive(Debug)]
pub(crate) struct Caught<T> {
    value: Option<T>,
    seam: Arc<Seam>,
}

impl<T> Caught<T> {
    pub(crate) fn new(value: T, seam: &Arc<Seam>) -> Self {
        Self {
            value: Some(value),
            seam: Arc::clone(seam),
        }
    }

    /// Returns the value; its drop is the caller's again.
    #[cfg(feature = "redb")]
    pub(crate) fn into_inner(mut self) -> T {
        self.value
            .take()
            .expect("the value leaves only here and in drop")
    }
}

impl<T> Deref for Caught<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
            .as_ref()
            .expect("the value leaves only when the wrapper ends")
    }
}

impl<T> DerefMut for Caught<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value
            .as_mut()
            .expect("the value leaves only when the wrapper ends")
    }
}

impl<T> Drop for Caught<T> {
    fn drop(&mut self) {
        let value = self.value.take();
        let is_doubted = self.seam.doubted.load(Ordering::Relaxed);
        let is_unwinding = thread::panicking() || cfg!(not(panic = "unwind"));
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            let _value = value;
            if is_doubted && !is_unwinding {
                resume_unwind(Box::new(Closing));
            }
        }));
        if let Err(payload) = dropped
            && !payload.is::<Closing>()
        {
            let _ = self.seam.panicked(&*payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NetabaseError;

    /// Panics when it is dropped, as an engine does that closes a damaged file.
    struct Brittle;

    impl Drop for Brittle {
        fn drop(&mut self) {
            std::panic::panic_any("while closing".to_owned());
        }
    }

    fn assert_closed(seam: &Seam) {
        let refused = seam.run(|| Ok(())).map_err(|error| error.is_poisoned());
        assert_eq!(refused.err(), Some(true));
    }

    #[test]
    fn a_panic_is_an_error_that_names_the_file_and_closes_the_handle() {
        let seam = Seam::new(Engine::Redb, "some file");
        seam.run(|| Ok(())).unwrap();
        let failed = seam.run::<()>(|| panic!("page {}", 7));
        let Err(NetabaseError::StoreError(StoreError::EnginePanicked { path, message, .. })) =
            failed
        else {
            panic!("another result");
        };
        assert_eq!(
            (path.as_path(), message.as_str()),
            (Path::new("some file"), "page 7")
        );
        assert_closed(&seam);
    }

    /// Tells whether it was dropped as in a panic.
    struct Telling<'a>(&'a AtomicBool);

    impl Drop for Telling<'_> {
        fn drop(&mut self) {
            self.0.store(thread::panicking(), Ordering::Relaxed);
        }
    }

    #[test]
    fn the_handle_of_a_file_that_is_doubted_is_dropped_as_in_a_panic_and_no_other() {
        let told = AtomicBool::new(false);
        let seam = Seam::new(Engine::Redb, "some file");
        drop(Caught::new(Telling(&told), &seam));
        assert!(!told.load(Ordering::Relaxed));
        seam.doubt();
        drop(Caught::new(Telling(&told), &seam));
        assert!(told.swap(false, Ordering::Relaxed));
        seam.run(|| Ok(()))
            .expect("it was doubted, and did not panic");

        let seam = Seam::new(Engine::Redb, "some file");
        seam.run::<()>(|| panic!("page 7")).unwrap_err();
        drop(Caught::new(Telling(&told), &seam));
        assert!(told.swap(false, Ordering::Relaxed));
        // Where the caller panics it is so by itself.
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _held = Caught::new(Telling(&told), &seam);
            resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err() && told.load(Ordering::Relaxed));
    }

    #[test]
    fn a_panic_while_a_handle_is_dropped_stays_inside_and_closes_the_others() {
        let seam = Seam::new(Engine::Redb, "some file");
        drop(Caught::new(Brittle, &seam));
        assert_closed(&seam);
        let seam = Seam::new(Engine::Redb, "some file");
        let failed = seam.run(|| {
            let _held = Caught::new(Brittle, &seam);
            Ok(())
        });
        failed.unwrap();
        assert_closed(&seam);
    }
}
