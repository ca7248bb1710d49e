//! The same for the record store of libp2p's Kademlia, which lies in a table of a store.
//!
//! What it should answer and hold is stated anew in `rules`, over maps. A `life` is lived on both
//! sides; `check` reads everything in every way. What others decide about the disk is that of the
//! typed store's harnesses.

mod check;
pub mod damage;
pub mod errors;
pub mod kills;
mod life;
pub mod model;
pub mod power;
mod rules;
mod subject;
mod world;

use std::process::Command;

use crate::{
    harness::Harness,
    outcome::{Tally, Violation},
    plant::Plant,
};

/// Runs the cases of one seed of a harness of the record store.
pub(crate) fn run(
    harness: Harness,
    seed: u64,
    plant: Option<Plant>,
    child: &dyn Fn() -> Command,
) -> Result<Tally, Violation> {
    match harness {
        Harness::RecordsKills => kills::run(seed, plant, child),
        Harness::RecordsPower => power::run(seed, plant),
        Harness::RecordsErrors => errors::run(seed, plant),
        Harness::RecordsDamage => damage::run(seed, plant),
        _ => model::run(seed, plant),
    }
}
