//! The record store in swarms of libp2p, many nodes in one process.
#![expect(clippy::indexing_slicing, reason = "a wrong place is a failed test")]

#[path = "swarms/announcing.rs"]
mod announcing;
#[path = "swarms/findings.rs"]
mod findings;
#[path = "swarms/lives.rs"]
mod lives;
#[path = "swarms/net.rs"]
mod net;
