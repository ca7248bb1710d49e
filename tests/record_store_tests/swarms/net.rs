//! Nodes of a DHT in one process, each a task that is told what to do and says what became of it.

use std::{
    borrow::Cow,
    iter,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, Transport as _,
    core::{transport::MemoryTransport, upgrade},
    futures::StreamExt as _,
    identity::Keypair,
    kad::{
        self, ProviderRecord, QueryId, QueryResult, Record, RecordKey,
        store::{MemoryStore, RecordStore, Result},
    },
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};
use netabase_store::{
    backends::{memory::MemoryBackend, redb::RedbBackend, sled::SledBackend},
    records::KadStore,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How the nodes of a test are connected.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Medium {
    Memory,
    Tcp,
}

/// One type for every store, so that a node is compiled once.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of them for each node"
)]
pub(crate) enum AnyStore {
    Libp2p(MemoryStore),
    Memory(KadStore<MemoryBackend>),
    Redb(KadStore<RedbBackend>),
    Sled(KadStore<SledBackend>),
}

/// Calls a method of whichever store there is.
macro_rules! each {
    ($of:expr, $store:ident => $call:expr) => {
        match $of {
            AnyStore::Libp2p($store) => $call,
            AnyStore::Memory($store) => $call,
            AnyStore::Redb($store) => $call,
            AnyStore::Sled($store) => $call,
        }
    };
}

impl RecordStore for AnyStore {
    type RecordsIter<'a> = Box<dyn Iterator<Item = Cow<'a, Record>> + 'a>;
    type ProvidedIter<'a> = Box<dyn Iterator<Item = Cow<'a, ProviderRecord>> + 'a>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        each!(self, store => store.get(key))
    }

    fn put(&mut self, record: Record) -> Result<()> {
        each!(self, store => store.put(record))
    }

    fn remove(&mut self, key: &RecordKey) {
        each!(self, store => store.remove(key));
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        each!(self, store => Box::new(store.records()))
    }

    fn add_provider(&mut self, record: ProviderRecord) -> Result<()> {
        each!(self, store => store.add_provider(record))
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        each!(self, store => store.providers(key))
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        each!(self, store => Box::new(store.provided()))
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        each!(self, store => store.remove_provider(key, provider));
    }
}

/// A node as libp2p has it.
pub(crate) type Node = Swarm<kad::Behaviour<AnyStore>>;
type Command = Box<dyn FnOnce(&mut Node) + Send>;

/// A node that runs.
pub(crate) struct Running {
    pub(crate) peer: PeerId,
    pub(crate) address: Multiaddr,
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::UnboundedReceiver<kad::Event>,
    task: JoinHandle<()>,
}

/// Starts a node, which knows the others given, as they get to know it.
pub(crate) async fn start(
    medium: Medium,
    keypair: &Keypair,
    store: AnyStore,
    others: &[&Running],
) -> Running {
    let mut node = node(medium, keypair, store);
    let address = listen(medium, &mut node).await;
    node.add_external_address(address.clone());
    for other in others {
        let behaviour = node.behaviour_mut();
        behaviour.add_address(&other.peer, other.address.clone());
    }
    let (commands, told) = mpsc::unbounded_channel();
    let (tell, events) = mpsc::unbounded_channel();
    let mut running = Running {
        peer: *node.local_peer_id(),
        address,
        commands,
        events,
        task: tokio::spawn(run(node, told, tell)),
    };
    for other in others {
        other.meet(&running).await;
    }
    if !others.is_empty() {
        let id = running.call(|node| node.behaviour_mut().bootstrap()).await;
        let id = id.expect("there are peers");
        running.results(id).await;
    }
    running
}

fn node(medium: Medium, keypair: &Keypair, store: AnyStore) -> Node {
    let peer = keypair.public().to_peer_id();
    let mut config = kad::Config::new(StreamProtocol::new("/records/kad/1"));
    config.set_periodic_bootstrap_interval(None);
    let mut behaviour = kad::Behaviour::with_config(peer, store, config);
    behaviour.set_mode(Some(kad::Mode::Server));
    let builder = SwarmBuilder::with_existing_identity(keypair.clone()).with_tokio();
    let patient = |config: libp2p::swarm::Config| config.with_idle_connection_timeout(PATIENCE * 5);
    match medium {
        Medium::Memory => builder
            .with_other_transport(|keypair| {
                let noise = noise::Config::new(keypair).expect("a key signs");
                MemoryTransport::new()
                    .upgrade(upgrade::Version::V1)
                    .authenticate(noise)
                    .multiplex(yamux::Config::default())
            })
            .expect("it cannot fail")
            .with_behaviour(|_| behaviour)
            .expect("it cannot fail")
            .with_swarm_config(patient)
            .build(),
        Medium::Tcp => builder
            .with_tcp(
                tcp::Config::default().nodelay(true),
                noise::Config::new,
                yamux::Config::default,
            )
            .expect("a key signs")
            .with_behaviour(|_| behaviour)
            .expect("it cannot fail")
            .with_swarm_config(patient)
            .build(),
    }
}

async fn listen(medium: Medium, node: &mut Node) -> Multiaddr {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let address = match medium {
        Medium::Memory => format!("/memory/{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        Medium::Tcp => "/ip4/127.0.0.1/tcp/0".to_owned(),
    };
    let address = address.parse().expect("an address");
    node.listen_on(address).expect("it can listen");
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = node.select_next_some().await {
            return address;
        }
    }
}

async fn run(
    mut node: Node,
    mut told: mpsc::UnboundedReceiver<Command>,
    tell: mpsc::UnboundedSender<kad::Event>,
) {
    loop {
        tokio::select! {
            command = told.recv() => match command {
                Some(command) => command(&mut node),
                None => return,
            },
            event = node.select_next_some() => {
                let SwarmEvent::Behaviour(event) = event else {
                    continue;
                };
                let is_wanted = matches!(event, kad::Event::OutboundQueryProgressed { .. });
                if is_wanted && tell.send(event).is_err() {
                    return;
                }
            }
        }
    }
}

impl Running {
    /// Does something with the node.
    pub(crate) async fn call<R: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Node) -> R + Send + 'static,
    ) -> R {
        let (answer, answered) = oneshot::channel();
        let command: Command = Box::new(move |node| {
            // Fails where whoever asked has gone.
            let _ = answer.send(call(node));
        });
        assert!(self.commands.send(command).is_ok(), "the node runs");
        let answered = timeout(PATIENCE, answered).await;
        answered
            .expect("it answers in time")
            .expect("the node runs")
    }

    /// Gets to know another node's address.
    pub(crate) async fn meet(&self, other: &Self) {
        let (peer, address) = (other.peer, other.address.clone());
        let learn = move |node: &mut Node| node.behaviour_mut().add_address(&peer, address);
        self.call(learn).await;
    }

    /// Waits for the next event of a query.
    pub(crate) async fn next_event(&mut self) -> kad::Event {
        let event = timeout(PATIENCE, self.events.recv()).await;
        event
            .expect("something happens in time")
            .expect("the node runs")
    }

    /// Waits for the end of a query and returns all that it found.
    pub(crate) async fn results(&mut self, id: QueryId) -> Vec<QueryResult> {
        let mut results = Vec::new();
        loop {
            let kad::Event::OutboundQueryProgressed {
                id: of,
                result,
                step,
                ..
            } = self.next_event().await
            else {
                continue;
            };
            if of == id {
                results.push(result);
                if step.last {
                    return results;
                }
            }
        }
    }

    /// Publishes a record, and returns whether enough others have taken it.
    pub(crate) async fn put(&mut self, record: Record) -> bool {
        let put = |node: &mut Node| node.behaviour_mut().put_record(record, kad::Quorum::One);
        let id = self.call(put).await.expect("its own store takes it");
        is_put(&self.results(id).await)
    }

    /// Sends a record to one node, and returns whether that has taken it.
    pub(crate) async fn put_to(&mut self, record: Record, to: PeerId) -> bool {
        let put = move |node: &mut Node| {
            let behaviour = node.behaviour_mut();
            behaviour.put_record_to(record, iter::once(to), kad::Quorum::One)
        };
        let id = self.call(put).await;
        is_put(&self.results(id).await)
    }

    /// Looks for a record, and returns what others had.
    pub(crate) async fn get(&mut self, key: RecordKey) -> Option<Record> {
        let id = self
            .call(move |node| node.behaviour_mut().get_record(key))
            .await;
        let results = self.results(id).await;
        results.into_iter().find_map(|result| match result {
            QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(found))) => Some(found.record),
            _ => None,
        })
    }

    /// Announces that the node has something.
    pub(crate) async fn provide(&mut self, key: RecordKey) {
        let provide = |node: &mut Node| node.behaviour_mut().start_providing(key);
        let id = self.call(provide).await.expect("its own store takes it");
        self.results(id).await;
    }

    /// Looks for who has something.
    pub(crate) async fn providers(&mut self, key: RecordKey) -> Vec<PeerId> {
        let id = self
            .call(move |node| node.behaviour_mut().get_providers(key))
            .await;
        let mut found = Vec::new();
        for result in self.results(id).await {
            let QueryResult::GetProviders(Ok(found_some)) = result else {
                continue;
            };
            if let kad::GetProvidersOk::FoundProviders { providers, .. } = found_some {
                found.extend(providers);
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Ends the node as a crash of its task does; its store is closed when this returns.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let ended = self.task.await;
        assert!(
            ended.is_err_and(|ended| ended.is_cancelled()),
            "it ran until now"
        );
    }
}

fn is_put(results: &[QueryResult]) -> bool {
    let is_put = |result: &QueryResult| matches!(result, QueryResult::PutRecord(Ok(_)));
    results.iter().all(is_put)
}
