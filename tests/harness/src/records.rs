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
pub(crate) mod rows;
mod rules;
mod subject;
mod world;
