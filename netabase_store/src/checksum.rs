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
