//! Derivation files: recorded, found, compared, and what survives damage and crashes.
#![cfg(unix)]

mod corpus;
mod diff;
mod hostile;
mod record;
mod recovery;
mod registered;
mod support;
