//! Records and providers are found in swarms, through the deaths of those who store them.

use std::time::{Duration, Instant};

use libp2p::{
    PeerId,
    identity::Keypair,
    kad::{
        Record, RecordKey,
        store::{MemoryStore, RecordStore as _},
    },
};
use netabase_store::{
    backends::{memory::MemoryBackend, redb::RedbBackend, sled::SledBackend},
    records::RecordStoreConfig,
};
use record_store_tests::{Home, key};
use tokio::time::sleep;

use super::net::{AnyStore, Medium, Node, PATIENCE, Running, start};

/// Where the store of a node lies.
enum House {
    Memory(Home<MemoryBackend>),
    Redb(Home<RedbBackend>),
    Sled(Home<SledBackend>),
}

/// A node: its name and its store outlive it.
struct Member {
    keypair: Keypair,
    house: House,
    running: Option<Running>,
}

impl Member {
    fn new(number: usize) -> Self {
        let house = match number % 3 {
            0 => House::Redb(Home::new()),
            1 => House::Sled(Home::new()),
            _ => House::Memory(Home::new()),
        };
        Self {
            keypair: Keypair::generate_ed25519(),
            house,
            running: None,
        }
    }

    async fn start(&mut self, medium: Medium, others: &[&Running]) {
        let (peer, config) = (self.peer(), RecordStoreConfig::default());
        let store = match &mut self.house {
            House::Memory(home) => AnyStore::Memory(home.records(peer, &config)),
            House::Redb(home) => {
                home.open();
                AnyStore::Redb(home.records(peer, &config))
            }
            House::Sled(home) => {
                home.open();
                AnyStore::Sled(home.records(peer, &config))
            }
        };
        self.running = Some(start(medium, &self.keypair, store, others).await);
    }

    async fn kill(&mut self) {
        self.running.take().expect("it runs").kill().await;
        match &mut self.house {
            House::Memory(home) => home.close(),
            House::Redb(home) => home.close(),
            House::Sled(home) => home.close(),
        }
    }

    fn peer(&self) -> PeerId {
        self.keypair.public().to_peer_id()
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it runs")
    }
}

/// The most nodes that look around for each other, which takes a debug build long; of more, each is
/// told of all.
const LOOK_AROUND_MAX: usize = 8;

/// Starts nodes, each of which knows the first one.
async fn swarm(medium: Medium, size: usize) -> Vec<Member> {
    let mut members: Vec<_> = (0..size).map(Member::new).collect();
    if size <= LOOK_AROUND_MAX {
        start_all(medium, &mut members).await;
        return members;
    }
    for member in &mut members {
        member.start(medium, &[]).await;
    }
    let running = || members.iter().filter_map(|member| member.running.as_ref());
    for one in running() {
        for other in running().filter(|other| other.peer != one.peer) {
            one.meet(other).await;
        }
    }
    members
}

async fn start_all(medium: Medium, members: &mut [Member]) {
    let (first, rest) = members.split_first_mut().expect("there is one");
    first.start(medium, &[]).await;
    for member in rest {
        member.start(medium, &[first.running()]).await;
    }
}

/// Returns a node that has nothing of its own.
async fn stranger(medium: Medium, knows: &Running) -> Running {
    let keypair = Keypair::generate_ed25519();
    let store = MemoryStore::new(keypair.public().to_peer_id());
    start(medium, &keypair, AnyStore::Libp2p(store), &[knows]).await
}

fn published(number: u64) -> Record {
    Record::new(key(number), format!("value {number}").into_bytes())
}

async fn all_is_found(medium: Medium, size: usize, keys: u64) {
    let mut members = swarm(medium, size).await;
    let at = |number: u64| usize::try_from(number).expect("small") % size;
    for number in 0..keys {
        let member = &mut members[at(number)];
        assert!(member.running().put(published(number)).await);
        member.running().provide(key(number)).await;
    }
    let mut asks = stranger(medium, members[0].running()).await;
    for number in 0..keys {
        let found = asks.get(key(number)).await.map(|found| found.value);
        assert_eq!(found, Some(published(number).value));
        let providers = asks.providers(key(number)).await;
        assert_eq!(providers, [members[at(number)].peer()]);
    }
    let nobodys = || RecordKey::new(b"nobody has it");
    assert_eq!(asks.get(nobodys()).await, None);
    assert_eq!(asks.providers(nobodys()).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_swarm_of_8_in_memory_all_is_found() {
    all_is_found(Medium::Memory, 8, 16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_swarm_of_8_over_tcp_all_is_found() {
    all_is_found(Medium::Tcp, 8, 16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_swarm_of_30_in_memory_all_is_found() {
    all_is_found(Medium::Memory, 30, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_swarm_of_30_over_tcp_all_is_found() {
    all_is_found(Medium::Tcp, 30, 6).await;
}

/// The last of eight publishes and goes; those who store it are killed and opened again, one after
/// another, and then all together.
async fn survives_restarts(medium: Medium) {
    let mut members = swarm(medium, 8).await;
    let mut publisher = members.pop().expect("there are eight");
    for number in 0..5 {
        assert!(publisher.running().put(published(number)).await);
        publisher.running().provide(key(number)).await;
    }
    for member in &mut members {
        holds_all(member.running()).await;
    }
    publisher.kill().await;
    for at in 1..7 {
        members[at].kill().await;
        let (first, rest) = members.split_first_mut().expect("there are seven");
        rest[at - 1].start(medium, &[first.running()]).await;
    }
    assert_found(medium, &mut members, publisher.peer()).await;
    for member in &mut members {
        member.kill().await;
    }
    start_all(medium, &mut members).await;
    assert_found(medium, &mut members, publisher.peer()).await;
}

/// Waits until a node has every record and provider: nobody says that a provider has arrived.
async fn holds_all(node: &Running) {
    let until = Instant::now() + PATIENCE;
    let holds_all = |node: &mut Node| {
        let store = node.behaviour_mut().store_mut();
        (0..5).all(|number| {
            let is_provided = !store.providers(&key(number)).is_empty();
            is_provided && store.get(&key(number)).is_some()
        })
    };
    while !node.call(holds_all).await {
        assert!(Instant::now() < until, "it gets everything in time");
        sleep(Duration::from_millis(2)).await;
    }
}

async fn assert_found(medium: Medium, members: &mut [Member], publisher: PeerId) {
    let mut asks = stranger(medium, members[0].running()).await;
    for number in 0..5 {
        let found = asks.get(key(number)).await;
        let found = found.expect("those who stored it are back");
        assert_eq!(found.value, published(number).value);
        assert_eq!(found.publisher, Some(publisher));
        assert_eq!(asks.providers(key(number)).await, [publisher]);
    }
    asks.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_outlives_those_who_store_it_in_memory() {
    survives_restarts(Medium::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_outlives_those_who_store_it_over_tcp() {
    survives_restarts(Medium::Tcp).await;
}
