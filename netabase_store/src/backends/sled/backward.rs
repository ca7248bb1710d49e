//! Walking backward over a sled tree, by walks forward.
//!
//! sled 0.34 looks for the node before another one under a key of four bytes `0xff` that it takes for
//! the greatest below that node. Where greater ones fill a node, as those of equal small negative
//! numbers in an index do, it goes round a million times and panics. Its way forward is exact.

use std::{collections::VecDeque, ops::Bound};

use sled::{IVec, Tree};

use crate::backends::{Span, versioned::Row};

/// Appends the last `limit` rows of a span, the last one first; all of them where there are fewer.
///
/// Looks for a place behind which there are enough rows and at most twice as many: O(log n) for each
/// byte of a key until there is one, and O(limit) each time.
pub(super) fn last_rows(
    tree: &Tree,
    span: &Span,
    limit: usize,
    rows: &mut VecDeque<Row<IVec>>,
) -> sled::Result<()> {
    let mut found = rows_from(tree, span, &[], limit * 2 + 1)?;
    let Some((first, _)) = found.first() else {
        return Ok(());
    };
    let mut prefix = common_prefix(first, &span.upper);
    while found.len() > limit * 2 {
        // From the byte `many` on there are too many rows, from `few` on too few.
        let (mut many, mut few) = (0_u16, 256);
        while few - many > 1 {
            let middle = many.midpoint(few);
            let byte = u8::try_from(middle).expect("between two ends of which one is a byte");
            prefix.push(byte);
            found = rows_from(tree, span, &prefix, limit * 2 + 1)?;
            prefix.pop();
            if found.len() > limit * 2 {
                many = middle;
            } else if found.len() < limit {
                few = middle;
            } else {
                break;
            }
        }
        if few - many == 1 {
            prefix.push(u8::try_from(many).expect("the end below is a byte"));
            found = rows_from(tree, span, &prefix, limit * 2 + 1)?;
        }
    }
    rows.extend(found.into_iter().rev().take(limit));
    Ok(())
}

/// Returns the first rows of a span at or behind a key, at most so many.
fn rows_from(tree: &Tree, span: &Span, from: &[u8], limit: usize) -> sled::Result<Vec<Row<IVec>>> {
    let (mut lower, upper) = span.as_slices();
    match lower {
        Bound::Included(key) | Bound::Excluded(key) if key >= from => {}
        _ => lower = Bound::Included(from),
    }
    let narrowed = Span {
        lower: lower.map(<[u8]>::to_vec),
        upper: upper.map(<[u8]>::to_vec),
    };
    if narrowed.is_empty() {
        return Ok(Vec::new());
    }
    tree.range::<&[u8], _>((lower, upper)).take(limit).collect()
}

/// Returns what the first key of a span, and so each of its keys, has in common with its end.
fn common_prefix(first: &[u8], upper: &Bound<Vec<u8>>) -> Vec<u8> {
    let (Bound::Included(end) | Bound::Excluded(end)) = upper else {
        return Vec::new();
    };
    let both = first.iter().zip(end);
    both.take_while(|(one, other)| one == other)
        .map(|(one, _)| *one)
        .collect()
}
