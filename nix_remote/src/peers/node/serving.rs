//! What peers get of the archives that are shared.

use libp2p::{PeerId, request_response::ResponseChannel};

use super::{
    spool::SpoolError,
    task::{Done, Task},
};
use crate::peers::transfer::{Answer, Blob, GroupSet, ProveError, ReadId, Request, Response};

impl Task {
    /// Shares all of an archive that is whole.
    pub(super) fn share(&mut self, blob: Blob) {
        if self.server.share(blob, whole(&blob)) {
            self.shared.insert(*blob.root());
        }
    }

    pub(super) fn serve(
        &mut self,
        peer: PeerId,
        request: &Request,
        channel: ResponseChannel<Response>,
    ) {
        let now = self.now();
        match self.server.on_request(&peer, request, now) {
            Answer::Now(response) => self.respond(channel, response),
            Answer::Read(read) => {
                let spool = self.spool.clone();
                let root = *read.blob.root();
                self.run_blocking(
                    move || spool.prove(&read.blob, read.range),
                    move |proof| {
                        let proof = proof.unwrap_or(Err(SpoolError::Aborted));
                        Done::Proved(read.id, channel, root, proof)
                    },
                );
            }
        }
    }

    pub(super) fn on_proved(
        &mut self,
        id: ReadId,
        channel: ResponseChannel<Response>,
        root: &[u8; 32],
        proof: Result<Vec<u8>, SpoolError>,
    ) {
        self.server.done(id);
        let response = match proof {
            Ok(proof) => Response::Proof(proof),
            Err(error) => {
                if let SpoolError::Prove(ProveError::Damaged(_)) = error {
                    self.server.unshare(root);
                    self.shared.remove(root);
                }
                Response::Unknown
            }
        };
        self.respond(channel, response);
    }

    fn respond(&mut self, channel: ResponseChannel<Response>, response: Response) {
        // The peer may have gone, or not have waited.
        let _ = self
            .swarm
            .behaviour_mut()
            .blobs
            .send_response(channel, response);
    }
}

/// Returns the set of all groups.
pub(super) fn whole(blob: &Blob) -> GroupSet {
    let mut held = GroupSet::new(blob.groups());
    for group in 0..blob.groups() {
        held.insert(group);
    }
    held
}
