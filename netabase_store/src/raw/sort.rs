//! Rows that come in any order, and leave in that of their tables and keys.
//!
//! An engine writes rows in the order of their keys page by page; in any other order it writes pages
//! again and again. What does not fit in memory is sorted in runs, which wait in a file and are merged.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{backends::TableId, copy::failed, error::Result};

/// About how many bytes of rows wait in memory.
pub(super) const SORT_BYTES: usize = 16 * 1024 * 1024;

/// How many bytes of a run are read at a time, at least and at most.
const READ_BYTES_MIN: usize = 4 * 1024;
const READ_BYTES_MAX: usize = 1024 * 1024;

/// The bytes before each row of a run: its table (2), the lengths of its key (4) and value (4).
const HEAD_BYTES: usize = 10;

/// A row on its way to a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) table: TableId,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// Takes in rows, and sorts them.
#[derive(Debug)]
pub(super) struct Sorter {
    limit: usize,
    /// The rows in memory, in the order in which they came.
    bytes: Vec<u8>,
    places: Vec<Place>,
    path: PathBuf,
    /// What did not fit in memory, and where each run of it ends.
    file: Option<BufWriter<File>>,
    ends: Vec<u64>,
}

/// Where a row stands in memory: its value behind its key.
#[derive(Debug, Clone, Copy)]
struct Place {
    table: TableId,
    begin: usize,
    key: u32,
    value: u32,
}

impl Place {
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = bytes.get(self.begin..).unwrap_or_default();
        rest.get(..self.key as usize).unwrap_or_default()
    }

    /// Returns its key and value.
    fn row<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = bytes.get(self.begin..).unwrap_or_default();
        let length = self.key as usize + self.value as usize;
        rest.get(..length).unwrap_or_default()
    }
}

impl Sorter {
    /// Begins with no rows. About `limit` bytes of them wait in memory, and those beyond that in a file
    /// at `path`, which is there for nobody else and is gone however the process ends.
    pub(super) const fn new(path: PathBuf, limit: usize) -> Self {
        Self {
            limit,
            bytes: Vec::new(),
            places: Vec::new(),
            path,
            file: None,
            ends: Vec::new(),
        }
    }

    /// Takes in a row, whose key and value have less than 4 GiB each.
    pub(super) fn add(&mut self, table: TableId, key: &[u8], value: &[u8]) {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a row is shorter");
        self.places.push(Place {
            table,
            begin: self.bytes.len(),
            key: length(key),
            value: length(value),
        });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    /// Makes room in memory where there is none left.
    ///
    /// # Errors
    /// Fails where the file cannot be written.
    pub(super) fn make_room(&mut self) -> Result<()> {
        let held = self.bytes.len() + self.places.len() * size_of::<Place>();
        if held < self.limit {
            return Ok(());
        }
        self.spill()
            .map_err(|source| failed("sort index entries in", &self.path, source))
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => BufWriter::with_capacity(READ_BYTES_MAX, nameless(&self.path)?),
        };
        self.write_sorted(&mut file)?;
        self.ends.push(file.stream_position()?);
        self.file = Some(file);
        Ok(())
    }

    /// Writes the rows in memory in their order, and forgets them.
    fn write_sorted(&mut self, out: &mut impl Write) -> io::Result<()> {
        let bytes = &self.bytes;
        let order = |place: &Place| (place.table, place.key(bytes));
        self.places.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        for place in &self.places {
            out.write_all(&place.table.0.to_le_bytes())?;
            out.write_all(&place.key.to_le_bytes())?;
            out.write_all(&place.value.to_le_bytes())?;
            out.write_all(place.row(bytes))?;
        }
        self.places.clear();
        self.bytes.clear();
        Ok(())
    }

    /// Takes out all rows, which come in the order of their tables and keys.
    ///
    /// # Errors
    /// Fails where the file cannot be written or read.
    pub(super) fn drain(&mut self) -> Result<Rows> {
        let path = self.path.clone();
        let of_file = |source| failed("sort index entries in", &path, source);
        let mut last = Vec::new();
        self.write_sorted(&mut last).map_err(of_file)?;
        (self.bytes, self.places) = (Vec::new(), Vec::new());
        let file = self.file.take().map(BufWriter::into_inner).transpose();
        let file = file.map_err(|error| of_file(error.into_error()))?;
        let ends = std::mem::take(&mut self.ends);
        let buffer = self.limit / ends.len().max(1);
        let buffer = buffer.clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let begins = std::iter::once(0).chain(ends.iter().copied());
        let mut runs: Vec<_> = begins
            .zip(&ends)
            .map(|(begin, end)| Run {
                at: begin,
                end: *end,
                buffer,
                ..Run::default()
            })
            .collect();
        runs.push(Run {
            bytes: last,
            ..Run::default()
        });
        let mut rows = Rows {
            path,
            file,
            runs,
            next: BinaryHeap::new(),
        };
        for run in 0..rows.runs.len() {
            rows.advance(run)?;
        }
        Ok(rows)
    }
}

/// Rows in the order of their tables and keys.
#[derive(Debug)]
pub(super) struct Rows {
    path: PathBuf,
    file: Option<File>,
    runs: Vec<Run>,
    /// The next row of each run, and which one that is.
    next: BinaryHeap<Reverse<(Row, usize)>>,
}

impl Rows {
    /// Returns the next row.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        let Some(Reverse((row, run))) = self.next.pop() else {
            return Ok(None);
        };
        self.advance(run)?;
        Ok(Some(row))
    }

    /// Returns the next rows; none at the end.
    ///
    /// # Errors
    /// Fails where the file cannot be read.
    pub(super) fn next_up_to(&mut self, count: usize) -> Result<Vec<Row>> {
        let rows = std::iter::from_fn(|| self.next().transpose());
        rows.take(count).collect()
    }

    fn advance(&mut self, number: usize) -> Result<()> {
        let Some(run) = self.runs.get_mut(number) else {
            return Ok(());
        };
        let row = run
            .next(self.file.as_mut())
            .map_err(|source| failed("sort index entries in", &self.path, source))?;
        self.next.extend(row.map(|row| Reverse((row, number))));
        Ok(())
    }
}

/// Rows in their order, in memory or in a part of the file.
#[derive(Debug, Default)]
struct Run {
    /// What was read and not returned yet begins here.
    bytes: Vec<u8>,
    begin: usize,
    /// What was not read yet.
    at: u64,
    end: u64,
    /// How many bytes are read at a time.
    buffer: usize,
}

impl Run {
    fn next(&mut self, mut file: Option<&mut File>) -> io::Result<Option<Row>> {
        if self.begin == self.bytes.len() && self.at == self.end {
            // Others may have the memory.
            self.bytes = Vec::new();
            self.begin = 0;
            return Ok(None);
        }
        let head = self.take(file.as_deref_mut(), HEAD_BYTES)?;
        let &[t0, t1, k0, k1, k2, k3, v0, v1, v2, v3] = head else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let table = TableId(u16::from_le_bytes([t0, t1]));
        let key = u32::from_le_bytes([k0, k1, k2, k3]) as usize;
        let value = u32::from_le_bytes([v0, v1, v2, v3]) as usize;
        let row = self.take(file, key + value)?;
        let (key, value) = row.split_at_checked(key).unwrap_or_default();
        let (key, value) = (key.to_vec(), value.to_vec());
        Ok(Some(Row { table, key, value }))
    }

    /// Returns the next bytes.
    fn take(&mut self, file: Option<&mut File>, length: usize) -> io::Result<&[u8]> {
        let missing = length.saturating_sub(self.bytes.len() - self.begin);
        if missing > 0 {
            self.bytes.drain(..self.begin);
            self.begin = 0;
            let left = self.end - self.at;
            let wanted = u64::try_from(missing.max(self.buffer)).unwrap_or(left);
            let wanted = wanted.min(left);
            let file = file.ok_or(io::ErrorKind::UnexpectedEof)?;
            file.seek(SeekFrom::Start(self.at))?;
            file.take(wanted).read_to_end(&mut self.bytes)?;
            self.at += wanted;
        }
        let begin = self.begin;
        self.begin += length;
        let taken = self.bytes.get(begin..self.begin);
        taken.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Returns a file at the path whose name is gone at once.
fn nameless(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(true);
    let file = options.open(path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, env, process};

    use proptest::prelude::*;

    use super::*;

    type Sorted = BTreeMap<(TableId, Vec<u8>), Vec<u8>>;

    fn path(name: &str) -> PathBuf {
        env::temp_dir().join(format!("netabase-sort-{}-{name}", process::id()))
    }

    /// Sorts the rows with so little memory, and returns them with the number of runs on disk.
    fn sort(rows: &[Row], path: &Path, limit: usize) -> (Vec<Row>, usize) {
        let mut sorter = Sorter::new(path.to_owned(), limit);
        for row in rows {
            sorter.add(row.table, &row.key, &row.value);
            sorter.make_room().unwrap();
            assert!(!path.exists());
        }
        let runs = sorter.ends.len();
        let mut rows = sorter.drain().unwrap();
        let sorted = std::iter::from_fn(|| rows.next().unwrap());
        (sorted.collect(), runs)
    }

    proptest! {
        #[test]
        fn rows_leave_in_the_order_of_a_map(
            rows in prop::collection::btree_map(
                ((0..4_u16).prop_map(TableId), prop::collection::vec(any::<u8>(), 0..40)),
                prop::collection::vec(any::<u8>(), 0..9),
                0..200,
            ),
            turn in any::<prop::sample::Index>(),
            limit in 1..9000_usize,
        ) {
            let sorted: Sorted = rows;
            let expected = sorted.into_iter().map(|((table, key), value)| Row { table, key, value });
            let expected: Vec<_> = expected.collect();
            let mut mixed = expected.clone();
            mixed.reverse();
            if !mixed.is_empty() {
                let at = turn.index(mixed.len());
                mixed.rotate_left(at);
            }
            let (found, _) = sort(&mixed, &path("map"), limit);
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn rows_that_are_longer_than_what_is_read_at_a_time_are_whole() {
        let row = |number: u8| Row {
            table: TableId(3),
            key: vec![number; 3 * READ_BYTES_MIN],
            value: vec![number; usize::from(number) * READ_BYTES_MIN],
        };
        let mixed: Vec<_> = (0..40).rev().map(row).collect();
        let (found, runs) = sort(&mixed, &path("long"), 5 * READ_BYTES_MIN);
        assert!(runs > 20, "{runs}");
        assert_eq!(found, (0..40).map(row).collect::<Vec<_>>());
    }

    #[test]
    fn what_fits_in_memory_needs_no_file_and_what_does_not_fails_without_one() {
        let nowhere = path("absent").join("file");
        let mut sorter = Sorter::new(nowhere.clone(), 100);
        sorter.add(TableId(1), b"key", b"value");
        sorter.make_room().unwrap();
        sorter.add(TableId(0), b"key", &[0; 100]);
        let error = sorter.make_room().unwrap_err();
        assert!(error.to_string().contains(nowhere.to_str().unwrap()));
        let mut rows = sorter.drain().unwrap();
        assert_eq!(rows.next().unwrap().unwrap().table, TableId(0));
        assert_eq!(rows.next().unwrap().unwrap().value, b"value");
        assert_eq!(rows.next().unwrap(), None);
    }
}
