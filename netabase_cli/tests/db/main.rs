//! `netabase db`: every command, on a store with every kind of field and index.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod damage;
mod models;
mod refusals;
mod round_trip;
mod support;
