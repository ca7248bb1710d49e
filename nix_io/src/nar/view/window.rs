//! The part of an archive that is asked for.

use std::mem;

/// What is still to be read, and where it lies in the archive.
#[derive(Debug)]
pub(super) struct Window<'a> {
    position: u64,
    missing: &'a mut [u8],
}

impl<'a> Window<'a> {
    pub(super) const fn new(position: u64, missing: &'a mut [u8]) -> Self {
        Self { position, missing }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.missing.is_empty()
    }

    /// Takes off what lies in a part of the archive that is not behind the position; returns how far
    /// into the part that begins, and where its bytes belong.
    pub(super) fn take(&mut self, begin: u64, length: u64) -> Option<(u64, &'a mut [u8])> {
        let skipped = self.position.checked_sub(begin)?;
        let left = length.checked_sub(skipped)?;
        let missing = mem::take(&mut self.missing);
        let count = usize::try_from(left).map_or(missing.len(), |left| left.min(missing.len()));
        let (place, missing) = missing.split_at_mut(count);
        self.missing = missing;
        self.position += place.len() as u64;
        (!place.is_empty()).then_some((skipped, place))
    }

    /// Copies what lies in a part of the archive that has these bytes.
    pub(super) fn copy(&mut self, begin: u64, bytes: &[u8]) {
        let Some((skipped, place)) = self.take(begin, bytes.len() as u64) else {
            return;
        };
        let skipped = usize::try_from(skipped).expect("it is in memory");
        let (_, bytes) = bytes.split_at(skipped);
        let (bytes, _) = bytes.split_at(place.len());
        place.copy_from_slice(bytes);
    }
}
