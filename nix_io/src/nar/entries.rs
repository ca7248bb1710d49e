//! The entries of a directory on disk, in the order of an archive.

use std::fs::File;

use rustix::{
    fs::{Dir, FileType},
    io::{self, Errno},
};

/// What precedes the number that Nix appends to names that differ in case alone.
pub(super) const CASE_SUFFIX: &[u8] = b"~nix~case~hack~";

/// Two entries with the same name, which this is.
pub(super) struct Collision(pub(super) Vec<u8>);

/// An entry that is still to come.
pub(super) struct Entry<'a> {
    /// Its name in the archive.
    pub(super) name: &'a [u8],
    /// Its name in the directory.
    pub(super) on_disk: &'a [u8],
    pub(super) kind: FileType,
}

/// The entries of a directory, sorted by the bytes of their names in the archive.
pub(super) struct Entries {
    /// All names on disk, without separators.
    bytes: Vec<u8>,
    spans: std::vec::IntoIter<Span>,
}

/// Where the names of an entry lie in the bytes.
struct Span {
    begin: usize,
    name_end: usize,
    end: usize,
    kind: FileType,
}

impl Span {
    fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.begin..self.name_end).unwrap_or_default()
    }
}

impl Entries {
    /// Reads a directory, without moving the position of its descriptor that others share.
    pub(super) fn list(
        directory: &File,
        undo_case_renames: bool,
    ) -> io::Result<Result<Self, Collision>> {
        let duplicate = directory.try_clone();
        let duplicate = duplicate.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
        let mut bytes = Vec::new();
        let mut spans = Vec::new();
        for entry in Dir::new(duplicate)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let begin = bytes.len();
            bytes.extend_from_slice(name);
            spans.push(Span {
                begin,
                name_end: begin + name_in_archive(name, undo_case_renames).len(),
                end: bytes.len(),
                kind: entry.file_type(),
            });
        }
        spans.sort_unstable_by(|a, b| a.name(&bytes).cmp(b.name(&bytes)));
        let mut pairs = spans.iter().zip(spans.iter().skip(1));
        let collision = pairs.find(|(a, b)| a.name(&bytes) == b.name(&bytes));
        if let Some((span, _)) = collision {
            return Ok(Err(Collision(span.name(&bytes).to_vec())));
        }
        let spans = spans.into_iter();
        Ok(Ok(Self { bytes, spans }))
    }

    /// Returns the next entry.
    pub(super) fn next(&mut self) -> Option<Entry<'_>> {
        let span = self.spans.next()?;
        Some(Entry {
            name: span.name(&self.bytes),
            on_disk: self.bytes.get(span.begin..span.end)?,
            kind: span.kind,
        })
    }
}

/// Returns the name in an archive of what has this name on disk.
pub(super) fn name_in_archive(on_disk: &[u8], undo_case_renames: bool) -> &[u8] {
    let suffix = undo_case_renames.then(|| find(on_disk, CASE_SUFFIX));
    let name = suffix.flatten().and_then(|begin| on_disk.get(..begin));
    name.unwrap_or(on_disk)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_name_ends_where_its_suffix_begins() {
        for (on_disk, name) in [
            (&b"README~nix~case~hack~1"[..], &b"README"[..]),
            (b"a~nix~case~hack~1~nix~case~hack~2", b"a"),
            (b"README~nix~case~hac", b"README~nix~case~hac"),
            (b"", b""),
        ] {
            assert_eq!(name_in_archive(on_disk, true), name);
            assert_eq!(name_in_archive(on_disk, false), on_disk);
        }
    }
}
