//! Reads and writes what `nix path-info --json` prints, in every version.
//!
//! [`Reader`] takes JSON Lines (an object a line, or any sequence of values), an array (Nix up to
//! 2.18), a map from path to object (since 2.19), and the wrappers
//! `{"version": .., "storeDir": .., "info": {..}}` of the versions 2 and 3 (since 2.33). It holds one
//! entry at a time, so the input may be larger than memory.
//!
//! - References, derivers and keys of a map are full paths or base names.
//! - A hash may be in any form; [`StorePath`] has it as `sha256:<nix32>`.
//! - A path that is asked for and does not exist is `null` in a map and `"valid": false` in an array:
//!   it is passed over and counted, see [`Reader::invalid`].
//! - References and signatures are sets: they come out sorted, each one once.
//! - Members that say nothing about the path itself (closure sizes, downloads) are passed over.

mod entry;
mod error;
mod print;
mod scan;

use std::io::BufRead;

use nix_core::{
    nix32,
    store_path::{HASH_PART_LEN, StoreDir},
};

use crate::db::models::StorePath;

use self::{
    entry::{Info, Wrapper},
    scan::Scanner,
};

pub use self::{
    error::{Error, ErrorKind},
    print::to_json,
};

/// The largest entry that is read, in bytes.
pub const ENTRY_BYTES_MAX: usize = 64 << 20;

/// The newest version of the format that is known.
pub const VERSION_MAX: u64 = 3;

/// An iterator over the store paths of an input; its first error ends it.
#[derive(Debug)]
pub struct Reader<R> {
    scanner: Scanner<R>,
    store_dir: StoreDir,
    place: Place,
    /// Whether no item of the array or object at hand has been read.
    first: bool,
    /// The entry at hand, and the members of the wrapper around it, as JSON.
    entry: Vec<u8>,
    key: Vec<u8>,
    entry_line: u64,
    info_seen: bool,
    entries: u64,
    invalid: u64,
}

/// Where in the input the reader stands: before the next item of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Array,
    Map { wrapped: bool },
    Wrapper,
    End,
}

impl<R: BufRead> Reader<R> {
    /// Reads the paths of `/nix/store`.
    pub fn new(input: R) -> Self {
        Self::with_store_dir(input, StoreDir::default())
    }

    /// Reads the paths of another store.
    pub fn with_store_dir(input: R, store_dir: StoreDir) -> Self {
        Self {
            scanner: Scanner::new(input, ENTRY_BYTES_MAX),
            store_dir,
            place: Place::Top,
            first: true,
            entry: Vec::new(),
            key: Vec::new(),
            entry_line: 1,
            info_seen: false,
            entries: 0,
            invalid: 0,
        }
    }

    /// Returns how many paths the input has named so far that do not exist in its store.
    #[must_use]
    pub fn invalid(&self) -> u64 {
        self.invalid
    }

    fn advance(&mut self) -> Result<Option<StorePath>, ErrorKind> {
        loop {
            let step = match self.place {
                Place::Top => self.top()?,
                Place::Array => self.array()?,
                Place::Map { wrapped } => self.map(wrapped)?,
                Place::Wrapper => self.wrapper()?,
                Place::End => return Ok(None),
            };
            if step.is_some() {
                return Ok(step);
            }
        }
    }

    fn top(&mut self) -> Result<Option<StorePath>, ErrorKind> {
        match self.scanner.peek()? {
            None => self.place = Place::End,
            Some(b'[') => self.enter(Place::Array),
            Some(b'{') => {
                self.entry.clear();
                self.entry_line = self.scanner.line();
                self.info_seen = false;
                self.enter(Place::Wrapper);
            }
            found => {
                return Err(ErrorKind::Syntax {
                    expected: "`[` or `{`",
                    found,
                });
            }
        }
        Ok(None)
    }

    fn array(&mut self) -> Result<Option<StorePath>, ErrorKind> {
        if !self.next_item(b']')? {
            self.place = Place::Top;
            return Ok(None);
        }
        self.entry_value()?;
        self.finish_entry(None)
    }

    fn map(&mut self, wrapped: bool) -> Result<Option<StorePath>, ErrorKind> {
        if !self.next_item(b'}')? {
            self.place = if wrapped { Place::Wrapper } else { Place::Top };
            self.first = false;
            self.entry.clear();
            return Ok(None);
        }
        let path = self.key()?;
        self.entry_value()?;
        self.finish_entry(Some(path))
    }

    /// Reads a member of an object that is not yet known to be an entry, a map or a wrapper.
    fn wrapper(&mut self) -> Result<Option<StorePath>, ErrorKind> {
        if !self.next_item(b'}')? {
            self.place = Place::Top;
            return self.finish_object();
        }
        let key = self.key()?;
        if is_path_like(&key) && self.entry.is_empty() {
            self.place = Place::Map { wrapped: false };
            self.entry_value()?;
            return self.finish_entry(Some(key));
        }
        if key == "info" && self.scanner.peek()? == Some(b'{') {
            self.check_wrapper()?;
            self.info_seen = true;
            self.enter(Place::Map { wrapped: true });
            return Ok(None);
        }
        self.entry
            .push(if self.entry.is_empty() { b'{' } else { b',' });
        self.entry.extend_from_slice(&self.key);
        self.entry.push(b':');
        self.scanner.value(&mut self.entry)?;
        Ok(None)
    }

    fn finish_object(&mut self) -> Result<Option<StorePath>, ErrorKind> {
        if self.info_seen {
            self.check_wrapper()?;
            return Ok(None);
        }
        if self.entry.is_empty() {
            return Ok(None);
        }
        self.entry.push(b'}');
        self.finish_entry(None)
    }

    fn finish_entry(&mut self, key: Option<String>) -> Result<Option<StorePath>, ErrorKind> {
        self.entries += 1;
        let info: Option<Info> = serde_json::from_slice(&self.entry)?;
        let path = match info {
            Some(info) => info.into_path_info(key, &self.store_dir)?,
            None if key.is_none() => return Err(ErrorKind::NoPath),
            None => None,
        };
        self.invalid += u64::from(path.is_none());
        Ok(path.map(|info| StorePath::from_path_info(&self.store_dir, &info)))
    }

    /// Checks what the members read so far say about the whole input.
    fn check_wrapper(&mut self) -> Result<(), ErrorKind> {
        if !self.entry.is_empty() {
            self.entry.push(b'}');
            let wrapper: Wrapper = serde_json::from_slice(&self.entry)?;
            wrapper.check(&self.store_dir)?;
        }
        Ok(())
    }

    fn enter(&mut self, place: Place) {
        self.scanner.skip();
        self.place = place;
        self.first = true;
    }

    /// Passes over what stands between items; returns whether one follows.
    fn next_item(&mut self, close: u8) -> Result<bool, ErrorKind> {
        let found = self.scanner.peek()?;
        let first = std::mem::replace(&mut self.first, false);
        if found == Some(close) {
            self.scanner.skip();
            return Ok(false);
        }
        if !first {
            if found != Some(b',') {
                return Err(ErrorKind::Syntax {
                    expected: "`,` or the end of a list",
                    found,
                });
            }
            self.scanner.skip();
        }
        Ok(true)
    }

    fn entry_value(&mut self) -> Result<(), ErrorKind> {
        self.entry.clear();
        self.entry_line = self.scanner.value(&mut self.entry)?;
        Ok(())
    }

    fn key(&mut self) -> Result<String, ErrorKind> {
        self.key.clear();
        self.scanner.value(&mut self.key)?;
        let key = serde_json::from_slice(&self.key)?;
        match self.scanner.peek()? {
            Some(b':') => self.scanner.skip(),
            found => {
                return Err(ErrorKind::Syntax {
                    expected: "`:`",
                    found,
                });
            }
        }
        Ok(key)
    }

    fn error(&self, kind: ErrorKind) -> Error {
        let in_entry = !matches!(
            kind,
            ErrorKind::Io(_) | ErrorKind::Syntax { .. } | ErrorKind::TooLarge { .. }
        );
        let line = if in_entry {
            self.entry_line
        } else {
            self.scanner.line()
        };
        let entry = if in_entry {
            self.entries.max(1)
        } else {
            self.entries + 1
        };
        Error { entry, line, kind }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<StorePath, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(path) => path.map(Ok),
            Err(kind) => {
                self.place = Place::End;
                Some(Err(self.error(kind)))
            }
        }
    }
}

impl<R: BufRead> std::iter::FusedIterator for Reader<R> {}

/// Returns whether a text begins as a full path or a base name does.
fn is_path_like(text: &str) -> bool {
    let hash_part = text.as_bytes().first_chunk::<HASH_PART_LEN>();
    let is_hash_part = |part: &[u8; HASH_PART_LEN]| part.iter().all(|byte| nix32::is_digit(*byte));
    text.starts_with('/') || hash_part.is_some_and(is_hash_part)
}
