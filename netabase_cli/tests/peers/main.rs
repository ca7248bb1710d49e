//! `netabase peer`: processes that share store objects on this machine.

mod commands;
mod control;
mod metrics;
mod nix;
mod sharing;
mod support;
