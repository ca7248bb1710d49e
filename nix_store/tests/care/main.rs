//! Care for a store on disk: deduplication, sharing between stores, verification, repair.

#![cfg(all(feature = "store", unix))]

mod nix;
mod optimise;
mod races;
mod repair;
mod share;
mod support;
mod verify;
