//! A short life of a store, known commit by commit, that a test cuts off somewhere.

use std::collections::BTreeMap;

use netabase_store::{Durability, RedbStore, Result};
use netabase_tests::{
    Customer, CustomerPrimaryKey, Order, OrderPrimaryKey, ShopDefinition, assert_sound, customer,
    order,
};

use super::disk::Progress;

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Contents {
    customers: BTreeMap<u64, Customer>,
    orders: BTreeMap<(u64, u32), Order>,
}

impl Contents {
    /// Reads a store.
    pub(crate) fn of(store: &RedbStore<ShopDefinition>) -> Result<Self> {
        let txn = store.begin_read()?;
        let customers = txn.open_tree::<Customer>();
        let customers = customers
            .iter()
            .map(|found| found.map(|(CustomerPrimaryKey(id), customer)| (id, customer)));
        let orders = txn.open_tree::<Order>();
        let orders = orders.iter().map(|found| {
            found.map(|(OrderPrimaryKey(customer, number), order)| ((customer, number), order))
        });
        Ok(Self {
            customers: customers.collect::<Result<_>>()?,
            orders: orders.collect::<Result<_>>()?,
        })
    }
}

/// The commits of the history.
pub(crate) const COMMITS: usize = 14;

/// Makes the commit of that number, in the store and in the contents.
fn commit(
    number: usize,
    store: &RedbStore<ShopDefinition>,
    now: &mut Contents,
) -> Result<Durability> {
    let number = u64::try_from(number).expect("there are few commits");
    let durability = match number % 5 {
        3 => Durability::None,
        _ => Durability::Immediate,
    };
    let mut txn = store.begin_write()?;
    txn.set_durability(durability);
    let customers = txn.open_tree::<Customer>();
    match number % 4 {
        0 => customers.put_many((number * 8..number * 8 + 12).map(customer))?,
        1 => drop(customers.update(number * 4, |customer| customer.age += 100)?),
        2 => drop(customers.remove_many(number * 4..number * 4 + 3)?),
        _ => customers.put(Customer {
            note: "n".repeat(9000),
            ..customer(1000 + number)
        })?,
    }
    let of = u32::try_from(number).expect("there are few commits");
    txn.open_tree::<Order>().put(order(number % 3, of))?;
    txn.commit()?;
    match number % 4 {
        0 => now
            .customers
            .extend((number * 8..number * 8 + 12).map(|id| (id, customer(id)))),
        1 => {
            if let Some(customer) = now.customers.get_mut(&(number * 4)) {
                customer.age += 100;
            }
        }
        2 => now
            .customers
            .retain(|id, _| !(number * 4..number * 4 + 3).contains(id)),
        _ => {
            let long = Customer {
                note: "n".repeat(9000),
                ..customer(1000 + number)
            };
            now.customers.insert(long.id, long);
        }
    }
    now.orders.insert((number % 3, of), order(number % 3, of));
    Ok(durability)
}

/// Lives the whole history, and tells `mark` how far it has come before each step.
///
/// Returns the contents after each commit, the first before any, as far as it came.
pub(crate) fn live(
    store: &RedbStore<ShopDefinition>,
    mark: impl Fn(Progress),
) -> (Vec<Contents>, Progress, Result<()>) {
    let mut states = vec![Contents::default()];
    let mut progress = Progress::default();
    for number in 0..COMMITS {
        mark(progress);
        let mut now = states.last().cloned().unwrap_or_default();
        match commit(number, store, &mut now) {
            Ok(durability) => {
                states.push(now);
                progress.visible += 1;
                if durability == Durability::Immediate {
                    progress.durable = progress.visible;
                }
            }
            Err(error) => return (states, progress, Err(error)),
        }
    }
    mark(progress);
    (states, progress, Ok(()))
}

/// Lives the history in memory only, so to speak, and returns the contents after each commit.
pub(crate) fn states() -> Result<Vec<Contents>> {
    let store = super::disk::Disk::default().open(&netabase_store::StoreOptions::new())?;
    let (states, _, lived) = live(&store, |_| ());
    lived.map(|()| states)
}

/// Fails unless the store holds what a store may hold that was cut off after `progress`: every
/// durable commit, and at most the one after the last that was visible.
pub(crate) fn assert_recovered(
    store: &RedbStore<ShopDefinition>,
    states: &[Contents],
    progress: Progress,
) -> Result<()> {
    let found = Contents::of(store)?;
    let end = states.len().min(progress.visible + 2);
    let at = states[progress.durable..end]
        .iter()
        .position(|state| *state == found);
    assert!(at.is_some(), "no commit from {} to {end}", progress.durable);
    assert_sound(store);
    Ok(())
}
