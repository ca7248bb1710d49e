//! What operations on a Nix store mean: its hashes, names, paths and texts, exact for every format
//! version in the field.
//!
//! Values in, values out: parsers take bytes and return values or a typed error with its place,
//! printers return bytes that Nix would have printed, and computations follow the same rules as
//! Nix's. Every byte from outside is taken for hostile: parsers do not panic, do not recurse on
//! their input, and allocate no more than what they were given allows.
//!
//! It is **not** a store: there is no IO, no async, no clock and no randomness in it, and nothing it
//! depends on needs `std`. Archives and wire formats are not here either; they are bytes in motion
//! and know nothing of stores.
//!
//! # Examples
//! The path of a text that refers to nothing, as `builtins.toFile "greeting" "hello"` makes it:
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! use nix_core::{
//!     hash::Sha256,
//!     store_path::{StoreDir, StorePathName},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = StoreDir::default();
//! let name = StorePathName::new("greeting")?;
//! let path = dir.text_path(&name, Sha256::of(b"hello"), &BTreeSet::new());
//! let text = dir.print(&path);
//! assert_eq!(text, "/nix/store/5akl8zsmda0yrr63v4khwgskih2g2hsh-greeting");
//! assert_eq!(dir.parse(&text)?, path);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! | feature | what it adds |
//! | --- | --- |
//! | `test` | strategies `arb_*` that generate the types, for property tests of other crates |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod build_result;
pub mod content_address;
pub mod derivation;
pub mod derived_path;
pub mod graph;
pub mod hash;
pub mod json;
pub mod narinfo;
pub mod nix32;
pub mod path_info;
pub mod realisation;
pub mod references;
pub mod signature;
pub mod store_path;
pub mod store_reference;
