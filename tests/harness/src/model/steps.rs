//! Random steps, and what they should come to.

use std::collections::BTreeMap;

use netabase_store::{NetabaseError, Result, StoreError, Tree, Writable};
use netabase_tests::{Customer, Random, ShopDefinition};

/// What a tree of customers should hold.
pub(super) type Model = BTreeMap<u64, Customer>;

/// How many customers there are at most.
pub(super) const CUSTOMERS: u64 = 40;

/// How many e-mail addresses they share, so that some are taken.
const ADDRESSES: u64 = 32;

/// How many ages, and how many tags.
pub(super) const AGES: u64 = 5;

/// One write.
#[derive(Debug, Clone)]
pub(super) enum Write {
    Put(Customer),
    Insert(Customer),
    /// Replaces the record under the key, which the record may not have.
    Update(u64, Customer),
    Remove(u64),
    PutMany(Vec<Customer>),
    RemoveMany(Vec<u64>),
    Clear,
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    Get(u64),
    Contains(u64),
    /// By primary key, the end excluded; from the back or not.
    Range(u64, u64, bool),
    /// By age, the end excluded; from the back or not.
    Ages(u64, u64, bool),
    ByEmail(u64),
    ByTag(u64),
    Len,
}

/// One step of a history.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Write(Write),
    Ask(Question),
    Transaction {
        writes: Vec<Write>,
        is_committed: bool,
    },
    /// Takes a snapshot, which is compared with its own state until it goes.
    Snapshot,
    ForgetSnapshots,
    Flush,
    Reopen,
    /// Compares everything.
    Compare,
}

/// What a write returned.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Done,
    Found(Option<Customer>),
    Count(u64),
    Exists,
    Taken,
    KeyChanged,
}

/// The e-mail address of that number.
pub(super) fn email(number: u64) -> String {
    format!("{number}@example.org")
}

/// The tag of that number.
pub(super) fn tag(number: u64) -> String {
    format!("tag{number}")
}

fn customer(random: &mut Random, id: u64) -> Customer {
    let credit = match random.below(4) {
        0 => -0.0,
        1 => 0.0,
        2 => f64::MIN,
        _ => 1.5,
    };
    Customer {
        id,
        email: email(random.below(ADDRESSES)),
        age: u32::try_from(random.below(AGES)).unwrap_or_default(),
        nickname: random.one_in(2).then(|| "n\0".repeat(random.index(3))),
        tags: (0..random.below(4)).map(|_| tag(random.below(4))).collect(),
        credit,
        note: "note".repeat(random.index(3) * 300),
    }
}

fn write(random: &mut Random) -> Write {
    let id = random.below(CUSTOMERS);
    let some = random.below(6);
    match random.below(20) {
        0..6 => Write::Put(customer(random, id)),
        6..9 => Write::Insert(customer(random, id)),
        9..12 => {
            let other = if random.one_in(4) {
                random.below(CUSTOMERS)
            } else {
                id
            };
            Write::Update(id, customer(random, other))
        }
        12..15 => Write::Remove(id),
        15..18 => Write::PutMany(
            (0..some)
                .map(|at| customer(random, (id + at) % CUSTOMERS))
                .collect(),
        ),
        18 => Write::RemoveMany((0..some).map(|at| (id + at * 3) % CUSTOMERS).collect()),
        _ if random.one_in(8) => Write::Clear,
        _ => Write::Remove(id),
    }
}

fn question(random: &mut Random) -> Question {
    let (one, other) = (random.below(CUSTOMERS), random.below(CUSTOMERS));
    let is_reversed = random.one_in(2);
    match random.below(9) {
        0 | 1 => Question::Get(one),
        2 => Question::Contains(one),
        3 => Question::Range(one.min(other), one.max(other), is_reversed),
        4 | 5 => {
            let (one, other) = (one % AGES, other % AGES);
            Question::Ages(one.min(other), one.max(other), is_reversed)
        }
        6 => Question::ByEmail(one % ADDRESSES),
        7 => Question::ByTag(one % 4),
        _ => Question::Len,
    }
}

/// Returns a random step.
pub(super) fn step(random: &mut Random) -> Step {
    match random.below(64) {
        0..20 => Step::Write(write(random)),
        20..46 => Step::Ask(question(random)),
        46..56 => Step::Transaction {
            writes: (0..random.below(6)).map(|_| write(random)).collect(),
            is_committed: !random.one_in(3),
        },
        56 | 57 => Step::Snapshot,
        58 => Step::ForgetSnapshots,
        59 => Step::Flush,
        60 if random.one_in(4) => Step::Reopen,
        61 | 62 => Step::Compare,
        _ => Step::Ask(Question::Len),
    }
}

/// Makes a write in the map, all or nothing.
pub(super) fn write_model(model: &mut Model, write: &Write) -> Outcome {
    let put = |model: &mut Model, customer: &Customer| {
        let mut others = model.values().filter(|other| other.id != customer.id);
        if others.any(|other| other.email == customer.email) {
            return Outcome::Taken;
        }
        model.insert(customer.id, customer.clone());
        Outcome::Done
    };
    match write {
        Write::Put(customer) => put(model, customer),
        Write::Insert(customer) if model.contains_key(&customer.id) => Outcome::Exists,
        Write::Insert(customer) => put(model, customer),
        Write::Update(id, _) if !model.contains_key(id) => Outcome::Found(None),
        Write::Update(id, customer) if *id != customer.id => Outcome::KeyChanged,
        Write::Update(_, customer) => match put(model, customer) {
            Outcome::Done => Outcome::Found(Some(customer.clone())),
            refused => refused,
        },
        Write::Remove(id) => Outcome::Found(model.remove(id)),
        Write::PutMany(customers) => {
            let mut changed = model.clone();
            for customer in customers {
                let outcome = put(&mut changed, customer);
                if outcome != Outcome::Done {
                    return outcome;
                }
            }
            *model = changed;
            Outcome::Done
        }
        Write::RemoveMany(ids) => {
            let removed = ids.iter().filter(|id| model.remove(id).is_some()).count();
            Outcome::Count(u64::try_from(removed).expect("there are few"))
        }
        Write::Clear => {
            model.clear();
            Outcome::Done
        }
    }
}

/// Makes a write in a tree.
pub(super) fn write_tree<V: Writable>(
    tree: &Tree<ShopDefinition, Customer, V>,
    write: &Write,
) -> Result<Outcome> {
    let done = match write.clone() {
        Write::Put(customer) => tree.put(customer).map(|()| Outcome::Done),
        Write::Insert(customer) => tree.insert(customer).map(|()| Outcome::Done),
        Write::Update(id, customer) => tree.update(id, |old| *old = customer).map(Outcome::Found),
        Write::Remove(id) => tree.remove(id).map(Outcome::Found),
        Write::PutMany(customers) => tree.put_many(customers).map(|()| Outcome::Done),
        Write::RemoveMany(ids) => tree.remove_many(ids).map(Outcome::Count),
        Write::Clear => tree.clear().map(|()| Outcome::Done),
    };
    match done {
        Err(NetabaseError::StoreError(StoreError::Exists { .. })) => Ok(Outcome::Exists),
        Err(NetabaseError::StoreError(StoreError::UniqueViolated { .. })) => Ok(Outcome::Taken),
        Err(NetabaseError::StoreError(StoreError::KeyChanged { .. })) => Ok(Outcome::KeyChanged),
        done => done,
    }
}
