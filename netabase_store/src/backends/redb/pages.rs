//! The pages of a redb file, read without redb: nothing here trusts a byte of it.
//!
//! Layout of a file of format 3, all numbers little-endian:
//! - bytes 0..9: the magic; 9: flags, of which 1 picks the slot of the last commit and 2 says that
//!   the file was not closed; 12..24: page size, header pages and data pages of a region
//! - bytes 64 and 192: a slot of 128 bytes: version, whether there is a tree of tables; from 8 on its
//!   root; at 104 the number of the commit; the last 16: XXH3-128 of those before
//! - a root: page number, checksum of the page, number of rows, 32 bytes together
//! - a page number: 20 bits index, 20 bits region, the highest 5 bits the order k: the page is 2^k
//!   times 4096 bytes long, and its index counts pages of that length
//! - a leaf: 1, unused, 2 bytes number of pairs n; n ends of keys, n ends of values, 4 bytes each,
//!   counted from the start of the page; the keys; the values. Its checksum covers all that
//! - a branch: 2, unused, 2 bytes number of keys n, 4 unused; n + 1 checksums, n + 1 page numbers,
//!   n ends of keys; the keys, each the last that can stand below the child of its number

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_128;

use crate::error::{NetabaseError, Result, StoreError};

/// The only page size that redb uses.
pub(super) const PAGE_BYTES: usize = 4096;
pub(super) const PAGE: u64 = 4096;
/// The largest order of a page.
const ORDER_MAX: u64 = 20;
/// How many pages a region has where the file does not say.
const REGION_PAGES: u64 = 1 << 20;

const SLOTS: [usize; 2] = [64, 192];
const SLOT_BYTES: usize = 128;
const SLOT_VERSION: u8 = 3;
const FLAGS: usize = 9;
pub(super) const LEAF: u8 = 1;
const BRANCH: u8 = 2;

/// How much is read where somebody goes on.
const FURTHER_BYTES: usize = 128 * 1024;

/// Where a page lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) bytes: u64,
}

/// The root of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root {
    pub(super) page: u64,
    pub(super) checksum: u128,
}

impl Root {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            page: u64_at(bytes, 0)?,
            checksum: u128_at(bytes, 8)?,
        })
    }
}

/// A commit that the file names: the tree of its tables, if it has any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) number: u64,
    pub(super) tables: Option<Root>,
}

/// What the file says at its beginning.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The commits that can be read, the newest first.
    pub(super) slots: Vec<Slot>,
    /// Whether the file was not closed.
    pub(super) is_unclean: bool,
    /// Whether the slot of the last commit cannot be read.
    pub(super) is_older: bool,
}

/// A damaged file, open for reading.
#[derive(Debug)]
pub(super) struct PageFile {
    file: File,
    len: u64,
    region_header: u64,
    region_pages: u64,
    /// What was read further, and where it stands.
    further: Vec<u8>,
    further_at: u64,
}

impl PageFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |source: io::Error| -> NetabaseError {
            match source.kind() {
                io::ErrorKind::NotFound => StoreError::NotFound { path: path.into() }.into(),
                _ => StoreError::Io {
                    action: "open",
                    path: path.into(),
                    source,
                }
                .into(),
            }
        };
        // A pipe would be waited for.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            let what = "it is no file, as a redb store is".to_owned();
            return Err(StoreError::NotAStore {
                path: path.into(),
                what,
            }
            .into());
        }
        let file = File::open(path).map_err(failed)?;
        // Where the file system has no locks, nobody else has one.
        if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return Err(StoreError::Locked { path: path.into() }.into());
        }
        let len = file.metadata().map_err(failed)?.len();
        Ok(Self {
            file,
            len,
            region_header: 0,
            region_pages: REGION_PAGES,
            further: Vec::new(),
            further_at: 0,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Reads the beginning, and where regions lie as far as the newest root bears that out.
    pub(super) fn head(&mut self) -> Head {
        let mut bytes = Vec::new();
        if !self.read(
            0,
            PAGE_BYTES.min(usize::try_from(self.len).unwrap_or(0)),
            &mut bytes,
        ) {
            return Head::default();
        }
        let mut slots: Vec<_> = SLOTS.iter().map(|at| slot(&bytes, *at)).collect();
        let flags = bytes.get(FLAGS).copied().unwrap_or(0);
        let primary = slots.get(usize::from(flags & 1)).copied().flatten();
        slots.sort_by_key(|slot| std::cmp::Reverse(slot.map(|slot| slot.number)));
        let slots: Vec<_> = slots.into_iter().flatten().collect();
        let root = slots.first().and_then(|slot| slot.tables);
        if let (Some(root), Some((header, pages))) = (root, regions(&bytes)) {
            let before = (self.region_header, self.region_pages);
            (self.region_header, self.region_pages) = (header, pages);
            if !self.holds(root) {
                (self.region_header, self.region_pages) = before;
            }
        }
        Head {
            is_unclean: flags & 2 != 0,
            is_older: primary.is_none(),
            slots,
        }
    }

    fn holds(&mut self, root: Root) -> bool {
        let mut page = Vec::new();
        self.place(root.page)
            .is_some_and(|place| self.load(place, root.checksum, &mut page))
    }

    /// Returns where a page lies, if it can lie in the file.
    pub(super) fn place(&self, number: u64) -> Option<Place> {
        let order = number >> 59;
        if order > ORDER_MAX {
            return None;
        }
        let index = number & (0xF_FFFF >> order);
        let region = (number >> 20) & 0xF_FFFF;
        let bytes = PAGE << order;
        let region_bytes = (self.region_header + self.region_pages) * PAGE;
        let at = PAGE + region * region_bytes + self.region_header * PAGE + index * bytes;
        // The end of the file may be lost.
        (at + PAGE <= self.len).then_some(Place { at, bytes })
    }

    /// Returns how long a page can be that begins at a page of the file: pages lie at multiples of
    /// their own length.
    pub(super) fn longest_at(&self, at: u64) -> u64 {
        let region_bytes = (self.region_header + self.region_pages) * PAGE;
        let inside = at.saturating_sub(PAGE) % region_bytes;
        let index = inside.saturating_sub(self.region_header * PAGE) / PAGE;
        let order = u64::from(index.trailing_zeros()).min(ORDER_MAX);
        (PAGE << order).min(self.len.saturating_sub(at))
    }

    /// Reads a page as far as it is filled; returns whether it is what the checksum says.
    pub(super) fn load(&mut self, place: Place, checksum: u128, page: &mut Vec<u8>) -> bool {
        if !self.read(place.at, PAGE_BYTES, page) {
            return false;
        }
        let Some(end) = self.end_of(place, page) else {
            return false;
        };
        if end > page.len() && !self.read(place.at, end, page) {
            return false;
        }
        page.truncate(end);
        xxh3_128(page) == checksum
    }

    /// Returns how far a page says that it is filled, if that is possible.
    fn end_of(&mut self, place: Place, page: &[u8]) -> Option<usize> {
        let count = count_of(page)?;
        let at = match *page.first()? {
            LEAF => 4 + 8 * count - 4,
            BRANCH => 8 + 24 * (count + 1) + 4 * (count - 1),
            _ => return None,
        };
        let end = match u32_at(page, at) {
            Some(end) => end,
            // The ends of the pairs alone take more than a page.
            None => {
                let mut end = Vec::new();
                let start = place.at + u64::try_from(at).ok()?;
                self.read(start, 4, &mut end).then_some(())?;
                u32_at(&end, 0)?
            }
        };
        (end as u64 <= place.bytes && end >= at + 4).then_some(end)
    }

    /// Reads all of a page that is damaged, or what the file has of it.
    pub(super) fn load_damaged(&mut self, place: Place, page: &mut Vec<u8>) -> bool {
        let bytes = place.bytes.min(self.len.saturating_sub(place.at));
        usize::try_from(bytes).is_ok_and(|bytes| self.read(place.at, bytes, page))
    }

    /// Reads bytes of the file; where the disk does not give them, they are as good as damaged.
    pub(super) fn read(&mut self, at: u64, bytes: usize, out: &mut Vec<u8>) -> bool {
        out.clear();
        let end = u64::try_from(bytes)
            .ok()
            .and_then(|bytes| at.checked_add(bytes));
        if end.is_none_or(|end| end > self.len) {
            return false;
        }
        out.resize(bytes, 0);
        let read = self.file.seek(SeekFrom::Start(at));
        read.and_then(|_| self.file.read_exact(out)).is_ok()
    }

    /// Reads bytes of the file, and further than those for whoever goes on there.
    pub(super) fn read_on(&mut self, at: u64, bytes: usize, out: &mut Vec<u8>) -> bool {
        if self.was_read(at, bytes, out) {
            return true;
        }
        let mut further = std::mem::take(&mut self.further);
        let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        // Where the disk does not give all of it, it may give what is asked for.
        if !self.read(at, FURTHER_BYTES.min(left), &mut further) {
            further.clear();
        }
        (self.further, self.further_at) = (further, at);
        self.was_read(at, bytes, out) || self.read(at, bytes, out)
    }

    fn was_read(&self, at: u64, bytes: usize, out: &mut Vec<u8>) -> bool {
        let begin = at.checked_sub(self.further_at).map(usize::try_from);
        let Some(Ok(begin)) = begin else {
            return false;
        };
        let rest = self.further.get(begin..);
        let Some(found) = rest.and_then(|rest| rest.get(..bytes)) else {
            return false;
        };
        out.clear();
        out.extend_from_slice(found);
        true
    }
}

/// The pairs of a leaf, whole or damaged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    page: &'a [u8],
    count: usize,
}

/// A pair of a leaf: the key, the value, and where the value begins in the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) value_at: usize,
}

impl<'a> Leaf<'a> {
    /// Takes a page for a leaf with the number of pairs that it says.
    pub(super) fn new(page: &'a [u8]) -> Option<Self> {
        let count = count_of(page)?;
        Some(Self { page, count })
    }

    /// Takes a page for a leaf with each possible number of pairs in turn.
    pub(super) fn of_any_count(page: &'a [u8]) -> impl Iterator<Item = Self> {
        let most = page.len().saturating_sub(4) / 8;
        (1..=most).map(move |count| Self { page, count })
    }

    /// Returns how many bytes the ends of the pairs reach to.
    pub(super) fn ends(&self) -> usize {
        4 + 8 * self.count
    }

    /// Returns how far the page is filled.
    pub(super) fn end(&self) -> Option<usize> {
        u32_at(self.page, self.ends() - 4)
    }

    /// Returns a pair; none where it cannot lie in the page.
    pub(super) fn pair(&self, number: usize) -> Option<Pair<'a>> {
        let before = |at: usize| u32_at(self.page, at);
        let (keys, values) = (4, 4 + 4 * self.count);
        let key_at = match number {
            0 => 4 + 8 * self.count,
            _ => before(keys + 4 * (number - 1))?,
        };
        let value_at = match number {
            0 => before(values - 4)?,
            _ => before(values + 4 * (number - 1))?,
        };
        let key_end = before(keys + 4 * number)?;
        let value_end = before(values + 4 * number)?;
        Some(Pair {
            key: self.page.get(key_at..key_end)?,
            value: self.page.get(value_at..value_end)?,
            value_at,
        })
    }

    /// Yields the pairs that can lie in the page, as long as they do not come to much more than it:
    /// in a damaged page they may overlap.
    pub(super) fn pairs(self) -> impl Iterator<Item = Pair<'a>> {
        let mut left = self.page.len().saturating_mul(OVERLAP_MAX);
        let pairs = (0..self.count).filter_map(move |number| self.pair(number));
        pairs.take_while(move |pair| {
            let bytes = pair.key.len() + pair.value.len();
            let is_within = bytes <= left;
            left = left.saturating_sub(bytes);
            is_within
        })
    }
}

/// How many times the bytes of a page its pairs may come to.
const OVERLAP_MAX: usize = 4;

/// A child of a branch, with the last key that can stand below it; none below the last child.
#[derive(Debug)]
pub(super) struct Child<'a> {
    pub(super) root: Root,
    pub(super) last: Option<&'a [u8]>,
}

/// Returns the children of a branch; of a damaged one, those that can be read.
pub(super) fn children(page: &[u8]) -> Option<impl Iterator<Item = Child<'_>>> {
    let keys = (*page.first()? == BRANCH).then(|| count_of(page))??;
    let count = keys + 1;
    let (numbers, ends) = (8 + 16 * count, 8 + 24 * count);
    let end = move |number: usize| u32_at(page, ends + 4 * number);
    Some((0..count).filter_map(move |number| {
        let last = (number < keys).then(|| {
            let start = match number {
                0 => Some(ends + 4 * keys),
                _ => end(number - 1),
            };
            page.get(start?..end(number)?)
        });
        let root = Root {
            page: u64_at(page, numbers + 8 * number)?,
            checksum: u128_at(page, 8 + 16 * number)?,
        };
        Some(Child {
            root,
            last: last.flatten(),
        })
    }))
}

fn slot(head: &[u8], at: usize) -> Option<Slot> {
    let slot = head.get(at..at + SLOT_BYTES)?;
    let (body, sum) = slot.split_last_chunk::<16>()?;
    if xxh3_128(body) != u128::from_le_bytes(*sum) || *body.first()? != SLOT_VERSION {
        return None;
    }
    let has_tables = *body.get(1)? != 0;
    let tables = has_tables.then(|| body.get(8..).and_then(Root::parse));
    Some(Slot {
        number: u64_at(body, 104)?,
        tables: tables.flatten(),
    })
}

/// Returns the header pages and the data pages of a region, if they can be.
fn regions(head: &[u8]) -> Option<(u64, u64)> {
    let (size, header, pages) = (u32_at(head, 12)?, u32_at(head, 16)?, u32_at(head, 20)?);
    let can_be = size == PAGE_BYTES && header as u64 <= REGION_PAGES && pages > 0;
    let pages = u64::try_from(pages)
        .ok()
        .filter(|pages| *pages <= REGION_PAGES)?;
    can_be.then_some((u64::try_from(header).ok()?, pages))
}

fn count_of(page: &[u8]) -> Option<usize> {
    let count = page.get(2..4)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(count))).filter(|count| *count > 0)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(number)).ok()
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let number = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
    Some(u64::from_le_bytes(number))
}

fn u128_at(bytes: &[u8], at: usize) -> Option<u128> {
    let number = bytes.get(at..at.checked_add(16)?)?.try_into().ok()?;
    Some(u128::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_further_is_what_stands_in_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pattern = (0..=250_u8).cycle();
        let bytes: Vec<u8> = pattern.take(FURTHER_BYTES * 2 + 777).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        let mut pages = PageFile::open(file.path()).unwrap();
        let mut out = Vec::new();
        let places = [
            (0, 10),
            (5, FURTHER_BYTES - 5),
            (5, FURTHER_BYTES),
            (FURTHER_BYTES + 4, 1),
            (FURTHER_BYTES + 5, 1),
            (3, 2),
            (bytes.len() - 9, 9),
            (100, FURTHER_BYTES * 2),
            (bytes.len(), 0),
        ];
        for (at, count) in places {
            assert!(pages.read_on(at as u64, count, &mut out), "{at} {count}");
            assert_eq!(out, bytes[at..at + count], "{at} {count}");
        }
        for (at, count) in [(bytes.len() - 8, 9), (bytes.len() + 1, 1), (0, usize::MAX)] {
            assert!(!pages.read_on(at as u64, count, &mut out), "{at} {count}");
        }
    }
}
