//! What announcements, lookups and transfers promise together, in worlds of several nodes that lose
//! messages, disks and each other, and of which some lie, with keys that are trusted too.
//!
//! What drives the machines here does what `peers::node` does, file by file: `fetching`, `downloading`
//! with `requesting`, `serving`, `announcing` and `finding`.
//!
//! `worlds` runs them in virtual time, each by a seed that a failure names; the environment variable
//! `NETABASE_WORLD_SEED` runs that one alone.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed"
)]

mod announcing;
mod checks;
mod corpus;
mod counts;
mod dht;
mod dice;
mod disk;
mod downloading;
mod fetching;
mod finding;
mod lies;
mod network;
mod outputs;
mod peer;
mod requesting;
#[path = "../transfers/dice.rs"]
mod rolls;
mod serving;
mod setup;
mod world;
mod worlds;
