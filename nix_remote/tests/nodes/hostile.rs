//! A peer that speaks the protocols of nodes, and does and answers what a test says.

use std::{collections::HashMap, time::Duration};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    futures::StreamExt,
    identify,
    identity::Keypair,
    kad::{self, Quorum, Record, RecordKey, store::MemoryStore, store::RecordStore},
    multiaddr::Protocol,
    noise,
    request_response::{self, OutboundRequestId, ProtocolSupport, ResponseChannel},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use nix_remote::peers::{announcement::provider_key, codec::blob_protocol, transfer::Request};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    raw::{RawCodec, Reply, Wire},
    support::PATIENCE,
};

/// How long a hostile peer leaves others waiting: longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

/// What a peer answers to the requests that it gets.
pub(crate) type Answers = Box<dyn FnMut(&Request) -> Reply + Send>;

/// What a peer has and does.
#[derive(Default)]
pub(crate) struct Role {
    /// The archives that it says to have.
    pub(crate) provides: Vec<[u8; 32]>,
    /// What it tells those who ask for records.
    pub(crate) records: Vec<Record>,
    /// Without them it answers nothing.
    pub(crate) answers: Option<Answers>,
}

/// A peer that does as a test says, until it is dropped.
pub(crate) struct Hostile {
    pub(crate) id: PeerId,
    pub(crate) address: Multiaddr,
    wishes: mpsc::UnboundedSender<Wish>,
}

enum Wish {
    Meet(Multiaddr),
    Put(PeerId, Record),
    Ask(PeerId, Wire, oneshot::Sender<Result<Vec<u8>, ()>>),
}

#[derive(NetworkBehaviour)]
struct Speech {
    identify: identify::Behaviour,
    kad: kad::Behaviour<MemoryStore>,
    blobs: request_response::Behaviour<RawCodec>,
}

impl Hostile {
    /// Starts a peer that listens on this machine.
    pub(crate) async fn start(role: Role) -> Self {
        let mut swarm = swarm();
        let id = *swarm.local_peer_id();
        let speech = swarm.behaviour_mut();
        for root in role.provides {
            let key = RecordKey::from(provider_key(&root).to_vec());
            speech.kad.start_providing(key).unwrap();
        }
        for record in role.records {
            speech.kad.store_mut().put(record).unwrap();
        }
        let local: Multiaddr = "/ip4/127.0.0.1/tcp/0".parse().unwrap();
        swarm.listen_on(local).unwrap();
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        swarm.add_external_address(address.clone());
        let address = address.with(Protocol::P2p(id));
        let (wishes, wished) = mpsc::unbounded_channel();
        tokio::spawn(run(swarm, wished, role.answers));
        Self {
            id,
            address,
            wishes,
        }
    }

    /// Tells the peer of a node, and where it is.
    pub(crate) fn meet(&self, address: Multiaddr) {
        self.wishes.send(Wish::Meet(address)).unwrap();
    }

    /// Puts a record to a node, as those do who announce.
    pub(crate) fn put(&self, node: &PeerId, record: Record) {
        self.wishes.send(Wish::Put(*node, record)).unwrap();
    }

    /// Sends bytes to a node as a request, and returns what it answers: an error where it ends the
    /// stream without.
    pub(crate) async fn ask(&self, node: &PeerId, request: Wire) -> Result<Vec<u8>, ()> {
        let answer = timeout(PATIENCE, self.send(node, request)).await;
        answer.unwrap().unwrap()
    }

    /// Sends bytes to a node as a request.
    pub(crate) fn send(
        &self,
        node: &PeerId,
        request: Wire,
    ) -> oneshot::Receiver<Result<Vec<u8>, ()>> {
        let (reply, answer) = oneshot::channel();
        self.wishes.send(Wish::Ask(*node, request, reply)).unwrap();
        answer
    }
}

fn swarm() -> Swarm<Speech> {
    let builder = SwarmBuilder::with_existing_identity(Keypair::generate_ed25519()).with_tokio();
    let tcp = tcp::Config::default().nodelay(true);
    let builder = builder.with_tcp(tcp, noise::Config::new, yamux::Config::default);
    let builder = builder.unwrap().with_behaviour(|keys| {
        let id = keys.public().to_peer_id();
        let protocol = StreamProtocol::new("/netabase-nix/test/kad/1");
        let store = MemoryStore::new(id);
        let mut kad = kad::Behaviour::with_config(id, store, kad::Config::new(protocol));
        kad.set_mode(Some(kad::Mode::Server));
        let identify = identify::Config::new("/netabase-nix/test/1".to_owned(), keys.public());
        let blobs = request_response::Config::default().with_request_timeout(NEVER);
        let protocols = [(blob_protocol(), ProtocolSupport::Full)];
        Speech {
            identify: identify::Behaviour::new(identify),
            kad,
            blobs: request_response::Behaviour::with_codec(RawCodec::default(), protocols, blobs),
        }
    });
    let builder = builder.unwrap();
    let builder = builder.with_swarm_config(|config| config.with_idle_connection_timeout(NEVER));
    builder.build()
}

async fn run(
    mut swarm: Swarm<Speech>,
    mut wishes: mpsc::UnboundedReceiver<Wish>,
    mut answers: Option<Answers>,
) {
    let mut asked = HashMap::new();
    let mut unanswered = Vec::new();
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                Some(wish) => grant(&mut swarm, wish, &mut asked),
                None => return,
            },
            event = swarm.select_next_some() => {
                let SwarmEvent::Behaviour(SpeechEvent::Blobs(event)) = event else {
                    continue;
                };
                let Some((request, channel)) = heard(event, &mut asked) else {
                    continue;
                };
                match answers.as_mut().map_or(Reply::Nothing, |answers| answers(&request)) {
                    Reply::Nothing => unanswered.push(channel),
                    Reply::Die => return,
                    reply => {
                        // Whoever asked may have gone.
                        let _ = swarm.behaviour_mut().blobs.send_response(channel, reply);
                    }
                }
            }
        }
    }
}

type Asked = HashMap<OutboundRequestId, oneshot::Sender<Result<Vec<u8>, ()>>>;

fn grant(swarm: &mut Swarm<Speech>, wish: Wish, asked: &mut Asked) {
    let speech = swarm.behaviour_mut();
    match wish {
        Wish::Meet(mut address) => {
            let Some(Protocol::P2p(peer)) = address.pop() else {
                panic!("{address} names no peer");
            };
            speech.kad.add_address(&peer, address);
        }
        Wish::Put(peer, record) => {
            let to = std::iter::once(peer);
            speech.kad.put_record_to(record, to, Quorum::One);
        }
        Wish::Ask(peer, request, reply) => {
            let id = speech.blobs.send_request(&peer, request);
            asked.insert(id, reply);
        }
    }
}

/// Returns a request that came, and hands on the answers to those that were sent.
fn heard(
    event: request_response::Event<Wire, Reply>,
    asked: &mut Asked,
) -> Option<(Request, ResponseChannel<Reply>)> {
    use request_response::{Event, Message};
    let (id, answer) = match event {
        Event::Message { message, .. } => match message {
            Message::Request {
                request, channel, ..
            } => return Some((Request::decode(request.bytes()).unwrap(), channel)),
            Message::Response {
                request_id,
                response: Reply::Bytes(bytes),
            } if !bytes.is_empty() => (request_id, Ok(bytes)),
            Message::Response { request_id, .. } => (request_id, Err(())),
        },
        Event::OutboundFailure { request_id, .. } => (request_id, Err(())),
        _ => return None,
    };
    if let Some(reply) = asked.remove(&id) {
        // The test may have ended.
        let _ = reply.send(answer);
    }
    None
}
