//! The thread that writes what a download has verified.

use nix_core::hash::Sha256;
use tokio::{
    sync::mpsc::{Receiver, Sender},
    task::{JoinHandle, spawn_blocking},
};

use super::{
    error::ObjectError,
    spool::{Partial, Spool},
    task::Done,
};
use crate::peers::transfer::{Blob, GroupSet};

/// What is to be done with a file, in the order in which it was sent.
pub(super) enum Work {
    /// Write bytes, and hashes to the outboard.
    Write {
        offset: u64,
        bytes: Vec<u8>,
        outboard: Vec<(u64, [u8; 64])>,
    },
    /// Make durable what was written.
    Commit(GroupSet),
    /// Check the hash of the archive and give it its name.
    Finish(Sha256),
}

/// Starts a thread that opens the files of a blob, says what is there, and does what it is sent. It
/// ends with the last work, with an error, and when nobody sends any more.
pub(super) fn start(
    spool: Spool,
    blob: Blob,
    work: Receiver<Work>,
    done: Sender<Done>,
) -> JoinHandle<()> {
    spawn_blocking(move || {
        let root = *blob.root();
        let partial = match spool.begin(blob) {
            Ok((partial, held)) => {
                tell(&done, Done::Opened(root, Ok(held)));
                partial
            }
            Err(error) => return tell(&done, Done::Opened(root, Err(error))),
        };
        if let Some(result) = run(partial, work, &done) {
            tell(&done, Done::Fetched(root, result));
        }
    })
}

fn run(
    mut partial: Partial,
    mut work: Receiver<Work>,
    done: &Sender<Done>,
) -> Option<Result<(), ObjectError>> {
    let root = *partial.root();
    while let Some(work) = work.blocking_recv() {
        let written = match work {
            Work::Write {
                offset,
                bytes,
                outboard,
            } => partial.write(offset, &bytes, &outboard),
            Work::Commit(held) => partial.commit(held.clone()).map(|()| {
                tell(done, Done::Committed(root, held));
            }),
            Work::Finish(nar_hash) => return Some(partial.finish(&nar_hash)),
        };
        if let Err(error) = written {
            return Some(Err(ObjectError::Spool(error)));
        }
        tell(done, Done::Written);
    }
    None
}

fn tell(done: &Sender<Done>, what: Done) {
    // Nobody listens once the node has been shut down.
    let _ = done.blocking_send(what);
}
