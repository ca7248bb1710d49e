//! Threads and atomics that are the standard library's, or shuttle's while schedules are explored.

use std::{io, sync::atomic::Ordering, thread};

use super::is_exploring;

#[derive(Debug)]
pub(crate) enum Thread {
    Real(thread::Thread),
    Explored(shuttle::thread::Thread),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadId {
    Real(thread::ThreadId),
    Explored(shuttle::thread::ThreadId),
}

#[derive(Debug)]
pub(crate) enum JoinHandle<T> {
    Real(thread::JoinHandle<T>),
    Explored(shuttle::thread::JoinHandle<T>),
}

impl Thread {
    pub(crate) fn id(&self) -> ThreadId {
        match self {
            Self::Real(thread) => ThreadId::Real(thread.id()),
            Self::Explored(thread) => ThreadId::Explored(thread.id()),
        }
    }

    pub(crate) fn unpark(&self) {
        match self {
            Self::Real(thread) => thread.unpark(),
            Self::Explored(thread) => thread.unpark(),
        }
    }
}

impl<T> JoinHandle<T> {
    pub(crate) fn join(self) -> thread::Result<T> {
        match self {
            Self::Real(handle) => handle.join(),
            Self::Explored(handle) => handle.join(),
        }
    }
}

pub(crate) fn current() -> Thread {
    match is_exploring() {
        false => Thread::Real(thread::current()),
        true => Thread::Explored(shuttle::thread::current()),
    }
}

pub(crate) fn park() {
    match is_exploring() {
        false => thread::park(),
        true => shuttle::thread::park(),
    }
}

pub(crate) fn yield_now() {
    match is_exploring() {
        false => thread::yield_now(),
        true => shuttle::thread::yield_now(),
    }
}

pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let name = name.to_owned();
    match is_exploring() {
        false => {
            let thread = thread::Builder::new().name(name).spawn(work);
            thread.map(JoinHandle::Real)
        }
        true => {
            let thread = shuttle::thread::Builder::new().name(name).spawn(work);
            thread.map(JoinHandle::Explored)
        }
    }
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        #[derive(Debug)]
        pub(crate) enum $name {
            Real(std::sync::atomic::$name),
            Explored(shuttle::sync::atomic::$name),
        }

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                match is_exploring() {
                    false => Self::Real(std::sync::atomic::$name::new(value)),
                    true => Self::Explored(shuttle::sync::atomic::$name::new(value)),
                }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                match self {
                    Self::Real(atomic) => atomic.load(order),
                    Self::Explored(atomic) => atomic.load(order),
                }
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                match self {
                    Self::Real(atomic) => atomic.store(value, order),
                    Self::Explored(atomic) => atomic.store(value, order),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(<$value>::default())
            }
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicUsize, usize);

impl AtomicUsize {
    pub(crate) fn fetch_add(&self, more: usize, order: Ordering) -> usize {
        match self {
            Self::Real(atomic) => atomic.fetch_add(more, order),
            Self::Explored(atomic) => atomic.fetch_add(more, order),
        }
    }

    pub(crate) fn fetch_sub(&self, less: usize, order: Ordering) -> usize {
        match self {
            Self::Real(atomic) => atomic.fetch_sub(less, order),
            Self::Explored(atomic) => atomic.fetch_sub(less, order),
        }
    }
}
