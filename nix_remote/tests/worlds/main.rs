//! What announcements, lookups and transfers promise together, in worlds of several nodes that lose
//! messages, disks and each other, and of which some lie.
//!
//! `worlds` runs them in virtual time, each by a seed that a failure names; the environment variable
//! `NETABASE_WORLD_SEED` runs that one alone.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed"
)]

mod checks;
mod corpus;
mod counts;
mod dht;
mod dice;
mod disk;
mod fetching;
mod finding;
mod lies;
mod network;
mod peer;
mod serving;
mod setup;
mod world;
mod worlds;
