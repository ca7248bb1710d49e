//! The command `netabase`, run as its users run it.

mod drv;
mod errors;
mod hash;
mod import;
mod key;
mod manual;
mod nar;
mod nix;
mod query;
mod support;
mod trees;
