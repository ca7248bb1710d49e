//! What lookups promise: everybody who may know is asked, what is believed is verified, and nobody
//! waits for long; and what closures promise: all or nothing is fetched, references first.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod belief;
mod closures;
mod realised;
mod refused;
mod support;
mod waiting;
