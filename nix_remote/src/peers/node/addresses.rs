//! How many connections one address may open: with one machine nobody crowds the others out.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    net::{IpAddr, Ipv6Addr},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use super::config::NodeLimits;

/// How many bits of an IPv6 address are one network: whoever has one of its addresses has all.
const IPV6_NETWORK_BITS: u32 = 64;

/// Whose connections are counted together: an IPv4 address, or a network of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place(IpAddr);

/// One address has opened as many connections as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{place} has {limit} connections, as many as it may")]
pub(super) struct TooMany {
    place: Place,
    limit: u32,
}

/// Refuses connections of those who have enough. What an address without an IP is, is not known,
/// and not limited here.
#[derive(Debug)]
pub(super) struct Addresses {
    pending_max: u32,
    established_max: u32,
    counts_loopback: bool,
    pending: Counted,
    established: Counted,
}

/// Connections, and how many there are of each place.
///
/// Invariant: of a place without connections nothing is kept.
#[derive(Debug, Default)]
struct Counted {
    places: HashMap<ConnectionId, Place>,
    counts: HashMap<Place, u32>,
}

impl Place {
    /// Returns the place of an address; `None` where it has no IP.
    fn of(address: &Multiaddr) -> Option<Self> {
        let ip = address.iter().find_map(|part| match part {
            Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
            Protocol::Ip6(ip) => Some(ip.to_canonical()),
            _ => None,
        })?;
        Some(Self(match ip {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                let host_bits = u128::BITS - IPV6_NETWORK_BITS;
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> host_bits << host_bits))
            }
            ip => ip,
        }))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(ip) if !ip.is_loopback() => write!(f, "{ip}/{IPV6_NETWORK_BITS}"),
            ip => write!(f, "{ip}"),
        }
    }
}

impl Counted {
    fn insert(&mut self, id: ConnectionId, place: Place) {
        self.remove(id);
        self.places.insert(id, place);
        *self.counts.entry(place).or_default() += 1;
    }

    fn remove(&mut self, id: ConnectionId) {
        let Some(place) = self.places.remove(&id) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&place) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&place);
            }
        }
    }

    /// Fails where a place has as many as it may.
    fn check(&self, place: Place, limit: u32) -> Result<(), ConnectionDenied> {
        let count = self.counts.get(&place).copied().unwrap_or_default();
        if count >= limit {
            return Err(ConnectionDenied::new(TooMany { place, limit }));
        }
        Ok(())
    }
}

impl Addresses {
    pub(super) fn new(limits: &NodeLimits) -> Self {
        Self {
            pending_max: limits.pending_inbound_per_address_max,
            established_max: limits.inbound_per_address_max,
            counts_loopback: limits.limit_loopback,
            pending: Counted::default(),
            established: Counted::default(),
        }
    }

    fn place(&self, address: &Multiaddr) -> Option<Place> {
        let place = Place::of(address)?;
        (self.counts_loopback || !place.0.is_loopback()).then_some(place)
    }
}

impl NetworkBehaviour for Addresses {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let Some(place) = self.place(remote) else {
            return Ok(());
        };
        // Whoever could not keep it need not be spoken with at all.
        self.established.check(place, self.established_max)?;
        self.pending.check(place, self.pending_max)?;
        self.pending.insert(id, place);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending.remove(id);
        if let Some(place) = self.place(remote) {
            self.established.check(place, self.established_max)?;
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            // Others may have refused it after this did not.
            FromSwarm::ConnectionEstablished(event) => {
                if let ConnectedPoint::Listener { send_back_addr, .. } = event.endpoint
                    && let Some(place) = self.place(send_back_addr)
                {
                    self.established.insert(event.connection_id, place);
                }
            }
            FromSwarm::ConnectionClosed(event) => self.established.remove(event.connection_id),
            FromSwarm::ListenFailure(event) => self.pending.remove(event.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use libp2p::swarm::{
        ListenError,
        behaviour::{ConnectionClosed, ConnectionEstablished, ListenFailure},
    };

    use super::*;

    const LOCAL: &str = "/ip4/192.0.2.1/tcp/1";

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn place(text: &str) -> Option<String> {
        Place::of(&address(text)).map(|place| place.to_string())
    }

    fn addresses(limit_loopback: bool) -> Addresses {
        Addresses::new(&NodeLimits {
            pending_inbound_per_address_max: 2,
            inbound_per_address_max: 3,
            limit_loopback,
            ..NodeLimits::default()
        })
    }

    /// Begins to open a connection; returns whether it may go on.
    fn begin(addresses: &mut Addresses, id: usize, from: &str) -> bool {
        let id = ConnectionId::new_unchecked(id);
        let begun =
            addresses.handle_pending_inbound_connection(id, &address(LOCAL), &address(from));
        let is_ours = |denied: &ConnectionDenied| denied.downcast_ref::<TooMany>().is_some();
        assert!(begun.as_ref().err().is_none_or(is_ours));
        begun.is_ok()
    }

    /// Opens a connection that was begun; returns whether it may be.
    fn open(addresses: &mut Addresses, id: usize, from: &str) -> bool {
        let connection_id = ConnectionId::new_unchecked(id);
        let (local, remote, peer_id) = (address(LOCAL), address(from), PeerId::random());
        let opened = addresses.handle_established_inbound_connection(
            connection_id,
            peer_id,
            &local,
            &remote,
        );
        if opened.is_ok() {
            let endpoint = ConnectedPoint::Listener {
                local_addr: local,
                send_back_addr: remote,
            };
            addresses.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint: &endpoint,
                failed_addresses: &[],
                other_established: 0,
            }));
        }
        opened.is_ok()
    }

    fn close(addresses: &mut Addresses, id: usize, from: &str) {
        let endpoint = ConnectedPoint::Listener {
            local_addr: address(LOCAL),
            send_back_addr: address(from),
        };
        addresses.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: PeerId::random(),
            connection_id: ConnectionId::new_unchecked(id),
            endpoint: &endpoint,
            cause: None,
            remaining_established: 0,
        }));
    }

    fn fail(addresses: &mut Addresses, id: usize, from: &str) {
        addresses.on_swarm_event(FromSwarm::ListenFailure(ListenFailure {
            local_addr: &address(LOCAL),
            send_back_addr: &address(from),
            error: &ListenError::Aborted,
            connection_id: ConnectionId::new_unchecked(id),
            peer_id: None,
        }));
    }

    #[test]
    fn an_ipv4_address_is_one_place_and_so_is_a_network_of_ipv6() {
        let one = |text: &str| place(text).unwrap();
        assert_eq!(one("/ip4/192.0.2.7/tcp/1"), "192.0.2.7");
        assert_eq!(one("/ip4/192.0.2.7/udp/9/quic-v1"), "192.0.2.7");
        assert_eq!(one("/ip6/2001:db8:1:2:3:4:5:6/tcp/1"), "2001:db8:1:2::/64");
        assert_eq!(one("/ip6/2001:db8:1:2:ffff::1/tcp/1"), "2001:db8:1:2::/64");
        assert_eq!(one("/ip6/2001:db8:1:3::1/tcp/1"), "2001:db8:1:3::/64");
        assert_eq!(one("/ip6/::ffff:192.0.2.7/tcp/1"), "192.0.2.7");
        assert_eq!(one("/ip6/::1/tcp/1"), "::1");
        assert_eq!(place("/memory/1"), None);
    }

    #[test]
    fn one_address_opens_so_many_connections_at_a_time_and_others_theirs() {
        let mut addresses = addresses(false);
        let [host, other] = ["/ip4/192.0.2.7/tcp/1", "/ip4/192.0.2.8/tcp/1"];
        assert!(begin(&mut addresses, 1, host));
        assert!(begin(&mut addresses, 2, host));
        assert!(!begin(&mut addresses, 3, host));
        assert!(begin(&mut addresses, 4, other));
        fail(&mut addresses, 1, host);
        assert!(begin(&mut addresses, 5, host), "one has failed");
        assert!(open(&mut addresses, 2, host));
        assert!(begin(&mut addresses, 6, host), "one is open");
    }

    #[test]
    fn one_address_has_so_many_connections_and_a_network_of_ipv6_has_no_more() {
        for [host, twin, other] in [
            [
                "/ip4/192.0.2.7/tcp/1",
                "/ip4/192.0.2.7/tcp/2",
                "/ip4/192.0.2.8/tcp/1",
            ],
            [
                "/ip6/2001:db8::1/tcp/1",
                "/ip6/2001:db8::2/tcp/1",
                "/ip6/2001:db9::1/tcp/1",
            ],
        ] {
            let mut addresses = addresses(false);
            for id in 0..3 {
                assert!(begin(&mut addresses, id, host));
                assert!(open(&mut addresses, id, host));
            }
            assert!(!begin(&mut addresses, 3, twin), "it is not spoken with");
            assert!(!open(&mut addresses, 3, twin), "or was begun before");
            assert!(begin(&mut addresses, 4, other) && open(&mut addresses, 4, other));
            close(&mut addresses, 0, host);
            assert!(begin(&mut addresses, 5, twin) && open(&mut addresses, 5, twin));
        }
    }

    #[test]
    fn this_machine_is_limited_only_where_it_is_to_be_and_what_has_no_ip_never() {
        for (from, limits) in [
            ("/ip4/127.0.0.1/tcp/1", [false, true]),
            ("/ip6/::1/tcp/1", [false, true]),
            ("/memory/1", [false, false]),
            ("/ip4/192.0.2.7/tcp/1", [true, true]),
        ] {
            for (limit_loopback, is_limited) in [false, true].into_iter().zip(limits) {
                let mut addresses = addresses(limit_loopback);
                let begun = (0..9).filter(|id| begin(&mut addresses, *id, from));
                assert_eq!(begun.count() < 9, is_limited, "{from} {limit_loopback}");
            }
        }
    }

    #[test]
    fn of_connections_that_have_gone_nothing_is_kept() {
        let mut addresses = addresses(false);
        let host = "/ip4/192.0.2.7/tcp/1";
        for id in 0..2 {
            assert!(begin(&mut addresses, id, host));
        }
        assert!(open(&mut addresses, 0, host));
        fail(&mut addresses, 1, host);
        close(&mut addresses, 0, host);
        // Whatever is said of them again.
        close(&mut addresses, 0, host);
        fail(&mut addresses, 1, host);
        for counted in [&addresses.pending, &addresses.established] {
            assert!(counted.places.is_empty() && counted.counts.is_empty());
        }
    }
}
