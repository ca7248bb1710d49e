//! The command `netabase`, run as its users run it.

mod errors;
mod import;
mod manual;
mod nix;
mod query;
mod support;
