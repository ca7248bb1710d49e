//! `netabase peer`: processes that share store objects on this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::indexing_slicing, reason = "what is not in an answer is null")]

mod commands;
mod control;
#[cfg(target_os = "linux")]
mod hosts;
mod metrics;
mod nix;
mod outputs;
mod refused;
mod sharing;
mod support;
