//! Walks over the rows of a table.

use std::sync::Arc;

use super::{Bytes, RedbSnapshot, damaged, failed};
use crate::{
    backends::{End, Rows},
    error::Result,
    seam::Caught,
};

/// After how many rows a walk looks whether it has come further: more often would be felt.
const LOOK_AFTER: u8 = 64;

/// A walk over a table of a snapshot.
pub struct RedbRows {
    // Dropped before the snapshot, which keeps its pages from being reused.
    range: Option<Caught<redb::Range<'static, Bytes, Bytes>>>,
    snapshot: Arc<RedbSnapshot>,
    front: Headway,
    back: Headway,
}

/// How far one end of a walk has come. Over pages that a damaged file has lead in a circle redb would
/// walk without end.
#[derive(Debug, Default)]
struct Headway {
    rows: u8,
    last: Vec<u8>,
}

impl Headway {
    /// Takes note of a row; returns false where it does not come after the one that was looked at
    /// before, as the end demands.
    #[inline]
    fn is_made(&mut self, key: &[u8], end: End) -> bool {
        self.rows += 1;
        self.rows < LOOK_AFTER || self.look(key, end)
    }

    #[cold]
    fn look(&mut self, key: &[u8], end: End) -> bool {
        self.rows = 0;
        let is_first = self.last.is_empty();
        let is_made = match end {
            End::Front => key > self.last.as_slice(),
            End::Back => key < self.last.as_slice(),
        };
        self.last.clear();
        self.last.extend_from_slice(key);
        is_first || is_made
    }
}

impl RedbRows {
    pub(super) fn new(
        range: Option<Caught<redb::Range<'static, Bytes, Bytes>>>,
        snapshot: Arc<RedbSnapshot>,
    ) -> Self {
        Self {
            range,
            snapshot,
            front: Headway::default(),
            back: Headway::default(),
        }
    }
}

impl Rows for RedbRows {
    #[inline]
    fn step<R>(&mut self, end: End, read: impl FnOnce(&[u8], &[u8]) -> R) -> Result<Option<R>> {
        let Some(range) = &mut self.range else {
            return Ok(None);
        };
        let seam = &self.snapshot.seam;
        let stepped = seam.run(|| {
            let (next, headway) = match end {
                End::Front => (range.next(), &mut self.front),
                End::Back => (range.next_back(), &mut self.back),
            };
            match next {
                Some(Ok((key, _))) if !headway.is_made(key.value(), end) => {
                    let what = "a walk does not come further".to_owned();
                    Err(damaged(seam, what))
                }
                Some(Ok((key, value))) => Ok(Some(read(key.value(), value.value()))),
                Some(Err(error)) => Err(failed(seam, "read the next row", error)),
                None => Ok(None),
            }
        });
        if !matches!(stepped, Ok(Some(_))) {
            self.range = None;
        }
        stepped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks over the keys, again and again; returns after how many rows it is seen.
    fn rounds(keys: &[u8], end: End) -> usize {
        let mut headway = Headway::default();
        let rows = keys.iter().cycle().take(keys.len() * 1000);
        rows.take_while(|key| headway.is_made(&[**key], end))
            .count()
    }

    #[test]
    fn a_walk_in_a_circle_is_seen_soon() {
        for length in 1..=255 {
            let keys: Vec<u8> = (0..length).collect();
            let back: Vec<u8> = keys.iter().rev().copied().collect();
            let most = usize::from(LOOK_AFTER) * (usize::from(length) + 1);
            for found in [rounds(&keys, End::Front), rounds(&back, End::Back)] {
                assert!(found >= usize::from(LOOK_AFTER) && found < most, "{length}");
            }
        }
    }

    #[test]
    fn a_walk_that_comes_further_goes_on() {
        let mut headway = [Headway::default(), Headway::default()];
        for number in 0..10_000_u32 {
            let [front, back] = &mut headway;
            assert!(front.is_made(&number.to_be_bytes(), End::Front));
            assert!(back.is_made(&(!number).to_be_bytes(), End::Back));
        }
    }
}
