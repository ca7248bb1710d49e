//! What the transfer of blobs promises: one form for each message, and not a byte that is not proven.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed"
)]

mod groups;
mod hashes;
mod messages;
mod proofs;
mod support;
