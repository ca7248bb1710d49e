//! What peers get of the archives that are shared.

use libp2p::{
    PeerId,
    request_response::{InboundRequestId, ResponseChannel},
};

use super::{
    shares::{ReadError, Shared, Source},
    task::{Done, Task},
};
use crate::peers::{
    codec::Arrival,
    transfer::{Answer, GroupSet, Request, Response},
};

impl Task {
    /// Shares the archive of an object of the store.
    pub(super) fn share(&mut self, shared: Shared) {
        let blob = shared.blob;
        if self.shares.add(shared) {
            self.server.share(blob, GroupSet::full(blob.groups()));
        }
    }

    pub(super) fn serve(
        &mut self,
        peer: PeerId,
        request_id: InboundRequestId,
        request: &Request,
        channel: ResponseChannel<Arrival>,
    ) {
        let now = self.now();
        match self.server.on_request(&peer, request, now) {
            Answer::Now(response) => self.respond(channel, response),
            Answer::Read(read) => {
                self.sending.insert(request_id, read.id);
                let root = *read.blob.root();
                let Some(source) = self.shares.source(&root) else {
                    return self.respond(channel, Response::Unknown);
                };
                let (reader, from) = (self.reader.clone(), source.clone());
                self.run_blocking(
                    move || reader.prove(&from, &read.blob, read.range),
                    move |proof| {
                        let proof = proof.unwrap_or(Err(ReadError::Aborted));
                        Done::Proved(channel, (root, source), proof)
                    },
                );
            }
        }
    }

    pub(super) fn on_proved(
        &mut self,
        channel: ResponseChannel<Arrival>,
        (root, source): ([u8; 32], Source),
        proof: Result<Vec<u8>, ReadError>,
    ) {
        let response = match proof {
            Ok(proof) => {
                self.served.add(proof.len());
                Response::Proof(proof)
            }
            Err(error) => {
                self.on_unreadable(&root, &source, &error);
                Response::Unknown
            }
        };
        self.respond(channel, response);
    }

    /// Takes note that a response was sent, or will not be: only now its memory is free.
    pub(super) fn on_sent(&mut self, request: InboundRequestId) {
        if let Some(read) = self.sending.remove(&request) {
            self.server.done(read);
        }
    }

    /// Takes note that an archive is in no file of the node any more; returns whether it is nowhere.
    pub(super) fn drop_file(&mut self, root: &[u8; 32]) -> bool {
        self.shares.remove_file(root);
        self.unshare_if_gone(root)
    }

    /// Says no more that an archive is here of which no file is of use any more.
    pub(super) fn retract(&mut self, root: &[u8; 32]) {
        if self.drop_file(root) {
            let (announcer, root) = (self.announcer(), *root);
            self.run_aside(move || announcer.take_back(&root));
        }
    }

    /// Shares nothing of an archive that is nowhere any more; returns whether it is so.
    pub(super) fn unshare_if_gone(&mut self, root: &[u8; 32]) -> bool {
        let is_gone = self.shares.source(root).is_none();
        if is_gone {
            self.server.unshare(root);
        }
        is_gone
    }

    fn on_unreadable(&mut self, root: &[u8; 32], source: &Source, error: &ReadError) {
        let cause = error as &dyn std::error::Error;
        tracing::warn!(?source, error = cause, "cannot read what is shared");
        if !error.is_lasting() {
            return;
        }
        match source {
            Source::Object(path) => self.unshare(path),
            // It may have become whole meanwhile, and have another name.
            Source::File | Source::Part if self.shares.source(root).as_ref() == Some(source) => {
                self.retract(root);
            }
            Source::File | Source::Part => {}
        }
    }

    fn respond(&mut self, channel: ResponseChannel<Arrival>, response: Response) {
        let blobs = &mut self.swarm.behaviour_mut().blobs;
        // The peer may have gone, or not have waited.
        let _ = blobs.send_response(channel, Arrival::Message(response));
    }
}

/// What peers were given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Responses with groups.
    pub responses: u64,
    /// The bytes of them.
    pub bytes: u64,
}

impl Served {
    fn add(&mut self, bytes: usize) {
        self.responses += 1;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
