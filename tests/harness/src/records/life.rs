//! The life of a record store, step by step, beside the rules that say what it should hold.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p_kad::{ProviderRecord, Record};
use netabase_store::{
    Backend, NetabaseError, Result,
    records::{Clock as _, RecordDurability},
};
use netabase_tests::Random;
use record_store_tests::{OK, address, key, peer};

use super::{
    check,
    rules::{Change, Rules, in_order},
    subject::Subject,
    world::{Time, World},
};
use crate::disk::Progress;

/// How many keys there are, more than fit.
pub(crate) const KEYS: u64 = 12;

/// How many peers there are, of which the first is the node itself.
pub(crate) const PEERS: u64 = 6;

/// The sizes of values in bytes; more than the limit is refused.
const VALUE_BYTES: [usize; 3] = [20, 300, 1200];

/// What happens to a record store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// A record of so many bytes, which lives for some seconds; some have expired already.
    Put {
        key: u64,
        publisher: Option<u64>,
        source: Option<u64>,
        bytes: usize,
        seconds: Option<i64>,
    },
    Remove(u64),
    Provide {
        key: u64,
        peer: u64,
        addresses: u16,
        seconds: Option<i64>,
    },
    Withdraw(u64, u64),
    /// Seconds go by.
    Wait(u64),
    /// What has expired is taken out.
    Collect,
    Flush,
    /// Everything is read.
    Read,
    /// The store is closed and opened again.
    Reopen,
}

/// Returns a random life of at most so many steps.
pub(crate) fn steps(random: &mut Random, world: World, count: usize) -> Vec<Step> {
    (0..=random.index(count))
        .map(|_| step(random, world))
        .collect()
}

/// Returns a random step.
pub(crate) fn step(random: &mut Random, world: World) -> Step {
    let (key, peer) = (random.below(KEYS), random.below(PEERS));
    match random.below(24) {
        0..8 => put(random, world, key),
        8..10 => Step::Remove(key),
        10..15 => Step::Provide {
            key,
            peer,
            addresses: u16::try_from(random.below(5)).unwrap_or_default(),
            seconds: seconds(random, world, peer == 0),
        },
        15..17 => Step::Withdraw(key, peer),
        17 => Step::Wait(random.below(60)),
        18 => Step::Wait(random.below(12_000)),
        19 => Step::Collect,
        20 => Step::Read,
        21 | 22 => Step::Flush,
        _ => Step::Reopen,
    }
}

fn put(random: &mut Random, world: World, key: u64) -> Step {
    let of_all = |random: &mut Random| Some(random.below(PEERS));
    let publisher = if random.one_in(4) {
        None
    } else {
        of_all(random)
    };
    let has_source = !world.is_strict && random.one_in(2);
    let bytes = match random.below(12) {
        0 => world.max_value_bytes,
        1 => world.max_value_bytes - 1,
        _ => VALUE_BYTES
            .get(random.index(VALUE_BYTES.len()))
            .copied()
            .unwrap_or_default(),
    };
    Step::Put {
        key,
        publisher,
        source: if has_source { of_all(random) } else { None },
        bytes,
        seconds: seconds(random, world, publisher == Some(0)),
    }
}

/// Returns how long something lives. Where what has expired lies about, the node's own does not: it
/// would go on to have precedence until it is taken out.
fn seconds(random: &mut Random, world: World, is_own: bool) -> Option<i64> {
    let seconds = i64::try_from(random.below(25_000)).unwrap_or_default();
    match random.below(8) {
        _ if is_own && world.is_lazy => None,
        0 | 1 => None,
        2 => Some(-seconds / 100),
        _ => Some(seconds),
    }
}

impl Step {
    /// Returns the change that the step makes as the one with that stamp, if it makes one.
    pub(crate) fn change(&self, stamp: u64, now: Instant) -> Option<Change> {
        let expires = |seconds: Option<i64>| {
            let length = Duration::from_secs(seconds?.unsigned_abs());
            if seconds? < 0 {
                now.checked_sub(length)
            } else {
                Some(now + length)
            }
        };
        Some(match self {
            Self::Put {
                key: number,
                publisher,
                source,
                bytes,
                seconds,
            } => Change::Put(
                source.map(peer),
                Record {
                    key: key(*number),
                    value: value(*number, stamp, *bytes),
                    publisher: publisher.map(peer),
                    expires: expires(*seconds),
                },
            ),
            Self::Remove(number) => Change::Remove(key(*number)),
            Self::Provide {
                key: number,
                peer: of,
                addresses,
                seconds,
            } => Change::Provide(ProviderRecord {
                key: key(*number),
                provider: peer(*of),
                expires: expires(*seconds),
                addresses: (0..*addresses)
                    .map(|port| address(port, &peer(*of)))
                    .collect(),
            }),
            Self::Withdraw(number, of) => Change::Withdraw(key(*number), peer(*of)),
            _ => return None,
        })
    }
}

/// Returns a value that says what it is of.
pub(crate) fn value(key: u64, stamp: u64, bytes: usize) -> Vec<u8> {
    let mut text = format!("{key} at {stamp}").into_bytes();
    text.resize(bytes.max(text.len()), b'.');
    text
}

/// What ended a life early.
#[derive(Debug)]
pub(crate) enum End {
    /// The store said so when it was opened or flushed.
    Told(NetabaseError),
    /// The health of the record store says so.
    Seen,
}

/// How a life went.
#[derive(Debug)]
pub(crate) struct Life {
    /// What the store should hold after each change, the first before any. Behind those that were
    /// answered there may be one that failed.
    pub(crate) states: Vec<Rules>,
    /// How far it came: how many changes were acknowledged as durable, how many were answered.
    pub(crate) progress: Progress,
    /// Whether the store was opened at all.
    pub(crate) is_made: bool,
    /// How many changes a close lost: none unless it failed.
    pub(crate) lost_by_closing: usize,
    /// What was said or read and is wrong.
    pub(crate) wrong: Option<String>,
    /// What ended it early.
    pub(crate) end: Option<End>,
}

impl Life {
    /// Returns the states that a store may be in that was cut off after `progress`.
    pub(crate) fn allowed(&self, progress: Progress) -> &[Rules] {
        let end = self.states.len().min(progress.visible + 2);
        self.states.get(progress.durable..end).unwrap_or_default()
    }

    pub(crate) fn last(&self) -> &Rules {
        let last = self.states.get(self.progress.visible);
        last.expect("a life begins with the empty state")
    }

    fn is_over(&self) -> bool {
        self.wrong.is_some() || self.end.is_some()
    }
}

/// Lives all steps, as far as it goes, and tells `mark` before each step and at the end how far it
/// has come. The record store that is open at the end is given to `end`.
pub(crate) fn live<B: Backend>(
    steps: &[Step],
    (world, time): (World, &Arc<Time>),
    open: impl Fn() -> Result<Subject<B>>,
    mark: impl Fn(Progress),
    end: impl FnOnce(&Life, Option<&Subject<B>>),
) -> Life {
    let mut life = Life {
        states: vec![Rules::new(world)],
        progress: Progress::default(),
        is_made: false,
        lost_by_closing: 0,
        wrong: None,
        end: None,
    };
    let mut opened = match open() {
        Ok(opened) => Some(opened),
        Err(error) => {
            life.end = Some(End::Told(error));
            None
        }
    };
    life.is_made = opened.is_some();
    for (step, stamp) in steps.iter().zip(1..) {
        if life.is_over() {
            break;
        }
        mark(life.progress);
        if let Err(error) = life.step(step, stamp, (world, time), &mut opened, &open) {
            life.end = Some(End::Told(error));
        }
    }
    if life.is_made {
        mark(life.progress);
    }
    end(&life, opened.as_ref());
    drop(opened);
    life
}

impl Life {
    fn step<B: Backend>(
        &mut self,
        step: &Step,
        stamp: u64,
        (world, time): (World, &Arc<Time>),
        opened: &mut Option<Subject<B>>,
        open: impl Fn() -> Result<Subject<B>>,
    ) -> Result<()> {
        if let Step::Reopen = step {
            *opened = None;
            let opened = opened.insert(open()?);
            return self.reopened(opened, time.now());
        }
        let Some(subject) = opened else {
            return Ok(());
        };
        let checked = match step {
            Step::Wait(seconds) => {
                time.advance(Duration::from_secs(*seconds));
                check::read(subject).and_then(|found| check::same(&found, self.last(), time))
            }
            Step::Collect => {
                subject.collect();
                check::counts(subject, self.last(), time)
            }
            Step::Read => {
                check::read(subject).and_then(|found| check::same(&found, self.last(), time))
            }
            Step::Flush => {
                subject.flush()?;
                self.progress.durable = self.progress.visible;
                Ok(())
            }
            step => match step.change(stamp, time.now()) {
                Some(change) => self.change(&change, (world, time), subject),
                None => Ok(()),
            },
        };
        self.judge(subject, checked);
        Ok(())
    }

    /// Makes a change on both sides, and compares what they say and what is then to be read.
    fn change<B: Backend>(
        &mut self,
        change: &Change,
        (world, time): (World, &Arc<Time>),
        subject: &Subject<B>,
    ) -> std::result::Result<(), String> {
        if !world.is_lazy {
            subject.collect();
        }
        let now = time.now();
        let mut next = self.last().clone();
        let right = next.apply(change, now);
        let contents = next.contents(now);
        self.states.push(next);
        let said = subject.apply(change);
        let key = change.key();
        let record = subject.record(key);
        let providers = in_order(&subject.providers(key));
        if said != right {
            return Err(format!(
                "{change:?} is answered by {said:?}, and not by {right:?}"
            ));
        }
        if record.as_ref() != contents.records.get(key.as_ref()) {
            return Err(format!("after {change:?} the record is {record:?}"));
        }
        if &providers != contents.providers.get(key.as_ref()).unwrap_or(&Vec::new()) {
            return Err(format!("after {change:?} the providers are {providers:?}"));
        }
        let health = subject.health();
        if is_well(&health) {
            self.progress.visible += 1;
            if world.durability == RecordDurability::Sync && said == OK {
                self.progress.durable = self.progress.visible;
            }
        }
        Ok(())
    }

    /// Ends the life where the disk has failed, and where something is wrong without that.
    fn judge<B: Backend>(
        &mut self,
        subject: &Subject<B>,
        checked: std::result::Result<(), String>,
    ) {
        if !is_well(&subject.health()) {
            self.end = Some(End::Seen);
        } else if let Err(what) = checked {
            self.wrong = Some(what);
        }
    }

    /// Goes on from what was found after a close, which cannot say that it failed.
    fn reopened<B: Backend>(&mut self, subject: &Subject<B>, now: Instant) -> Result<()> {
        let found = check::read(subject);
        if !is_well(&subject.health()) {
            self.end = Some(End::Seen);
            return Ok(());
        }
        let found = match found {
            Ok(found) => found,
            Err(what) => {
                self.wrong = Some(what);
                return Ok(());
            }
        };
        let visible = self
            .states
            .get(self.progress.durable..=self.progress.visible);
        let visible = visible.unwrap_or_default();
        let kept = visible
            .iter()
            .rposition(|state| state.contents(now) == found);
        let Some(kept) = kept else {
            let difference = found.difference(&self.last().contents(now));
            self.wrong = Some(format!("opened again, {difference}"));
            return Ok(());
        };
        let lost = self.progress.visible - self.progress.durable - kept;
        self.lost_by_closing += lost;
        self.progress.visible -= lost;
        self.states.truncate(self.progress.visible + 1);
        self.progress.durable = self.progress.visible;
        Ok(())
    }
}

/// Whether the disk has not failed yet, as far as the record store knows.
pub(crate) fn is_well(health: &netabase_store::records::Health) -> bool {
    health.is_sound() && health.metrics.read_errors == 0
}
