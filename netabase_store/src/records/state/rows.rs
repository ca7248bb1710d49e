//! Rows that are not what they should be.

use super::{Disk, State};
use crate::records::row::{MISPLACED, Place, RowError, RowKey, Tag, check};

impl State {
    /// Takes a row that cannot be read out of the way, as it is, and counts it, unless another has
    /// come in its place meanwhile. A record's distance is told where it is known. Of those that are
    /// set aside one is kept for each place.
    pub(in crate::records) fn set_aside(
        &mut self,
        row: RowKey,
        at: Option<Place>,
        disk: &dyn Disk,
        why: RowError,
    ) {
        match self.row(row, disk) {
            Ok(None) => return,
            Ok(Some(bytes)) if why != MISPLACED && check(row, &bytes).is_ok() => return,
            Ok(Some(bytes)) => self.overlay.set(RowKey(Tag::Aside, row.1), Some(&bytes)),
            // What the engine cannot read has nothing to be kept of.
            Err(_) => self.read_failed(),
        }
        self.metrics.set_aside += 1;
        self.overlay.set(row, None);
        match (row.0, at) {
            (Tag::Record, Some(at)) if self.record_row(at) == Some(row) => {
                self.forget_record(at);
            }
            (Tag::Providers, _) => self.forget_providers(row.1.xor(self.origin)),
            _ => {}
        }
    }

    /// Returns the row of a record, if it is there.
    pub(in crate::records) fn record_row(&self, at: Place) -> Option<RowKey> {
        let (meta, _) = self.records.get(at)?;
        Some(meta.number.row())
    }

    /// Counts a failure of the disk while reading, which nobody can be told of.
    pub(in crate::records) fn read_failed(&mut self) {
        self.metrics.read_errors += 1;
    }

    pub(in crate::records) fn providers_row(&self, at: Place) -> RowKey {
        RowKey(Tag::Providers, at.xor(self.origin))
    }
}
