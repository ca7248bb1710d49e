//! One engine under test, with all that is open on it.

use std::{collections::VecDeque, sync::Arc};

use netabase_store::{
    Backend, Durability, Query, ReadTransaction, Result, Store, StoreError, View, WriteTransaction,
};
use netabase_tests::{
    Customer, Order, Picture, Setting, ShopDefinition, assert_sound, refusal, setting,
};

use super::{
    operations::{Answer, Operation, Read, operate, read},
    reference::Reference,
    subject::{Span, Subject, Subjects},
    table::Table,
};

/// A store under test.
pub(super) type Shop<B> = Store<ShopDefinition, B>;

/// How a store is opened, for the first time and again.
pub(super) type Reopen<B> = Box<dyn Fn() -> Result<Shop<B>>>;

/// A store under test, and what is open on it.
pub(super) struct World<B: Backend> {
    // These before the store: they hold it open.
    snapshots: Vec<ReadTransaction<ShopDefinition, B>>,
    walk: Option<Query<ShopDefinition, Customer, B>>,
    txn: Option<WriteTransaction<ShopDefinition, B>>,
    store: Option<Shop<B>>,
    reopen: Reopen<B>,
    /// Whether a store that is closed can be opened again.
    persists: bool,
}

impl<B: Backend> World<B> {
    pub(super) fn new(reopen: Reopen<B>, persists: bool) -> Result<Self> {
        Ok(Self {
            snapshots: Vec::new(),
            walk: None,
            txn: None,
            store: Some(reopen()?),
            reopen,
            persists,
        })
    }

    pub(super) fn store(&self) -> &Shop<B> {
        let store = self.store.as_ref();
        store.expect("the store is open between steps")
    }

    /// Does it in the open transaction, or in one of its own.
    pub(super) fn operate<M: Subject>(
        &self,
        operation: &Operation<M>,
        expected: &Answer<M>,
    ) -> Result<()> {
        let answer = match &self.txn {
            Some(txn) => operate(&txn.open_tree::<M>(), operation)?,
            None => operate(&self.store().open_tree::<M>(), operation)?,
        };
        assert_answer(&answer, expected);
        Ok(())
    }

    pub(super) fn begin(&mut self, durability: Durability) -> Result<()> {
        let mut txn = self.store().begin_write()?;
        txn.set_durability(durability);
        self.txn = Some(txn);
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<()> {
        self.txn.take().map_or(Ok(()), WriteTransaction::commit)
    }

    pub(super) fn abort(&mut self) {
        self.txn = None;
    }

    pub(super) fn barge(&self) {
        let refused = refusal(self.store().open_tree::<Setting>().put(setting("barge")));
        assert!(matches!(refused, StoreError::WouldDeadlock), "{refused}");
    }

    pub(super) fn snapshot(&mut self) -> Result<()> {
        self.snapshots.push(self.store().begin_read()?);
        Ok(())
    }

    pub(super) fn look(
        &self,
        at: usize,
        question: &Read,
        expected: &Answer<Customer>,
    ) -> Result<()> {
        if let Some(snapshot) = self.snapshots.get(at) {
            assert_answer(&read(&snapshot.open_tree(), question)?, expected);
        }
        Ok(())
    }

    pub(super) fn forget_snapshots(&mut self) {
        self.snapshots.clear();
    }

    pub(super) fn open_walk(&mut self, span: &Span) {
        self.walk = Some(match &self.txn {
            Some(txn) => Customer::query(&txn.open_tree(), span),
            None => Customer::query(&self.store().open_tree(), span),
        });
    }

    pub(super) fn go_on(
        &mut self,
        turns: &[bool],
        expected: &VecDeque<Arc<Customer>>,
    ) -> Result<()> {
        let Some(walk) = &mut self.walk else {
            return Ok(());
        };
        let mut expected = expected.iter();
        for is_back in turns {
            let (found, expected) = if *is_back {
                (walk.next_back(), expected.next_back())
            } else {
                (walk.next(), expected.next())
            };
            let found = found.transpose()?.map(|(_, customer)| Arc::new(customer));
            assert_answer(&Answer::Row(found), &Answer::Row(expected.cloned()));
        }
        Ok(())
    }

    pub(super) fn flush(&self) -> Result<()> {
        self.store().flush()
    }

    pub(super) fn reopen(&mut self) -> Result<()> {
        self.walk = None;
        if self.persists {
            self.snapshots.clear();
            self.store = None;
            self.store = Some((self.reopen)()?);
        }
        Ok(())
    }

    /// Compares everything: what the open transaction sees, or the store with its snapshots.
    pub(super) fn compare(&self, reference: &Reference, snapshots: &[Reference]) -> Result<()> {
        if let Some(txn) = &self.txn {
            assert_agrees(&txn.open_tree(), &reference.customers)?;
            assert_agrees(&txn.open_tree(), &reference.orders)?;
            assert_agrees(&txn.open_tree(), &reference.settings)?;
            return assert_agrees(&txn.open_tree(), &reference.pictures);
        }
        assert_is(self.store(), reference)?;
        for (snapshot, reference) in self.snapshots.iter().zip(snapshots) {
            assert_agrees(&snapshot.open_tree(), &reference.customers)?;
            assert_agrees(&snapshot.open_tree(), &reference.orders)?;
            assert_agrees(&snapshot.open_tree(), &reference.settings)?;
            assert_agrees(&snapshot.open_tree(), &reference.pictures)?;
        }
        Ok(())
    }
}

/// Fails unless a store holds what it should, and finds nothing wrong with itself.
pub(super) fn assert_is<B: Backend>(store: &Shop<B>, reference: &Reference) -> Result<()> {
    assert_agrees(&store.open_tree::<Customer>(), &reference.customers)?;
    assert_agrees(&store.open_tree::<Order>(), &reference.orders)?;
    assert_agrees(&store.open_tree::<Setting>(), &reference.settings)?;
    assert_agrees(&store.open_tree::<Picture>(), &reference.pictures)?;
    assert_sound(store);
    Ok(())
}

/// Fails unless a tree holds what the maps do, in every index too.
fn assert_agrees<M: Subject, V: View>(tree: &Subjects<M, V>, table: &Table<M>) -> Result<()> {
    let mut expected = table.rows().iter();
    for found in tree.iter() {
        let (found, row) = found?;
        let (key, wanted) = expected.next().unzip();
        assert_eq!(Some(&M::value(found)), key);
        assert!(
            wanted.is_some_and(|it| it.is_same(&row)),
            "{row:?}, not {wanted:?}"
        );
    }
    let missing = expected.next();
    assert!(missing.is_none(), "{missing:?} is missing");
    assert_eq!(usize::try_from(tree.len()?).ok(), Some(table.rows().len()));
    for index in 0..M::UNIQUE.len() {
        let found = M::pairs(tree, index)?;
        assert!(found == table.pairs(index), "index {index} has {found:?}");
    }
    Ok(())
}

#[track_caller]
fn assert_answer<M: Subject>(found: &Answer<M>, expected: &Answer<M>) {
    assert!(found.is_same(expected), "{found:?}, not {expected:?}");
}
