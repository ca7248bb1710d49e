//! Many writers, one disk: shared syncs, and commits that are to be durable soon.

use std::{
    thread,
    time::{Duration, Instant},
};

use netabase_harness::{
    cuts::Cuts,
    disk::{Disk, Operation, synced},
    image::Image,
};
use netabase_store::{Durability, RedbStore, Result, StoreOptions};
use netabase_tests::{Customer, Random, ShopDefinition, assert_sound, customer};

/// How long a sync of the simulated disk takes.
const SYNC_TIME: Duration = Duration::from_millis(2);

/// How long a test waits for what is promised within 500 ms: a busy machine is not a failure.
const PATIENCE: Duration = Duration::from_secs(20);

fn open(disk: &Disk, durability: Durability) -> Result<RedbStore<ShopDefinition>> {
    disk.open(&StoreOptions::new().durability(durability))
}

fn put_from_threads(threads: u64, puts: u64) -> Result<()> {
    let disk = Disk::slow(SYNC_TIME);
    let store = open(&disk, Durability::Immediate)?;
    let before = disk.syncs();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|thread| {
                let (customers, disk) = (store.open_tree::<Customer>(), disk.clone());
                scope.spawn(move || -> Result<()> {
                    for id in thread * puts..(thread + 1) * puts {
                        customers.put(customer(id))?;
                        disk.note(Operation::Acknowledged(id));
                    }
                    Ok(())
                })
            })
            .collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("the thread ends"))
    })?;
    let syncs = disk.syncs() - before;
    assert!(
        syncs < threads * puts,
        "{syncs} syncs for {} puts",
        threads * puts
    );
    assert_eq!(store.open_tree::<Customer>().len()?, threads * puts);
    assert_sound(&store);
    assert_acknowledged_is_durable(&disk.take_log())
}

/// Cuts the power right after each of some acknowledgements: what was acknowledged is there.
fn assert_acknowledged_is_durable(log: &[Operation]) -> Result<()> {
    let mut random = Random::new(3);
    let acknowledged = |(at, operation): (usize, &Operation)| match operation {
        Operation::Acknowledged(id) => Some((at + 1, *id)),
        _ => None,
    };
    let all: Vec<_> = log.iter().enumerate().filter_map(acknowledged).collect();
    let mut cuts = Cuts::new(Image::default(), log);
    for (cut, id) in &all {
        let store = open(&Disk::of(synced(&log[..*cut])), Durability::Immediate)?;
        assert_eq!(store.open_tree::<Customer>().get(*id)?, Some(customer(*id)));
        cuts.move_to(*cut);
        if random.one_in(8) {
            let image = cuts.image(&mut random).0;
            let store = open(&Disk::of(image), Durability::Immediate)?;
            assert_sound(&store);
            for (_, id) in all.iter().filter(|(other, _)| other <= cut) {
                assert_eq!(store.open_tree::<Customer>().get(*id)?, Some(customer(*id)));
            }
        }
    }
    Ok(())
}

#[test]
fn eight_writers_share_syncs_and_lose_nothing() -> Result<()> {
    put_from_threads(8, 25)
}

#[test]
fn sixty_four_writers_share_syncs_and_lose_nothing() -> Result<()> {
    put_from_threads(64, 5)
}

#[test]
fn one_writer_syncs_each_commit() -> Result<()> {
    let disk = Disk::default();
    let store = open(&disk, Durability::Immediate)?;
    for id in 0..10 {
        let before = disk.syncs();
        store.open_tree::<Customer>().put(customer(id))?;
        assert!(disk.syncs() > before);
    }
    Ok(())
}

#[test]
fn an_eventual_commit_is_synced_soon_and_without_a_call() -> Result<()> {
    let disk = Disk::default();
    let store = open(&disk, Durability::Eventual)?;
    for id in 0..2 {
        let before = disk.syncs();
        store.open_tree::<Customer>().put(customer(id))?;
        let deadline = Instant::now() + PATIENCE;
        while disk.syncs() == before {
            assert!(Instant::now() < deadline, "no sync followed");
            thread::yield_now();
        }
    }
    Ok(())
}

#[test]
fn commits_without_durability_are_not_synced_until_the_flush() -> Result<()> {
    let disk = Disk::recording();
    let store = open(&disk, Durability::None)?;
    let before = disk.syncs();
    for id in 0..10 {
        store.open_tree::<Customer>().put(customer(id))?;
    }
    assert_eq!(disk.syncs(), before);
    store.flush()?;
    let store = open(&Disk::of(disk.synced_image()), Durability::Immediate)?;
    assert_eq!(store.open_tree::<Customer>().len()?, 10);
    Ok(())
}

#[test]
fn a_close_brings_what_is_pending_to_disk() -> Result<()> {
    for durability in [Durability::Eventual, Durability::None] {
        let disk = Disk::recording();
        let store = open(&disk, durability)?;
        store.open_tree::<Customer>().put(customer(1))?;
        let before = disk.syncs();
        drop(store);
        assert!(disk.syncs() > before);
        let store = open(&Disk::of(disk.synced_image()), Durability::Immediate)?;
        assert_eq!(store.open_tree::<Customer>().get(1)?, Some(customer(1)));
    }
    Ok(())
}

#[test]
fn readers_go_on_while_a_sync_takes_its_time() -> Result<()> {
    let disk = Disk::slow(Duration::from_millis(100));
    let store = open(&disk, Durability::Immediate)?;
    thread::scope(|scope| {
        let customers = store.open_tree::<Customer>();
        let writer = scope.spawn(move || customers.put(customer(1)));
        let customers = store.open_tree::<Customer>();
        let mut reads = 0_u64;
        while !writer.is_finished() {
            customers.get(7)?;
            reads += 1;
        }
        assert!(reads > 10, "{reads} reads while one commit was synced");
        writer.join().expect("the thread ends")
    })
}
