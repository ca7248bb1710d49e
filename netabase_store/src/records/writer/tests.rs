//! The thread of a record store beside those who put, read, flush and close, in whatever order they
//! run.

use std::sync::Arc;

use libp2p_core::multihash::Multihash;
use libp2p_identity::PeerId;
use libp2p_kad::{Record, RecordKey, store};
use shuttle::rand::{Rng, thread_rng};

use super::*;
use crate::{
    records::{ManualClock, RecordStoreConfig, core::Shared},
    schedules::{
        engine::{self, Disk, Fails, Watched},
        explore, finds,
    },
};

/// How many rows wait at most, and what comes with them: the description of the store.
const ROWS_MAX: usize = 4;
const ROWS_BESIDE: usize = 1;

type Records = Arc<Shared<Watched>>;

fn open(durability: RecordDurability, fails: Fails) -> (Records, Arc<Disk>) {
    let (watched, disk) = Watched::new(fails);
    let inner = engine::open(watched, Durability::Immediate);
    // Nothing expires: the thread sleeps unless there is something to write.
    let config = RecordStoreConfig {
        durability,
        max_pending_rows: ROWS_MAX,
        clock: Arc::new(ManualClock::new()),
        ..RecordStoreConfig::strict()
    };
    let hash = Multihash::wrap(0, &[1; 8]).expect("a short one");
    let local = PeerId::from_multihash(hash).expect("an identity");
    let records = Shared::open(&inner, local, config).expect("an empty store");
    (Arc::new(records), disk)
}

fn any_durability() -> RecordDurability {
    match thread_rng().gen_range(0..3) {
        0 => RecordDurability::Sync,
        1 => RecordDurability::Volatile,
        _ => RecordDurability::Batched(Duration::from_millis(50)),
    }
}

/// What is in the value of a record and nowhere else.
fn mark(task: u8, number: u8) -> [u8; 4] {
    [0xA5, task, number, 0x5A]
}

fn is_durable(disk: &Disk, mark: [u8; 4]) -> bool {
    disk.has(|_, value| value.windows(mark.len()).any(|part| part == mark))
}

fn put(records: &Records, task: u8, number: u8) -> store::Result<()> {
    let core = &*records.core;
    let mark = mark(task, number);
    let record = Record::new(RecordKey::new(&mark), mark.to_vec());
    core.write(|state| state.put(record, None, core))
}

fn flush(records: &Records) -> Result<()> {
    let core = &records.core;
    core.wait(core.lock())?;
    core.inner.flush()
}

/// Has tasks work on a record store, the last of which closes it; then waits for the end of it.
fn together(records: Records, work: fn(&Records, u8)) {
    let core = Arc::clone(&records.core);
    let tasks = [0, 1, 2].map(|task| {
        let records = Arc::clone(&records);
        spawn("user", move || work(&records, task)).expect("a task")
    });
    drop(records);
    for task in tasks {
        task.join().expect("it does not die");
    }
    core.wait_for_end().expect("nobody holds the lock");
    let guarded = core.lock();
    let is_empty = guarded.state.gathered() == Gathered::Nothing;
    assert!(is_empty || guarded.control.failure.is_some());
}

fn puts_and_flushes() {
    let durability = any_durability();
    let (records, disk) = open(durability, Fails::default());
    together(records, |records, task| {
        let disk = records.core.inner.backend().disk();
        let durability = records.core.durability;
        let mut taken = Vec::new();
        for number in 0..3 {
            if put(records, task, number).is_ok() {
                taken.push(mark(task, number));
                if durability == RecordDurability::Sync {
                    assert!(is_durable(disk, mark(task, number)));
                }
            }
            let (rows, _) = records.core.lock().state.overlay.load();
            assert!(rows <= ROWS_MAX + ROWS_BESIDE, "{rows} rows wait");
            if thread_rng().gen_bool(0.3) {
                flush(records).expect("nothing fails");
                assert!(taken.iter().all(|mark| is_durable(disk, *mark)));
            }
        }
        for mark in taken {
            let key = RecordKey::new(&mark);
            let at = records.core.distance(&key);
            let found = records.core.read_record(at, &key);
            assert_eq!(found.map(|record| record.value), Some(mark.to_vec()));
            NOTED.with_borrow_mut(|noted| noted.push(mark));
        }
    });
    // What nobody flushed is there when the store is closed.
    let taken = NOTED.take();
    assert!(taken.iter().all(|mark| is_durable(&disk, *mark)));
}

std::thread_local! {
    /// What the tasks of a schedule, which share a thread, were told is taken.
    static NOTED: std::cell::RefCell<Vec<[u8; 4]>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Begins without what a schedule left that went wrong.
fn records_that_are_put_and_flushed() {
    NOTED.take();
    puts_and_flushes();
}

#[test]
fn a_flush_answers_after_all_that_came_before_it_and_a_close_leaves_nothing() {
    explore(records_that_are_put_and_flushed);
}

#[test]
fn what_is_wrong_with_the_thread_of_records_is_found() {
    let bugs = [
        Bug::FlushTooEarly,
        Bug::DoneBeforeCommit,
        Bug::DoneNotTold,
        Bug::EndLeavesRows,
        Bug::BoundIgnored,
    ];
    finds(&bugs, records_that_are_put_and_flushed);
}

/// Rows get to the disk after a time though nobody asks for that.
fn rows_that_nobody_flushes() {
    let batched = RecordDurability::Batched(Duration::from_millis(50));
    let (records, disk) = open(batched, Fails::default());
    for number in 0..2 {
        put(&records, 0, number).expect("there is room");
        disk.wait_until(|disk| is_durable(disk, mark(0, number)));
    }
}

#[test]
fn rows_that_nobody_flushes_get_to_the_disk() {
    explore(rows_that_nobody_flushes);
}

#[test]
fn rows_that_the_thread_is_not_told_of_are_found() {
    finds(&[Bug::RowsNotTold], rows_that_nobody_flushes);
}

/// A commit fails: nobody waits for ever, and nobody is told that something is on disk that is not.
fn a_commit_that_fails() {
    let fails = Fails {
        apply: thread_rng().gen_range(1..4),
        sync: 0,
    };
    let (records, _) = open(any_durability(), fails);
    together(records, |records, task| {
        let disk = records.core.inner.backend().disk();
        let mut taken = Vec::new();
        let mut has_failed = false;
        for number in 0..3 {
            let put = put(records, task, number);
            assert!(
                !has_failed || put.is_err(),
                "what cannot be written is refused"
            );
            taken.extend(put.is_ok().then(|| mark(task, number)));
            match flush(records) {
                Ok(()) => assert!(taken.iter().all(|mark| is_durable(disk, *mark))),
                Err(_) => has_failed = true,
            }
        }
    });
}

#[test]
fn who_waits_for_a_commit_of_records_that_fails_is_told() {
    explore(a_commit_that_fails);
}

#[test]
fn a_failure_of_records_that_nobody_is_told_of_is_found() {
    finds(&[Bug::FailureNotTold], a_commit_that_fails);
}

/// The last handle goes while its task holds the writer's lock, which the thread waits for.
fn a_close_within_a_transaction() {
    let (records, disk) = open(RecordDurability::default(), Fails::default());
    let core = Arc::clone(&records.core);
    let other = spawn("other", move || {
        put(&records, 0, 0).expect("there is room");
        let guard = records
            .core
            .inner
            .writer
            .lock()
            .expect("it is not ours yet");
        drop(records);
        drop(guard);
    });
    other.expect("a task").join().expect("it does not die");
    core.wait_for_end().expect("nobody holds the lock");
    assert!(is_durable(&disk, mark(0, 0)));
}

#[test]
fn a_record_store_that_is_closed_within_a_transaction_is_written_down_after_it() {
    explore(a_close_within_a_transaction);
}
