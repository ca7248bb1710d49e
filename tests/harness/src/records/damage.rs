//! The file of a closed record store is damaged: what it gives was stored, and the rest is counted.

use std::{collections::BTreeMap, sync::Arc};

use libp2p_kad::{ProviderRecord, Record};
use netabase_store::{
    Backend as _, Result as StoreResult, Store, StoreOptions, records::RecordDurability,
};
use netabase_tests::Random;
use record_store_tests::{OK, Whole, key, peer, provider};

use super::{
    life::value,
    power::open,
    rules::{Change, Contents, in_order},
    subject::Subject,
    world::{Time, World},
};
use crate::{
    damage::{Damage, File, close, damage, many_files, tells_of_damage},
    disk::Disk,
    harness::Harness,
    image::{Image, PAGE_BYTES},
    outcome::{Tally, Violation, guarded},
    plant::Plant,
    planted::Planted,
};

/// How many keys have a record and a provider.
const KEYS: u64 = 60;

/// One record in so many is the node's own.
const OWN_ONE_IN: u64 = 4;

type Engine = Planted<netabase_store::backends::redb::RedbBackend>;

/// Damages the file of that seed in many ways, and reads each.
///
/// # Errors
/// Fails with what was read and is not right.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    let damaged = |closed: &Closed, random: &mut Random| {
        let flip = |image: &mut Image, random: &mut Random| closed.flip_record(image, random);
        let mut image = closed.now.clone();
        let damage = damage(&mut image, &closed.before, random, flip);
        (image, damage)
    };
    let harness = Harness::RecordsDamage;
    many_files((harness, seed), Closed::new, damaged, |file| {
        // Over other damage that nobody looked for redb may end the process: see RELIABILITY.md.
        if !file.is_checked && !matches!(file.damage, Damage::RecordFlip(_)) {
            return Ok(None);
        }
        Reader { file, plant }.read().map(Some)
    })
}

/// A closed file, and what it held before its last commits.
struct Closed {
    now: Image,
    before: Image,
    contents: Contents,
    old: Contents,
    world: World,
    time: Arc<Time>,
}

impl Closed {
    fn new(seed: u64) -> StoreResult<Self> {
        let mut random = Random::new(seed);
        let world = World {
            is_strict: false,
            durability: RecordDurability::Volatile,
            ..World::random(&mut random).wide(usize::MAX)
        };
        let (disk, time) = (Disk::default(), Time::new());
        let subject = open(&disk, (world, &time), None)?;
        // More than stay, so that there are free pages.
        let mut old = Contents::default();
        for number in 0..KEYS * 2 {
            store(&subject, &mut old, number, (1, random.index(300)));
        }
        drop(subject);
        let before = disk.image();
        let subject = open(&disk, (world, &time), None)?;
        let mut contents = old.clone();
        for number in KEYS..KEYS * 2 {
            let (key, of) = (key(number), publisher(number));
            subject.apply(&Change::Remove(key.clone()));
            subject.apply(&Change::Withdraw(key.clone(), of));
            contents.records.remove(key.as_ref());
            contents.providers.remove(key.as_ref());
        }
        for number in 0..random.below(KEYS) {
            store(&subject, &mut contents, number, (2, random.index(300)));
        }
        drop(subject);
        Ok(Self {
            now: disk.image(),
            before,
            contents,
            old,
            world,
            time,
        })
    }

    /// Flips a bit of a record's value, in each place where its row stands.
    fn flip_record(&self, image: &mut Image, random: &mut Random) -> Damage {
        let number = random.below(KEYS);
        let Some(record) = self.contents.records.get(key(number).as_ref()) else {
            return Damage::Flips;
        };
        let (inside, bit) = (random.index(record.value.len()), random.below(8));
        let row = end_of_row(record);
        let at = row.len() - record.value.len() + inside;
        for page in image.used() {
            let found = places(&image.page(page), &row);
            for place in found {
                image.flip(page * PAGE_BYTES + place + at, bit);
            }
        }
        Damage::RecordFlip(number)
    }
}

/// Returns how the row of a record ends but for its checksum: key and value, each behind its length.
/// The value alone may stand in another row too: there the length of a value can be a digit before it.
fn end_of_row(record: &Record) -> Vec<u8> {
    let behind_length = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        [&length.to_be_bytes(), bytes].concat()
    };
    [
        behind_length(record.key.as_ref()),
        behind_length(&record.value),
    ]
    .concat()
}

/// Returns where some bytes stand in a page.
fn places(page: &[u8], bytes: &[u8]) -> Vec<usize> {
    let parts = page.windows(bytes.len()).enumerate();
    let found = parts.filter(|(_, part)| *part == bytes);
    found.map(|(at, _)| at).collect()
}

fn publisher(number: u64) -> libp2p_identity::PeerId {
    peer(number % OWN_ONE_IN)
}

/// Stores a record and a provider of that number, on both sides.
fn store(
    subject: &Subject<Engine>,
    contents: &mut Contents,
    number: u64,
    (stamp, bytes): (u64, usize),
) {
    let record = Record {
        key: key(number),
        value: value(number, stamp, bytes),
        publisher: Some(publisher(number)),
        expires: None,
    };
    let mut of = provider(number, publisher(number), 0);
    of.addresses = Vec::new();
    for change in [Change::Put(None, record), Change::Provide(of)] {
        let said = subject.apply(&change);
        assert_eq!(said, OK, "{change:?}");
    }
    // As they come back: with an expiry, which others' have.
    let found = subject.record(&key(number));
    contents
        .records
        .extend(found.map(|it| (key(number).to_vec(), it)));
    let found = in_order(&subject.providers(&key(number)));
    contents.providers.insert(key(number).to_vec(), found);
}

/// Reads a damaged file.
struct Reader<'a> {
    file: File<'a, Closed>,
    plant: Option<Plant>,
}

impl Reader<'_> {
    /// Returns whether some damage was told; fails where something is wrong and nothing was told.
    fn read(&self) -> Result<bool, String> {
        let is_checked = self.file.is_checked && self.plant != Some(Plant::CheckSkipped);
        let disk = Disk::of(self.file.image.clone());
        let engine = match disk.engine(is_checked) {
            Ok(engine) => Planted::new(engine, None),
            Err(error) => return tells_of_damage(&error).map(|()| true),
        };
        let held = engine.engine();
        let store = match Store::with_backend(engine, &StoreOptions::new()) {
            Ok(store) => store,
            Err(error) => return tells_of_damage(&error).map(|()| true),
        };
        let (world, time) = (self.file.closed.world, self.file.closed.time.fork());
        if !is_checked {
            // As in the typed store's harness: redb is not to commit once more.
            held.doubt();
        }
        let told = match Subject::open(&store, world, &time, self.plant) {
            Ok(subject) => guarded(|| self.read_all(&subject)),
            Err(error) => tells_of_damage(&error).map(|()| true),
        };
        close(held, is_checked);
        told
    }

    /// Reads everything, and returns whether something was counted as damaged.
    fn read_all(&self, subject: &Subject<Engine>) -> Result<bool, String> {
        let Closed { contents, old, .. } = self.file.closed;
        let mut missing = Vec::new();
        let mut judge = |number: u64, found: Option<&Record>| {
            let key = key(number);
            let right = contents.records.get(key.as_ref());
            match found {
                _ if found == right => Ok(()),
                None => {
                    missing.push(number);
                    Ok(())
                }
                Some(_) if self.may_be_old() && found == old.records.get(key.as_ref()) => Ok(()),
                Some(found) => Err(format!("the record of {key:?} is {found:?}")),
            }
        };
        let walked = subject.walk();
        if walked.len() > contents.records.len() + old.records.len() {
            return Err(format!("a walk finds {} records", walked.len()));
        }
        let walked: BTreeMap<_, _> = walked.iter().map(|it| (it.key.to_vec(), it)).collect();
        for number in 0..KEYS * 2 {
            judge(number, subject.record(&key(number)).as_ref())?;
            judge(number, walked.get(key(number).as_ref()).copied())?;
        }
        for number in 0..KEYS * 2 {
            let found = subject.providers(&key(number));
            if !self.are_right(number, &found) {
                missing.push(number);
                if !found.is_empty() {
                    return Err(format!(
                        "{} is provided by {found:?}",
                        key(number).to_vec().len()
                    ));
                }
            }
        }
        let metrics = subject.health().metrics;
        let told = metrics.set_aside + metrics.read_errors;
        match self.file.damage {
            Damage::RecordFlip(number) if !self.file.is_checked => {
                missing.sort_unstable();
                missing.dedup();
                if missing != [number] || metrics.set_aside != 1 {
                    let aside = metrics.set_aside;
                    return Err(format!("{missing:?} are missing, {aside} set aside"));
                }
            }
            _ if missing.is_empty() || told > 0 || self.may_be_old() => {}
            _ => return Err(format!("{missing:?} are missing, and nothing is told")),
        }
        Ok(told > 0)
    }

    fn are_right(&self, number: u64, found: &[ProviderRecord]) -> bool {
        let key = key(number).to_vec();
        let nobody: Vec<Whole> = Vec::new();
        let of = |contents: &Contents| {
            contents.providers.get(&key).unwrap_or(&nobody) == &in_order(found)
        };
        of(&self.file.closed.contents) || (self.may_be_old() && of(&self.file.closed.old))
    }

    /// Whether entries may be missing, or as they were before: where redb's own pages are damaged,
    /// and nobody checks them.
    fn may_be_old(&self) -> bool {
        !self.file.is_checked && !matches!(self.file.damage, Damage::RecordFlip(_))
    }
}
