//! Durable puts from many threads: what sharing a sync brings, and how many syncs a put costs.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use netabase_store::{
    Store, StoreOptions,
    backends::{EngineOptions, redb::RedbBackend},
};
use redb::{Database, StorageBackend, backends::FileBackend};

use super::{
    CACHE_BYTES, Layer, Record,
    naive::Naive,
    records,
    report::{head, median, ratio, row, short},
    same_layout::{RedbTables, SameLayout},
    typed::Typed,
};

/// Threads, and how many puts each of them makes.
const CROWDS: [(usize, usize); 4] = [(64, 20), (8, 100), (2, 200), (1, 300)];
const STORED: usize = 5_000;

/// Returns puts a second and syncs a put of a crowd on a layer.
type Measure = fn((usize, usize), &Path) -> (f64, f64);

/// A file that counts how often it is synced.
#[derive(Debug)]
struct CountingFile {
    file: FileBackend,
    syncs: Arc<AtomicU64>,
}

impl StorageBackend for CountingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A layer on redb over any storage.
trait OnStorage: Layer<Input: Send> + Sync {
    fn over(storage: CountingFile) -> Self;
}

fn database(storage: CountingFile) -> Database {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder.create_with_backend(storage).unwrap()
}

impl OnStorage for Naive {
    fn over(storage: CountingFile) -> Self {
        Self(database(storage))
    }
}

impl OnStorage for SameLayout<RedbTables, true> {
    fn over(storage: CountingFile) -> Self {
        SameLayout::over(RedbTables::over(database(storage)))
    }
}

impl OnStorage for Typed<RedbBackend> {
    fn over(storage: CountingFile) -> Self {
        let backend = RedbBackend::with_storage(storage, &EngineOptions::default()).unwrap();
        Self(Store::with_backend(backend, &StoreOptions::new()).unwrap())
    }
}

/// Measures every crowd on every layer, interleaved.
#[must_use]
pub fn run(rounds: usize, folder: &Path) -> String {
    let names = [
        "naive",
        "same layout",
        "typed redb",
        "typed : naive",
        "typed : same layout",
        "syncs a put: naive",
        "same layout",
        "typed redb",
    ];
    let mut table = head("durable puts a second", &names);
    for crowd in CROWDS {
        let measures: [Measure; 3] = [
            measure::<Naive>,
            measure::<SameLayout<RedbTables, true>>,
            measure::<Typed<RedbBackend>>,
        ];
        let mut rates = [const { Vec::new() }; 3];
        let mut syncs = [const { Vec::new() }; 3];
        for round in 0..rounds {
            for turn in 0..measures.len() {
                let place = (round + turn) % measures.len();
                let (rate, synced) = measures[place](crowd, folder);
                rates[place].push(rate);
                syncs[place].push(synced);
            }
        }
        let [naive, same, typed] = &rates;
        let cells = rates.iter().map(|rates| short(median(rates)));
        let ratios = [ratio(typed, naive), ratio(typed, same)];
        let syncs = syncs.iter().map(|syncs| format!("{:.2}", median(syncs)));
        let title = match crowd.0 {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        row(&mut table, &title, cells.chain(ratios).chain(syncs));
    }
    table
}

fn measure<L: OnStorage>((threads, puts): (usize, usize), folder: &Path) -> (f64, f64) {
    let files = tempfile::tempdir_in(folder).unwrap();
    let mut options = File::options();
    let options = options.read(true).write(true).create_new(true);
    let file = options.open(files.path().join("group.redb")).unwrap();
    let syncs = Arc::new(AtomicU64::new(0));
    let layer = L::over(CountingFile {
        file: FileBackend::new(file).unwrap(),
        syncs: Arc::clone(&syncs),
    });
    let all = records(STORED + threads * puts, 7);
    let (stored, fresh) = all.split_at(STORED);
    layer.put_batch(L::prepare(stored));
    let inputs: Vec<L::Input> = fresh.chunks(puts).map(L::prepare).collect();
    let before = syncs.load(Ordering::Relaxed);
    let begun = Instant::now();
    thread::scope(|scope| {
        for input in inputs {
            scope.spawn(|| layer.put_each(input));
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let synced = syncs.load(Ordering::Relaxed) - before;
    check(&layer, fresh);
    let count = fresh.len() as f64;
    (count / seconds, synced as f64 / count)
}

/// Stops when a put is missing.
fn check<L: Layer>(layer: &L, fresh: &[Record]) {
    let paths: Vec<&str> = fresh.iter().map(|record| &*record.path).collect();
    let wanted: u64 = fresh.iter().map(Record::sum).sum();
    assert_eq!(layer.gets(&layer.hold(), &paths), wanted);
}
