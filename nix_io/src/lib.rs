//! Bytes in motion: the wire's primitives, Nix archives, compression.
//!
//! [`wire`] spells integers, strings and framed streams as Nix's protocols do, [`nar`] reads and
//! writes archives, in memory, through readers and on disk, [`compression`] names the streams of
//! binary caches, and [`read`] holds readers that lend what they buffer. It is **not** a store: it
//! knows no hash, no store path and no metadata, and what arrives is checked for its form alone.
//!
//! ```
//! # #[cfg(unix)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use nix_io::nar::{self, Listing, NarLimits, PackOptions, UnpackOptions};
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::create_dir(folder.path().join("bin"))?;
//! std::fs::write(folder.path().join("bin/hello"), "#!/bin/sh")?;
//!
//! let mut archive = Vec::new();
//! nar::pack(folder.path().join("bin"), &mut archive, &PackOptions::default())?;
//! let listing = Listing::read(&archive[..], NarLimits::default())?;
//! assert!(listing.find(b"hello").is_some());
//!
//! nar::unpack(&archive[..], folder.path().join("copy"), &UnpackOptions::default())?;
//! assert_eq!(std::fs::read(folder.path().join("copy/hello"))?, b"#!/bin/sh");
//! # Ok(())
//! # }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```
//!
//! | feature | gives | default |
//! | --- | --- | --- |
//! | `compression` | [`compression`] with all of `brotli`, `bzip2`, `gzip`, `xz` and `zstd`, each a feature of its own | no |
//! | `zstd-c` | zstd by the C library, with all levels; needs a C compiler | no |
//! | `tokio` | archives from and to asynchronous streams | no |
//!
//! How it works is told in ARCHITECTURE.md of the repository.

pub mod compression;
pub mod nar;
pub mod read;
pub mod wire;
