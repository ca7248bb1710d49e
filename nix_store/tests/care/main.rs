//! Care for a store on disk: deduplication, sharing between stores, verification, repair.

#![cfg(all(feature = "store", unix))]
#![expect(clippy::indexing_slicing, reason = "a wrong offset is a failed test")]

mod damage;
mod nix;
mod optimise;
mod races;
mod repair;
mod share;
mod support;
mod verify;
