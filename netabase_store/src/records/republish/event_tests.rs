//! libp2p's behaviour as publisher, without a network.

use std::num::NonZeroUsize;

use libp2p_core::multiaddr::multiaddr;
use libp2p_kad::store::{MemoryStore, RecordStore};
use libp2p_kad::{
    AddProviderError, AddProviderOk, Behaviour, Event, ProgressStep, PutRecordError, PutRecordOk,
    QueryId, QueryInfo, QueryResult, QueryStats,
};

use super::model::{Model, key, local, peer};
use super::tests::{HOUR, MINUTE, PROVIDER, RECORD};
use super::*;

struct Real {
    now: Instant,
    model: Model,
    kad: Behaviour<MemoryStore>,
    republisher: Republisher<Behaviour<MemoryStore>>,
}

impl Real {
    fn new() -> Self {
        let mut kad = Behaviour::new(local(), MemoryStore::new(local()));
        kad.add_address(&peer(2), multiaddr!(Ip4([127, 0, 0, 1]), Tcp(1_u16)));
        Self {
            now: Instant::now(),
            model: Model::default(),
            kad,
            republisher: Republisher::new(local(), RepublishConfig::default()),
        }
    }

    fn poll(&mut self) -> Vec<QueryId> {
        self.republisher.poll(self.now, &self.model, &mut self.kad);
        self.kad.iter_queries().map(|query| query.id()).collect()
    }

    fn event(&mut self, id: QueryId, last: bool, result: QueryResult) {
        let step = ProgressStep {
            count: NonZeroUsize::MIN,
            last,
        };
        let event = Event::OutboundQueryProgressed {
            id,
            result,
            stats: QueryStats::empty(),
            step,
        };
        self.republisher.on_event(self.now, &self.model, &event);
    }

    fn in_flight(&self) -> usize {
        self.republisher.metrics(self.now, &self.model).in_flight
    }

    fn wait(&self, kind: AnnouncementKind) -> Duration {
        self.model
            .state(kind, &key(1))
            .unwrap()
            .0
            .saturating_duration_since(self.now)
    }
}

fn provided() -> QueryResult {
    QueryResult::StartProviding(Ok(AddProviderOk { key: key(1) }))
}

#[test]
fn a_provider_query_of_the_behaviour_is_tracked_until_its_deadline() {
    let mut real = Real::new();
    real.model.provide(&key(1), real.now);
    let [id] = real.poll()[..] else { panic!() };
    assert!(real.republisher.is_in_flight(id));
    assert_eq!(real.kad.store_mut().provided().count(), 1);
    let query = real.kad.query(&id).unwrap();
    assert!(matches!(query.info(), QueryInfo::AddProvider { key: found, .. } if *found == key(1)));
    real.now += 5 * MINUTE;
    real.poll();
    assert_eq!(real.in_flight(), 0);
    assert!(real.wait(PROVIDER) > Duration::ZERO);
}

#[test]
fn success_of_a_provider_query_that_asked_nobody_is_a_failure() {
    let mut real = Real::new();
    real.model.provide(&key(1), real.now);
    let id = real.poll()[0];
    real.event(id, true, provided());
    assert_eq!(real.in_flight(), 0);
    assert!(real.wait(PROVIDER) <= 2 * MINUTE);
}

#[test]
fn an_event_that_is_not_the_last_ends_nothing() {
    let mut real = Real::new();
    real.model.provide(&key(1), real.now);
    let id = real.poll()[0];
    real.event(id, false, provided());
    assert_eq!(real.in_flight(), 1);
}

#[test]
fn an_empty_routing_table_starts_nothing() {
    let mut real = Real::new();
    real.kad.remove_peer(&peer(2));
    real.model.provide(&key(1), real.now);
    assert_eq!(real.poll(), []);
    assert_eq!(real.model.state(PROVIDER, &key(1)).unwrap().1, 0);
}

#[test]
fn a_record_goes_to_all_and_counts_if_enough_have_stored_it() {
    let failed = |success| PutRecordError::QuorumFailed {
        key: key(1),
        success,
        quorum: NonZeroUsize::new(20).unwrap(),
    };
    let late = |success| PutRecordError::Timeout {
        key: key(1),
        success,
        quorum: NonZeroUsize::new(20).unwrap(),
    };
    let cases = [
        (Ok(PutRecordOk { key: key(1) }), true),
        (Err(failed(vec![peer(3)])), true),
        (Err(late(vec![peer(3)])), true),
        (Err(failed(Vec::new())), false),
        (Err(late(Vec::new())), false),
    ];
    for (result, published) in cases {
        let mut real = Real::new();
        real.model.publish(&key(1), b"value", real.now);
        let id = real.poll()[0];
        let query = real.kad.query(&id).unwrap();
        let QueryInfo::PutRecord { quorum, record, .. } = query.info() else {
            panic!()
        };
        assert_eq!((quorum.get(), record.publisher), (20, Some(local())));
        real.event(id, true, QueryResult::PutRecord(result));
        assert_eq!(real.wait(RECORD) > HOUR, published);
    }
}

#[test]
fn announcements_of_the_application_count_too() {
    let mut real = Real::new();
    real.model.provide(&key(1), real.now + 12 * HOUR);
    let id = real.kad.start_providing(key(1)).unwrap();
    let timeout = AddProviderError::Timeout { key: key(1) };
    real.event(id, true, QueryResult::StartProviding(Err(timeout)));
    assert!(
        real.wait(PROVIDER) <= 2 * MINUTE,
        "one that failed is soon due again"
    );

    real.model.publish(&key(1), b"value", real.now);
    let done = PutRecordOk { key: key(1) };
    real.event(id, true, QueryResult::PutRecord(Ok(done.clone())));
    assert_eq!(
        real.wait(RECORD),
        Duration::ZERO,
        "it may have gone to chosen peers only"
    );
    real.event(id, true, QueryResult::RepublishRecord(Ok(done)));
    assert!(real.wait(RECORD) > HOUR);
}

#[test]
fn an_announcement_of_the_application_does_not_end_ours() {
    let mut real = Real::new();
    real.model.provide(&key(1), real.now);
    real.poll();
    let id = real.kad.start_providing(key(1)).unwrap();
    real.event(id, true, provided());
    assert_eq!((real.in_flight(), real.wait(PROVIDER)), (1, Duration::ZERO));
}

#[test]
fn replicas_go_through_a_lookup_to_the_peers_it_found() {
    let replication_interval = Some(HOUR);
    let config = RepublishConfig {
        replication_interval,
        ..RepublishConfig::default()
    };
    let mut real = Real::new();
    real.republisher = Republisher::new(local(), config);
    let mut record = libp2p_kad::Record::new(key(1), vec![7]);
    record.publisher = Some(peer(9));
    record.expires = Some(real.now + 48 * HOUR);
    real.model.store(record.clone(), real.now);
    real.now += HOUR;
    let seek = real.poll()[0];
    let peers = vec![libp2p_kad::PeerInfo {
        peer_id: peer(3),
        addrs: Vec::new(),
    }];
    let found = libp2p_kad::GetClosestPeersOk {
        key: key(1).to_vec(),
        peers,
    };
    real.event(seek, true, QueryResult::GetClosestPeers(Ok(found)));
    let put = real.poll().into_iter().find(|id| *id != seek).unwrap();
    let query = real.kad.query(&put).unwrap();
    let QueryInfo::PutRecord { record: sent, .. } = query.info() else {
        panic!()
    };
    assert_eq!(*sent, record);
}
