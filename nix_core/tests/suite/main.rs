//! What the chapters promise together, and what they make of the vectors of NixOS/nix.

mod conformance;
mod derivation;
mod drv_json;
mod foundation;
mod info;
mod nix_instantiate;
mod reports;
mod vectors;
