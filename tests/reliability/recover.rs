//! Damaged redb files are recovered: no record comes back that was never written, none is lost
//! without being missed, and what is told to be whole is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use netabase_store::{
    Description, NetabaseDefinitionTrait, RawStore, Recovery, RedbStore, Result, SledStore,
    StoreError,
    backends::{redb::RedbBackend, sled::SledBackend},
};
use netabase_tests::{
    Customer, Order, Random, Setting, ShopDefinition, assert_sound, cases, customer, order,
    refusal, setting,
};
use tempfile::TempDir;

const PAGE: usize = 4096;

/// Everything in a store, by its model and key, as text.
type Rows = BTreeMap<String, String>;

/// A closed file, the same file some commits earlier, what it holds, and all that it ever held.
struct Closed {
    folder: TempDir,
    bytes: Vec<u8>,
    earlier: Vec<u8>,
    rows: Rows,
    /// What it held after the last two commits of the earlier file.
    before: [Rows; 2],
    ever: BTreeSet<(String, String)>,
}

fn rows(store: &RedbStore<ShopDefinition>) -> Result<Rows> {
    let mut rows = Rows::new();
    for found in store.open_tree::<Customer>().iter() {
        let (key, found) = found?;
        rows.insert(format!("{key:?}"), format!("{found:?}"));
    }
    for found in store.open_tree::<Order>().iter() {
        let (key, found) = found?;
        rows.insert(format!("{key:?}"), format!("{found:?}"));
    }
    for found in store.open_tree::<Setting>().iter() {
        let (key, found) = found?;
        rows.insert(format!("{key:?}"), format!("{found:?}"));
    }
    Ok(rows)
}

impl Closed {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store");
        let store = RedbStore::<ShopDefinition>::new(&path)?;
        let customers = store.open_tree::<Customer>();
        let mut ever = BTreeSet::new();
        let mut note = |store: &_| -> Result<Rows> {
            let rows = rows(store)?;
            ever.extend(rows.clone());
            Ok(rows)
        };
        customers.put_many((0..150).map(customer))?;
        store
            .open_tree::<Order>()
            .put_many((0..40).map(|number| order(7, number)))?;
        note(&store)?;
        let large = Setting {
            name: "large".to_owned(),
            value: vec![b'v'; 20_000],
        };
        store
            .open_tree::<Setting>()
            .put_many([setting("small"), large, setting("last")])?;
        note(&store)?;
        customers.remove_many(30..60)?;
        // Two swap their unique value, by way of a third.
        let email = |id: u64, email: &str| customers.update(id, |it| it.email = email.to_owned());
        email(1, "swap")?;
        note(&store)?;
        email(2, "c1@example.org")?;
        let swapped = note(&store)?;
        email(1, "c2@example.org")?;
        let before = [swapped, note(&store)?];
        let earlier = fs::read(&path).expect("the file can be read");
        for id in [5, 70, 120] {
            customers.update(id, |it| it.note = format!("second note of {id}"))?;
            note(&store)?;
        }
        customers.remove_many(140..150)?;
        let rows = note(&store)?;
        drop((customers, store));
        let bytes = fs::read(&path).expect("the file can be read");
        Ok(Self {
            folder,
            bytes,
            earlier,
            rows,
            before,
            ever,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The offsets of the pages that are not empty, but the first, which is the header.
    fn pages(&self) -> Vec<usize> {
        let pages = self.bytes.chunks(PAGE).enumerate().skip(1);
        let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
        used.map(|(page, _)| page * PAGE).collect()
    }

    /// The offsets of pages of zeros.
    fn empty_pages(&self) -> Vec<usize> {
        let pages = self.bytes.chunks(PAGE).enumerate();
        let empty = pages.filter(|(_, page)| page.iter().all(|byte| *byte == 0));
        empty.map(|(page, _)| page * PAGE).collect()
    }

    /// Recovers a damaged copy, and holds what was found against what there was.
    fn recover(&self, what: &str, bytes: &[u8]) -> Result<(Recovery, Rows)> {
        let (recovery, found) = self.recover_any(what, bytes)?;
        if recovery.is_whole() {
            assert!(found == self.rows, "{what}: not whole: {recovery:?}");
        }
        // Doubtful records are told: all others are right.
        let wrong = found
            .iter()
            .filter(|(key, row)| self.rows.get(*key) != Some(row));
        let uncertain: u64 = recovery.models.iter().map(|model| model.uncertain).sum();
        assert!(wrong.count() as u64 <= uncertain, "{what}: {recovery:?}");
        Ok((recovery, found))
    }

    /// Recovers a damaged copy, and holds what was found against all that there ever was.
    fn recover_any(&self, what: &str, bytes: &[u8]) -> Result<(Recovery, Rows)> {
        let (from, to) = (self.path("damaged"), self.path("recovered"));
        fs::write(&from, bytes).expect("room for a copy");
        let recovery = RedbStore::<ShopDefinition>::recover(&from, &to)?;
        assert!(
            fs::read(&from).expect("it is there") == bytes,
            "{what}: the damaged file was written to"
        );
        let store = RedbStore::<ShopDefinition>::open(&to)?;
        let found = rows(&store)?;
        assert_sound(&store);
        drop(store);
        fs::remove_file(&to).expect("it was there");
        for row in &found {
            let row = (row.0.clone(), row.1.clone());
            assert!(self.ever.contains(&row), "{what}: never written: {row:?}");
        }
        assert_eq!(recovery.records(), found.len() as u64, "{what}");
        Ok((recovery, found))
    }

    /// Returns how many records are not as they were.
    fn missing(&self, found: &Rows) -> usize {
        let all = self.rows.iter();
        all.filter(|(key, row)| found.get(*key) != Some(row))
            .count()
    }
}

fn ambiguous(recovery: &Recovery) -> usize {
    let ambiguous = recovery.models.iter().map(|model| model.ambiguous);
    usize::try_from(ambiguous.sum::<u64>()).expect("a few")
}

#[test]
fn a_sound_file_is_recovered_whole() -> Result<()> {
    let file = Closed::new()?;
    let (recovery, found) = file.recover("sound", &file.bytes)?;
    assert!(recovery.is_whole(), "{recovery:?}");
    assert_eq!(recovery.description, Description::Found);
    assert!(found == file.rows);
    let customers = &recovery.models[0];
    assert_eq!(
        (
            customers.name.as_str(),
            customers.expected,
            customers.lost()
        ),
        ("Customer", Some(110), Some(0))
    );
    Ok(())
}

#[test]
fn a_flipped_bit_in_a_page_costs_no_more_than_the_pairs_that_it_hits() -> Result<()> {
    let file = Closed::new()?;
    let mut told = 0;
    for (number, page) in file.pages().into_iter().enumerate() {
        let mut random = Random::new(number as u64);
        for _ in 0..cases(1) {
            let mut bytes = file.bytes.clone();
            let at = page + random.index(PAGE);
            bytes[at] ^= 1 << random.below(8);
            let (recovery, found) = file.recover(&format!("bit at {at}"), &bytes)?;
            assert!(
                file.missing(&found) <= 2 + ambiguous(&recovery),
                "bit at {at}: {recovery:?}"
            );
            told += usize::from(!recovery.is_whole());
        }
    }
    assert!(told > 0);
    Ok(())
}

#[test]
fn a_flipped_bit_in_the_head_of_a_page_costs_no_more_than_two_pairs() -> Result<()> {
    let file = Closed::new()?;
    for (number, page) in file.pages().into_iter().enumerate() {
        // The kind, the number of pairs, or the first end of a key.
        let at = page + [0, 2, 3, 4][number % 4];
        let mut bytes = file.bytes.clone();
        bytes[at] ^= 4;
        let (recovery, found) = file.recover(&format!("bit at {at}"), &bytes)?;
        assert!(
            file.missing(&found) <= 2 + ambiguous(&recovery),
            "bit at {at}: {recovery:?}"
        );
    }
    Ok(())
}

#[test]
fn flipped_bits_in_the_header_cost_nothing() -> Result<()> {
    let file = Closed::new()?;
    for at in (0..24)
        .chain([64, 65, 72, 80, 104, 170])
        .chain([192, 200, 232, 300])
    {
        let mut bytes = file.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let (recovery, found) = file.recover(&format!("bit at {at}"), &bytes)?;
        assert!(file.missing(&found) == 0, "{at}: {recovery:?}");
    }
    Ok(())
}

#[test]
fn a_page_of_zeros_costs_no_record_of_another_page() -> Result<()> {
    let file = Closed::new()?;
    let (mut told, mut most) = (0, 0);
    for page in file.pages() {
        let mut bytes = file.bytes.clone();
        bytes[page..page + PAGE].fill(0);
        let (recovery, found) = file.recover(&format!("zeros at {page}"), &bytes)?;
        most = most.max(file.missing(&found));
        told += usize::from(!recovery.is_whole());
    }
    // A page holds some forty customers.
    assert!(
        told > 0 && most > 0 && most < 60,
        "{told} told, {most} lost"
    );
    Ok(())
}

#[test]
fn pages_in_each_others_place_are_recovered_by_what_they_hold() -> Result<()> {
    let file = Closed::new()?;
    let pages = file.pages();
    for (number, first) in pages.iter().enumerate() {
        let second = pages[(number * 7 + 3) % pages.len()];
        let mut bytes = file.bytes.clone();
        bytes[*first..first + PAGE].copy_from_slice(&file.bytes[second..second + PAGE]);
        bytes[second..second + PAGE].copy_from_slice(&file.bytes[*first..first + PAGE]);
        file.recover(&format!("{first} and {second}"), &bytes)?;
    }
    Ok(())
}

#[test]
fn an_old_page_is_never_taken_for_a_new_one() -> Result<()> {
    let file = Closed::new()?;
    for page in file.pages() {
        let Some(old) = file.earlier.get(page..page + PAGE) else {
            continue;
        };
        let mut bytes = file.bytes.clone();
        bytes[page..page + PAGE].copy_from_slice(old);
        file.recover(&format!("old page at {page}"), &bytes)?;
    }
    Ok(())
}

/// The offsets of pages in which a text stands.
fn pages_with(bytes: &[u8], text: &str) -> Vec<usize> {
    let pages = bytes.chunks_exact(PAGE).enumerate();
    let found = pages.filter(|(_, page)| page.windows(text.len()).any(|it| it == text.as_bytes()));
    found.map(|(page, _)| page * PAGE).collect()
}

#[test]
fn an_earlier_leaf_in_the_place_of_a_later_one_is_uncertain() -> Result<()> {
    let file = Closed::new()?;
    let mut older = 0;
    for page in pages_with(&file.bytes, "second note of 70") {
        for old in pages_with(&file.earlier, "note of 70") {
            let mut bytes = file.bytes.clone();
            bytes[page..page + PAGE].copy_from_slice(&file.earlier[old..old + PAGE]);
            let (recovery, found) = file.recover(&format!("{old} at {page}"), &bytes)?;
            older += usize::from(file.missing(&found) > 0 && !recovery.is_whole());
        }
    }
    assert!(older > 0);
    Ok(())
}

#[test]
fn a_file_that_ends_early_is_recovered_as_far_as_it_goes() -> Result<()> {
    let file = Closed::new()?;
    let used = file.pages().last().copied().expect("pages") + PAGE;
    let mut told = 0;
    for end in (0..20)
        .map(|part| used * part / 20)
        .chain([1, 9, 100, 320, PAGE - 1])
    {
        let (recovery, _) = file.recover(&format!("{end} bytes"), &file.bytes[..end])?;
        told += usize::from(!recovery.is_whole());
    }
    assert!(told > 10, "{told}");
    Ok(())
}

#[test]
fn damage_in_free_space_alone_loses_nothing_and_brings_nothing_back() -> Result<()> {
    let file = Closed::new()?;
    let free = file.empty_pages();
    let mut bytes = file.bytes.clone();
    let mut random = Random::new(1);
    // Old leaves, with records that were removed or changed since, and noise.
    let leaves = file.earlier.chunks_exact(PAGE).filter(|page| page[0] == 1);
    let mut leaves = leaves.cycle();
    for page in &free {
        if random.one_in(2) {
            bytes[*page..page + PAGE].copy_from_slice(leaves.next().expect("leaves"));
        } else {
            bytes[*page..page + PAGE].fill_with(|| random.below(256).try_into().unwrap_or(0));
        }
    }
    let (recovery, found) = file.recover("free space", &bytes)?;
    assert!(free.len() > 10 && recovery.is_whole(), "{recovery:?}");
    assert!(found == file.rows);
    Ok(())
}

#[test]
fn a_file_without_its_header_gives_every_key_that_was_not_removed() -> Result<()> {
    let file = Closed::new()?;
    let mut bytes = file.bytes.clone();
    bytes[..PAGE].fill(0);
    let (recovery, found) = file.recover("no header", &bytes)?;
    assert!(
        file.rows.keys().all(|key| found.contains_key(key)),
        "{recovery:?}"
    );
    assert!(!recovery.is_whole() && recovery.is_older);
    assert!(recovery.models.iter().any(|model| model.ambiguous > 0));
    Ok(())
}

#[test]
fn a_file_of_another_version_is_recovered_by_what_its_pages_hold() -> Result<()> {
    let file = Closed::new()?;
    let mut bytes = file.bytes.clone();
    for slot in [64, 192] {
        bytes[slot] = 9;
    }
    let (recovery, found) = file.recover("version 9", &bytes)?;
    assert!(!recovery.is_whole());
    assert!(file.rows.keys().all(|key| found.contains_key(key)));
    Ok(())
}

fn recover_raw(from: &Path, to: &Path) -> Result<Recovery> {
    RawStore::<RedbBackend>::recover(from, to, None)
}

#[test]
fn a_description_that_is_lost_is_asked_for() -> Result<()> {
    let file = Closed::new()?;
    let (from, to) = (file.path("damaged"), file.path("recovered"));
    let schema = ShopDefinition::schema();
    for bytes in [
        &b""[..],
        b"no store at all",
        &[0xFF; 3 * PAGE],
        &[1; 3 * PAGE],
    ] {
        fs::write(&from, bytes).expect("room for a file");
        let refused = refusal(recover_raw(&from, &to));
        assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
        assert!(!to.exists() && !file.path("recovered.partial").exists());
        let recovery = RawStore::<RedbBackend>::recover(&from, &to, Some(&schema))?;
        assert_eq!((recovery.records(), recovery.is_whole()), (0, false));
        assert_eq!(recovery.description, Description::Given);
        fs::remove_file(&to).expect("it was there");
    }
    // Its own description is what a store without types is read by.
    let recovery = recover_raw(&file.path("store"), &to)?;
    assert!(recovery.is_whole());
    let store = RawStore::<RedbBackend>::open(&to, &netabase_store::StoreOptions::new())?;
    assert_eq!(*store.schema(), schema);
    assert!(!store.pending_rebuilds().is_empty());
    Ok(())
}

#[test]
fn what_cannot_be_recovered_is_refused_and_leaves_nothing() -> Result<()> {
    let file = Closed::new()?;
    let (from, to) = (file.path("store"), file.path("recovered"));
    let refused = refusal(recover_raw(&file.path("nothing"), &to));
    assert!(matches!(refused, StoreError::NotFound { .. }), "{refused}");
    let refused = refusal(recover_raw(file.folder.path(), &to));
    assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
    let refused = refusal(RawStore::<SledBackend>::recover(&from, &to, None));
    assert!(
        matches!(refused, StoreError::Unsupported { .. }),
        "{refused}"
    );
    let refused = refusal(SledStore::<ShopDefinition>::recover(&from, &to));
    assert!(
        matches!(refused, StoreError::Unsupported { .. }),
        "{refused}"
    );
    // The place is taken, by another file and by the damaged one itself.
    fs::write(&to, "mine").expect("room for a file");
    for place in [&to, &from] {
        let refused = refusal(recover_raw(&from, place));
        assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
    }
    assert_eq!(fs::read(&to).expect("it is there"), b"mine");
    fs::remove_file(&to).expect("it was there");
    let partial = file.path("recovered.partial");
    fs::copy(&from, &partial).expect("room for a copy");
    let refused = refusal(recover_raw(&partial, &to));
    assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
    assert!(fs::read(&partial).expect("it is there") == file.bytes);
    fs::remove_file(&partial).expect("it was there");
    let open = RedbStore::<ShopDefinition>::open(&from)?;
    let refused = recover_raw(&from, &to).expect_err("the store is open");
    assert!(refused.is_locked(), "{refused}");
    drop(open);
    assert!(!to.exists() && fs::read(&from).expect("it is there").len() == file.bytes.len());
    Ok(())
}

#[test]
fn a_store_of_a_later_version_is_not_recovered() -> Result<()> {
    let file = Closed::new()?;
    let (from, to) = (file.path("store"), file.path("recovered"));
    let database = redb::Database::open(&from).expect("the file is sound");
    let txn = database.begin_write().expect("nobody else writes");
    let meta = redb::TableDefinition::<&[u8], &[u8]>::new("__netabase_meta__");
    txn.open_table(meta)
        .expect("the description")
        .insert(&b"format"[..], &b"netabase\x00\x00\x00\x09"[..])
        .expect("room for a row");
    txn.commit().expect("room on the disk");
    drop(database);
    let error = recover_raw(&from, &to).expect_err("the format is newer");
    assert!(error.is_newer_format() && !to.exists(), "{error}");
    Ok(())
}

/// The page may be one that a lost write would have filled: redb takes the commit before then, too.
#[test]
fn a_commit_of_which_a_page_is_lost_gives_way_to_a_whole_one_where_the_file_was_not_closed()
-> Result<()> {
    let file = Closed::new()?;
    let (mut last, mut before) = (0, 0);
    for page in (PAGE..file.earlier.len()).step_by(PAGE) {
        let mut bytes = file.earlier.clone();
        if bytes[page..page + PAGE].iter().all(|byte| *byte == 0) {
            continue;
        }
        bytes[page..page + PAGE].fill(0);
        let (recovery, found) = file.recover_any(&format!("zeros at {page}"), &bytes)?;
        if recovery.is_whole() {
            assert!(file.before.contains(&found), "zeros at {page}");
            last += usize::from(found == file.before[1]);
            before += usize::from(found == file.before[0]);
        }
    }
    assert!(last > 0 && before > 0, "{last} and {before}");
    Ok(())
}
