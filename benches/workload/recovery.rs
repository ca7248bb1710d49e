//! Opening what a killed process left, and recovering what is damaged.

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use netabase_store::RedbStore;
use redb::{Database, TableDefinition};

use super::{
    CACHE_BYTES, Random, records,
    report::{Settings, head, median, ratio, row},
    typed::model::{BenchDefinition, Info},
};

/// How large the file is that is opened after a crash.
const CRASHED_BYTES: u64 = 1 << 30;

/// How many records a transaction writes.
const BATCH: usize = 50_000;

/// How many durable commits of one record there are before the crash.
const LAST_COMMITS: usize = 20;

/// How many pages are damaged, of so many bytes.
const PAGES: u64 = 100;
const PAGE_BYTES: u64 = 4096;

/// How many durable commits are timed.
const COMMITS: u64 = 1_000;

/// Tell a child what to do, and over which file.
const WORK_VARIABLE: &str = "NETABASE_RECOVERY_WORK";
const PATH_VARIABLE: &str = "NETABASE_RECOVERY_PATH";

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("Info");
const SINGLE: TableDefinition<u64, &[u8]> = TableDefinition::new("single");

/// Does what a child is to do, and returns whether this process is one.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub fn child() -> bool {
    let Ok(work) = std::env::var(WORK_VARIABLE) else {
        return false;
    };
    let path = PathBuf::from(std::env::var(PATH_VARIABLE).unwrap());
    let begun = Instant::now();
    let (opened, found) = match &*work {
        "typed" => {
            let store = RedbStore::<BenchDefinition>::open(&path).unwrap();
            let opened = begun.elapsed();
            (opened, store.open_tree::<Info>().len().unwrap())
        }
        "redb" => {
            let mut builder = Database::builder();
            let database = builder.set_cache_size(CACHE_BYTES).open(&path).unwrap();
            let opened = begun.elapsed();
            (opened, len(&database))
        }
        _ => {
            let to = path.with_extension("recovered");
            let recovery = RedbStore::<BenchDefinition>::recover(&path, &to).unwrap();
            let opened = begun.elapsed();
            assert!(recovery.pages_unreadable > 0);
            (opened, recovery.models[0].records)
        }
    };
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    println!("{} {peak} {found}", opened.as_secs_f64());
    true
}

fn len(database: &Database) -> u64 {
    use redb::{ReadableDatabase, ReadableTableMetadata};
    let txn = database.begin_read().unwrap();
    txn.open_table(TABLE).unwrap().len().unwrap()
}

/// What a child took.
struct Run {
    seconds: f64,
    mib: f64,
    found: u64,
}

fn start(work: &str, path: &Path) -> Run {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(WORK_VARIABLE, work).env(PATH_VARIABLE, path);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{work}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<&str> = text.split_whitespace().collect();
    Run {
        seconds: figures[0].parse().unwrap(),
        mib: figures[1].parse::<f64>().unwrap() / 1024.0,
        found: figures[2].parse().unwrap(),
    }
}

/// Measures all parts that are wanted.
#[must_use]
pub fn run(settings: &Settings) -> String {
    let files = tempfile::tempdir_in(&settings.folder).unwrap();
    let at = |name: &str| files.path().join(name);
    let (whole, crashed) = (at("whole.redb"), at("crashed.redb"));
    let stored = write(settings.records, &whole, &crashed);
    let mut text = String::new();
    if settings.wants("open") {
        text += &open(&crashed, &at("opened.redb"), stored, settings.rounds);
    }
    if settings.wants("commits") {
        text += &commits(&crashed, &at("commits.redb"), settings.rounds);
    }
    drop(fs::remove_file(&crashed));
    if settings.wants("recover") {
        text += &recover(&whole, settings.records as u64);
    }
    text
}

/// Writes all records to `whole`, and what a kill would leave of the first GiB, or of all if that is
/// less, to `crashed`; returns how many records that is.
fn write(count: usize, whole: &Path, crashed: &Path) -> u64 {
    let records = records(count, 1);
    let store = RedbStore::<BenchDefinition>::new(whole).unwrap();
    let tree = store.open_tree::<Info>();
    let mut stored = 0;
    let batches = records.chunks(BATCH);
    let last_batch = batches.len() - 1;
    for (number, batch) in batches.enumerate() {
        let (last, batch) = batch.split_at(LAST_COMMITS.min(batch.len()));
        tree.put_many(batch.iter().map(Info::from)).unwrap();
        for record in last {
            tree.put(Info::from(record)).unwrap();
        }
        let bytes = fs::metadata(whole).unwrap().len();
        if stored == 0 && (bytes >= CRASHED_BYTES || number == last_batch) {
            // The store is open: nothing of what closing it writes is there.
            fs::copy(whole, crashed).unwrap();
            stored = tree.len().unwrap();
        }
    }
    stored
}

/// Opens copies of a file that was not closed.
fn open(crashed: &Path, copy: &Path, stored: u64, rounds: usize) -> String {
    let mib = fs::metadata(crashed).unwrap().len() >> 20;
    let works = ["typed", "redb"];
    let mut runs = works.map(|_| Vec::new());
    for round in 0..rounds {
        for turn in 0..works.len() {
            let turn = (turn + round) % works.len();
            fs::copy(crashed, copy).unwrap();
            let run = start(works[turn], copy);
            assert_eq!(run.found, stored, "{}", works[turn]);
            runs[turn].push(run);
        }
    }
    fs::remove_file(copy).unwrap();
    let title = format!("open after a crash, {mib} MiB, {stored} records");
    let mut table = head(&title, &["seconds", "peak, MiB"]);
    let seconds = runs.map(|runs| {
        let seconds: Vec<_> = runs.iter().map(|run| run.seconds).collect();
        let peak: Vec<_> = runs.iter().map(|run| run.mib).collect();
        (seconds, median(&peak))
    });
    for (name, (seconds, peak)) in works.iter().zip(&seconds) {
        let cells = [format!("{:.2}", median(seconds)), format!("{peak:.0}")];
        row(&mut table, name, cells.into_iter());
    }
    let times = ratio(&seconds[0].0, &seconds[1].0);
    row(
        &mut table,
        "typed : redb",
        [times, String::new()].into_iter(),
    );
    table + "\n"
}

/// Times durable commits of one row into the large file by redb alone, as it is and with what makes
/// the next opening after a crash quick.
fn commits(crashed: &Path, copy: &Path, rounds: usize) -> String {
    let names = ["as it is", "two phases", "quick repair"];
    let mut times = names.map(|_| Vec::new());
    fs::copy(crashed, copy).unwrap();
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .open(copy)
        .unwrap();
    for round in 0..rounds {
        for turn in 0..names.len() {
            let turn = (turn + round) % names.len();
            let begun = Instant::now();
            for number in 0..COMMITS {
                let mut txn = database.begin_write().unwrap();
                txn.set_two_phase_commit(turn == 1);
                txn.set_quick_repair(turn == 2);
                let mut table = txn.open_table(SINGLE).unwrap();
                table.insert(number, [7; 500].as_slice()).unwrap();
                drop(table);
                txn.commit().unwrap();
            }
            times[turn].push(begun.elapsed().as_secs_f64() * 1e6 / COMMITS as f64);
        }
    }
    let mut txn = database.begin_write().unwrap();
    txn.set_quick_repair(true);
    txn.commit().unwrap();
    // The last commit of an open database has quick repair.
    let image = copy.with_extension("quick");
    fs::copy(copy, &image).unwrap();
    let opened = start("redb", &image).seconds;
    fs::remove_file(&image).unwrap();
    drop(database);
    fs::remove_file(copy).unwrap();
    let mut table = head("durable commit of one row, redb alone", &["microseconds"]);
    for (name, times) in names.iter().zip(&times) {
        row(
            &mut table,
            name,
            [format!("{:.0}", median(times))].into_iter(),
        );
    }
    let times = ratio(&times[2], &times[0]);
    row(&mut table, "quick repair : as it is", [times].into_iter());
    format!("{table}\nOpened after a crash behind a commit with quick repair: {opened:.3} s.\n\n")
}

/// Damages pages of the store, and recovers it.
fn recover(whole: &Path, stored: u64) -> String {
    let bytes = fs::metadata(whole).unwrap().len();
    let mut random = Random::new(9);
    let mut file = OpenOptions::new().write(true).open(whole).unwrap();
    for _ in 0..PAGES {
        let page = 1 + random.below(bytes / PAGE_BYTES - 1);
        file.seek(SeekFrom::Start(page * PAGE_BYTES)).unwrap();
        let garbage: Vec<u8> = (0..PAGE_BYTES).map(|_| random.below(256) as u8).collect();
        file.write_all(&garbage).unwrap();
    }
    drop(file);
    let run = start("recover", whole);
    let title = format!(
        "recover {stored} records from {} MiB with {PAGES} damaged pages",
        bytes >> 20
    );
    let mut table = head(&title, &["seconds", "peak, MiB", "records"]);
    let cells = [
        format!("{:.1}", run.seconds),
        format!("{:.0}", run.mib),
        run.found.to_string(),
    ];
    row(&mut table, "recover", cells.into_iter());
    table
}
