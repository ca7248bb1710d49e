//! What announcements of store objects promise: one form, and belief only where it is due.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod arbitrary;
mod believed;
mod envelope;
mod golden;
mod order;
mod policy;
mod proof;
mod support;
