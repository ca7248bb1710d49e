//! Writers of the typed trees: what they are told, in whatever order they run.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use shuttle::rand::{Rng, thread_rng};

use super::{
    Bug,
    engine::{self, Disk, Fails, MODEL, Watched},
    explore, finds,
    tasks::{JoinHandle, spawn},
};
use crate::{
    backends::Snapshot,
    error::{Result, StoreError},
    group::Work,
    inner::{Durability, Inner},
    tables::ModelTables,
    threads::Mutex,
    txn::WriteCore,
    write::Scratch,
    writer::locked,
};

type Store = Arc<Inner<Watched>>;

fn write(core: &WriteCore<Watched>, model: &ModelTables, scratch: &mut Scratch) {
    let disk = core.inner().backend().disk();
    disk.note_planned(&scratch.key);
    let value = b"row".as_slice().into();
    core.edit(model.rows.id, scratch.key.clone(), Some(value));
}

const SUCCEED: Work<Watched> = |core, model, scratch| {
    write(core, model, scratch);
    Ok(())
};
const REFUSE: Work<Watched> = |core, model, scratch| {
    write(core, model, scratch);
    Err(StoreError::WouldDeadlock.into())
};
const PANIC: Work<Watched> = |core, model, scratch| {
    write(core, model, scratch);
    resume_unwind(Box::new("on purpose"))
};

/// Makes a write that may share its commit; a panic comes back as nothing.
fn write_one(store: &Store, key: &[u8], work: Work<Watched>) -> Option<Result<()>> {
    let model = store.layout.model(MODEL).expect("the only model");
    let mut scratch = Scratch::default();
    scratch.key.extend(key);
    let written = catch_unwind(AssertUnwindSafe(|| {
        store.write_one(model, &mut scratch, work)
    }));
    if written.is_ok() {
        assert_eq!(scratch.key, key, "each task gets its own memory back");
    }
    written.ok()
}

/// Makes a write in a transaction of its own.
fn transact(store: &Store, key: &[u8], durability: Durability) -> Result<()> {
    let model = store.layout.model(MODEL).expect("the only model");
    let core = store.begin()?;
    core.edit(model.rows.id, key.to_vec(), Some(b"row".as_slice().into()));
    core.commit(durability)
}

/// Begins a transaction, and dies.
fn die_with_the_lock(store: &Store) {
    let died = catch_unwind(AssertUnwindSafe(|| {
        let _core = store.begin().expect("nothing has failed");
        resume_unwind(Box::new("on purpose"))
    }));
    assert!(died.is_err());
}

fn is_visible(store: &Store, key: &[u8]) -> bool {
    let model = store.layout.model(MODEL).expect("the only model");
    let snapshot = store.snapshot().expect("memory is there");
    let found = snapshot.get(model.rows.id, key, |_| ());
    found.expect("memory is there").is_some()
}

#[track_caller]
fn assert_durable(disk: &Disk, key: &[u8]) {
    assert!(disk.has(|of, _| of == key), "{key:?} is not on disk");
}

fn open(fails: Fails, durability: Durability) -> (Store, Arc<Disk>) {
    let (engine, disk) = Watched::new(fails);
    (engine::open(engine, durability), disk)
}

/// Has tasks work on a store, the last of which closes it.
fn together<const N: usize>(store: Store, work: fn(&Store, u8)) {
    let start = |task| {
        let store = Arc::clone(&store);
        spawn("writer", move || work(&store, task)).expect("a task")
    };
    let tasks: [JoinHandle<()>; N] =
        std::array::from_fn(|task| start(u8::try_from(task).expect("few")));
    drop(store);
    for task in tasks {
        task.join().expect("it does not die");
    }
}

/// Makes one write of a kind that chance picks, and judges how it ended.
fn write_somehow(store: &Store, key: &[u8]) {
    let disk = store.backend().disk();
    match thread_rng().gen_range(0..9) {
        0 => {
            let refused = write_one(store, key, REFUSE).expect("no panic");
            assert!(matches!(
                refused,
                Err(crate::NetabaseError::StoreError(StoreError::WouldDeadlock))
            ));
            assert!(!disk.is_committed(key));
        }
        1 => {
            assert!(write_one(store, key, PANIC).is_none());
            assert!(!disk.is_committed(key));
        }
        2 => {
            transact(store, key, Durability::Immediate).expect("nothing fails");
            assert_durable(disk, key);
            assert!(is_visible(store, key));
        }
        3 => die_with_the_lock(store),
        4 => drop(is_visible(store, key)),
        _ => {
            let written = write_one(store, key, SUCCEED);
            written.expect("no panic").expect("nothing fails");
            assert_eq!(disk.planned(key), 1);
            assert_durable(disk, key);
            assert!(is_visible(store, key));
        }
    }
}

fn writers_of_all_kinds() {
    let (store, disk) = open(Fails::default(), Durability::Immediate);
    together::<4>(store, |store, task| {
        for number in 0..2 {
            write_somehow(store, &[task, number]);
        }
    });
    assert!(disk.is_all_durable());
}

#[test]
fn every_writer_is_answered_once_and_after_its_write_is_on_disk() {
    explore(writers_of_all_kinds);
}

#[test]
fn what_is_wrong_with_groups_is_found() {
    let bugs = [
        Bug::FollowerNotWoken,
        Bug::LeadKept,
        Bug::AnsweredBeforeCommit,
        Bug::RefusedEditsKept,
        Bug::MadeTwice,
        Bug::TurnNotPassedOn,
        Bug::TwoWriters,
        Bug::OldSnapshotKept,
    ];
    finds(&bugs, writers_of_all_kinds);
}

/// One of the first commits fails: who was told otherwise has its write, and who was told so has not.
fn a_commit_that_fails() {
    let fails = Fails {
        apply: thread_rng().gen_range(1..4),
        sync: 0,
    };
    let (store, disk) = open(fails, Durability::Immediate);
    together::<4>(store, |store, task| {
        let mut has_failed = false;
        for number in 0..2 {
            let key = [task, number];
            let written = match thread_rng().gen_range(0..4) {
                0 => transact(store, &key, Durability::Immediate),
                _ => write_one(store, &key, SUCCEED).expect("no panic"),
            };
            let disk = store.backend().disk();
            match written {
                Ok(()) => assert_durable(disk, &key),
                Err(_) => assert!(!disk.is_committed(&key)),
            }
            assert!(!has_failed || written.is_err(), "who failed goes on");
            has_failed |= written.is_err();
        }
    });
    assert!(disk.commits() < 8);
}

#[test]
fn a_commit_that_fails_fails_all_who_share_it_and_who_comes_later() {
    explore(a_commit_that_fails);
}

#[test]
fn a_failure_that_followers_are_not_told_of_is_found() {
    finds(&[Bug::FailureKeptByLeader], a_commit_that_fails);
}

fn transactions() {
    let (store, disk) = open(Fails::default(), Durability::Immediate);
    together::<4>(store, |store, task| {
        for number in 0..2 {
            let key = [task, number];
            let durability = match thread_rng().gen_bool(0.5) {
                false => Durability::None,
                true => Durability::Immediate,
            };
            transact(store, &key, durability).expect("nothing fails");
            assert!(is_visible(store, &key));
            let is_flushed = thread_rng().gen_bool(0.5);
            if is_flushed {
                store.flush().expect("nothing fails");
            }
            if is_flushed || durability == Durability::Immediate {
                assert_durable(store.backend().disk(), &key);
            }
        }
    });
    // What was left to the end is there, too.
    assert!(disk.is_all_durable());
}

#[test]
fn transactions_that_share_a_sync_return_after_it() {
    explore(transactions);
}

#[test]
fn what_is_wrong_with_shared_syncs_is_found() {
    finds(&[Bug::SyncCoversLater, Bug::OneSyncerWoken], transactions);
}

fn a_sync_that_fails() {
    let fails = Fails {
        apply: 0,
        sync: thread_rng().gen_range(1..3),
    };
    let (store, _) = open(fails, Durability::Immediate);
    together::<4>(store, |store, task| {
        for number in 0..2 {
            let key = [task, number];
            if transact(store, &key, Durability::Immediate).is_ok() {
                assert_durable(store.backend().disk(), &key);
            }
        }
    });
}

#[test]
fn a_sync_that_failed_is_not_tried_again_and_believed() {
    explore(a_sync_that_fails);
}

#[test]
fn a_second_sync_that_is_believed_is_found() {
    finds(&[Bug::SyncRetried], a_sync_that_fails);
}

fn syncs_that_come_later() {
    let (store, disk) = open(Fails::default(), Durability::Eventual);
    let waits = thread_rng().gen_bool(0.5).then(|| Arc::clone(&store));
    together::<3>(store, |store, task| {
        for number in 0..2 {
            write_one(store, &[task, number], SUCCEED)
                .expect("no panic")
                .expect("nothing fails");
        }
    });
    if let Some(store) = waits {
        disk.wait_until(Disk::is_all_durable);
        drop(store);
    }
    assert!(disk.is_all_durable());
}

#[test]
fn a_sync_follows_every_commit_before_the_store_is_closed_and_at_the_latest_then() {
    explore(syncs_that_come_later);
}

#[test]
fn what_is_wrong_with_later_syncs_is_found() {
    finds(
        &[Bug::WakeForgotten, Bug::EndNotTold],
        syncs_that_come_later,
    );
}

fn a_task_dies_with_a_lock() {
    let lock = Arc::new(Mutex::new(0));
    let other = Arc::clone(&lock);
    let dies = spawn("dies", move || {
        let died = catch_unwind(AssertUnwindSafe(|| {
            let _guard = locked(&other);
            resume_unwind(Box::new("on purpose"))
        }));
        assert!(died.is_err());
    });
    *locked(&lock) += 1;
    dies.expect("a task").join().expect("it was caught");
    *locked(&lock) += 1;
}

#[test]
fn a_lock_that_a_task_died_with_goes_on() {
    explore(a_task_dies_with_a_lock);
}

#[test]
fn a_lock_that_is_refused_for_ever_is_found() {
    finds(&[Bug::PoisonObeyed], a_task_dies_with_a_lock);
}
