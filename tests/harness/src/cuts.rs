//! What a platter may hold after a cut: all that was synced, and of what came after it anything.

use netabase_tests::Random;

use crate::{
    disk::{Operation, Progress},
    image::Image,
};

/// What disks write at once or not at all, in bytes.
const SECTOR_BYTES: [usize; 2] = [512, 4096];

/// A walk over the record of a disk, from cut to cut.
#[derive(Debug)]
pub struct Cuts<'a> {
    log: &'a [Operation],
    /// What was on the disk when the record began, with every operation before `synced`.
    durable: Image,
    synced: usize,
    at: usize,
    progress: Option<Progress>,
}

impl<'a> Cuts<'a> {
    /// Starts before the first operation, on a disk that holds `base`.
    #[must_use]
    pub fn new(base: Image, log: &'a [Operation]) -> Self {
        Self {
            log,
            durable: base,
            synced: 0,
            at: 0,
            progress: None,
        }
    }

    /// Moves on to the cut behind the first `at` operations, which are at least as many as before.
    pub fn move_to(&mut self, at: usize) {
        let passed = self.log.get(self.at..at).unwrap_or_default();
        for (number, operation) in (self.at..).zip(passed) {
            match operation {
                Operation::Mark(progress) => self.progress = Some(*progress),
                Operation::Sync => {
                    let durable = self.log.get(self.synced..number).unwrap_or_default();
                    durable.iter().for_each(|it| it.apply(&mut self.durable));
                    self.synced = number;
                }
                _ => {}
            }
        }
        self.at = self.at.max(at);
    }

    /// Returns what waits for a sync.
    pub fn pending(&self) -> impl Iterator<Item = &'a Operation> {
        let pending = self.log.get(self.synced..self.at).unwrap_or_default();
        pending.iter().filter(|operation| operation.is_change())
    }

    /// Returns how far the test had come; none before its first mark.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.progress
    }

    /// Returns the image with the operations that wait and of which `is_kept` says so by number.
    pub fn with(&self, is_kept: impl Fn(usize) -> bool) -> Image {
        let mut image = self.durable.clone();
        for (number, operation) in self.pending().enumerate() {
            if is_kept(number) {
                operation.apply(&mut image);
            }
        }
        image
    }

    /// Returns a random image, and how it was made.
    pub fn image(&self, random: &mut Random) -> (Image, &'static str) {
        let count = self.pending().count();
        match random.below(8) {
            0 => (self.with(|_| true), "all that was written"),
            1 => (self.with(|_| false), "all that was synced"),
            2 => {
                let lost = random.index(count.max(1));
                (self.with(|number| number != lost), "all but one write")
            }
            3 => (self.torn(random), "all up to a torn write"),
            4 | 5 => (self.scattered(random), "some sectors"),
            _ => {
                let kept: Vec<_> = (0..count).map(|_| random.one_in(2)).collect();
                let is_kept = |number| kept.get(number).copied().unwrap_or_default();
                (self.with(is_kept), "some writes")
            }
        }
    }

    /// Writes all up to some operation, and a part of that one.
    fn torn(&self, random: &mut Random) -> Image {
        let mut image = self.durable.clone();
        let torn = random.index(self.pending().count().max(1));
        let sector = sector(random);
        for (number, operation) in self.pending().enumerate() {
            match operation {
                Operation::Write(start, data) if number == torn => {
                    let kept = random.index(data.len().max(1)) / sector * sector;
                    image.write(*start, data.get(..kept).unwrap_or_default());
                }
                operation if number <= torn || random.one_in(2) => operation.apply(&mut image),
                _ => {}
            }
        }
        image
    }

    /// Writes some sectors of what waits, in any order.
    fn scattered(&self, random: &mut Random) -> Image {
        let mut image = self.durable.clone();
        let sector = sector(random);
        let mut sectors = Vec::new();
        for operation in self.pending() {
            match operation {
                Operation::Write(start, data) => {
                    let parts = data.chunks(sector).enumerate();
                    sectors.extend(parts.map(|(at, part)| (start + at * sector, part)));
                }
                // The length is not data: a file system may have brought it to disk alone.
                operation if !random.one_in(4) => operation.apply(&mut image),
                _ => {}
            }
        }
        while !sectors.is_empty() {
            let (start, data) = sectors.swap_remove(random.index(sectors.len()));
            if random.one_in(2) {
                image.write(start, data);
            }
        }
        image
    }
}

fn sector(random: &mut Random) -> usize {
    let [small, large] = SECTOR_BYTES;
    if random.one_in(2) { small } else { large }
}
