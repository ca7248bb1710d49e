//! How many instructions does an operation take, typed and hand-written?
//!
//! `cargo bench -p netabase_benches --bench instructions` runs itself under
//! `valgrind --tool=callgrind` for every layer and operation, and prints the counts and ratios as
//! Markdown. 10,000 records; the counts are per record, or per row of a range.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark stops at a bug of its own"
)]
#![expect(clippy::unwrap_used, reason = "a benchmark stops at a bug of its own")]

use std::{env, fs, hint::black_box, path::Path, process::Command};

use netabase_benches::{
    Layer, Random, Record,
    naive::Naive,
    records,
    same_layout::{RedbTables, SameLayout},
    typed::Typed,
};
use netabase_store::backends::redb::RedbBackend;
use tempfile::TempDir;

const RECORDS: usize = 10_000;
const BATCH: usize = 1_000;
/// Few, since some are what thousands of records refer to.
const TARGETS: usize = 50;
const GETS: usize = 2_000;
const RANGE: u64 = 1_000;

const LAYERS: [&str; 4] = ["naive", "same", "same-unchecked", "typed"];
const OPERATIONS: [&str; 11] = [
    "get",
    "get-own-txn",
    "by-deriver",
    "referrers",
    "range",
    "range-keys",
    "iterate",
    "put",
    "update",
    "update-unindexed",
    "delete",
];

fn main() {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    match arguments.as_slice() {
        [first, layer, operation, folder] if first == "run" => {
            run(layer, operation, folder.as_ref())
        }
        wanted => report(wanted),
    }
}

/// Runs every layer and operation under callgrind.
fn report(wanted: &[String]) {
    let stores = LAYERS.map(|layer| {
        let folder = tempfile::tempdir().unwrap();
        run(layer, "load", folder.path());
        (layer, folder)
    });
    println!(
        "| operation | naive | same layout | same, no checksum | typed | typed / same | typed / naive |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for operation in OPERATIONS {
        if !wanted.is_empty() && !wanted.iter().any(|word| word == operation) {
            continue;
        }
        let count = |(layer, folder): &(&str, TempDir)| count(layer, operation, folder.path());
        let [naive, same, unchecked, typed] = stores.each_ref().map(count);
        println!(
            "| {operation} | {naive:.0} | {same:.0} | {unchecked:.0} | {typed:.0} | {:.3} | {:.3} |",
            typed / same,
            typed / naive
        );
    }
}

/// Returns the instructions of one operation; the median of three for reads.
fn count(layer: &str, operation: &str, store: &Path) -> f64 {
    let is_write = matches!(operation, "put" | "update" | "update-unindexed" | "delete");
    let runs = if is_write { 1 } else { 3 };
    let mut counts: Vec<f64> = (0..runs)
        .map(|_| callgrind(layer, operation, store))
        .collect();
    counts.sort_by(f64::total_cmp);
    counts.get(counts.len() / 2).copied().unwrap()
}

fn callgrind(layer: &str, operation: &str, store: &Path) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(store).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let out = folder.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=*cg_measured*",
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().unwrap())
        .args(["run", layer, operation])
        .arg(folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let units: f64 = printed.trim().parse().unwrap();
    if let Ok(keep) = env::var("NETABASE_CALLGRIND_KEEP") {
        fs::copy(&out, format!("{keep}/{layer}-{operation}.out")).unwrap();
    }
    let text = fs::read_to_string(out).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .unwrap();
    line.trim().parse::<f64>().unwrap() / units
}

fn run(layer: &str, operation: &str, folder: &Path) {
    match layer {
        "naive" => run_on::<Naive>(operation, folder),
        "same" => run_on::<SameLayout<RedbTables, true>>(operation, folder),
        "same-unchecked" => run_on::<SameLayout<RedbTables, false>>(operation, folder),
        "typed" => run_on::<Typed<RedbBackend>>(operation, folder),
        other => panic!("no layer {other}"),
    }
}

/// What callgrind counts.
#[inline(never)]
fn cg_measured<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}

/// What the reads ask for.
struct Chosen<'a> {
    paths: Vec<&'a str>,
    derivers: Vec<&'a str>,
    targets: Vec<&'a str>,
    from: u64,
}

impl<'a> Chosen<'a> {
    fn new(stored: &'a [Record]) -> Self {
        let mut random = Random::new(1);
        let pick = |_| usize::try_from(random.below(stored.len() as u64)).unwrap();
        let chosen: Vec<&Record> = (0..GETS).map(pick).map(|at| &stored[at]).collect();
        let derivers = chosen.iter().filter_map(|one| one.deriver.as_deref());
        let targets = chosen.iter().filter_map(|one| one.references.last());
        Self {
            paths: chosen.iter().map(|one| &*one.path).collect(),
            derivers: derivers.collect(),
            targets: targets.map(|path| &**path).take(TARGETS).collect(),
            from: stored[2_000].registration_time,
        }
    }

    fn read<L: Layer>(&self, layer: &L, held: &L::Held, operation: &str) -> u64 {
        let derivers = self.derivers.iter();
        let targets = self.targets.iter();
        let (from, to) = (self.from, self.from + RANGE);
        match operation {
            "get" => layer.gets(held, &self.paths),
            "get-own-txn" => self.paths.iter().map(|path| layer.get_own_txn(path)).sum(),
            "by-deriver" => derivers.map(|path| layer.by_deriver(held, path)).sum(),
            "referrers" => targets.map(|path| layer.referrers(held, path)).sum(),
            "range" => layer.time_range(held, from, to),
            "range-keys" => layer.time_range_keys(held, from, to),
            "iterate" => layer.iterate(held),
            other => panic!("no operation {other}"),
        }
    }

    /// Returns how many records or rows an operation has to do with.
    fn units(&self, operation: &str) -> usize {
        match operation {
            "get" | "get-own-txn" => GETS,
            "by-deriver" => self.derivers.len(),
            "referrers" => self.targets.len(),
            "range" | "range-keys" => usize::try_from(RANGE).unwrap(),
            "iterate" => RECORDS,
            _ => BATCH,
        }
    }
}

fn run_on<L: Layer>(operation: &str, folder: &Path) {
    let all = records(RECORDS + BATCH, 7);
    let (stored, fresh) = all.split_at(RECORDS);
    let layer = L::create(folder);
    if operation == "load" {
        for batch in stored.chunks(BATCH) {
            layer.put_batch(L::prepare(batch));
        }
        return;
    }
    let chosen = Chosen::new(stored);
    let batch = stored.iter().step_by(RECORDS / BATCH);
    let mut batch: Vec<&str> = batch.map(|one| &*one.path).collect();
    batch.sort_by_key(|path| path.bytes().rev().collect::<Vec<_>>());
    let held = layer.hold();
    // Brings every page that will be read into the engine's cache.
    black_box(layer.iterate(&held) + layer.time_range_keys(&held, 0, u64::MAX));
    match operation {
        "put" => {
            let input = L::prepare(fresh);
            drop(held);
            cg_measured(|| layer.put_batch(input));
        }
        "update" => cg_measured(|| layer.update_batch(&batch, 1_000_000)),
        "update-unindexed" => cg_measured(|| layer.update_unindexed(&batch, 1)),
        "delete" => cg_measured(|| layer.delete_batch(&batch)),
        operation => {
            black_box(chosen.read(&layer, &held, operation));
            black_box(cg_measured(|| chosen.read(&layer, &held, operation)));
        }
    }
    println!("{}", chosen.units(operation));
}
