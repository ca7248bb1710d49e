//! Names that differ in case alone, which some file systems take for the same.

use std::{borrow::Cow, collections::BTreeMap};

use super::entries::CASE_SUFFIX;

/// What becomes of entries of a directory whose names differ in case alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaseCollisions {
    /// Both are unpacked; a file system that takes them for the same makes that an error.
    #[default]
    Allow,
    /// They are an error on every file system. Case is that of Unicode in names that are UTF-8, of
    /// ASCII in others; composed and decomposed letters are taken to differ.
    Refuse,
    /// The second and later ones get a suffix and a number, as Nix does on macOS for case of ASCII.
    /// Packing can take it off again.
    Rename,
}

/// The names in a directory so far.
pub(super) struct Cases {
    rule: CaseCollisions,
    /// How many more there are of each name, case put aside.
    seen: BTreeMap<Vec<u8>, u32>,
}

impl Cases {
    pub(super) const fn new(rule: CaseCollisions) -> Self {
        let seen = BTreeMap::new();
        Self { rule, seen }
    }

    /// Adds a name and returns that on disk, or nothing when there is one like it.
    pub(super) fn insert<'a>(&mut self, name: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match self.rule {
            CaseCollisions::Allow => Some(name.into()),
            CaseCollisions::Refuse => {
                let is_new = self.seen.insert(fold(name), 0).is_none();
                is_new.then_some(name.into())
            }
            CaseCollisions::Rename => {
                let Some(count) = self.seen.get_mut(&name.to_ascii_lowercase()) else {
                    self.seen.insert(name.to_ascii_lowercase(), 0);
                    return Some(name.into());
                };
                *count += 1;
                let number = count.to_string();
                let renamed = [name, CASE_SUFFIX, number.as_bytes()].concat();
                let is_new = !self.seen.contains_key(&renamed.to_ascii_lowercase());
                is_new.then_some(renamed.into())
            }
        }
    }
}

fn fold(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => name.to_ascii_lowercase(),
    }
}
