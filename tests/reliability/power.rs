//! The power fails at any moment: what was not synced is lost, kept or torn, in any mixture.
//!
//! A life of a store is recorded once. An image is what the platter may hold after a cut: all that
//! was synced, and of what came after it everything, any writes of it, any sectors of it, or almost
//! all of it, one write torn.

use netabase_store::{Result, StoreOptions};
use netabase_tests::{Random, cases};

use super::{
    disk::{Disk, Operation, Progress, write},
    history::{Contents, assert_recovered, live},
};

/// What a disk writes at once or not at all.
const SECTOR_BYTES: usize = 512;

/// How many images are made, unless the environment asks for more.
const IMAGES: u64 = if cfg!(debug_assertions) { 1_000 } else { 5_000 };

/// A life, as the disk saw it.
struct Recording {
    log: Vec<Operation>,
    states: Vec<Contents>,
}

fn record() -> Result<Recording> {
    let disk = Disk::recording();
    let store = disk.open(&StoreOptions::new())?;
    let (states, _, lived) = live(&store, |progress| disk.note(Operation::Mark(progress)));
    lived?;
    drop(store);
    Ok(Recording {
        log: disk.take_log(),
        states,
    })
}

/// Returns an image of the disk after a cut behind the first `cut` operations.
pub(crate) fn image(log: &[Operation], cut: usize, random: &mut Random) -> Vec<u8> {
    let before = &log[..cut];
    let synced = before
        .iter()
        .rposition(|it| matches!(it, Operation::Sync))
        .unwrap_or(0);
    let (durable, pending) = before.split_at(synced);
    let mut image = Vec::new();
    durable
        .iter()
        .for_each(|operation| operation.apply(&mut image));
    match random.below(4) {
        0 => pending
            .iter()
            .for_each(|operation| operation.apply(&mut image)),
        1 => {
            for operation in pending {
                if random.one_in(2) {
                    operation.apply(&mut image);
                }
            }
        }
        2 => scatter(&mut image, pending, random),
        _ => {
            let torn = random.index(pending.len().max(1));
            for (at, operation) in pending.iter().enumerate() {
                match operation {
                    Operation::Write(start, data) if at == torn => {
                        let kept = random.index(data.len().max(1)) / SECTOR_BYTES * SECTOR_BYTES;
                        write(&mut image, *start, &data[..kept]);
                    }
                    operation => operation.apply(&mut image),
                }
            }
        }
    }
    image
}

/// Writes some sectors of what was pending, in any order.
fn scatter(image: &mut Vec<u8>, pending: &[Operation], random: &mut Random) {
    let mut sectors = Vec::new();
    for operation in pending {
        match operation {
            Operation::Write(start, data) => {
                let parts = data.chunks(SECTOR_BYTES).enumerate();
                sectors.extend(parts.map(|(at, part)| (start + at * SECTOR_BYTES, part)));
            }
            // The length is not data: a file system may have brought it to disk alone.
            operation => operation.apply(image),
        }
    }
    while !sectors.is_empty() {
        let (start, data) = sectors.swap_remove(random.index(sectors.len()));
        if random.one_in(2) {
            write(image, start, data);
        }
    }
}

/// Returns how far the test had come at a cut; none while the store was being made.
fn progress(log: &[Operation], cut: usize) -> Option<Progress> {
    log[..cut]
        .iter()
        .rev()
        .find_map(|operation| match operation {
            Operation::Mark(progress) => Some(*progress),
            _ => None,
        })
}

/// Cuts the power at random moments, and calls `check` with each image.
fn cut(log: &[Operation], seed: u64, mut check: impl FnMut(u64, Vec<u8>, Option<Progress>)) {
    for number in 0..cases(IMAGES) {
        let mut random = Random::new(seed.wrapping_add(number));
        let cut = random.index(log.len()) + 1;
        check(number, image(log, cut, &mut random), progress(log, cut));
    }
}

#[test]
fn every_cut_recovers_to_a_commit() -> Result<()> {
    let Recording { log, states } = record()?;
    cut(&log, 1, |number, image, progress| {
        let opened = Disk::of(image).open(&StoreOptions::new());
        let Some(progress) = progress else { return };
        let store = opened.unwrap_or_else(|error| panic!("image {number}: {error:?}"));
        assert_recovered(&store, &states, progress)
            .unwrap_or_else(|error| panic!("image {number}: {error:?}"));
    });
    Ok(())
}

/// The control: a disk that only says that it has synced loses commits, and the test sees it.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() -> Result<()> {
    let Recording { mut log, states } = record()?;
    let mut syncs = 0;
    log.retain(|operation| {
        syncs += u64::from(matches!(operation, Operation::Sync));
        !matches!(operation, Operation::Sync) || syncs % 7 != 0
    });
    let mut lost = 0;
    cut(&log, 1, |_, image, progress| {
        let Some(progress) = progress else { return };
        let opened = Disk::of(image).open(&StoreOptions::new());
        let found = opened.and_then(|store| Contents::of(&store));
        let end = states.len().min(progress.visible + 2);
        let is_right = found.is_ok_and(|found| states[progress.durable..end].contains(&found));
        lost += u64::from(!is_right);
    });
    assert!(lost > 0);
    Ok(())
}
