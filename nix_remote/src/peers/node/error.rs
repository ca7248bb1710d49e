//! Why a node does not start, and what it cannot do.

use std::{collections::BTreeMap, io, path::PathBuf};

use libp2p::{Multiaddr, TransportError, kad::store::Error as RecordsError};
use netabase_store::records::NamespaceError;
use nix_core::{
    hash::{Hash, Sha256},
    store_path::StorePath,
};
use nix_io::nar::ReadError;

use crate::peers::{
    announcement::{PolicyError, SignError},
    lookup::ClosureError,
    transfer::{BlobSizeError, HashError, Stall},
};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Its folder cannot be used.
    #[error("use the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Its records cannot be opened.
    #[error("open the records of the node")]
    Records(#[source] netabase_store::NetabaseError),
    /// No thread can be started, or there is no runtime.
    #[error("start the threads that judge records")]
    Threads(#[source] io::Error),
    /// The namespaces of announcements are no namespaces.
    #[error("register the rules for announcements")]
    Namespaces(#[source] NamespaceError),
    /// The network has a name that is no part of a protocol's.
    #[error("the name {name:?} of a network is not 1 to {max} letters, digits and dashes")]
    NetworkName {
        /// The name.
        name: String,
        /// How many it may have.
        max: usize,
    },
    /// The transport cannot be set up.
    #[error("set up the transport")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// Why not.
        #[source]
        source: TransportError<io::Error>,
    },
}

/// The node has been shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has been shut down")]
pub struct Stopped;

/// Why a path, or the path of an output, was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Nobody who is believed announces it.
    #[error("nobody who is believed announces it")]
    Absent,
    /// Not all who were asked have answered, or it was so a moment ago.
    #[error("it was not found in time")]
    Unanswered,
    /// It was looked for in vain a short while ago.
    #[error("it was looked for in vain a short while ago")]
    KnownAbsent,
    /// There are too many lookups.
    #[error("too many lookups run")]
    Busy,
    /// The node has been shut down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why paths were not fetched, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The closure cannot be had as a whole, so nothing of it was fetched.
    #[error("the closure cannot be fetched")]
    Closure(#[source] ClosureError),
    /// Some objects could not be fetched or added; what was added stays.
    #[error("{} objects could not be fetched", failed.len())]
    Objects {
        /// Each with the reason.
        failed: BTreeMap<StorePath, ObjectError>,
    },
    /// There are too many fetches.
    #[error("too many closures are fetched")]
    Busy,
    /// The node has been shut down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why one object was not fetched or added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The peers that have it do not send it.
    #[error("the download stopped")]
    Stalled(#[source] Stall),
    /// Its archive is too large.
    #[error("the archive cannot be transferred")]
    Size(#[source] BlobSizeError),
    /// Its files cannot be read or written.
    #[error("keep the archive in a file")]
    Spool(#[source] io::Error),
    /// The archive has the BLAKE3 root and not the NAR hash that were announced.
    #[error("the archive has the hash {found:?}, where {expected:?} was announced")]
    NarHash {
        /// What was announced.
        expected: Sha256,
        /// What it is.
        found: Hash,
    },
    /// The store did not take it, or could not be asked.
    #[error("the store did not take the object")]
    Store(#[source] Box<nix_store::store::Error>),
    /// Something that it refers to was not added.
    #[error("an object that it refers to is missing")]
    Needs,
    /// A task of the node ended before its time.
    #[error("the task was cut short")]
    Aborted,
}

/// Why a path was not announced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// The node has no key to sign with.
    #[error("the node has no key to sign announcements with")]
    NoKey,
    /// The store does not have the path.
    #[error("the store does not have {0}")]
    NotValid(StorePath),
    /// No trusted key signed it, and it is not content-addressed.
    #[error("{0} is private: no trusted key signed it, and it is not content-addressed")]
    Private(StorePath),
    /// It cannot be said whether it may be announced.
    #[error("see whether the path may be announced")]
    Policy(#[source] PolicyError),
    /// The store cannot be read.
    #[error("read the object")]
    Store(#[source] Box<nix_store::store::Error>),
    /// The hashes of the archive cannot be kept in a file.
    #[error("keep the hashes of the archive in a file")]
    Spool(#[source] io::Error),
    /// The node cannot remember that the object may be shared.
    #[error("remember that the object is shared")]
    Remember(#[source] Box<netabase_store::NetabaseError>),
    /// The archive cannot be a blob.
    #[error("hash the archive")]
    Hash(#[source] HashError<io::Error>),
    /// The announcement cannot be signed.
    #[error("sign the announcement")]
    Sign(#[source] SignError),
    /// The record store is full.
    #[error("store the announcement")]
    Records(#[source] RecordsError),
    /// The clock of this machine is set to a time before 1970.
    #[error("the clock is before 1970")]
    Clock,
    /// The task ended before its time.
    #[error("the task was cut short")]
    Aborted,
    /// The node has been shut down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl ObjectError {
    /// Whether the store refused what the archive holds, so that another archive may be taken.
    pub(super) fn is_of_contents(&self) -> bool {
        use nix_store::store::Error;
        let Self::Store(error) = self else {
            return false;
        };
        match &**error {
            Error::HashMismatch { .. }
            | Error::SizeMismatch { .. }
            | Error::ContentMismatch { .. }
            | Error::OtherPath { .. }
            | Error::NotAFile { .. } => true,
            Error::Nar { source, .. } => !matches!(source, ReadError::Io(_)),
            _ => false,
        }
    }
}
