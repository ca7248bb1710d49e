//! Rows of a damaged redb file, found without redb, which panics over such files or reads them wrong.
//!
//! The trees of the last commit are walked by their checksums. What stands in whole pages of them is
//! certain. Below a page that is damaged, keys are missing: for those, rows are taken from the
//! damaged page, then from the commit before, then from any page of the file, in so far as they
//! prove themselves. Keys outside such gaps are known to be there or not, so no removed row returns.

use std::{collections::BTreeMap, fs::File, path::Path};

use super::{
    ahead,
    found::{Candidates, Gap, Gaps, Source},
    pages::{
        Head, LEAF, Leaf, PAGE, PAGE_BYTES, PageFile, Pair, Place, Root, Slot, children, u64_at,
    },
};
use crate::{
    backends::{FoundRow, Losses, TableLosses, Take, Wanted, Wreck},
    error::Result,
};

/// How deep trees may be; redb's own bound.
const DEPTH_MAX: u32 = 128;

/// A damaged redb file.
#[derive(Debug)]
pub(super) struct Damaged {
    file: PageFile,
    head: Head,
    /// Another handle of the file, to have it read ahead.
    ahead: Option<File>,
}

/// A table of a commit.
#[derive(Debug, Clone, Copy)]
struct Table {
    root: Option<Root>,
    rows: u64,
}

/// The tables of a commit.
#[derive(Debug, Default)]
struct Tables {
    /// Those of whole pages, by name.
    named: BTreeMap<Vec<u8>, Table>,
    /// The names of which it is not known whether they are there.
    gaps: Gaps,
    /// The roots that damaged pages name, of tables whose names may be damaged too.
    loose: Vec<Root>,
}

/// A page that is yet to be walked.
#[derive(Debug)]
struct Step {
    root: Root,
    keys: Gap,
    is_certain: bool,
    depth: u32,
}

/// What a walk comes upon, in the order of the keys as far as that is certain.
enum Event<'p> {
    /// A pair of a whole page, in its place, and its offset in the file.
    Certain(Pair<'p>),
    /// A pair of another page, and where its value lies in the file.
    Doubtful(Pair<'p>, u64),
    /// A pair of a whole page that is not in its place.
    Misplaced,
    /// A page of the tree that cannot be read, and the keys below it.
    Unreadable(Gap),
}

/// Returns whether a pair proves itself.
type Proves<'a> = dyn Fn(&[u8], &[u8]) -> bool + 'a;
type Hear<'a> = dyn FnMut(Event<'_>) -> Result<()> + 'a;

/// The pages that were walked, by where they lie.
type Walked = BTreeMap<u64, Page>;

#[derive(Debug, Clone, Copy)]
struct Page {
    /// How long it is; of a damaged one, no more than the shortest.
    bytes: u64,
    /// Whether the last commit has it for certain.
    is_certain: bool,
}

impl Damaged {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut file = PageFile::open(path)?;
        let head = file.head();
        let ahead = File::open(path).ok();
        Ok(Self { file, head, ahead })
    }

    /// Walks a tree; `proves` picks the rows of pages that do not prove themselves.
    fn walk(
        &mut self,
        (root, is_certain): (Root, bool),
        walked: &mut Walked,
        proves: &Proves<'_>,
        event: &mut Hear<'_>,
    ) -> Result<()> {
        let mut steps = vec![Step {
            root,
            keys: (None, None),
            is_certain,
            depth: 0,
        }];
        let (mut page, mut last) = (Vec::new(), None);
        while let Some(step) = steps.pop() {
            let place = self.file.place(step.root.page);
            // What a damaged page names may be a page of another tree, which comes to it later.
            let is_done = |page: &Page| page.is_certain || !step.is_certain;
            let place = place.filter(|place| !walked.get(&place.at).is_some_and(is_done));
            let (Some(place), true) = (place, step.depth < DEPTH_MAX) else {
                if step.is_certain {
                    event(Event::Unreadable(step.keys))?;
                }
                continue;
            };
            let is_whole = self.file.load(place, step.root.checksum, &mut page);
            let page_walked = Page {
                bytes: if is_whole { place.bytes } else { PAGE },
                is_certain: step.is_certain,
            };
            walked.insert(place.at, page_walked);
            if !is_whole {
                let depth = step.depth + 1;
                if step.is_certain {
                    event(Event::Unreadable(step.keys))?;
                }
                let below = self.damaged(place, &mut page, proves, event)?;
                steps.extend(below.into_iter().rev().map(|root| Step {
                    root,
                    keys: (None, None),
                    is_certain: false,
                    depth,
                }));
            } else if let Some(below) = children(&page) {
                let first = steps.len();
                let mut after = step.keys.0;
                for child in below {
                    let upto = child
                        .last
                        .map(<[u8]>::to_vec)
                        .or_else(|| step.keys.1.clone());
                    steps.push(Step {
                        root: child.root,
                        keys: (after, upto.clone()),
                        is_certain: step.is_certain,
                        depth: step.depth + 1,
                    });
                    after = upto;
                }
                steps.get_mut(first..).unwrap_or_default().reverse();
            } else {
                for pair in Leaf::new(&page).into_iter().flat_map(Leaf::pairs) {
                    if !step.is_certain {
                        event(Event::Doubtful(pair, value_at(place, &pair)))?;
                    } else if is_in_order(&step.keys, last.as_deref(), pair.key) {
                        last = Some(pair.key.to_vec());
                        event(Event::Certain(pair))?;
                    } else {
                        event(Event::Misplaced)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes what proves itself from a page that is damaged; else takes it for a branch, and returns
    /// its children.
    fn damaged(
        &mut self,
        place: Place,
        page: &mut Vec<u8>,
        proves: &Proves<'_>,
        event: &mut Hear<'_>,
    ) -> Result<Vec<Root>> {
        if !self.file.load_damaged(place, page) {
            return Ok(Vec::new());
        }
        let mut has_rows = false;
        for pair in proven(page, proves) {
            has_rows = true;
            event(Event::Doubtful(pair, value_at(place, &pair)))?;
        }
        let below = children(page).filter(|_| !has_rows);
        Ok(below
            .into_iter()
            .flatten()
            .map(|child| child.root)
            .collect())
    }

    /// Reads which tables a commit has, and counts the pages of that which cannot be read.
    fn tables(&mut self, slot: Option<Slot>, walked: &mut Walked) -> Result<(Tables, u64)> {
        let (mut tables, mut pages) = (Tables::default(), 0);
        let Some(slot) = slot else {
            tables.gaps.push((None, None));
            return Ok((tables, 1));
        };
        let Some(root) = slot.tables else {
            return Ok((tables, 0));
        };
        let is_table = |_: &[u8], value: &[u8]| table(value).is_some();
        self.walk((root, true), walked, &is_table, &mut |event| {
            match event {
                Event::Certain(pair) => {
                    if let Some(table) = table(pair.value) {
                        tables.named.insert(pair.key.to_vec(), table);
                    }
                }
                Event::Doubtful(pair, _) => {
                    let root = table(pair.value).and_then(|table| table.root);
                    tables.loose.extend(root);
                }
                Event::Misplaced => {}
                Event::Unreadable(names) => {
                    pages += 1;
                    tables.gaps.push(names);
                }
            }
            Ok(())
        })?;
        Ok((tables, pages))
    }

    /// Returns how many pages of a commit's tables cannot be read.
    fn pages_lost(&mut self, slot: Slot, wanted: &Wanted<'_>) -> Result<u64> {
        let mut walked = Walked::new();
        let (tables, mut lost) = self.tables(Some(slot), &mut walked)?;
        for name in wanted.tables {
            let root = tables.named.get(name.as_bytes()).and_then(|it| it.root);
            let Some(root) = root else { continue };
            self.walk((root, true), &mut walked, &|_, _| false, &mut |event| {
                lost += u64::from(matches!(event, Event::Unreadable(_)));
                Ok(())
            })?;
        }
        Ok(lost)
    }

    /// Returns the commits to read, the one to believe first.
    ///
    /// A file that was not closed may name a commit of which not all pages were written. Then the one
    /// before is the last, as it is for redb, if it is whole.
    fn commits(&mut self, wanted: &Wanted<'_>) -> Result<Vec<Slot>> {
        let mut slots = self.head.slots.clone();
        if let ([newest, older], true) = (slots.as_slice(), self.head.is_unclean) {
            let (newest, older) = (*newest, *older);
            if self.pages_lost(newest, wanted)? > 0 && self.pages_lost(older, wanted)? == 0 {
                slots.reverse();
            }
        }
        Ok(slots)
    }

    /// Looks for what is missing in leaves anywhere in the file, but in pages that were walked.
    fn scan(&mut self, walked: &Walked, missing: &mut Missing<'_>) {
        let wanted = missing.wanted;
        let proves = |key: &[u8], value: &[u8]| is_row(wanted, key, value);
        let (mut at, mut page) = (PAGE, Vec::new());
        while at < self.file.len() {
            if let Some(page) = walked.get(&at) {
                at += page.bytes;
                continue;
            }
            let place = Place { at, bytes: PAGE };
            at += PAGE;
            if !self.load_leaf(place.at, &mut page) {
                continue;
            }
            let pairs = proven(&page, &proves);
            if !pairs.is_empty() {
                // What lies inside of it is no page.
                let pages = u64::try_from(page.len()).unwrap_or(0).div_ceil(PAGE);
                at = place.at + pages.max(1) * PAGE;
            }
            for pair in pairs {
                missing.offer(&pair, Source::Anywhere, value_at(place, &pair));
            }
        }
    }

    /// Reads a page as far as it is filled, if it can be a leaf.
    fn load_leaf(&mut self, at: u64, page: &mut Vec<u8>) -> bool {
        let longest = self.file.longest_at(at);
        let longest = usize::try_from(longest).unwrap_or(usize::MAX);
        if !self.file.read_on(at, PAGE_BYTES.min(longest), page) || page.first() != Some(&LEAF) {
            return false;
        }
        let ends = Leaf::new(page).map_or(0, |leaf| leaf.ends());
        if ends > page.len() && (ends > longest || !self.file.read_on(at, ends, page)) {
            return false;
        }
        match Leaf::new(page).and_then(|leaf| leaf.end()) {
            Some(end) if end > page.len() && end <= longest => self.file.read_on(at, end, page),
            _ => true,
        }
    }
}

impl Wreck for Damaged {
    fn rows(&mut self, wanted: &Wanted<'_>, take: &mut Take<'_>) -> Result<Losses> {
        let mut file = self.ahead.take();
        let losses = ahead::while_read(file.as_mut(), || self.find(wanted, take));
        self.ahead = file;
        losses
    }
}

impl Damaged {
    fn find(&mut self, wanted: &Wanted<'_>, take: &mut Take<'_>) -> Result<Losses> {
        let commits = self.commits(wanted)?;
        let mut walked = Walked::new();
        let (tables, pages) = self.tables(commits.first().copied(), &mut walked)?;
        let mut losses = Losses {
            pages,
            is_older: self.head.is_older,
            others: others(&tables, wanted),
            ..Losses::default()
        };
        let (mut gaps, mut candidates) = (Vec::new(), Candidates::default());
        for (number, name) in wanted.tables.iter().enumerate() {
            let proves = |key: &[u8], value: &[u8]| (wanted.proves)(number, key, value);
            let (mut lost, mut missing) = (TableLosses::default(), Gaps::default());
            let table = tables.named.get(name.as_bytes());
            if table.is_some() || !tables.gaps.contains(name.as_bytes()) {
                lost.expected = Some(table.map_or(0, |table| table.rows));
            } else {
                missing.push((None, None));
            }
            if let Some(root) = table.and_then(|table| table.root) {
                self.walk((root, true), &mut walked, &proves, &mut |event| {
                    match event {
                        Event::Certain(Pair { key, value, .. }) if proves(key, value) => {
                            take(FoundRow {
                                table: number,
                                key,
                                value,
                                is_certain: true,
                                is_ambiguous: false,
                            })?;
                        }
                        Event::Certain(_) | Event::Misplaced => lost.refused += 1,
                        Event::Doubtful(Pair { key, value, .. }, at) => {
                            if proves(key, value) {
                                candidates.offer(number, (key, value), Source::Damaged, at);
                            }
                        }
                        Event::Unreadable(keys) => {
                            losses.pages += 1;
                            missing.push(keys);
                        }
                    }
                    Ok(())
                })?;
            }
            losses.tables.push(lost);
            gaps.push(missing);
        }
        if gaps.iter().all(Gaps::is_empty) {
            return Ok(losses);
        }
        candidates.retain(&gaps);
        let mut missing = Missing {
            wanted,
            gaps,
            candidates,
        };
        self.loose(&tables.loose, Source::Damaged, &mut walked, &mut missing)?;
        for slot in commits.iter().skip(1) {
            let (tables, _) = self.tables(Some(*slot), &mut walked)?;
            let named = wanted.tables.iter().filter_map(|name| {
                let table = tables.named.get(name.as_bytes())?;
                table.root
            });
            let roots: Vec<_> = named.chain(tables.loose).collect();
            self.loose(&roots, Source::Older, &mut walked, &mut missing)?;
        }
        self.scan(&walked, &mut missing);
        missing.candidates.take(&mut self.file, wanted, take)?;
        Ok(losses)
    }
}

/// What is missing, and what may fill it.
struct Missing<'a> {
    wanted: &'a Wanted<'a>,
    gaps: Vec<Gaps>,
    candidates: Candidates,
}

impl Missing<'_> {
    /// Takes a pair where it is a row whose key is missing.
    fn offer(&mut self, pair: &Pair<'_>, source: Source, at: u64) {
        for (table, gaps) in self.gaps.iter().enumerate() {
            if gaps.contains(pair.key) && (self.wanted.proves)(table, pair.key, pair.value) {
                self.candidates
                    .offer(table, (pair.key, pair.value), source, at);
            }
        }
    }
}

impl Damaged {
    /// Looks for what is missing below roots whose tables are not known, or not of the last commit.
    fn loose(
        &mut self,
        roots: &[Root],
        source: Source,
        walked: &mut Walked,
        missing: &mut Missing<'_>,
    ) -> Result<()> {
        let wanted = missing.wanted;
        let proves = |key: &[u8], value: &[u8]| is_row(wanted, key, value);
        for root in roots {
            self.walk((*root, false), walked, &proves, &mut |event| {
                if let Event::Doubtful(pair, at) = event {
                    missing.offer(&pair, source, at);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Returns the pairs of a page that prove themselves, whatever number of pairs the page has.
fn proven<'p>(page: &'p [u8], proves: &Proves<'_>) -> Vec<Pair<'p>> {
    let proven = |leaf: Leaf<'p>| {
        let pairs = leaf.pairs().filter(|pair| proves(pair.key, pair.value));
        pairs.collect::<Vec<_>>()
    };
    let pairs = Leaf::new(page).map(proven).unwrap_or_default();
    // The number itself may be what is damaged. Long pages have few pairs, and trying them is slow.
    if !pairs.is_empty() || page.len() > PAGE_BYTES {
        return pairs;
    }
    let is_right = |leaf: &Leaf<'_>| {
        let first = leaf.pair(0);
        first.is_some_and(|pair| proves(pair.key, pair.value))
    };
    Leaf::of_any_count(page)
        .find(is_right)
        .map(proven)
        .unwrap_or_default()
}

/// Returns whether a pair is a row of any wanted table.
fn is_row(wanted: &Wanted<'_>, key: &[u8], value: &[u8]) -> bool {
    (0..wanted.tables.len()).any(|table| (wanted.proves)(table, key, value))
}

/// How what the tree of tables says of a table from bytes to bytes ends: no fixed lengths, alignment
/// 1 twice, the length of the type's name, and two such names behind a byte each.
const TABLE_END: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x06\0\0\0";
const TABLE_BYTES: usize = 76;

/// Reads what the tree of tables says of a table: 3 for one without several values a key, the number
/// of rows, whether it has a root, the root.
fn table(value: &[u8]) -> Option<Table> {
    let is_ours = value.len() == TABLE_BYTES && value.first() == Some(&3);
    if !is_ours || !value.get(42..)?.starts_with(TABLE_END) {
        return None;
    }
    let root = value.get(10..42).and_then(Root::parse);
    Some(Table {
        root: root.filter(|_| value.get(9).is_some_and(|flag| *flag != 0)),
        rows: u64_at(value, 1)?,
    })
}

/// Returns the tables with rows that nobody asks for.
fn others(tables: &Tables, wanted: &Wanted<'_>) -> Vec<String> {
    let named = tables.named.iter().filter(|(name, table)| {
        let is_wanted = wanted
            .tables
            .iter()
            .any(|wanted| wanted.as_bytes() == *name);
        table.rows > 0 && !is_wanted
    });
    named
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect()
}

fn is_in_order(keys: &Gap, last: Option<&[u8]>, key: &[u8]) -> bool {
    last.is_none_or(|last| last < key)
        && keys.0.as_deref().is_none_or(|after| after < key)
        && keys.1.as_deref().is_none_or(|upto| key <= upto)
}

fn value_at(place: Place, pair: &Pair<'_>) -> u64 {
    place.at + u64::try_from(pair.value_at).unwrap_or(0)
}
