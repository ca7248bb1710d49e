//! What nodes promise: messages have exact limits, records of others are judged, and what one node
//! announces another finds, fetches and adds.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codec;
mod meeting;
mod pair;
mod rules;
mod sharing;
mod support;
