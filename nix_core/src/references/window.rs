//! The search that finding and replacing share.

use crate::nix32;

/// How many bytes a hash part has.
pub(super) const LEN: usize = 32;

/// Calls a function with each window of 32 digits of base 32 and its position, from left to right;
/// where it returns true, the next window begins after this one.
///
/// A window is read from its end, so that a byte which is no digit skips all windows that hold it:
/// of random bytes about one in 28 is read. No byte is read twice by the search itself.
pub(super) fn search(bytes: &[u8], mut is_taken: impl FnMut(usize, &[u8; LEN]) -> bool) {
    let mut at = 0;
    // The bytes from `at` up to here are known to be digits.
    let mut known = 0;
    while let Some(unknown) = bytes.get(known..at + LEN) {
        if let Some(wrong) = unknown.iter().rposition(|byte| !nix32::is_digit(*byte)) {
            let end = at + LEN;
            at = known + wrong + 1;
            known = end;
            continue;
        }
        let rest = bytes.get(at + LEN..).unwrap_or_default();
        let more = rest
            .iter()
            .take_while(|byte| nix32::is_digit(**byte))
            .count();
        let run = bytes.get(at..at + LEN + more).unwrap_or_default();
        search_run(at, run, &mut is_taken);
        // After the run stands a byte that is no digit, or nothing.
        at += run.len() + 1;
        known = at;
    }
}

/// Does the same for bytes that are digits and begin at a position.
fn search_run(start: usize, run: &[u8], is_taken: &mut impl FnMut(usize, &[u8; LEN]) -> bool) {
    let mut free = start;
    for (at, window) in (start..).zip(run.windows(LEN)) {
        let Some(window) = window.first_chunk() else {
            break;
        };
        if at >= free && is_taken(at, window) {
            free = at + LEN;
        }
    }
}
