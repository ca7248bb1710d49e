//! Archives that hostile peers give out, truly or not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libp2p::kad::Record;
use nix_core::{path_info::PathInfo, store_path::StoreDir};
use nix_remote::peers::{
    announcement::{Announcement, Object, Statement, Term},
    node::{DownloadStatus, FetchError, Fetched, NodeHandle},
    transfer::{Blob, BlobHasher, GROUP_LOG, Request, Response, prove},
};
use nix_store::local::LocalStore;
use tokio::time::{sleep, timeout};

use crate::support::{PATIENCE, archive, key};

/// An archive with what proves it.
#[derive(Clone)]
pub(crate) struct Seed {
    pub(crate) blob: Blob,
    data: Vec<u8>,
    outboard: Vec<u8>,
}

impl Seed {
    pub(crate) fn new(data: Vec<u8>) -> Self {
        let mut hasher = BlobHasher::new(Vec::new());
        hasher.update(&data).unwrap();
        let (blob, outboard) = hasher.finish().unwrap();
        Self {
            blob,
            data,
            outboard,
        }
    }

    pub(crate) fn of(store: &LocalStore, info: &PathInfo) -> Self {
        Self::new(archive(store, &info.path))
    }

    pub(crate) fn has(&self, request: &Request) -> bool {
        request.root() == self.blob.root()
    }

    /// Returns the answer of one who has all of it and is honest.
    pub(crate) fn answer(&self, request: &Request) -> Vec<u8> {
        let size = self.blob.size();
        let response = match request {
            other if !self.has(other) => Response::Unknown,
            Request::Have { .. } => Response::Complete { size },
            Request::Get { range, .. } => {
                let proof = prove(&self.blob, *range, &self.data, &self.outboard);
                Response::Proof(proof.unwrap())
            }
        };
        response.encode()
    }

    /// Returns what is announced of a content-addressed object whose archive this is said to be.
    pub(crate) fn announcement(&self, info: &PathInfo, term: Term) -> Announcement {
        let object = Object::new(info, *self.blob.root(), GROUP_LOG);
        let address = info.content_address.unwrap();
        let statement = Statement::ContentAddressed(object, address);
        Announcement::sign(&StoreDir::default(), &statement, term, &key()).unwrap()
    }

    pub(crate) fn record(&self, info: &PathInfo) -> Record {
        record_of(&self.announcement(info, term(1)))
    }
}

/// Returns a term that has begun and lasts an hour.
pub(crate) fn term(sequence: u64) -> Term {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let issued_at = now.as_secs();
    Term {
        sequence,
        issued_at,
        not_after: issued_at + 3600,
    }
}

pub(crate) fn record_of(announcement: &Announcement) -> Record {
    let key = announcement.key().to_bytes();
    Record::new(key, announcement.as_bytes().to_vec())
}

/// Fetches a path, and returns how its download was when it was last seen.
pub(crate) async fn fetch_watched(
    node: &NodeHandle,
    info: &PathInfo,
) -> (Result<Fetched, FetchError>, Option<DownloadStatus>) {
    let watched = async {
        let fetch = node.fetch([info.path.clone()]);
        tokio::pin!(fetch);
        let mut seen = None;
        loop {
            tokio::select! {
                result = &mut fetch => return (result, seen),
                () = sleep(Duration::from_millis(2)) => {
                    let status = node.status().await.unwrap();
                    seen = status.downloads.first().cloned().or(seen);
                }
            }
        }
    };
    timeout(PATIENCE, watched).await.unwrap()
}
