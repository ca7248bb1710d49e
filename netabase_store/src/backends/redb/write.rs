//! Writing the edits of a commit: table by table, and of many edits several tables at a time.

use std::{
    num::NonZeroUsize,
    ops::Bound,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use redb::{ReadableTable, TableDefinition};

use super::Bytes;
use crate::{
    backends::{TableEdits, TableId, TableSet, WriteSet},
    seam::{Caught, Seam},
};

/// From how many edits on tables are written by several threads: with fewer, starting one costs as
/// much as it saves.
const SHARED_EDITS_MIN: usize = 16_384;

/// How many threads write tables at most.
const THREADS_MAX: usize = 4;

/// The tables that nobody has begun to write; the longest are last, and are taken first.
type Waiting = Mutex<Vec<(TableId, Arc<TableEdits>)>>;

/// Applies all edits inside a transaction. Their memory is given back table by table.
pub(super) fn apply(
    txn: &redb::WriteTransaction,
    tables: &TableSet,
    edits: WriteSet,
    seam: &Arc<Seam>,
) -> Result<(), redb::Error> {
    let threads = threads(&edits);
    let mut waiting: Vec<_> = edits.tables.into_iter().collect();
    if threads == 1 {
        let write =
            |(table, edits): (_, Arc<_>)| apply_table(txn, tables.name(table), &edits, seam);
        return waiting.into_iter().try_for_each(write);
    }
    waiting.sort_by_key(|(_, edits)| edits.len());
    let waiting: Waiting = Mutex::new(waiting);
    let work = || {
        while let Some((table, edits)) = next(&waiting) {
            apply_table(txn, tables.name(table), &edits, seam)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, work);
        // Without a thread more, this one does the work.
        let others: Vec<_> = (1..threads).map_while(|at| start(at).ok()).collect();
        let own = work();
        others.into_iter().fold(own, |done, other| {
            let result = other.join().unwrap_or_else(|panic| resume_unwind(panic));
            first_cause(done, result)
        })
    })
}

/// Returns the failure that says why: after one thread has met it, the others hear only that there
/// was one.
fn first_cause(
    one: Result<(), redb::Error>,
    other: Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    match (one, other) {
        (Err(redb::Error::PreviousIo), Err(cause)) => Err(cause),
        (one, other) => one.and(other),
    }
}

fn threads(edits: &WriteSet) -> usize {
    let count: usize = edits.tables.values().map(|edits| edits.len()).sum();
    if count < SHARED_EDITS_MIN {
        return 1;
    }
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.min(THREADS_MAX).min(edits.tables.len())
}

fn next(waiting: &Waiting) -> Option<(TableId, Arc<TableEdits>)> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.pop()
}

/// Applies the sorted edits of one table.
fn apply_table(
    txn: &redb::WriteTransaction,
    name: &str,
    edits: &TableEdits,
    seam: &Arc<Seam>,
) -> Result<(), redb::Error> {
    let table = txn.open_table(TableDefinition::<Bytes, Bytes>::new(name))?;
    let mut table = Caught::new(table, seam);
    let last = table.last()?.map(|(key, _)| key.value().to_vec());
    let mut edits = edits.iter().peekable();
    let is_inside = |key: &[u8]| last.as_deref().is_some_and(|last| key <= last);
    while let Some((key, value)) = edits.next_if(|(key, _)| is_inside(key)) {
        match value {
            Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
            None => drop(table.remove(key.as_slice())?),
        }
    }
    if edits.peek().is_some() {
        // Beyond the last key: nothing to delete or replace there, and one cursor takes the rest.
        let cursor = table.upper_bound_mut(Bound::<&[u8]>::Unbounded)?;
        let mut cursor = Caught::new(cursor, seam);
        for (key, value) in edits {
            if let Some(value) = value {
                cursor.insert_before(key.as_slice(), value.as_slice())?;
            }
        }
        cursor.into_inner().close()?;
    }
    Ok(())
}
