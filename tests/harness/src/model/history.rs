//! Random histories: what is done to a store, step by step.
//!
//! Any part of a history is one, too: a commit without a transaction does nothing, so that a history
//! that fails can be made shorter.

use std::{ops::Bound, sync::Arc};

use netabase_store::Durability;
use netabase_tests::{Customer, Order, Picture, Random, Setting};

use super::{
    operations::{Operation, Read, Rows, Write},
    space::{Space, pick},
    subject::{Part, Span, Subject, Value},
};

/// How many steps a history has, more or less.
const LENGTHS: &[usize] = if cfg!(debug_assertions) {
    &[150, 300, 600]
} else {
    &[500, 20_000, 20_000, 50_000, 100_000]
};

/// How many steps a transaction has.
const TRANSACTIONS: &[usize] = if cfg!(debug_assertions) {
    &[1, 4, 15, 60]
} else {
    &[1, 5, 30, 300, 1_000, 3_000]
};

/// How many records are written by one call.
const BATCHES: &[usize] = &[0, 1, 3, 10];

/// How many rows are read at once at most.
const LIMITS: &[usize] = &[1, 1, 2, 4, 15];

/// How many snapshots are open at once at most.
pub(super) const SNAPSHOTS_MAX: usize = 3;

/// Where there are more keys, nothing reads as many rows as there are for each question.
const SMALL_KEYS: u64 = 40;

/// One step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Customer(Operation<Customer>),
    Order(Operation<Order>),
    Setting(Operation<Setting>),
    Picture(Operation<Picture>),
    /// Begins a transaction, in which all is done until it ends.
    Begin(Durability),
    Commit,
    Abort,
    /// Writes through the store while this thread has a transaction, which is refused.
    Barge,
    /// Takes a snapshot of the last commit.
    Snapshot,
    /// Asks one of the snapshots for customers.
    Look(usize, Read),
    ForgetSnapshots,
    /// Begins to walk over customers, as they are now.
    OpenWalk(Span),
    /// Goes on with that walk, from the back where it is true.
    GoOn(Vec<bool>),
    Flush,
    Reopen,
    /// Compares everything.
    Compare,
    /// Copies the store, and has tools work on the copy.
    Copy,
}

/// Returns a random history.
pub(super) fn history(random: &mut Random) -> Vec<Step> {
    let space = Space::random(random);
    let end = pick(random, LENGTHS);
    let mut steps = Vec::with_capacity(end);
    while steps.len() < end {
        match random.below(24) {
            0..12 => transaction(random, &space, end, &mut steps),
            12..17 => {
                let count = random.index(20);
                steps.extend((0..count).map(|_| operation(random, &space)));
            }
            17 | 18 => steps.push(Step::Snapshot),
            19 => steps.push(Step::ForgetSnapshots),
            20 => steps.push(Step::Flush),
            21 if is_rare(random, &space) => steps.push(Step::Reopen),
            22 if is_rare(random, &space) => steps.push(Step::Compare),
            _ => steps.push(walk(random, &space)),
        }
    }
    if random.one_in(4) {
        steps.push(Step::Copy);
    }
    steps
}

/// Returns whether what reads a whole store is due: less often the larger it may be.
fn is_rare(random: &mut Random, space: &Space) -> bool {
    random.one_in(1 + space.keys / (SMALL_KEYS * 4))
}

fn transaction(random: &mut Random, space: &Space, end: usize, steps: &mut Vec<Step>) {
    let durability = match random.below(6) {
        0 => Durability::Immediate,
        1 => Durability::Eventual,
        _ => Durability::None,
    };
    steps.push(Step::Begin(durability));
    let longest = pick(random, TRANSACTIONS);
    let count = random.index(longest) + 1;
    for _ in 0..count.min(end.saturating_sub(steps.len())) {
        steps.push(match random.below(400) {
            0 => Step::Barge,
            1 => Step::Snapshot,
            2 | 3 => walk(random, space),
            4 if is_rare(random, space) => Step::Compare,
            _ => operation(random, space),
        });
    }
    if random.one_in(4) {
        steps.push(Step::Abort);
        if is_rare(random, space) {
            steps.push(Step::Compare);
        }
    } else {
        steps.push(Step::Commit);
    }
}

fn walk(random: &mut Random, space: &Space) -> Step {
    match random.below(3) {
        // What is walked over is kept by whoever compares it.
        0 if space.keys <= SMALL_KEYS => Step::OpenWalk(span::<Customer>(random, space)),
        0 | 1 => Step::GoOn(turns(random)),
        _ => {
            let at = random.index(SNAPSHOTS_MAX);
            Step::Look(at, read::<Customer>(random, space))
        }
    }
}

fn operation(random: &mut Random, space: &Space) -> Step {
    match random.below(16) {
        0..9 => Step::Customer(one(random, space)),
        9..12 => Step::Order(one(random, space)),
        12..14 => Step::Setting(one(random, space)),
        _ => Step::Picture(one(random, space)),
    }
}

fn one<M: Subject>(random: &mut Random, space: &Space) -> Operation<M> {
    if random.below(8) < 3 {
        Operation::Write(write(random, space))
    } else {
        Operation::Read(read::<M>(random, space))
    }
}

fn write<M: Subject>(random: &mut Random, space: &Space) -> Write<M> {
    let row = |random: &mut Random| Arc::new(M::random(random, space));
    let key = |random: &mut Random| M::random_value(random, space, None);
    match random.below(64) {
        0..22 => Write::Put(row(random)),
        22..32 => Write::Insert(row(random)),
        32..44 if random.one_in(8) => Write::Update(key(random), row(random)),
        32..44 => {
            let row = row(random);
            Write::Update(row.key(), row)
        }
        44..56 => Write::Remove(key(random)),
        56..60 => {
            let count = pick(random, BATCHES);
            Write::PutMany((0..count).map(|_| row(random)).collect())
        }
        60..63 => {
            let count = pick(random, BATCHES);
            Write::RemoveMany((0..count).map(|_| key(random)).collect())
        }
        _ if random.one_in(2 + space.keys / 20) => Write::Clear,
        _ => Write::Remove(key(random)),
    }
}

fn read<M: Subject>(random: &mut Random, space: &Space) -> Read {
    let is_small = space.keys <= SMALL_KEYS;
    // sled copies a node for each walk that begins: most questions are for one record.
    match random.below(64) {
        0..40 => Read::Get(M::random_value(random, space, None)),
        40..50 => Read::Contains(M::random_value(random, space, None)),
        50..53 if !M::UNIQUE.is_empty() => {
            let index = random.index(M::UNIQUE.len());
            let value = M::random_value(random, space, Some(index));
            if M::UNIQUE.get(index) == Some(&true) || is_small {
                Read::LookUp(index, value)
            } else {
                let (index, is_reversed) = (Some(index), random.one_in(2));
                let part = Part::At(value);
                let span = Span {
                    index,
                    part,
                    is_reversed,
                };
                Read::Walk(span, Rows::Pairs, pick(random, LIMITS))
            }
        }
        53 => Read::Ends(span::<M>(random, space), turns(random)),
        54 => {
            let (limit, pages) = (1 + random.index(4), 1 + random.index(3));
            Read::Pages(span::<M>(random, space), limit, pages)
        }
        55 if is_small => match random.below(3) {
            0 => Read::Count(span::<M>(random, space)),
            1 => Read::Len,
            _ => Read::IsEmpty,
        },
        55 if is_rare(random, space) => Read::Len,
        _ => {
            let rows = pick(random, &[Rows::Pairs, Rows::Keys, Rows::Values]);
            Read::Walk(span::<M>(random, space), rows, pick(random, LIMITS))
        }
    }
}

fn turns(random: &mut Random) -> Vec<bool> {
    (0..random.below(6)).map(|_| random.one_in(2)).collect()
}

fn span<M: Subject>(random: &mut Random, space: &Space) -> Span {
    let index = random.index(M::UNIQUE.len() + 1).checked_sub(1);
    let mut value = || M::random_value(random, space, index);
    let (one, other) = (value(), value());
    let part = match random.below(10) {
        0 => Part::All,
        1 | 2 => Part::At(one),
        3..6 => match one {
            Value::Text(text) => {
                let letters = random.index(3);
                Part::Prefix(Value::Text(text.chars().take(letters).collect()))
            }
            Value::Bytes(mut bytes) => {
                bytes.truncate(random.index(3));
                Part::Prefix(Value::Bytes(bytes))
            }
            Value::Day(..) | Value::Numbers(..) => Part::Leading(one),
            _ => Part::At(one),
        },
        _ => Part::Range(bound(random, one), bound(random, other)),
    };
    Span {
        index,
        part,
        is_reversed: random.one_in(2),
    }
}

fn bound(random: &mut Random, value: Value) -> Bound<Value> {
    match random.below(8) {
        0 => Bound::Unbounded,
        1..5 => Bound::Included(value),
        _ => Bound::Excluded(value),
    }
}
