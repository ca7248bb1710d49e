//! The planted bugs of a simulated disk: what it says is done differs from what is on the platter.

use std::{collections::BTreeMap, io, sync::Arc};

use crate::{
    disk::{FaultKind, Operation},
    image::{Image, PAGE_BYTES},
    plant::Plant,
};

/// How many bytes of a torn header reach the platter: its magic and a part of the first commit slot.
const TORN_HEADER_BYTES: usize = 100;

/// One in so many writes, reads or syncs is wrong, where not all are.
const WRONG_ONE_IN: u64 = 7;

/// A bug of a disk, and what it needs to know.
#[derive(Debug, Default)]
pub(crate) struct Lies {
    plant: Option<Plant>,
    count: u64,
    /// What stood in a page before the last write to it.
    before: BTreeMap<usize, Vec<u8>>,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Write,
    SetLen,
    Sync,
}

impl Lies {
    pub(crate) fn new(plant: Option<Plant>) -> Self {
        Self {
            plant,
            ..Self::default()
        }
    }

    fn is_turn(&mut self) -> bool {
        self.count += 1;
        self.count.is_multiple_of(WRONG_ONE_IN)
    }

    /// Notes what a write replaces.
    pub(crate) fn written(&mut self, image: &Image, start: usize) {
        if matches!(
            self.plant,
            Some(Plant::StaleRead | Plant::OldPageWrittenLate)
        ) {
            let page = start / PAGE_BYTES;
            self.before.insert(page, image.page(page));
        }
    }

    /// Records an operation as the platter sees it.
    pub(crate) fn record(&mut self, log: &mut Vec<Operation>, operation: Operation) {
        match (self.plant, operation) {
            (Some(Plant::SyncNever), Operation::Sync) => {}
            (Some(Plant::SyncDropped), Operation::Sync) if self.is_turn() => {}
            (Some(Plant::SyncBeforeWrites), Operation::Sync) => {
                let last = log.iter().rposition(|it| matches!(it, Operation::Sync));
                log.insert(last.map_or(0, |last| last + 1), Operation::Sync);
            }
            (Some(Plant::WriteAfterSync), Operation::Sync) => {
                let last = log
                    .iter()
                    .rposition(|it| matches!(it, Operation::Write(..)));
                let late = last.map(|last| log.remove(last));
                log.push(Operation::Sync);
                log.extend(late);
            }
            (Some(Plant::OldPageWrittenLate), Operation::Sync) if self.is_turn() => {
                log.push(Operation::Sync);
                let old = self.before.iter().next_back();
                log.extend(old.map(|(page, bytes)| {
                    Operation::Write(page * PAGE_BYTES, bytes.clone().into())
                }));
            }
            (Some(Plant::HeaderTorn), Operation::Write(0, data)) => {
                let kept = data.get(..TORN_HEADER_BYTES).unwrap_or(&data);
                log.push(Operation::Write(0, Arc::from(kept)));
            }
            (Some(Plant::WriteDropped), Operation::Write(..)) if self.is_turn() => {}
            (Some(Plant::WriteMisplaced), Operation::Write(start, data)) if self.is_turn() => {
                log.push(Operation::Write(start + PAGE_BYTES, data));
            }
            (Some(Plant::WriteCut), Operation::Write(start, data)) if self.is_turn() => {
                let half = data.get(..data.len() / 2).unwrap_or_default();
                log.push(Operation::Write(start, Arc::from(half)));
            }
            (Some(Plant::WriteFlipped), Operation::Write(start, data)) if self.is_turn() => {
                let mut data = data.to_vec();
                let middle = data.len() / 2;
                if let Some(byte) = data.get_mut(middle) {
                    *byte ^= 1;
                }
                log.push(Operation::Write(start, data.into()));
            }
            (_, operation) => log.push(operation),
        }
    }

    /// Changes what a read returns.
    pub(crate) fn read(&mut self, start: usize, out: &mut [u8]) {
        let is_liar = matches!(
            self.plant,
            Some(Plant::ReadFlipped | Plant::ReadZeroed | Plant::StaleRead)
        );
        if !is_liar || !self.is_turn() {
            return;
        }
        let middle = out.len() / 2;
        match self.plant {
            Some(Plant::ReadFlipped) => {
                if let Some(byte) = out.get_mut(middle) {
                    *byte ^= 1;
                }
            }
            Some(Plant::ReadZeroed) => out.fill(0),
            _ => {
                let old = self.before.get(&(start / PAGE_BYTES));
                if let Some(old) = old.filter(|old| old.len() == out.len()) {
                    out.copy_from_slice(old);
                }
            }
        }
    }

    /// Returns what a program is told of a call that failed.
    pub(crate) fn told(&self, kind: FaultKind, call: Call) -> io::Result<()> {
        let is_hidden = match self.plant {
            Some(Plant::FailedWriteHidden) => call == Call::Write,
            Some(Plant::FailedSyncHidden) => call == Call::Sync,
            Some(Plant::FailedGrowthHidden) => call == Call::SetLen,
            Some(Plant::ShortWriteHidden) => call == Call::Write && kind == FaultKind::Short,
            _ => false,
        };
        if is_hidden { Ok(()) } else { Err(kind.error()) }
    }
}
