//! The simulated disk itself: pages, records, cuts and faults.

use netabase_harness::{
    cuts::Cuts,
    disk::{Disk, Fault, FaultKind, Operation, Progress},
    image::{Image, PAGE_BYTES},
};
use netabase_tests::Random;
use redb::StorageBackend;

/// Returns the bytes of an image.
fn bytes(image: &Image) -> Vec<u8> {
    let mut bytes = vec![0; image.len()];
    assert!(image.read(0, &mut bytes));
    bytes
}

#[test]
fn an_image_holds_what_an_array_of_bytes_would() {
    let mut random = Random::new(1);
    let (mut image, mut array) = (Image::default(), Vec::<u8>::new());
    for turn in 0..250_u8 {
        let start = random.index(4 * PAGE_BYTES);
        if random.one_in(4) {
            image.resize(start);
            array.resize(start, 0);
        } else {
            let data = vec![turn; random.index(2 * PAGE_BYTES) + 1];
            image.write(start, &data);
            array.resize(array.len().max(start + data.len()), 0);
            array[start..start + data.len()].copy_from_slice(&data);
        }
        let copy = image.clone();
        assert_eq!(bytes(&copy), array);
        copy.used().iter().for_each(|page| {
            let end = array.len().min((page + 1) * PAGE_BYTES);
            assert_eq!(
                copy.page(*page)[..end - page * PAGE_BYTES],
                array[page * PAGE_BYTES..end]
            );
        });
    }
}

#[test]
fn a_copy_of_an_image_does_not_change_with_it() {
    let mut image = Image::default();
    image.write(0, b"one");
    let copy = image.clone();
    image.write(0, b"two");
    image.flip(1, 3);
    assert_eq!(bytes(&copy), b"one");
    assert_ne!(image, copy);
}

#[test]
fn nothing_is_read_beyond_the_end() {
    let mut image = Image::default();
    image.write(0, &[7; 10]);
    assert!(image.read(5, &mut [0; 5]));
    assert!(!image.read(5, &mut [0; 6]));
    assert!(!image.read(usize::MAX, &mut [0; 1]));
}

fn log() -> Vec<Operation> {
    let write = |at: usize, byte: u8| Operation::Write(at, [byte; 600].into());
    let mark = |durable| {
        Operation::Mark(Progress {
            durable,
            visible: durable,
        })
    };
    vec![
        write(0, 1),
        mark(0),
        Operation::Sync,
        mark(1),
        write(600, 2),
        write(1200, 3),
    ]
}

#[test]
fn what_was_synced_is_in_every_image_and_what_waits_may_be() {
    let log = log();
    let mut cuts = Cuts::new(Image::default(), &log);
    cuts.move_to(log.len());
    assert_eq!(cuts.pending().count(), 2);
    assert_eq!(bytes(&cuts.with(|_| false)), [1; 600]);
    assert_eq!(bytes(&cuts.with(|_| true)).len(), 1800);
    assert_eq!(bytes(&cuts.with(|number| number == 1))[600..1200], [0; 600]);
    let (mut random, mut lengths) = (Random::new(1), Vec::new());
    for _ in 0..200 {
        let image = bytes(&cuts.image(&mut random).0);
        assert_eq!(image[..600], [1; 600]);
        lengths.push(image.len());
    }
    lengths.sort_unstable();
    lengths.dedup();
    // Nothing, the first, parts of the second, all.
    assert!(lengths.len() >= 4, "{lengths:?}");
}

#[test]
fn a_cut_knows_how_far_the_test_had_come() {
    let log = log();
    let mut cuts = Cuts::new(Image::default(), &log);
    cuts.move_to(1);
    assert_eq!((cuts.progress(), cuts.pending().count()), (None, 1));
    cuts.move_to(3);
    let durable = cuts.progress().map(|progress| progress.durable);
    assert_eq!((durable, cuts.pending().count()), (Some(0), 0));
    cuts.move_to(4);
    assert_eq!(cuts.progress().map(|progress| progress.durable), Some(1));
}

#[test]
fn a_fault_comes_at_its_call_once_or_for_good() {
    for (lasts, expected) in [(false, [true, false, true]), (true, [true, false, false])] {
        let disk = Disk::failing(Fault {
            at: 1,
            lasts,
            reads: false,
            kind: FaultKind::Full,
        });
        let done = [0, 1, 2].map(|at| disk.write(at, b"x").is_ok());
        assert_eq!(done, expected);
        assert_eq!(disk.changes(), 3);
        let expected = if lasts { 1 } else { 3 };
        assert_eq!(disk.image().len(), expected);
    }
}

#[test]
fn a_short_write_leaves_half_of_its_bytes() {
    let disk = Disk::failing(Fault {
        at: 0,
        lasts: false,
        reads: true,
        kind: FaultKind::Short,
    });
    assert!(disk.write(0, &[5; 8]).is_err());
    assert_eq!(bytes(&disk.image()), [5; 4]);
}
