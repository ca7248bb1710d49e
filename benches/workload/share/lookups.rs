//! Who has an archive, asked in a swarm of 30 nodes.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    futures::{StreamExt, stream::FuturesUnordered},
    kad::{self, QueryId, QueryResult, RecordKey, store::RecordStore},
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};
use netabase_store::{RedbStore, netabase_definition_module, records::RecordStoreConfig};

use crate::{
    Random,
    report::Settings,
    table::{Bound, Goals},
};

const NODES: usize = 30;
const KEYS: usize = 100;

/// How many lookups each side has in a round.
const LOOKUPS: usize = 1000;

const _: () = assert!(LOOKUPS / KEYS <= NODES / 2);

/// How long after the last announcement lookups begin.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

#[netabase_definition_module(EmptyDefinition, EmptyKeys)]
mod empty {
    use netabase_store::NetabaseModel;

    #[derive(NetabaseModel, Clone, Debug)]
    #[netabase(EmptyDefinition)]
    pub struct Empty {
        #[primary_key]
        pub id: u64,
    }
}
pub use empty::EmptyDefinition;

/// Measures rounds of swarms, of which each has lookups in turn, so that both meet the same moments.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        let folder = tempfile::tempdir_in(&settings.folder).unwrap();
        runtime.block_on(async {
            let theirs_alone = |_, local| kad::store::MemoryStore::new(local);
            let mut their_net = Net::new(theirs_alone).await;
            let mut our_net = Net::new(|number, local| {
                let file = folder.path().join(format!("{number}.redb"));
                store(&file, local)
            })
            .await;
            for number in 0..LOOKUPS {
                theirs.push(their_net.lookup(number).await);
                ours.push(our_net.lookup(number).await);
            }
        });
    }
    let (ours, theirs) = (percentile_95(ours), percentile_95(theirs));
    let text = (format!("{ours:.2} ms"), format!("{theirs:.2} ms"));
    goals.add(
        "providers looked up among 30 nodes, p95",
        text,
        (ours / theirs, "times"),
        Bound::AtMost(1.1),
    );
}

fn percentile_95(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() * 95 / 100]
}

fn store(file: &Path, local: PeerId) -> impl RecordStore + Send + use<> {
    let store = RedbStore::<EmptyDefinition>::new(file).unwrap();
    store
        .record_store(local, RecordStoreConfig::default())
        .unwrap()
}

type Node<S> = Swarm<kad::Behaviour<S>>;

/// Nodes that know each other, and keys of which each has one provider among them.
struct Net<S: RecordStore + Send + 'static> {
    nodes: Vec<Node<S>>,
    keys: Vec<RecordKey>,
}

impl<S: RecordStore + Send + 'static> Net<S> {
    async fn new(store: impl Fn(usize, PeerId) -> S) -> Self {
        let mut nodes: Vec<Node<S>> = Vec::new();
        let mut addresses: Vec<(PeerId, Multiaddr)> = Vec::new();
        for number in 0..NODES {
            let mut node = node(|local| store(number, local));
            node.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap())
                .unwrap();
            let address = loop {
                if let SwarmEvent::NewListenAddr { address, .. } = node.select_next_some().await {
                    break address;
                }
            };
            addresses.push((*node.local_peer_id(), address));
            nodes.push(node);
        }
        for node in &mut nodes {
            for (peer, address) in &addresses {
                if peer != node.local_peer_id() {
                    node.behaviour_mut().add_address(peer, address.clone());
                }
            }
        }
        let mut random = Random::new(5);
        let keys: Vec<_> = (0..KEYS)
            .map(|_| {
                let digest: Vec<u8> = (0..4).flat_map(|_| random.number().to_be_bytes()).collect();
                RecordKey::from([&[0x1e, 32][..], &digest].concat())
            })
            .collect();
        for (number, key) in keys.iter().enumerate() {
            let kad = nodes[number % NODES].behaviour_mut();
            let query = kad.start_providing(key.clone()).unwrap();
            run_query(&mut nodes, number % NODES, query).await;
        }
        settle(&mut nodes).await;
        Self { nodes, keys }
    }

    /// Returns how many milliseconds it takes some node to find the provider of some key.
    async fn lookup(&mut self, number: usize) -> f64 {
        let (round, number) = (number / KEYS, number % KEYS);
        let key = &self.keys[number];
        // Another node each time, and never the provider.
        let asker = (number + NODES / 2 + round) % NODES;
        let begun = Instant::now();
        let query = self.nodes[asker].behaviour_mut().get_providers(key.clone());
        let found = run_query(&mut self.nodes, asker, query).await;
        let took = begun.elapsed();
        assert!(found > 0, "nobody is known to have {key:?}");
        took.as_secs_f64() * 1000.0
    }
}

/// Lets all nodes go on until they have written what they were told: here thirty of them share the
/// disk and the cores of one machine.
async fn settle<S: RecordStore + Send + 'static>(nodes: &mut [Node<S>]) {
    let all = nodes.iter_mut().map(|node| async move {
        loop {
            node.select_next_some().await;
        }
    });
    let all: FuturesUnordered<_> = all.collect();
    let forever = all.for_each(|()| async {});
    // It is over with the time.
    let _ = tokio::time::timeout(SETTLED_AFTER, forever).await;
}

/// Lets all nodes go on until a query has ended; returns how many providers it has found.
async fn run_query<S: RecordStore + Send + 'static>(
    nodes: &mut [Node<S>],
    asker: usize,
    query: QueryId,
) -> usize {
    let mut found = 0;
    let wait = async {
        loop {
            let events = nodes.iter_mut().enumerate();
            let events =
                events.map(|(number, node)| async move { (number, node.select_next_some().await) });
            let mut events: FuturesUnordered<_> = events.collect();
            let (number, event) = events.next().await.unwrap();
            drop(events);
            let SwarmEvent::Behaviour(kad::Event::OutboundQueryProgressed {
                id, result, step, ..
            }) = event
            else {
                continue;
            };
            if number != asker || id != query {
                continue;
            }
            if let QueryResult::GetProviders(Ok(kad::GetProvidersOk::FoundProviders {
                providers,
                ..
            })) = result
            {
                found += providers.len();
            }
            if step.last {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap();
    found
}

fn node<S: RecordStore + Send + 'static>(store: impl FnOnce(PeerId) -> S) -> Node<S> {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    let tcp = tcp::Config::default().nodelay(true);
    let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default);
    let builder = builder.unwrap().with_behaviour(|keys| {
        let local = keys.public().to_peer_id();
        let mut behaviour = kad::Behaviour::new(local, store(local));
        behaviour.set_mode(Some(kad::Mode::Server));
        behaviour
    });
    builder.unwrap().build()
}
