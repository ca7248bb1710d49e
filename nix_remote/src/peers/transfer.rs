//! Transfer: how the contents of a store object get from peers to a peer, with every byte verified.
//!
//! What is transferred is a *blob*: a NAR, known by the BLAKE3 hash of its bytes and their count,
//! which announcements carry. It is cut into *groups* of 64 KiB. Whoever has some of them answers
//! requests for them with a proof, the hashes that lead from the root to the groups, so each group
//! is verified by itself, in any order, from any peer. Nothing else is believed of a peer.
//!
//! Nothing here does IO, has a clock or starts a thread. Times are [`Duration`](std::time::Duration)s
//! since a moment that the caller picks, and never go back.
//!
//! # Messages of `/netabase-nix/blob/1`, byte by byte
//! Numbers are big-endian; each message has one form, and nothing follows it. Requests have at most
//! [`REQUEST_BYTES_MAX`] bytes, responses at most [`RESPONSE_BYTES_MAX`].
//!
//! | request | bytes |
//! | --- | --- |
//! | have | 0; root (32) |
//! | get | 1; root (32); first group (4); count of groups (1), 1 to [`REQUEST_GROUPS_MAX`] |
//!
//! | response | bytes |
//! | --- | --- |
//! | unknown | 0 |
//! | busy | 1; milliseconds to wait (4), at most [`RETRY_AFTER_MS_MAX`] |
//! | complete | 2; size of the blob (8) |
//! | partial | 3; size of the blob (8); a bit for each group that is held, not none and not all |
//! | proof | 4; for each node on the way the hashes of its children (64); each group |
//!
//! The bits begin with the lowest one of the first byte, and those that are left over are 0. Nodes
//! and groups of a proof stand in the order of the way from the root, parents first, left before
//! right. So a get has only one answer that is true, and its length is known beforehand.

mod blob;
mod download;
mod groups;
mod message;
mod outboard;
mod peer;
mod proof;
mod random;
mod receive;
mod receiving;
mod resume;
mod schedule;
mod serve;
mod tree;
mod verified;

#[cfg(feature = "peers")]
pub(crate) use self::message::is_proof;
#[cfg(all(feature = "peers", unix))]
pub(crate) use self::proof::prove_in;
pub use self::{
    blob::{BLOB_BYTES_MAX, Blob, BlobSizeError, OutOfReach, ReadAt, WriteAt},
    download::{
        BANNED_MAX, COMMIT_AFTER, COMMIT_BYTES, Counts, Download, Failure, GROUPS_IN_FLIGHT_MAX,
        Lie, NEWCOMERS_HELP_FOR, Output, PEERS_MAX, REQUESTS_MAX, RequestId, SILENT_AFTER, Stall,
    },
    groups::{
        GROUP_BYTES, GROUP_LOG, GROUPS_MAX, GroupRange, GroupSet, GroupSetError, REQUEST_GROUPS_MAX,
    },
    message::{
        HOLDING_BYTES_MAX, MessageError, PROOF_HASH_BYTES_MAX, PROTOCOL, REQUEST_BYTES_MAX,
        RESPONSE_BYTES_MAX, RETRY_AFTER_MS_MAX, Request, Response,
    },
    outboard::{BlobHasher, HashError},
    proof::{Piece, Place, ProofError, ProveError, Proven, WriteProvenError, prove, write_proven},
    receiving::{LIE_BYTES_MAX, Received, Receiving},
    resume::{RESUME_BYTES_MAX, ResumeError, ResumeRecord},
    serve::{Answer, Limits, Read, ReadId, SERVED_PEERS_MAX, Server},
    verified::Verified,
};
