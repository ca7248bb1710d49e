//! The thread that writes what a download has verified.

use std::{io, thread};

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
use crate::peers::{
    buffers::Buffers,
    transfer::{Blob, GroupSet, Verified},
};

/// What is to be done with a file, in the order in which it was sent.
pub(super) enum Work {
    /// Write groups, and hashes to the outboard.
    Write(Verified),
    /// Make durable what was written.
    Commit(GroupSet),
    /// Check the hash of the archive and give it its name.
    Finish(Sha256),
    /// End, for this reason.
    GiveUp(ObjectError),
}

/// Starts a thread that opens the files of a blob, says what is there, and does what it is sent. It
/// ends with the last work, with an error, and when nobody sends any more.
pub(super) fn start(
    spool: Spool,
    blob: Blob,
    buffers: Buffers,
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
        if let Some(result) = run(partial, &buffers, work, &done) {
            tell(&done, Done::Fetched(root, result));
        }
    })
}

fn run(
    mut partial: Partial,
    buffers: &Buffers,
    mut work: Receiver<Work>,
    done: &Sender<Done>,
) -> Option<Result<(), ObjectError>> {
    let mut committing = Committing::default();
    while let Some(work) = work.blocking_recv() {
        let written = match work {
            Work::Write(verified) => partial.write(&verified).map(|()| {
                buffers.put(verified.into_memory());
            }),
            Work::Commit(held) => committing.begin(&partial, held, done),
            Work::GiveUp(error) => {
                let committed = committing.wait().map_err(ObjectError::Spool);
                return Some(committed.and(Err(error)));
            }
            Work::Finish(nar_hash) => {
                return Some(match committing.wait() {
                    Ok(()) => partial.finish(&nar_hash),
                    Err(error) => Err(ObjectError::Spool(error)),
                });
            }
        };
        if let Err(error) = written {
            return Some(Err(ObjectError::Spool(error)));
        }
        tell(done, Done::Written);
    }
    committing
        .wait()
        .err()
        .map(|error| Err(ObjectError::Spool(error)))
}

/// What is made durable on a thread of its own while more is written, one commit at a time: a disk
/// that takes long to sync does not hold a download up.
#[derive(Default)]
struct Committing(Option<thread::JoinHandle<io::Result<()>>>);

impl Committing {
    fn begin(&mut self, partial: &Partial, held: GroupSet, done: &Sender<Done>) -> io::Result<()> {
        self.wait()?;
        let root = *partial.root();
        let commit = partial.commit(held)?;
        let done = done.clone();
        let thread = thread::Builder::new().name("netabase-commit".to_owned());
        self.0 = Some(thread.spawn(move || {
            let held = commit.run()?;
            tell(&done, Done::Committed(root, held));
            Ok(())
        })?);
        Ok(())
    }

    /// Waits until all is durable that was to be.
    fn wait(&mut self) -> io::Result<()> {
        let Some(thread) = self.0.take() else {
            return Ok(());
        };
        let panicked = |_| io::Error::other("the thread that syncs panicked");
        thread.join().map_err(panicked)?
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        // The first error of a download is the one to report.
        let _ = self.wait();
    }
}

fn tell(done: &Sender<Done>, what: Done) {
    // Nobody listens once the node has been shut down.
    let _ = done.blocking_send(what);
}
