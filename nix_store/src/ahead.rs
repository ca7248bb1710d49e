//! Making things on one thread while another uses them.

use std::{
    panic::resume_unwind,
    sync::mpsc::{SyncSender, sync_channel},
    thread::{self, ScopedJoinHandle},
};

/// How many things are passed on together.
const CHUNK_THINGS_MAX: usize = 256;

/// How many bytes of them, before the thing that exceeds them.
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// How many chunks may wait.
const CHUNKS_MAX: usize = 8;

/// Where the maker puts what it made.
pub(crate) struct Outlet<T> {
    sender: SyncSender<Vec<T>>,
    chunk: Vec<T>,
    bytes: usize,
}

/// Why the maker stopped early.
#[derive(Debug)]
pub(crate) enum Halt<E> {
    /// Whoever used the things has failed.
    Unwanted,
    Failed(E),
}

impl<E> From<E> for Halt<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

impl<T> Outlet<T> {
    /// Passes on a thing of about so many bytes.
    pub(crate) fn push<E>(&mut self, thing: T, bytes: usize) -> Result<(), Halt<E>> {
        self.chunk.push(thing);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.chunk.len() >= CHUNK_THINGS_MAX || self.bytes >= CHUNK_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush<E>(&mut self) -> Result<(), Halt<E>> {
        let chunk = std::mem::take(&mut self.chunk);
        self.bytes = 0;
        self.sender.send(chunk).map_err(|_| Halt::Unwanted)
    }
}

/// Calls `take` on this thread with what `make` makes on another, in that order, until either fails.
///
/// What was made before `make` failed is taken first.
pub(crate) fn ahead<T: Send, E: Send>(
    make: impl FnOnce(&mut Outlet<T>) -> Result<(), Halt<E>> + Send,
    take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (sender, chunks) = sync_channel(CHUNKS_MAX);
        let maker = scope.spawn(move || made(sender, make));
        let taken = chunks.into_iter().flatten().try_for_each(take);
        outcome(taken, joined(maker))
    })
}

/// Calls `take` on another thread with what `make` makes on this one, and is [`ahead`] otherwise.
///
/// Whoever takes much memory in small pieces does it on this thread, where the system gives it in
/// larger ones.
#[cfg(all(feature = "store", unix))]
pub(crate) fn behind<T: Send, E: Send>(
    make: impl FnOnce(&mut Outlet<T>) -> Result<(), Halt<E>>,
    take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<(), E> {
    thread::scope(|scope| {
        let (sender, chunks) = sync_channel(CHUNKS_MAX);
        let taker = scope.spawn(move || chunks.into_iter().flatten().try_for_each(take));
        let made = made(sender, make);
        outcome(joined(taker), made)
    })
}

fn made<T, E>(
    sender: SyncSender<Vec<T>>,
    make: impl FnOnce(&mut Outlet<T>) -> Result<(), Halt<E>>,
) -> Result<(), Halt<E>> {
    let mut outlet = Outlet {
        sender,
        chunk: Vec::new(),
        bytes: 0,
    };
    let made = make(&mut outlet);
    outlet.flush().and(made)
}

fn joined<R>(thread: ScopedJoinHandle<'_, R>) -> R {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn outcome<E>(taken: Result<(), E>, made: Result<(), Halt<E>>) -> Result<(), E> {
    match (taken, made) {
        (Err(error), _) | (Ok(()), Err(Halt::Failed(error))) => Err(error),
        (Ok(()), Ok(()) | Err(Halt::Unwanted)) => Ok(()),
    }
}

#[cfg(all(test, feature = "store", unix))]
mod tests {
    use super::*;

    fn numbers(outlet: &mut Outlet<u32>, count: u32) -> Result<(), Halt<&'static str>> {
        (0..count).try_for_each(|number| outlet.push(number, 4))
    }

    #[test]
    fn all_is_taken_in_order() {
        let mut taken = Vec::new();
        let mut take = |number| {
            taken.push(number);
            Ok(())
        };
        let make = |outlet: &mut _| numbers(outlet, 10_000);
        assert_eq!(ahead(make, &mut take), Ok(()));
        assert_eq!(behind(make, &mut take), Ok(()));
        assert!(taken.into_iter().eq((0..10_000).chain(0..10_000)));
    }

    #[test]
    fn what_was_made_before_a_failure_is_taken() {
        let mut taken = 0;
        let mut take = |_| {
            taken += 1;
            Ok(())
        };
        let make = |outlet: &mut _| {
            numbers(outlet, 1_000)?;
            Err(Halt::Failed("made"))
        };
        assert_eq!(ahead(make, &mut take), Err("made"));
        assert_eq!(behind(make, &mut take), Err("made"));
        assert_eq!(taken, 2_000);
    }

    /// It makes without end: only the refusal stops it.
    #[test]
    fn a_failure_to_take_stops_the_making() {
        let make = |outlet: &mut _| numbers(outlet, u32::MAX);
        let take = |number| if number < 7 { Ok(()) } else { Err("taken") };
        assert_eq!(ahead(make, take), Err("taken"));
        assert_eq!(behind(make, take), Err("taken"));
    }
}
