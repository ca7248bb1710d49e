//! Snapshots that come and go beside a writer, on an engine that keeps the past for them.

use std::sync::Arc;

use super::{Bug, explore, finds, tasks::spawn};
use crate::backends::{
    Backend, Snapshot, TableEdits, TableId, TableSet, WriteSet, memory::MemoryBackend,
};

const TABLE: TableId = TableId(0);

/// How many commits there are beside the first.
const COMMITS: u8 = 2;

fn set(value: u8) -> WriteSet {
    let edits: TableEdits = [(b"key".to_vec().into(), Some(vec![value].into()))].into();
    WriteSet {
        tables: [(TABLE, Arc::new(edits))].into(),
    }
}

fn value(snapshot: &impl Snapshot) -> u8 {
    let found = snapshot.get(TABLE, b"key", |value| value.first().copied());
    found
        .expect("memory is there")
        .flatten()
        .expect("it was there from the first")
}

fn readers_beside_a_writer() {
    let backend = Arc::new(MemoryBackend::new());
    let tables = Arc::new(TableSet::new(vec!["table".to_owned()]));
    backend
        .apply(&tables, set(0), false)
        .expect("memory is there");
    let task = |work: fn(&MemoryBackend, &Arc<TableSet>)| {
        let (backend, tables) = (Arc::clone(&backend), Arc::clone(&tables));
        spawn("task", move || work(&backend, &tables)).expect("a task")
    };
    let read = |backend: &MemoryBackend, tables: &Arc<TableSet>| {
        let mut latest = 0;
        for _ in 0..2 {
            let snapshot = backend.snapshot(tables).expect("memory is there");
            let seen = value(&snapshot);
            assert!(seen >= latest, "a later snapshot is older");
            latest = seen;
            assert_eq!(value(&snapshot), seen, "a snapshot moves");
        }
    };
    let write = |backend: &MemoryBackend, tables: &Arc<TableSet>| {
        for number in 1..=COMMITS {
            backend
                .apply(tables, set(number), false)
                .expect("memory is there");
        }
    };
    for task in [task(read), task(read), task(write)] {
        task.join().expect("it does not die");
    }
    assert_eq!(backend.images(), 0, "nobody looks at the past");
    let last = backend.snapshot(&tables).expect("memory is there");
    assert_eq!(value(&last), COMMITS);
}

#[test]
fn a_snapshot_never_moves_and_the_past_goes_with_the_last_who_sees_it() {
    explore(readers_beside_a_writer);
}

#[test]
fn who_leaves_without_looking_back_is_found() {
    finds(&[Bug::LookedBeforeLeaving], readers_beside_a_writer);
}
