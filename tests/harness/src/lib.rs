//! Harnesses that try to make a store lose, mix up or make up what it was given.
//!
//! Each harness makes its cases from a seed: the same seed, the same cases. What it finds is a
//! [`Violation`], with the history as short as it could be made. A [`Plant`] is a bug on purpose; the
//! tests of this crate prove that every one of them is found.

pub mod cuts;
pub mod damage;
pub mod disk;
pub mod errors;
pub mod exhaustive;
mod folder;
mod harness;
pub mod image;
pub mod kills;
pub mod ledger;
mod lies;
pub mod life;
pub mod model;
mod outcome;
mod plant;
mod planted;
pub mod power;
#[cfg(feature = "records")]
pub mod records;

pub use harness::Harness;
pub use outcome::{Tally, Violation, guarded};
pub use plant::Plant;
pub use planted::{Planted, PlantedRows, PlantedSnapshot};
