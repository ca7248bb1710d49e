//! Peers of the local network, found by multicast DNS.

use std::collections::BTreeSet;

use libp2p::{PeerId, mdns::Event, swarm::dial_opts::DialOpts};

use super::task::Task;

/// How many of them are dialled at a time: anybody there can say to be as many as they like.
const DIALS_MAX: usize = 32;

impl Task {
    /// Dials peers that were found; of which network of nodes they are is seen then.
    pub(super) fn on_mdns(&mut self, event: Event) {
        if let Event::Discovered(found) = event {
            self.dial_local(found.into_iter().map(|(peer, _)| peer).collect());
        }
    }

    /// Dials those once more that could not be reached when they were found, or have gone since: a
    /// peer is found once.
    pub(super) fn meet_local_peers(&mut self) {
        let speech = self.swarm.behaviour();
        let found = speech.mdns.as_ref();
        let found = found.map(|mdns| mdns.discovered_nodes().copied().collect());
        self.dial_local(found.unwrap_or_default());
    }

    fn dial_local(&mut self, found: BTreeSet<PeerId>) {
        let swarm = &mut self.swarm;
        let away = found.into_iter().filter(|peer| !swarm.is_connected(peer));
        let away: Vec<_> = away.take(DIALS_MAX).collect();
        for peer in away {
            // Two that find each other dial each other at the same time. From the ports that they
            // listen on that would be one connection, on which both speak first.
            let dial = DialOpts::peer_id(peer).allocate_new_port().build();
            // Whether the peer is allowed, and whether there is room, is asked there.
            let _ = self.swarm.dial(dial);
        }
    }
}
