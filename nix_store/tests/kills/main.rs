//! Whoever is killed, at whatever moment: what is valid is whole, and nothing unfinished remains.
//!
//! Every test starts this program again as another process, which runs one of the tests called
//! `child` alone, and kills it at a moment that a seeded generator draws. A seed is printed when a
//! test fails; the environment variable `NETABASE_KILL_SEED` repeats it.

#![cfg(all(feature = "store", unix))]

mod adding;
mod collecting;
#[cfg(target_os = "linux")]
mod failing;
mod harness;
mod importing;
#[cfg(feature = "nix-db")]
mod nix_db;
mod optimising;
mod place;
#[cfg(target_os = "linux")]
mod power;
mod registering;
mod sample;
mod together;
#[cfg(target_os = "linux")]
mod watch;

/// How many processes are killed while they are at work, without those of features.
const KILLS: u32 = adding::KILLS
    + collecting::KILLS
    + importing::KILLS
    + optimising::KILLS
    + registering::KILLS
    + together::KILLS;

const _: () = assert!(KILLS >= 300);
