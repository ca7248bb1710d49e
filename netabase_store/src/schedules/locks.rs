//! Locks that are the standard library's, or shuttle's while schedules are explored.

use std::{
    ops::{Deref, DerefMut},
    sync::{LockResult, PoisonError},
    time::Duration,
};

use super::{
    is_exploring,
    tasks::yield_now,
    time::{self, passes},
};

/// Who waits for longer waits for somebody, not for the time.
const FOR_EVER: Duration = Duration::from_secs(60);

const OF_ONE_KIND: &str = "what is used together came into being together";

#[derive(Debug)]
pub(crate) enum Mutex<T> {
    Real(std::sync::Mutex<T>),
    Explored(Box<shuttle::sync::Mutex<T>>),
}

#[derive(Debug)]
pub(crate) enum MutexGuard<'a, T> {
    Real(std::sync::MutexGuard<'a, T>),
    /// With its lock, which a wait for the time lets go of.
    Explored(shuttle::sync::MutexGuard<'a, T>, &'a Mutex<T>),
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        match is_exploring() {
            false => Self::Real(std::sync::Mutex::new(value)),
            true => Self::Explored(Box::new(shuttle::sync::Mutex::new(value))),
        }
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        match self {
            Self::Real(mutex) => map(mutex.lock(), MutexGuard::Real),
            Self::Explored(mutex) => map(mutex.lock(), |guard| MutexGuard::Explored(guard, self)),
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Real(guard) => guard,
            Self::Explored(guard, _) => guard,
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Real(guard) => guard,
            Self::Explored(guard, _) => guard,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Condvar {
    Real(std::sync::Condvar),
    Explored(shuttle::sync::Condvar),
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        match is_exploring() {
            false => Self::Real(std::sync::Condvar::new()),
            true => Self::Explored(shuttle::sync::Condvar::new()),
        }
    }

    pub(crate) fn notify_one(&self) {
        match self {
            Self::Real(condvar) => condvar.notify_one(),
            Self::Explored(condvar) => condvar.notify_one(),
        }
    }

    pub(crate) fn notify_all(&self) {
        match self {
            Self::Real(condvar) => condvar.notify_all(),
            Self::Explored(condvar) => condvar.notify_all(),
        }
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        match (self, guard) {
            (Self::Real(condvar), MutexGuard::Real(guard)) => {
                map(condvar.wait(guard), MutexGuard::Real)
            }
            (Self::Explored(condvar), MutexGuard::Explored(guard, mutex)) => {
                let waited = condvar.wait(guard);
                map(waited, |guard| MutexGuard::Explored(guard, mutex))
            }
            _ => unreachable!("{OF_ONE_KIND}"),
        }
    }

    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits; also returns whether the time is over. Where schedules are explored it may be over at
    /// any moment, or somebody has called, or nobody has: all of that the caller has to bear.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        match (self, guard) {
            (Self::Real(condvar), MutexGuard::Real(guard)) => {
                map(condvar.wait_timeout(guard, time), |(guard, over)| {
                    (MutexGuard::Real(guard), over.timed_out())
                })
            }
            (Self::Explored(_), guard) if time >= FOR_EVER => {
                map(self.wait(guard), |guard| (guard, false))
            }
            (Self::Explored(_), MutexGuard::Explored(guard, mutex)) => {
                drop(guard);
                yield_now();
                let is_over = passes(time);
                map(mutex.lock(), |guard| (guard, is_over))
            }
            _ => unreachable!("{OF_ONE_KIND}"),
        }
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        time: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let end = time::now().unwrap_or_else(std::time::Instant::now) + time;
        loop {
            if !condition(&mut guard) {
                return Ok((guard, false));
            }
            let now = time::now().unwrap_or_else(std::time::Instant::now);
            if now >= end {
                return Ok((guard, true));
            }
            (guard, _) = self.wait_timeout(guard, end - now)?;
        }
    }
}

#[derive(Debug)]
pub(crate) enum RwLock<T> {
    Real(std::sync::RwLock<T>),
    Explored(Box<shuttle::sync::RwLock<T>>),
}

#[derive(Debug)]
pub(crate) enum RwLockReadGuard<'a, T> {
    Real(std::sync::RwLockReadGuard<'a, T>),
    Explored(shuttle::sync::RwLockReadGuard<'a, T>),
}

#[derive(Debug)]
pub(crate) enum RwLockWriteGuard<'a, T> {
    Real(std::sync::RwLockWriteGuard<'a, T>),
    Explored(shuttle::sync::RwLockWriteGuard<'a, T>),
}

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        match is_exploring() {
            false => Self::Real(std::sync::RwLock::new(value)),
            true => Self::Explored(Box::new(shuttle::sync::RwLock::new(value))),
        }
    }

    pub(crate) fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        match self {
            Self::Real(lock) => map(lock.read(), RwLockReadGuard::Real),
            Self::Explored(lock) => map(lock.read(), RwLockReadGuard::Explored),
        }
    }

    pub(crate) fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        match self {
            Self::Real(lock) => map(lock.write(), RwLockWriteGuard::Real),
            Self::Explored(lock) => map(lock.write(), RwLockWriteGuard::Explored),
        }
    }
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Real(guard) => guard,
            Self::Explored(guard) => guard,
        }
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Real(guard) => guard,
            Self::Explored(guard) => guard,
        }
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Real(guard) => guard,
            Self::Explored(guard) => guard,
        }
    }
}

fn map<G, H>(result: LockResult<G>, wrap: impl FnOnce(G) -> H) -> LockResult<H> {
    match result {
        Ok(guard) => Ok(wrap(guard)),
        Err(poisoned) => Err(PoisonError::new(wrap(poisoned.into_inner()))),
    }
}
