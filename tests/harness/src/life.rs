//! The life of a store, step by step, and what it should hold after each of its commits.

use netabase_store::{Backend, Durability, NetabaseError, Result, Store};
use netabase_tests::Random;

use crate::{
    disk::Progress,
    ledger::{Account, Contents, LedgerDefinition, Total, account},
};

/// How many accounts there are at most.
const ACCOUNTS: u64 = 24;

/// The sizes of notes, in bytes: inside a page, most of one, over several.
const NOTE_BYTES: [usize; 3] = [0, 1500, 9000];

/// A change of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Stores it, with a note of that many bytes.
    Put(u64, usize),
    /// Changes it where it is there.
    Update(u64),
    /// Removes it.
    Remove(u64),
    /// Removes all.
    Clear,
}

/// What happens to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// One change through a tree, durable at once.
    Single(Edit),
    /// A transaction over both models, durable at once or not.
    Transaction(Vec<Edit>, bool),
    /// A transaction that is not committed.
    Abort(Vec<Edit>),
    /// Reads every record.
    Read,
    /// Makes all that is visible durable.
    Flush,
    /// Closes the store and opens it again.
    Reopen,
}

/// Returns a random life of at most so many steps.
#[must_use]
pub fn steps(random: &mut Random, count: usize) -> Vec<Step> {
    (0..=random.index(count)).map(|_| step(random)).collect()
}

fn step(random: &mut Random) -> Step {
    match random.below(13) {
        0..4 => Step::Single(edit(random)),
        4..8 => Step::Transaction(edits(random), !random.one_in(3)),
        8 => Step::Abort(edits(random)),
        9 => Step::Flush,
        10 => Step::Read,
        _ => Step::Reopen,
    }
}

fn edits(random: &mut Random) -> Vec<Edit> {
    (0..random.index(7)).map(|_| edit(random)).collect()
}

fn edit(random: &mut Random) -> Edit {
    let id = random.below(ACCOUNTS);
    let size = NOTE_BYTES.get(random.index(NOTE_BYTES.len())).copied();
    match random.below(16) {
        0..9 => Edit::Put(id, size.unwrap_or_default()),
        9..12 => Edit::Update(id),
        12..15 => Edit::Remove(id),
        _ => Edit::Clear,
    }
}

impl Edit {
    /// Makes the change in the contents.
    fn on_contents(self, contents: &mut Contents, stamp: u64) {
        match self {
            Self::Put(id, bytes) => {
                contents.accounts.insert(id, account(id, stamp, bytes));
            }
            Self::Update(id) => {
                if let Some(found) = contents.accounts.get_mut(&id) {
                    *found = account(id, stamp, found.note.len());
                }
            }
            Self::Remove(id) => {
                contents.accounts.remove(&id);
            }
            Self::Clear => contents.accounts.clear(),
        }
    }

    fn on_tree<V: netabase_store::Writable>(
        self,
        tree: &netabase_store::Tree<LedgerDefinition, Account, V>,
        stamp: u64,
    ) -> Result<()> {
        match self {
            Self::Put(id, bytes) => tree.put(account(id, stamp, bytes)),
            Self::Update(id) => tree
                .update(id, |found| *found = account(id, stamp, found.note.len()))
                .map(drop),
            Self::Remove(id) => tree.remove(id).map(drop),
            Self::Clear => tree.clear(),
        }
    }
}

/// How a life went.
#[derive(Debug)]
pub struct Life {
    /// What the store held after each commit, the first before any. Behind those that became
    /// visible there may be the one that failed.
    pub states: Vec<Contents>,
    /// How far it came.
    pub progress: Progress,
    /// Whether the store was opened at all.
    pub is_made: bool,
    /// How many commits that were visible, and not durable, a close lost: none unless it failed.
    pub lost_by_closing: usize,
    /// What was read that is not there.
    pub misread: Option<Contents>,
    /// What ended it early.
    pub error: Option<NetabaseError>,
}

impl Life {
    /// Returns the states that a store may be in that was cut off after `progress`: every durable
    /// commit, and at most the one after the last that was visible.
    #[must_use]
    pub fn allowed(&self, progress: Progress) -> &[Contents] {
        let end = self.states.len().min(progress.visible + 2);
        self.states.get(progress.durable..end).unwrap_or_default()
    }

    /// Returns what the store held last.
    #[must_use]
    pub fn last(&self) -> &Contents {
        let last = self.states.get(self.progress.visible);
        last.expect("a life begins with the empty state")
    }
}

/// Lives all steps, as far as it goes, and tells `mark` before each step and at the end how far it
/// has come. The store that is open at the end is given to `end`.
pub fn live<B: Backend>(
    steps: &[Step],
    open: impl Fn() -> Result<Store<LedgerDefinition, B>>,
    mark: impl Fn(Progress),
    end: impl FnOnce(&mut Life, Option<&Store<LedgerDefinition, B>>),
) -> Life {
    let mut life = Life {
        states: vec![Contents::default()],
        progress: Progress::default(),
        is_made: false,
        lost_by_closing: 0,
        misread: None,
        error: None,
    };
    let mut store = match open() {
        Ok(store) => Some(store),
        Err(error) => {
            life.error = Some(error);
            None
        }
    };
    life.is_made = store.is_some();
    for (step, stamp) in steps.iter().zip(1..) {
        if store.is_none() {
            break;
        }
        mark(life.progress);
        if let Err(error) = life.step(step, stamp, &mut store, &open) {
            life.error = Some(error);
            break;
        }
    }
    if life.is_made {
        mark(life.progress);
    }
    end(&mut life, store.as_ref());
    drop(store);
    life
}

impl Life {
    fn step<B: Backend>(
        &mut self,
        step: &Step,
        stamp: u64,
        store: &mut Option<Store<LedgerDefinition, B>>,
        open: impl Fn() -> Result<Store<LedgerDefinition, B>>,
    ) -> Result<()> {
        if let Step::Reopen = step {
            *store = None;
            let opened = store.insert(open()?);
            return Contents::records(opened).map(|found| self.reopened(&found));
        }
        let Some(store) = store.as_ref() else {
            return Ok(());
        };
        let mut next = self.last().clone();
        match step {
            Step::Single(edit) => {
                edit.on_contents(&mut next, stamp);
                self.states.push(next);
                edit.on_tree(&store.open_tree(), stamp)?;
                self.committed(true);
            }
            Step::Transaction(edits, is_durable) => {
                let mut txn = store.begin_write()?;
                let durability = if *is_durable {
                    Durability::Immediate
                } else {
                    Durability::None
                };
                txn.set_durability(durability);
                for edit in edits {
                    edit.on_contents(&mut next, stamp);
                    edit.on_tree(&txn.open_tree(), stamp)?;
                }
                next.stamp = Some(stamp);
                txn.open_tree::<Total>().put(Total { id: 0, stamp })?;
                self.states.push(next);
                txn.commit()?;
                self.committed(*is_durable);
            }
            Step::Abort(edits) => {
                let txn = store.begin_write()?;
                for edit in edits {
                    edit.on_tree(&txn.open_tree(), stamp)?;
                }
            }
            Step::Read => {
                let found = Contents::records(store)?;
                self.misread = Some(found).filter(|found| found != self.last());
            }
            Step::Flush => {
                store.flush()?;
                self.progress.durable = self.progress.visible;
            }
            Step::Reopen => {}
        }
        Ok(())
    }

    /// Goes on from what was found after a close, which cannot say that it failed.
    fn reopened(&mut self, found: &Contents) {
        let visible = self
            .states
            .get(self.progress.durable..=self.progress.visible);
        let kept = visible
            .unwrap_or_default()
            .iter()
            .rposition(|state| state == found);
        let lost = self.progress.visible - self.progress.durable - kept.unwrap_or(0);
        self.lost_by_closing += lost;
        self.progress.visible -= lost;
        self.states.truncate(self.progress.visible + 1);
        self.progress.durable = self.progress.visible;
    }

    fn committed(&mut self, is_durable: bool) {
        self.progress.visible += 1;
        if is_durable {
            self.progress.durable = self.progress.visible;
        }
    }
}
