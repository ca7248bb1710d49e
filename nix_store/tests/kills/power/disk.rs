//! A disk and what is still on its way to it.
//!
//! What a process did is a list of steps. Each changes one thing of one inode: bytes of a page, the
//! length, the permissions and the time, or a name in a directory. Such a change is pending until a
//! sync that begins after it covers it. After a loss of power any of the pending changes may be on
//! the disk, in any order, but a page or an inode's metadata is never newer in part.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter,
};

/// What is written at once or not at all.
pub(crate) const PAGE_BYTES: usize = 4096;

/// An inode, by the order in which they are made. The first is the root.
pub(crate) type Inode = usize;

pub(crate) const ROOT: Inode = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink(Vec<u8>),
    Socket,
}

/// One thing that a process did.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Make {
        inode: Inode,
        kind: Kind,
        mode: u32,
    },
    /// Names that get an inode, or lose it.
    Names(Vec<(Inode, String, Option<Inode>)>),
    Write {
        inode: Inode,
        offset: usize,
        bytes: Vec<u8>,
    },
    Length {
        inode: Inode,
        length: usize,
    },
    Mode {
        inode: Inode,
        mode: u32,
    },
    /// Whether it gets the time of an object.
    Time {
        inode: Inode,
        is_object: bool,
    },
    Sync {
        inode: Inode,
        has_metadata: bool,
    },
    SyncAll,
    /// What the process says of its work.
    Mark(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) op: Op,
    /// Where what it is about lies then, below the root; empty where that does not matter.
    pub(crate) path: String,
    /// Before a sync of this many others, it covers no later ones.
    pub(crate) begun: usize,
}

/// What file systems promise of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Nothing, as in POSIX.
    Nothing,
    /// Names, permissions and times get to the disk in order, and all of them with any sync, as by a
    /// journal.
    Ordered,
}

/// What an inode is on the disk.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    pub(crate) names: BTreeMap<String, Inode>,
    pub(crate) mode: u32,
    /// Whether it has the time of an object.
    pub(crate) is_object: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Name(Inode, String, Option<Inode>),
    Bytes(Inode, usize, Vec<u8>),
    Length(Inode, usize),
    Mode(Inode, u32),
    Time(Inode, bool),
}

/// What is never newer in part.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Unit<'c> {
    Name(Inode, &'c str),
    Page(Inode, usize),
    Length(Inode),
    Metadata(Inode),
}

#[derive(Debug)]
struct Pending {
    /// By which step.
    step: usize,
    change: Change,
}

#[derive(Debug)]
pub(crate) struct Disk {
    promise: Promise,
    inodes: HashMap<Inode, State>,
    pending: Vec<Pending>,
    /// Whether inodes have the time of an object once nothing is pending.
    times: HashMap<Inode, bool>,
}

impl Disk {
    pub(crate) fn new(promise: Promise) -> Self {
        Self {
            promise,
            inodes: HashMap::from([(ROOT, State::new(Kind::Directory, 0o755))]),
            pending: Vec::new(),
            times: HashMap::new(),
        }
    }

    /// How many changes are pending.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether each of the pending changes is one of names.
    pub(crate) fn are_names(&self) -> Vec<bool> {
        let is_name = |pending: &Pending| matches!(pending.change, Change::Name(..));
        self.pending.iter().map(is_name).collect()
    }

    /// Takes the step of that number.
    pub(crate) fn take(&mut self, number: usize, step: &Step) {
        match &step.op {
            Op::Make { inode, kind, mode } => {
                self.inodes.insert(*inode, State::new(kind.clone(), *mode));
            }
            Op::Names(names) => {
                for (directory, name, inode) in names {
                    let change = Change::Name(*directory, name.clone(), *inode);
                    self.push(number, change);
                    self.touch(number, *directory);
                }
            }
            Op::Write {
                inode,
                offset,
                bytes,
            } => {
                for (offset, bytes) in pages(*offset, bytes) {
                    self.push(number, Change::Bytes(*inode, offset, bytes.to_vec()));
                }
                self.touch(number, *inode);
            }
            Op::Length { inode, length } => {
                self.push(number, Change::Length(*inode, *length));
                self.touch(number, *inode);
            }
            Op::Mode { inode, mode } => self.push(number, Change::Mode(*inode, *mode)),
            Op::Time { inode, is_object } => {
                self.times.insert(*inode, *is_object);
                self.push(number, Change::Time(*inode, *is_object));
            }
            Op::Sync {
                inode,
                has_metadata,
            } => self.sync(step.begun, *inode, *has_metadata),
            Op::SyncAll => self.settle(|pending| pending.step < step.begun),
            Op::Mark(_) => {}
        }
    }

    fn push(&mut self, step: usize, change: Change) {
        self.pending.push(Pending { step, change });
    }

    /// Gives a time of now to what has that of an object.
    fn touch(&mut self, step: usize, inode: Inode) {
        if self.times.insert(inode, false) == Some(true) {
            self.push(step, Change::Time(inode, false));
        }
    }

    fn sync(&mut self, begun: usize, inode: Inode, has_metadata: bool) {
        // A symlink cannot be synced: what it is goes with its name.
        let is_symlink = |inode: &Inode| matches!(self.inodes[inode].kind, Kind::Symlink(_));
        let mut named: BTreeSet<Inode> = self.inodes[&inode].names.values().copied().collect();
        named.extend(
            self.pending
                .iter()
                .filter_map(|pending| match &pending.change {
                    Change::Name(directory, _, named) if *directory == inode => *named,
                    _ => None,
                }),
        );
        named.retain(is_symlink);
        let is_ordered = self.promise == Promise::Ordered;
        self.settle(|pending| {
            let is_covered = match &pending.change {
                Change::Name(directory, ..) => is_ordered || *directory == inode,
                Change::Bytes(of, ..) | Change::Length(of, _) => *of == inode,
                Change::Mode(of, _) | Change::Time(of, _) => {
                    is_ordered || (has_metadata && *of == inode) || named.contains(of)
                }
            };
            is_covered && pending.step < begun
        });
    }

    /// Puts pending changes on the disk.
    fn settle(&mut self, is_settled: impl Fn(&Pending) -> bool) {
        let pending = std::mem::take(&mut self.pending);
        for pending in pending {
            if is_settled(&pending) {
                let inode = self.inodes.get_mut(&pending.change.inode());
                inode.expect("it was made").change(&pending.change);
            } else {
                self.pending.push(pending);
            }
        }
    }

    /// Returns which of the pending changes are on the disk when those that are chosen are, and
    /// whatever has to be there with them.
    pub(crate) fn possible(&self, chosen: &[bool]) -> Vec<bool> {
        match self.promise {
            Promise::Nothing => self.with_older(chosen),
            Promise::Ordered => self.with_older(&self.in_order(chosen)),
        }
    }

    /// Returns what is on the disk then.
    pub(crate) fn image(&self, chosen: &[bool]) -> Image<'_> {
        let chosen = self.possible(chosen);
        let mut changed: HashMap<Inode, State> = HashMap::new();
        for (pending, _) in iter::zip(&self.pending, chosen).filter(|(_, chosen)| *chosen) {
            let inode = pending.change.inode();
            let state = changed.entry(inode);
            let state = state.or_insert_with(|| self.inodes[&inode].clone());
            state.change(&pending.change);
        }
        Image {
            disk: self,
            changed,
        }
    }

    /// Adds what a page or an inode was before it became what is chosen.
    fn with_older(&self, chosen: &[bool]) -> Vec<bool> {
        let mut newer = BTreeSet::new();
        let mut units = HashMap::new();
        let mut all = chosen.to_vec();
        for (at, pending) in self.pending.iter().enumerate().rev() {
            let count = units.len();
            let unit = *units.entry(pending.change.unit()).or_insert(count);
            if chosen[at] {
                newer.insert(unit);
            }
            all[at] |= newer.contains(&unit);
        }
        all
    }

    /// Chooses of names, permissions and times the first ones, as many as are chosen; and bytes before
    /// the length that makes them a part of their file.
    fn in_order(&self, chosen: &[bool]) -> Vec<bool> {
        let pairs = || iter::zip(&self.pending, chosen);
        let journal = |pending: &&Pending| pending.change.is_in_journal();
        let count = pairs().filter(|(pending, chosen)| **chosen && journal(pending));
        let count = count.count();
        let end = self.pending.iter().filter(journal).nth(count);
        let end = end.map_or(usize::MAX, |pending| pending.step);
        let longer = pairs().filter_map(|(pending, chosen)| match pending.change {
            Change::Length(inode, _) if *chosen => Some(inode),
            _ => None,
        });
        let longer: BTreeSet<Inode> = longer.collect();
        let is_there = |(pending, chosen): (&Pending, &bool)| match pending.change {
            Change::Bytes(inode, ..) => *chosen || longer.contains(&inode),
            Change::Length(..) => *chosen,
            // All of one step at once.
            _ => pending.step < end,
        };
        pairs().map(is_there).collect()
    }
}

/// What may be on a disk after a loss of power.
pub(crate) struct Image<'d> {
    disk: &'d Disk,
    changed: HashMap<Inode, State>,
}

impl Image<'_> {
    pub(crate) fn state(&self, inode: Inode) -> &State {
        let changed = self.changed.get(&inode);
        changed.unwrap_or_else(|| &self.disk.inodes[&inode])
    }
}

impl State {
    fn new(kind: Kind, mode: u32) -> Self {
        Self {
            kind,
            bytes: Vec::new(),
            names: BTreeMap::new(),
            mode,
            is_object: false,
        }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Name(_, name, Some(inode)) => drop(self.names.insert(name.clone(), *inode)),
            Change::Name(_, name, None) => drop(self.names.remove(name)),
            Change::Bytes(_, offset, bytes) => {
                // Bytes beyond the length are not seen.
                let room = self.bytes.len().saturating_sub(*offset);
                for (old, new) in iter::zip(self.bytes.iter_mut().skip(*offset), bytes).take(room) {
                    *old = *new;
                }
            }
            Change::Length(_, length) => self.bytes.resize(*length, 0),
            Change::Mode(_, mode) => self.mode = *mode,
            Change::Time(_, is_object) => self.is_object = *is_object,
        }
    }
}

impl Change {
    fn inode(&self) -> Inode {
        match self {
            Self::Name(inode, ..)
            | Self::Bytes(inode, ..)
            | Self::Length(inode, _)
            | Self::Mode(inode, _)
            | Self::Time(inode, _) => *inode,
        }
    }

    fn is_in_journal(&self) -> bool {
        matches!(self, Self::Name(..) | Self::Mode(..) | Self::Time(..))
    }

    fn unit(&self) -> Unit<'_> {
        match self {
            Self::Name(inode, name, _) => Unit::Name(*inode, name),
            Self::Bytes(inode, offset, _) => Unit::Page(*inode, offset / PAGE_BYTES),
            Self::Length(inode, _) => Unit::Length(*inode),
            Self::Mode(inode, _) | Self::Time(inode, _) => Unit::Metadata(*inode),
        }
    }
}

/// Splits what is written at the ends of pages.
fn pages(mut offset: usize, mut bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut pages = Vec::new();
    while !bytes.is_empty() {
        let room = PAGE_BYTES - offset % PAGE_BYTES;
        let (page, rest) = bytes.split_at(room.min(bytes.len()));
        pages.push((offset, page));
        offset += page.len();
        bytes = rest;
    }
    pages
}
