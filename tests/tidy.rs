//! What the repository promises about itself, each law a test.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing field fails the test that reads it"
)]

#[path = "tidy/crates.rs"]
mod crates;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/repository.rs"]
mod repository;
#[path = "tidy/sources.rs"]
mod sources;
