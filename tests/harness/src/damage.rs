//! The file of a closed store is damaged: what is read is right, or a typed error.
//!
//! redb checks a page only when asked to. So a file that is checked on opening gives everything or
//! an error, and one that is not may miss records, but never has another in the place of one.

use std::sync::Arc;

use netabase_store::{
    EncodingDecodingError, NetabaseError, Result as StoreResult, Store, StoreError, StoreOptions,
    backends::{Backend, redb::RedbBackend},
};
use netabase_tests::Random;

use crate::{
    disk::Disk,
    harness::Harness,
    image::{Image, PAGE_BYTES},
    ledger::{
        Account, AccountCodeSecondaryKey, AccountGroupSecondaryKey, AccountPrimaryKey, Contents,
        LedgerDefinition, account,
    },
    outcome::{Tally, Violation, guarded},
    plant::Plant,
    planted::Planted,
};

/// How many damaged files are made of one.
pub const FILES: u64 = 40;

/// How many accounts a file has.
const ACCOUNTS: u64 = 80;

/// What is damaged at once at most.
const FLIPS_MAX: u64 = 8;

const SECTOR_BYTES: usize = 512;

/// Of how many times the accounts a walk may consist, which may go over some again before it is seen
/// that pages lead in a circle.
const WALK_TIMES_MAX: usize = 65;

type Ledger = Store<LedgerDefinition, Planted<RedbBackend>>;

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    Flips,
    HeaderFlip,
    /// A bit of the record of that number.
    RecordFlip(u64),
    ZeroPage,
    Truncation,
    Swap,
    OldPage,
    CopiedPage,
    Garbage,
}

/// Damages the file of that seed in many ways, and reads each.
///
/// # Errors
/// Fails with what was read and is not right.
pub fn run(seed: u64, plant: Option<Plant>) -> Result<Tally, Violation> {
    let damaged = |closed: &Closed, random: &mut Random| closed.damaged(random);
    many_files((Harness::Damage, seed), Closed::new, damaged, |file| {
        Reader { file, plant }.read().map(Some)
    })
}

/// A damaged file that is to be read.
pub(crate) struct File<'a, C> {
    /// What it was made of.
    pub(crate) closed: &'a C,
    pub(crate) image: &'a Image,
    pub(crate) damage: Damage,
    /// Whether it is checked on opening.
    pub(crate) is_checked: bool,
}

/// Damages the file of that seed in many ways, and has `read` read each, with a check and without; it
/// returns whether there was an error, or nothing where it leaves the file out.
pub(crate) fn many_files<C>(
    (harness, seed): (Harness, u64),
    close: impl FnOnce(u64) -> StoreResult<C>,
    damaged: impl Fn(&C, &mut Random) -> (Image, Damage),
    read: impl Fn(File<'_, C>) -> Result<Option<bool>, String>,
) -> Result<Tally, Violation> {
    let violation = |what| Violation {
        harness,
        seed,
        what,
        steps: Vec::new(),
    };
    let closed = close(seed).map_err(|error| violation(format!("{error:?}")))?;
    let mut tally = Tally::default();
    for number in 0..FILES {
        let mut random = Random::new(seed.wrapping_mul(FILES).wrapping_add(number));
        let (image, damage) = damaged(&closed, &mut random);
        for is_checked in [true, false] {
            let file = File {
                closed: &closed,
                image: &image,
                damage,
                is_checked,
            };
            let read = guarded(|| read(file)).map_err(|what| {
                violation(format!(
                    "{damage:?}, checked {is_checked}, file {number}: {what}"
                ))
            })?;
            if let Some(is_told) = read {
                tally.cases += 1;
                tally.count(if is_told { "told" } else { "read" }, 1);
            }
        }
    }
    Ok(tally)
}

/// A closed file, and what it held before its last commits.
struct Closed {
    now: Image,
    before: Image,
    contents: Contents,
    old: Contents,
}

impl Closed {
    fn new(seed: u64) -> StoreResult<Self> {
        let disk = Disk::default();
        let open = || disk.open::<LedgerDefinition>(&StoreOptions::new());
        let mut random = Random::new(seed);
        let store = open()?;
        let accounts = store.open_tree::<Account>();
        // More than stay, so that there are free pages.
        let sizes: Vec<_> = (0..ACCOUNTS * 2).map(|_| random.index(300)).collect();
        accounts.put_many((0..).zip(sizes).map(|(id, bytes)| account(id, 1, bytes)))?;
        drop((accounts, store));
        let (before, store) = (disk.image(), open()?);
        let old = Contents::records(&store)?;
        let accounts = store.open_tree::<Account>();
        accounts.remove_many(ACCOUNTS..ACCOUNTS * 2)?;
        for id in 0..random.below(ACCOUNTS) {
            accounts.update(id, |found| *found = account(id, 2, found.note.len()))?;
        }
        let contents = Contents::records(&store)?;
        drop((accounts, store));
        Ok(Self {
            now: disk.image(),
            before,
            contents,
            old,
        })
    }

    /// Returns a damaged file, and what was done.
    fn damaged(&self, random: &mut Random) -> (Image, Damage) {
        let mut image = self.now.clone();
        let flip = |image: &mut Image, random: &mut Random| self.flip_record(image, random);
        let damage = damage(&mut image, &self.before, random, flip);
        (image, damage)
    }

    /// Flips a bit of each place where the note of an account stands.
    fn flip_record(&self, image: &mut Image, random: &mut Random) -> Damage {
        let id = random.below(ACCOUNTS);
        let Some(account) = self.contents.accounts.get(&id) else {
            return Damage::Flips;
        };
        let note = account.note.as_bytes();
        let (inside, bit) = (random.index(note.len()), random.below(8));
        for page in image.used() {
            let bytes = image.page(page);
            let found = bytes.windows(note.len()).position(|part| part == note);
            if let Some(at) = found {
                image.flip(page * PAGE_BYTES + at + inside, bit);
            }
        }
        Damage::RecordFlip(id)
    }
}

/// Damages an image, of which `before` is an older state, in one way of many; `flip_record` is one of
/// them. Returns what was done.
pub(crate) fn damage(
    image: &mut Image,
    before: &Image,
    random: &mut Random,
    flip_record: impl FnOnce(&mut Image, &mut Random) -> Damage,
) -> Damage {
    let used = image.used();
    let page = pick(&used, random);
    let other = pick(&used, random);
    match random.below(11) {
        0 | 1 => {
            for _ in 0..=random.below(FLIPS_MAX) {
                let at = pick(&used, random) * PAGE_BYTES + random.index(PAGE_BYTES);
                image.flip(at, random.below(8));
            }
            Damage::Flips
        }
        2 => {
            image.flip(random.index(SECTOR_BYTES), random.below(8));
            Damage::HeaderFlip
        }
        3 | 4 => flip_record(image, random),
        5 => {
            image.write(page * PAGE_BYTES, &[0; PAGE_BYTES]);
            Damage::ZeroPage
        }
        6 => {
            image.resize(random.index(image.len()));
            Damage::Truncation
        }
        7 => {
            let (one, two) = (image.page(page), image.page(other));
            image.write(page * PAGE_BYTES, &two);
            image.write(other * PAGE_BYTES, &one);
            Damage::Swap
        }
        8 => {
            image.write(page * PAGE_BYTES, &before.page(page));
            Damage::OldPage
        }
        9 => {
            let copy = image.page(other);
            image.write(page * PAGE_BYTES, &copy);
            Damage::CopiedPage
        }
        _ => {
            let garbage: Vec<_> = (0..SECTOR_BYTES).map(|_| byte(random)).collect();
            let sector = random.index(PAGE_BYTES / SECTOR_BYTES);
            image.write(page * PAGE_BYTES + sector * SECTOR_BYTES, &garbage);
            Damage::Garbage
        }
    }
}

fn pick(used: &[usize], random: &mut Random) -> usize {
    used.get(random.index(used.len().max(1)))
        .copied()
        .unwrap_or_default()
}

fn byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).unwrap_or_default()
}

/// Reads a damaged file.
struct Reader<'a> {
    file: File<'a, Closed>,
    plant: Option<Plant>,
}

impl Reader<'_> {
    fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// Returns whether some damage was told; fails where something is wrong and nothing was told.
    fn read(&self) -> Result<bool, String> {
        let is_checked = self.file.is_checked && !self.has(Plant::CheckSkipped);
        let disk = Disk::of(self.file.image.clone());
        let engine = match disk.engine(is_checked) {
            Ok(engine) => Planted::new(engine, None),
            Err(error) => return tells_of_damage(&error).map(|()| true),
        };
        let held = engine.engine();
        match Ledger::with_backend(engine, &StoreOptions::new()) {
            Ok(store) => {
                let told = guarded(|| self.read_all(&store));
                drop(store);
                close(held, is_checked);
                told.map(|told| told > 0)
            }
            // The store has seen to it that this ends well.
            Err(error) => tells_of_damage(&error).map(|()| true),
        }
    }

    /// Reads every account in every way, and returns how many errors told of damage.
    fn read_all(&self, store: &Ledger) -> Result<u64, String> {
        let accounts = store.open_tree::<Account>();
        let by_group = accounts.index::<AccountGroupSecondaryKey>().iter();
        let by_code = accounts.index::<AccountCodeSecondaryKey>();
        let mut told = self.walk("records", accounts.iter())?;
        told += self.walk("the index of groups", by_group)?;
        for (id, right) in &self.file.closed.contents.accounts {
            told += self.judge(*id, self.get(store, *id))?;
            told += self.judge(*id, by_code.first(right.code.clone()))?;
        }
        Ok(told)
    }

    /// Walks to the end or to an error; a walk without an error has every account.
    fn walk(
        &self,
        name: &str,
        rows: impl Iterator<Item = StoreResult<(AccountPrimaryKey, Account)>>,
    ) -> Result<u64, String> {
        let all = self.file.closed.contents.accounts.len();
        let (mut found, mut told) = (0, 0);
        for row in rows {
            match row {
                Ok((AccountPrimaryKey(id), account)) => {
                    self.judge(id, Ok(Some(account)))?;
                    found += 1;
                }
                Err(error) => {
                    tells_of_damage(&error)?;
                    told += u64::from(!self.has(Plant::DamageIsSkipped));
                }
            }
            if found > all * WALK_TIMES_MAX {
                return Err(format!("a walk over {name} does not end"));
            }
        }
        if found < all && told == 0 && !self.may_miss() {
            return Err(format!(
                "a walk over {name} has {found} of {all}, and no error"
            ));
        }
        Ok(told)
    }

    /// Gets a record, with the bugs that a program could have that does.
    fn get(&self, store: &Ledger, id: u64) -> StoreResult<Option<Account>> {
        let accounts = store.open_tree::<Account>();
        match (accounts.get(id), self.plant) {
            (Err(_), Some(Plant::DamageIsAbsent)) => Ok(None),
            (Err(_), Some(Plant::NeighbourReturned)) => accounts.get((id + 1) % ACCOUNTS),
            (Err(_), Some(Plant::OldRecordReturned)) => Ok(Some(account(id, 0, 0))),
            (Err(error), Some(Plant::PanicOnDamage)) => panic!("planted: {error}"),
            (found, _) => found,
        }
    }

    /// Whether records may be missing, or as they were before: where redb's own pages are damaged,
    /// and nobody checks them.
    fn may_miss(&self) -> bool {
        !self.file.is_checked && !matches!(self.file.damage, Damage::RecordFlip(_))
    }

    /// Fails unless the record is the one that stands under the key, or the error a typed one;
    /// returns how many errors it is.
    fn judge(&self, id: u64, record: StoreResult<Option<Account>>) -> Result<u64, String> {
        match record {
            Ok(Some(record)) if self.is_right(id, &record) => Ok(0),
            Ok(Some(record)) => Err(format!("{id} is {record:?}")),
            Ok(None) if self.may_miss() => Ok(0),
            Ok(None) => Err(format!("{id} is absent, and no error")),
            Err(error) => tells_of_damage(&error).map(|()| 1),
        }
    }

    /// What an old page holds was right once; only a check of all pages can tell.
    fn is_right(&self, id: u64, record: &Account) -> bool {
        let is_old = || self.file.closed.old.accounts.get(&id) == Some(record);
        // Pages that are free now hold what was there, and swaps and copies may bring it back.
        self.file.closed.contents.accounts.get(&id) == Some(record) || (self.may_miss() && is_old())
    }
}

/// Closes a file; one that was not checked without a last commit.
///
/// Otherwise redb commits once more, which reads pages of its own that nobody else has. One flip in
/// some thousands has it panic there, and again while it unwinds, which ends the process. A check on
/// opening finds such a page before.
pub(crate) fn close(engine: Arc<RedbBackend>, is_checked: bool) {
    if !is_checked {
        engine.doubt();
    }
    drop(engine);
}

/// Fails unless the error says that something is damaged, or that a damaged file is none of ours.
pub(crate) fn tells_of_damage(error: &NetabaseError) -> Result<(), String> {
    let is_told = match error {
        NetabaseError::Encoding(error) => {
            !matches!(error, EncodingDecodingError::BincodeEncode { .. })
        }
        NetabaseError::StoreError(error) => !matches!(
            error,
            StoreError::Full { .. } | StoreError::Locked { .. } | StoreError::WouldDeadlock
        ),
        error => matches!(error, NetabaseError::Redb(_)),
    };
    if is_told {
        Ok(())
    } else {
        Err(format!("damage is told as {error:?}"))
    }
}
