//! What is recovered of the record store of Kademlia, which lies beside the models.

/// What was recovered of the record store of Kademlia.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RecoveredRecordStore {
    /// How many records the new store has.
    pub records: u64,
    /// Of how many keys it has the providers.
    pub provided_keys: u64,
    /// How many rows it has: one for each of these, for each announcement of the node's own that was
    /// to come, and for the description.
    pub rows: u64,
    /// How many rows the store said that it had, where that can be read.
    pub expected: Option<u64>,
    /// How many rows stood where the last commit could not be read: what such a row says was written,
    /// but may be older than what was lost, or may have been removed.
    pub uncertain: u64,
    /// Of how many of those there were several versions, of which the newest is not known.
    pub ambiguous: u64,
    /// How many rows were found in their place and could not be read. Those are among them that the
    /// record store had set aside as damaged.
    pub unreadable: u64,
    /// How many uncertain rows were left out: announcements, and records of a key of which there is
    /// another one.
    pub left_out: u64,
    /// Whether it was found which node the rows were of. Otherwise whoever opens the record store
    /// announces what is its own at once.
    pub is_described: bool,
}

impl RecoveredRecordStore {
    /// Returns how many rows are missing, where that can be known.
    #[must_use]
    pub fn lost(&self) -> Option<u64> {
        Some(self.expected?.saturating_sub(self.rows))
    }

    pub(super) fn is_whole(&self) -> bool {
        let doubts = self.uncertain + self.unreadable + self.left_out;
        doubts == 0 && self.expected == Some(self.rows) && self.is_described
    }
}

#[cfg(feature = "libp2p")]
pub(super) use self::rows::RecordRows;

#[cfg(feature = "libp2p")]
mod rows {
    use super::RecoveredRecordStore;
    use crate::{
        backends::{Backend, FoundRow, TableLosses},
        error::Result,
        raw::load::RawLoader,
        records::salvage::{Kept, Salvaged},
    };

    /// The rows of a record store on their way to a new store.
    #[derive(Default)]
    pub(in crate::raw::recover) struct RecordRows {
        salvaged: Salvaged,
        recovered: RecoveredRecordStore,
    }

    impl RecordRows {
        /// Writes a row, unless it is left out, and notes what became of it.
        ///
        /// # Errors
        /// Fails when the record store is of a later format, or when the new store cannot be written.
        pub(in crate::raw::recover) fn take<B: Backend>(
            &mut self,
            row: &FoundRow<'_>,
            loader: &mut RawLoader<'_, B>,
        ) -> Result<()> {
            let kept = self.salvaged.take(row)?;
            let of = &mut self.recovered;
            match kept {
                Kept::Left => {
                    of.left_out += 1;
                    return Ok(());
                }
                Kept::Instead(other, was_ambiguous) => {
                    of.left_out += 1;
                    of.ambiguous += u64::from(!was_ambiguous);
                    loader.edit_record(&other, None)?;
                    return loader.edit_record(row.key, Some(row.value));
                }
                Kept::Record => of.records += 1,
                Kept::Providers => of.provided_keys += 1,
                Kept::Other => {}
            }
            of.rows += 1;
            of.uncertain += u64::from(!row.is_certain);
            of.ambiguous += u64::from(row.is_ambiguous);
            loader.edit_record(row.key, Some(row.value))
        }

        /// Describes rows that have lost their description, and returns what became of all; none
        /// where there is no record store.
        ///
        /// # Errors
        /// Fails when the new store cannot be written.
        pub(in crate::raw::recover) fn finish<B: Backend>(
            self,
            losses: &TableLosses,
            loader: &mut RawLoader<'_, B>,
        ) -> Result<Option<RecoveredRecordStore>> {
            let mut recovered = self.recovered;
            recovered.unreadable = losses.refused;
            recovered.expected = losses.expected;
            recovered.is_described = self.salvaged.is_described();
            if recovered.rows > 0 && !recovered.is_described {
                let (key, row) = self.salvaged.describe();
                loader.edit_record(&key, Some(&row))?;
            }
            let found = recovered.rows + recovered.unreadable + recovered.left_out;
            let is_there = found > 0 || recovered.expected.is_some_and(|rows| rows > 0);
            Ok(is_there.then_some(recovered))
        }
    }
}
