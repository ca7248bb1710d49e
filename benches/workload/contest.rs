//! Layers side by side: each operation on one after the other, in an order that rotates, for
//! several rounds.

use std::{hint::black_box, path::Path, time::Instant};

use tempfile::TempDir;

use super::{
    Layer,
    plan::{ADD_TIME, Plan, TIME_MAX},
};

/// What is measured, in this order: reads, then writes, on the store that was loaded in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    BulkLoad,
    BatchLoad,
    Get,
    GetOwnTxn,
    ByDeriver,
    Referrers,
    Range,
    RangeKeys,
    Iterate,
    UpdateIndexed,
    UpdateUnindexed,
    SinglePuts,
    Delete,
    Reopen,
}

impl Operation {
    pub const ALL: [Self; 14] = [
        Self::BulkLoad,
        Self::BatchLoad,
        Self::Get,
        Self::GetOwnTxn,
        Self::ByDeriver,
        Self::Referrers,
        Self::Range,
        Self::RangeKeys,
        Self::Iterate,
        Self::UpdateIndexed,
        Self::UpdateUnindexed,
        Self::SinglePuts,
        Self::Delete,
        Self::Reopen,
    ];

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::BulkLoad => "load all in one call, records",
            Self::BatchLoad => "load in batches of 1,000, records",
            Self::Get => "get, held snapshot",
            Self::GetOwnTxn => "get, own transaction",
            Self::ByDeriver => "by deriver, 5 records each",
            Self::Referrers => "referrers, keys only",
            Self::Range => "index range of 1,000, records",
            Self::RangeKeys => "index range of 1,000, keys",
            Self::Iterate => "iterate, records",
            Self::UpdateIndexed => "update an indexed field, batch of 1,000",
            Self::UpdateUnindexed => "update no indexed field, batch of 1,000",
            Self::SinglePuts => "durable single puts",
            Self::Delete => "delete, batch of 1,000",
            Self::Reopen => "reopen and first get",
        }
    }
}

/// What one run of an operation took.
struct Sample {
    units: usize,
    seconds: f64,
    /// Equal for all layers.
    sum: u64,
}

/// A layer with its store.
pub trait Entrant {
    fn name(&self) -> &'static str;
    #[doc(hidden)]
    fn run(&mut self, operation: Operation, plan: &Plan<'_>, folder: &Path) -> Measured;
}

/// Seconds, units and sum of a run, unless the layer has no such operation.
pub struct Measured(Option<Sample>);

/// Operations a second: for each operation and layer, one figure a round.
pub struct Results {
    pub names: Vec<&'static str>,
    rates: Vec<Vec<Vec<f64>>>,
}

impl Results {
    /// The figures of a layer, by round.
    #[must_use]
    pub fn rates(&self, operation: Operation, layer: usize) -> &[f64] {
        &self.rates[operation as usize][layer]
    }

    /// The place of a layer.
    #[must_use]
    pub fn layer(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|it| *it == name)
    }
}

/// Makes an entrant of a layer.
#[must_use]
pub fn entrant<L: Layer + 'static>(name: &'static str) -> Box<dyn Entrant> {
    Box::new(Lane::<L> {
        name,
        folder: None,
        layer: None,
        held: None,
    })
}

/// Measures all operations on all layers, and stops where two layers read different data.
#[must_use]
pub fn run(
    entrants: &mut [Box<dyn Entrant>],
    plan: &Plan<'_>,
    rounds: usize,
    folder: &Path,
) -> Results {
    let count = entrants.len();
    let mut rates = vec![vec![Vec::new(); count]; Operation::ALL.len()];
    for round in 0..rounds {
        for (number, operation) in Operation::ALL.into_iter().enumerate() {
            let mut sum = None;
            for turn in 0..count {
                let place = (round + number + turn) % count;
                let entrant = &mut entrants[place];
                let Some(sample) = entrant.run(operation, plan, folder).0 else {
                    continue;
                };
                let name = entrant.name();
                let first = *sum.get_or_insert(sample.sum);
                assert_eq!(first, sample.sum, "{name} differs at {operation:?}");
                rates[number][place].push(sample.units as f64 / sample.seconds);
            }
        }
    }
    let names = entrants.iter().map(|it| it.name()).collect();
    Results { names, rates }
}

struct Lane<L: Layer> {
    name: &'static str,
    // Dropped in this order: readers, the store, its files.
    held: Option<L::Held>,
    layer: Option<L>,
    folder: Option<TempDir>,
}

impl<L: Layer> Entrant for Lane<L> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self, operation: Operation, plan: &Plan<'_>, folder: &Path) -> Measured {
        let sample = match operation {
            Operation::BulkLoad => {
                self.close();
                let (_files, layer) = create::<L>(folder);
                Some(load(&layer, plan, plan.stored.len()))
            }
            Operation::BatchLoad => {
                let (files, layer) = create::<L>(folder);
                let sample = load(&layer, plan, plan.batch);
                self.folder = Some(files);
                self.layer = Some(layer);
                Some(sample)
            }
            Operation::Reopen => self.reopen(plan),
            Operation::UpdateIndexed
            | Operation::UpdateUnindexed
            | Operation::SinglePuts
            | Operation::Delete => {
                self.held = None;
                Some(write(self.layer(), operation, plan))
            }
            _ => Some(self.read(operation, plan)),
        };
        Measured(sample)
    }
}

impl<L: Layer> Lane<L> {
    fn layer(&self) -> &L {
        self.layer.as_ref().expect("loaded first")
    }

    fn close(&mut self) {
        self.held = None;
        self.layer = None;
        self.folder = None;
    }

    fn read(&mut self, operation: Operation, plan: &Plan<'_>) -> Sample {
        if self.held.is_none() {
            let held = self.layer().hold();
            // Brings every page that will be read into the engine's cache.
            black_box(self.layer().iterate(&held));
            black_box(self.layer().time_range_keys(&held, 0, TIME_MAX));
            self.held = Some(held);
        }
        let (layer, held) = (self.layer(), self.held.as_ref().expect("held above"));
        let rows = |windows: usize| windows * plan.window_rows;
        match operation {
            Operation::Get => timed(plan.gets.len(), || layer.gets(held, &plan.gets)),
            Operation::GetOwnTxn => timed(plan.gets.len(), || {
                plan.gets.iter().map(|path| layer.get_own_txn(path)).sum()
            }),
            Operation::ByDeriver => timed(plan.derivers.len(), || {
                let derivers = plan.derivers.iter();
                derivers.map(|path| layer.by_deriver(held, path)).sum()
            }),
            Operation::Referrers => timed(plan.targets.len(), || {
                let targets = plan.targets.iter();
                targets.map(|path| layer.referrers(held, path)).sum()
            }),
            Operation::Range => timed(rows(plan.windows.len()), || {
                let windows = plan.windows.iter();
                windows
                    .map(|(from, to)| layer.time_range(held, *from, *to))
                    .sum()
            }),
            Operation::RangeKeys => timed(rows(plan.key_windows.len()), || {
                let windows = plan.key_windows.iter();
                windows
                    .map(|(from, to)| layer.time_range_keys(held, *from, *to))
                    .sum()
            }),
            _ => timed(plan.stored.len(), || layer.iterate(held)),
        }
    }

    fn reopen(&mut self, plan: &Plan<'_>) -> Option<Sample> {
        if !L::PERSISTS {
            return None;
        }
        self.held = None;
        self.layer = None;
        let folder = self.folder.as_ref().expect("loaded first").path();
        let path = &plan.fresh[0].path;
        let mut opened = None;
        let sample = timed(1, || {
            let layer = L::create(folder);
            let sum = layer.get_own_txn(path);
            opened = Some(layer);
            sum
        });
        self.layer = opened;
        Some(sample)
    }
}

fn create<L: Layer>(folder: &Path) -> (TempDir, L) {
    let files = tempfile::tempdir_in(folder).unwrap();
    let layer = L::create(files.path());
    (files, layer)
}

fn timed(units: usize, work: impl FnOnce() -> u64) -> Sample {
    let begun = Instant::now();
    let sum = black_box(work());
    let seconds = begun.elapsed().as_secs_f64();
    Sample {
        units,
        seconds,
        sum,
    }
}

fn load<L: Layer>(layer: &L, plan: &Plan<'_>, batch: usize) -> Sample {
    let inputs: Vec<_> = plan.stored.chunks(batch).map(L::prepare).collect();
    let sample = timed(plan.stored.len(), || {
        for input in inputs {
            layer.put_batch(input);
        }
        0
    });
    Sample {
        sum: state(layer, plan),
        ..sample
    }
}

fn write<L: Layer>(layer: &L, operation: Operation, plan: &Plan<'_>) -> Sample {
    let units = |batches: &[Vec<&str>]| batches.iter().map(Vec::len).sum();
    let each = |batches: &[Vec<&str>], work: &dyn Fn(&[&str])| {
        timed(units(batches), || {
            batches.iter().for_each(|batch| work(batch));
            0
        })
    };
    let sample = match operation {
        Operation::UpdateIndexed => each(&plan.moved, &|it| layer.update_batch(it, ADD_TIME)),
        Operation::UpdateUnindexed => each(&plan.resized, &|it| layer.update_unindexed(it, 1)),
        Operation::Delete => each(&plan.removed, &|it| layer.delete_batch(it)),
        _ => {
            let input = L::prepare(plan.fresh);
            timed(plan.fresh.len(), || {
                layer.put_each(input);
                0
            })
        }
    };
    Sample {
        sum: state(layer, plan),
        ..sample
    }
}

/// A number over the records that the layer holds, and over the indexes that are read.
fn state<L: Layer>(layer: &L, plan: &Plan<'_>) -> u64 {
    let held = layer.hold();
    let moved = plan.stored[0].registration_time + ADD_TIME / 2;
    let targets = plan.targets.iter().take(500);
    let derivers = plan.derivers.iter().take(500);
    let parts = [
        layer.iterate(&held),
        layer.time_range_keys(&held, 0, moved),
        layer.time_range_keys(&held, moved, TIME_MAX),
        targets.map(|path| layer.referrers(&held, path)).sum(),
        derivers.map(|path| layer.by_deriver(&held, path)).sum(),
    ];
    parts
        .into_iter()
        .fold(0, |sum: u64, part| sum.wrapping_mul(31).wrapping_add(part))
}
