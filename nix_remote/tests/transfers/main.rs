//! What the transfer of blobs promises: one form for each message, and not a byte that is not proven.
//!
//! `swarms` runs worlds in virtual time, each by a seed that a failure names; the environment variable
//! `NETABASE_TRANSFER_SEED` runs that one alone.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed"
)]

mod dice;
mod downloads;
mod endings;
mod groups;
mod hand;
mod hashes;
mod messages;
mod node;
mod proofs;
mod receiving;
mod resumes;
mod serving;
mod silence;
mod support;
mod swarms;
mod world;
