//! What nodes promise: messages have exact limits, records of others are judged, and what one node
//! announces another finds, fetches and adds, whatever hostile peers say and do meanwhile.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codec;
mod hostile;
#[cfg(target_os = "linux")]
mod hostile_connections;
mod hostile_downloads;
mod hostile_endings;
mod hostile_readers;
mod hostile_records;
mod hostile_streams;
#[cfg(target_os = "linux")]
mod large;
mod meeting;
mod nodes;
mod pair;
mod parts;
mod private;
mod processes;
#[cfg(feature = "quic")]
mod quic;
mod raw;
mod realisations;
mod rules;
mod seeds;
mod sharing;
mod support;
