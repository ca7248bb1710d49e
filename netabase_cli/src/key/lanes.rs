//! Work on all cores whose results come in the order of the items.

use std::{
    num::NonZeroUsize,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, Scope},
};

use crate::error::Result;

/// How many items a thread takes at once.
const BATCH_ITEMS_MAX: usize = 128;

/// How many batches a thread has at hand.
const LANE_BATCHES_MAX: usize = 2;

/// How many threads work at most.
const LANES_MAX: usize = 64;

/// Does `work` on every item, on all cores, and gives each result to `take`, in the items' order.
///
/// At most `LANES_MAX * LANE_BATCHES_MAX` batches of items and results are in memory.
///
/// # Errors
/// Fails at the first item that is an error, or result that `take` refuses; what came before it has
/// not always been taken.
pub(super) fn in_order<T: Send, R: Send>(
    mut items: impl Iterator<Item = Result<T>>,
    work: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let lanes: Vec<Lane<T, R>> = (0..cores.min(LANES_MAX))
            .map(|_| Lane::start(scope, &work))
            .collect();
        let mut targets = lanes.iter().cycle();
        let mut sources = lanes.iter().cycle();
        let (mut under_way, mut done) = (0, false);
        while under_way > 0 || !done {
            if done || under_way == lanes.len() * LANE_BATCHES_MAX {
                let lane = sources.next().expect("there is at least one core");
                let results = lane.results.recv().expect("a thread answers every batch");
                results.into_iter().try_for_each(&mut take)?;
                under_way -= 1;
            }
            let batch: Vec<T> = items
                .by_ref()
                .take(if done { 0 } else { BATCH_ITEMS_MAX })
                .collect::<Result<_>>()?;
            if batch.is_empty() {
                done = true;
                continue;
            }
            let lane = targets.next().expect("there is at least one core");
            let sent = lane.batches.send(batch);
            sent.expect("a thread ends after its last batch");
            under_way += 1;
        }
        Ok(())
    })
}

/// A thread, and the way to it and back.
struct Lane<T, R> {
    batches: SyncSender<Vec<T>>,
    results: Receiver<Vec<R>>,
}

impl<T: Send, R: Send> Lane<T, R> {
    fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        work: &'scope (impl Fn(T) -> R + Sync),
    ) -> Self
    where
        T: 'scope,
        R: 'scope,
    {
        let (batches, inbox) = sync_channel::<Vec<T>>(LANE_BATCHES_MAX);
        let (outbox, results) = sync_channel(LANE_BATCHES_MAX);
        scope.spawn(move || {
            for batch in inbox {
                let done = batch.into_iter().map(work).collect();
                // Whoever has stopped listening has met an error.
                if outbox.send(done).is_err() {
                    return;
                }
            }
        });
        Self { batches, results }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn failure() -> Error {
        Error::NoHeader
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for count in [0, 1, 127, 128, 129, 100_000_u32] {
            let mut taken = Vec::new();
            let take = |result| {
                taken.push(result);
                Ok(())
            };
            in_order((0..count).map(Ok), |item| item * 2, take).unwrap();
            assert!(taken.into_iter().eq((0..count).map(|item| item * 2)));
        }
    }

    #[test]
    fn an_error_on_either_side_ends_the_work() {
        let items = (0..100_000).map(|item| {
            if item == 5000 {
                Err(failure())
            } else {
                Ok(item)
            }
        });
        assert!(in_order(items, |item| item, |_| Ok(())).is_err());
        let take = |item| if item == 5000 { Err(failure()) } else { Ok(()) };
        assert!(in_order((0..100_000).map(Ok), |item| item, take).is_err());
    }
}
