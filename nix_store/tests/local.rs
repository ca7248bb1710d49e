//! A store of files does what it promises: objects are whole, whatever comes in and whoever dies.
#![cfg(all(feature = "store", unix))]

#[path = "local/support.rs"]
mod support;

#[path = "local/add.rs"]
mod add;
#[path = "local/batch.rs"]
mod batch;
#[path = "local/crash.rs"]
mod crash;
#[path = "local/export.rs"]
mod export;
#[path = "local/hostile.rs"]
mod hostile;
#[path = "local/nix.rs"]
mod nix;
#[path = "local/open.rs"]
mod open;
#[path = "local/register.rs"]
mod register;
#[path = "local/scan.rs"]
mod scan;
#[path = "local/share.rs"]
mod share;
