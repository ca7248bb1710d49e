//! Locks, threads and the time: those of the standard library.
//!
//! In the unit tests of this crate, and nowhere else, a lock or a thread that comes into being while
//! schedules are explored (`schedules`) is one of `shuttle`, which decides who goes on. It is a matter
//! of `cfg(test)` and not of a feature: no build can turn it on by mistake, and none needs flags.

use std::{io, time::Instant};

#[cfg(not(test))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicUsize},
    },
    thread::{JoinHandle, Thread, ThreadId, current, park, yield_now},
};

#[cfg(test)]
pub(crate) use crate::schedules::{
    locks::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard},
    tasks::{AtomicBool, AtomicUsize, JoinHandle, Thread, ThreadId, current, park, yield_now},
};

/// Returns the time.
pub(crate) fn now() -> Instant {
    #[cfg(test)]
    if let Some(now) = crate::schedules::time::now() {
        return now;
    }
    Instant::now()
}

/// Starts a thread that has a name.
///
/// # Errors
/// Fails when the operating system does.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    #[cfg(test)]
    return crate::schedules::tasks::spawn(name, work);
    #[cfg(not(test))]
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
}
