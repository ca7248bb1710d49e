//! Checksums that tie a row to its table and key, so that no row passes for another.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The bytes of a record's checksum.
pub(crate) const ROW_CHECKSUM_BYTES: usize = 8;

/// The bytes of an index entry's checksum.
pub(crate) const ENTRY_CHECKSUM_BYTES: usize = 4;

/// What a table adds to the checksums of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableSeed(u64);

impl TableSeed {
    pub(crate) fn of(table: &str) -> Self {
        Self(xxh3_64(table.as_bytes()))
    }

    /// The checksum of a record: of its bytes, its key and its table.
    #[inline]
    pub(crate) fn row(self, key: &[u8], body: &[u8]) -> [u8; ROW_CHECKSUM_BYTES] {
        (xxh3_64(body) ^ xxh3_64_with_seed(key, self.0)).to_le_bytes()
    }

    /// The checksum of an index entry: of its key, of the primary key it names where that stands
    /// in the value, and of its table.
    #[inline]
    pub(crate) fn entry(self, key: &[u8], primary: &[u8]) -> [u8; ENTRY_CHECKSUM_BYTES] {
        let mut sum = xxh3_64_with_seed(key, self.0);
        if !primary.is_empty() {
            sum ^= xxh3_64(primary);
        }
        let [a, b, c, d, ..] = sum.to_le_bytes();
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are what another implementation of XXH3 makes; they stand in every file so far.
    #[test]
    fn checksums_are_those_of_the_format() {
        let seed = TableSeed::of("User");
        assert_eq!(seed, TableSeed(0x9339_38F5_B994_7A3C));
        let row = [0x6C, 0x65, 0x88, 0x7B, 0xC6, 0xA0, 0xE6, 0x3A];
        assert_eq!(seed.row(b"key", b"body"), row);
        let empty = [0x72, 0x4F, 0x08, 0xB3, 0x09, 0xEE, 0xCA, 0x37];
        assert_eq!(seed.row(b"", b""), empty);
        assert_eq!(seed.entry(b"key", b""), [0x96, 0x84, 0xF7, 0x63]);
        assert_eq!(seed.entry(b"key", b"primary"), [0x7C, 0xE7, 0xF7, 0xF2]);
    }

    #[test]
    fn a_checksum_tells_table_key_and_content_apart() {
        let (users, posts) = (TableSeed::of("User"), TableSeed::of("Post"));
        let row = users.row(b"key", b"body");
        for other in [
            posts.row(b"key", b"body"),
            users.row(b"kex", b"body"),
            users.row(b"key", b"bodx"),
            users.row(b"body", b"key"),
        ] {
            assert_ne!(other, row);
        }
        let entry = users.entry(b"key", b"primary");
        for other in [
            posts.entry(b"key", b"primary"),
            users.entry(b"kex", b"primary"),
            users.entry(b"key", b"primarx"),
            users.entry(b"key", b""),
        ] {
            assert_ne!(other, entry);
        }
    }
}
