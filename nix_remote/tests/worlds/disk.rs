//! The disk of a node: what was committed survives a restart, the rest does not.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_remote::peers::transfer::{Blob, GroupSet, ResumeRecord};

use crate::{
    corpus::{GROUP, Root},
    dice::Dice,
};

/// A record of an announcement that a node keeps for others.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) value: Vec<u8>,
}

/// An archive of which some groups are there.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) blob: Blob,
    pub(crate) bytes: Vec<u8>,
    pub(crate) outboard: Vec<u8>,
    pub(crate) record: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// The store: what is known of each object, and the archive that it was made of.
    pub(crate) store: BTreeMap<StorePath, (PathInfo, Root)>,
    /// Archives that are whole, in files.
    pub(crate) whole: BTreeSet<Root>,
    /// The objects of the store whose archives are shared.
    pub(crate) shared: BTreeMap<StorePath, Root>,
    pub(crate) parts: BTreeMap<Blob, Part>,
    pub(crate) records: BTreeMap<Vec<u8>, Kept>,
    pub(crate) providers: BTreeMap<Vec<u8>, BTreeSet<u32>>,
    /// What it announces, and which archives it says to have.
    pub(crate) published: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) provided: BTreeSet<Root>,
}

impl Part {
    fn new(blob: Blob) -> Self {
        Self {
            blob,
            bytes: vec![0; blob.size() as usize],
            outboard: vec![0; blob.outboard_bytes() as usize],
            record: None,
        }
    }

    /// The groups that the record says are there.
    pub(crate) fn held(&self) -> GroupSet {
        let record = self.record.as_deref();
        let record = record.map(|bytes| ResumeRecord::decode(&self.blob, bytes).unwrap());
        record.map_or_else(|| GroupSet::new(self.blob.groups()), |record| record.held)
    }

    pub(crate) fn commit(&mut self, held: GroupSet) {
        let blob = self.blob;
        self.record = Some(ResumeRecord { blob, held }.encode());
    }

    /// Whether the groups are there, as they are in the blob.
    pub(crate) fn has(&self, held: &GroupSet, truth: &[u8]) -> bool {
        let mut groups = (0..self.blob.groups()).filter(|group| held.contains(*group));
        groups.all(|group| {
            let start = group as usize * GROUP;
            let end = (start + GROUP).min(truth.len());
            self.bytes[start..end] == truth[start..end]
        })
    }
}

impl Disk {
    /// Opens the files of an archive that is to be fetched.
    pub(crate) fn open(&mut self, blob: Blob) -> &mut Part {
        let part = self.parts.entry(blob);
        part.or_insert_with(|| Part::new(blob))
    }

    /// Loses what was not committed; some of it has got to the disk nevertheless.
    pub(crate) fn crash(&mut self, dice: &mut Dice) {
        for part in self.parts.values_mut() {
            let held = part.held();
            for group in (0..part.blob.groups()).filter(|group| !held.contains(*group)) {
                let start = group as usize * GROUP;
                let end = (start + GROUP).min(part.bytes.len());
                if dice.percent(80) {
                    part.bytes[start..end].fill(0xee);
                }
            }
        }
    }
}
