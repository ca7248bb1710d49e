//! Rows that are not what they should be.

use super::{Disk, State};
use crate::records::row::{MISPLACED, Place, RowError, RowKey, Tag, check};

impl State {
    /// Takes a row that cannot be read out of the way, as it is, and counts it, unless another has
    /// come in its place meanwhile. Of those that are set aside one is kept for each place.
    pub(in crate::records) fn set_aside(&mut self, row: RowKey, disk: &dyn Disk, why: RowError) {
        match self.row(row, disk) {
            Ok(None) => return,
            Ok(Some(bytes)) if why != MISPLACED && check(row, &bytes).is_ok() => return,
            Ok(Some(bytes)) => self.overlay.set(RowKey(Tag::Aside, row.1), Some(&bytes)),
            // What the engine cannot read has nothing to be kept of.
            Err(_) => self.read_failed(),
        }
        self.metrics.set_aside += 1;
        self.overlay.set(row, None);
        let at = row.1.xor(self.origin);
        match row.0 {
            Tag::Record => self.forget_record(at),
            Tag::Providers => self.forget_providers(at),
            Tag::Announcement | Tag::Description | Tag::Aside => {}
        }
    }

    /// Counts a failure of the disk while reading, which nobody can be told of.
    pub(in crate::records) fn read_failed(&mut self) {
        self.metrics.read_errors += 1;
    }

    pub(in crate::records) fn row_key(&self, tag: Tag, at: Place) -> RowKey {
        RowKey(tag, at.xor(self.origin))
    }
}
