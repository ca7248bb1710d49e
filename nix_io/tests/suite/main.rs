//! What the crate promises, through its public surface.

mod listing;
mod nar_conformance;
mod nar_grammar;
mod nar_hostile;
mod nar_properties;
mod readers;
mod reports;
mod support;
mod wire;

#[cfg(unix)]
mod against_nix;
#[cfg(unix)]
mod pack;
#[cfg(unix)]
mod unpack;
#[cfg(unix)]
mod unpack_hostile;
#[cfg(unix)]
mod view;
#[cfg(unix)]
mod view_changes;

#[cfg(all(unix, feature = "tokio"))]
mod tokio_files;
