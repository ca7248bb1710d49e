//! What the swarm says, and which machine is told.

use std::{
    io,
    time::{Instant, SystemTime},
};

use libp2p::{
    Multiaddr, PeerId, identify, kad,
    request_response::{self, OutboundFailure, OutboundRequestId},
    swarm::{ListenError, SwarmEvent},
};

use super::{
    behaviour::{SpeechEvent, network},
    hearing::Asked,
    known::ADDRESSES_MAX,
    task::Task,
};
use crate::peers::{codec::Arrival, transfer::Failure, validators::unix_seconds};

impl Task {
    pub(super) fn on_event(&mut self, event: SwarmEvent<SpeechEvent>) {
        match event {
            SwarmEvent::Behaviour(SpeechEvent::Kad(event)) => self.on_kad(event),
            SwarmEvent::Behaviour(SpeechEvent::Blobs(event)) => self.on_blobs(event),
            SwarmEvent::Behaviour(SpeechEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => self.on_peer(peer_id, &info),
            #[cfg(feature = "mdns")]
            SwarmEvent::Behaviour(SpeechEvent::Mdns(event)) => self.on_mdns(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening");
                self.swarm.add_external_address(address);
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
            }
            SwarmEvent::IncomingConnectionError {
                error: ListenError::Denied { cause },
                ..
            } => self.totals.refused(&cause),
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => self.on_peer_gone(&peer_id),
            _ => {}
        }
    }

    fn on_kad(&mut self, event: kad::Event) {
        self.republisher
            .on_event(Instant::now(), &self.records, &event);
        if self.inbound.on_event(&event) {
            return;
        }
        if let kad::Event::OutboundQueryProgressed {
            id, result, step, ..
        } = event
        {
            let now = self.now();
            if let Some(root) = self.finding.download_of(id, step.last) {
                self.on_providers(&root, providers(result), step.last);
            } else {
                self.finding.on_progress(id, result, step.last, now);
            }
        }
    }

    /// Takes note of where a peer listens, and has nothing to do with peers of other networks.
    fn on_peer(&mut self, peer: PeerId, info: &identify::Info) {
        if info.protocol_version != network(&self.config) {
            tracing::debug!(%peer, network = info.protocol_version, "a peer of another network");
            // It may have gone.
            let _ = self.swarm.disconnect_peer_id(peer);
            return;
        }
        let addresses: &[Multiaddr] = &info.listen_addrs;
        for address in addresses.iter().take(ADDRESSES_MAX) {
            let kad = &mut self.swarm.behaviour_mut().kad;
            kad.add_address(&peer, address.clone());
        }
        let now = unix_seconds(SystemTime::now()).unwrap_or_default();
        self.known.heard(peer, addresses, now);
    }

    fn on_blobs(&mut self, event: request_response::Event<Asked, Arrival>) {
        use request_response::{Event, Message};
        match event {
            Event::Message { peer, message, .. } => match message {
                Message::Request {
                    request_id,
                    request,
                    channel,
                } => self.serve(peer, request_id, &request.request, channel),
                Message::Response {
                    request_id,
                    response,
                } => self.on_response(peer, request_id, Ok(response)),
            },
            Event::OutboundFailure {
                peer,
                request_id,
                error,
                ..
            } => self.on_response(peer, request_id, Err(failure(&error))),
            Event::InboundFailure { request_id, .. } | Event::ResponseSent { request_id, .. } => {
                self.on_sent(request_id);
            }
        }
    }

    fn on_response(
        &mut self,
        peer: PeerId,
        request: OutboundRequestId,
        response: Result<Arrival, Failure>,
    ) {
        if let Some(sent) = self.requests.remove(&request) {
            if let Ok(Arrival::Groups(groups)) = &response {
                self.totals.received(peer, groups);
            }
            let now = self.now();
            let fetching = &mut self.fetching;
            fetching.on_response(&sent.root, peer, sent.id, response, now);
        }
    }

    fn on_peer_gone(&mut self, peer: &PeerId) {
        let now = self.now();
        self.fetching.on_peer_gone(peer, now);
    }
}

fn providers(result: kad::QueryResult) -> Vec<PeerId> {
    match result {
        kad::QueryResult::GetProviders(Ok(kad::GetProvidersOk::FoundProviders {
            providers,
            ..
        })) => providers.into_iter().collect(),
        _ => Vec::new(),
    }
}

fn failure(error: &OutboundFailure) -> Failure {
    match error {
        OutboundFailure::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            Failure::Malformed
        }
        _ => Failure::Lost,
    }
}
