//! The command `netabase`, run as its users run it.

mod drv;
mod drv_files;
mod errors;
mod hash;
mod import;
mod key;
mod manual;
mod nar;
mod nix;
mod nix_db;
mod query;
mod store;
mod store_adding;
mod support;
mod trees;
