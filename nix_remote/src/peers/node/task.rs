//! The task that owns the swarm: it tells the machines what happens, and does what they say.

use std::{
    collections::{HashMap, VecDeque},
    io,
    time::{Duration, Instant},
};

use libp2p::{
    PeerId, Swarm,
    futures::StreamExt,
    multiaddr::Protocol,
    request_response::{InboundRequestId, OutboundRequestId, ResponseChannel},
};
use netabase_store::records::{Inbound, Republisher};
use nix_core::store_path::StorePath;
use nix_store::local::LocalStore;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::{Instant as Moment, sleep_until},
};

use super::{
    adding::Added,
    announcing::{Announcing, RoundCounts},
    behaviour::{Kad, Records, Speech},
    config::NodeConfig,
    error::{AnnounceError, ObjectError},
    evidence::EvidenceBook,
    fetching::Fetching,
    finding::Finding,
    handle::{Command, Status},
    hearing::InFlight,
    known::{self, Known},
    rows::Database,
    serving::Served,
    shares::{ReadError, Reader, Shared, Shares, Source},
    spool::Spool,
    stop::Stop,
    totals::Totals,
    views::Views,
};
use crate::peers::{
    buffers::Buffers,
    codec::Arrival,
    transfer::{GroupSet, ReadId, Server},
};

/// How many results of blocking work wait for the task.
pub(super) const DONE_MAX: usize = 256;

/// How often the addresses of peers are saved, where they have changed.
const SAVE_EVERY: Duration = Duration::from_secs(60);

/// How many peers are banned at a time; then the one that was banned first no longer is.
const BANS_MAX: usize = 4096;

/// What has come of work that blocks.
pub(super) enum Done {
    /// Whether the store has a path.
    Checked(u64, StorePath, Result<bool, ObjectError>),
    /// The files of a download are open.
    Opened([u8; 32], Result<GroupSet, io::Error>),
    /// A download may have more to write.
    Written,
    /// A download has ended.
    Fetched([u8; 32], Result<(), ObjectError>),
    /// What is verified of a download is on disk.
    Committed([u8; 32], GroupSet),
    /// An object was added to the store, or was not.
    Added(u64, StorePath, Result<Added, ObjectError>),
    /// A proof was made.
    Proved(
        ResponseChannel<Arrival>,
        ([u8; 32], Source),
        Result<Vec<u8>, ReadError>,
    ),
    /// A path was announced for a caller.
    Announced(u64, Result<Shared, AnnounceError>),
    /// An object was announced, and may be shared.
    Shared(Shared),
    /// An object that was shared is not valid any more.
    Gone(StorePath),
    /// All that is to be announced was looked at.
    RoundEnded(Result<RoundCounts, AnnounceError>),
}

/// A node at work.
pub(super) struct Task {
    pub(super) swarm: Swarm<Speech>,
    pub(super) config: NodeConfig,
    pub(super) store: LocalStore,
    pub(super) spool: Spool,
    pub(super) records: Records,
    pub(super) done: mpsc::Sender<Done>,
    pub(super) finding: Finding,
    pub(super) fetching: Fetching,
    pub(super) server: Server<PeerId>,
    pub(super) shares: Shares,
    pub(super) reader: Reader,
    pub(super) served: Served,
    pub(super) announcing: Announcing,
    pub(super) requests: HashMap<OutboundRequestId, InFlight>,
    /// When to look at which of them get an answer.
    pub(super) hears_at: Duration,
    /// The responses that were not sent yet, of reads that count until they are.
    pub(super) sending: HashMap<InboundRequestId, ReadId>,
    pub(super) republisher: Republisher<Kad>,
    pub(super) inbound: Inbound,
    pub(super) database: Database,
    pub(super) known: Known,
    pub(super) totals: Totals,
    pub(super) evidence: EvidenceBook,
    /// Work on other threads, which is waited for at the end.
    background: JoinSet<()>,
    pub(super) stop: Stop,
    saving: Option<JoinHandle<()>>,
    save_at: Instant,
    republish_at: Option<Instant>,
    bans: VecDeque<PeerId>,
    started: Instant,
}

/// What a task is made of.
pub(super) struct Parts {
    pub(super) swarm: Swarm<Speech>,
    pub(super) config: NodeConfig,
    pub(super) store: LocalStore,
    pub(super) spool: Spool,
    pub(super) records: Records,
    pub(super) republisher: Republisher<Kad>,
    pub(super) inbound: Inbound,
    pub(super) database: Database,
    pub(super) known: Known,
    pub(super) server: Server<PeerId>,
    pub(super) shares: Shares,
    pub(super) evidence: EvidenceBook,
    pub(super) finding: Finding,
    pub(super) buffers: Buffers,
}

impl Task {
    pub(super) fn new(parts: Parts, done: mpsc::Sender<Done>) -> Self {
        let started = Instant::now();
        Self {
            swarm: parts.swarm,
            config: parts.config,
            reader: Reader {
                store: parts.store.clone(),
                spool: parts.spool.clone(),
                views: Views::default(),
                buffers: parts.buffers,
            },
            store: parts.store,
            spool: parts.spool,
            records: parts.records,
            done,
            finding: parts.finding,
            fetching: Fetching::default(),
            server: parts.server,
            shares: parts.shares,
            served: Served::default(),
            announcing: Announcing::default(),
            requests: HashMap::new(),
            hears_at: Duration::ZERO,
            sending: HashMap::new(),
            republisher: parts.republisher,
            inbound: parts.inbound,
            database: parts.database,
            known: parts.known,
            totals: Totals::default(),
            evidence: parts.evidence,
            background: JoinSet::new(),
            stop: Stop::default(),
            saving: None,
            save_at: started + SAVE_EVERY,
            republish_at: None,
            bans: VecDeque::new(),
            started,
        }
    }

    /// Runs until the node is shut down or nobody has a handle any more.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut done: mpsc::Receiver<Done>,
    ) {
        self.meet_known_peers();
        let last = loop {
            self.advance();
            let wake_at = Moment::from_std(self.wake_at());
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                command = commands.recv() => match command {
                    None => break None,
                    Some(Command::Shutdown(reply)) => break Some(reply),
                    Some(command) => self.on_command(command),
                },
                Some(done) = done.recv() => self.on_done(done),
                () = sleep_until(wake_at) => {}
            }
        };
        drop((commands, done));
        self.end().await;
        if let Some(reply) = last {
            // Whoever asked may have gone.
            let _ = reply.send(());
        }
    }

    /// Returns the time since the task began, by which the machines count.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Does work that blocks on another thread, and tells the task what came of it: nothing where
    /// it panicked.
    pub(super) fn run_blocking<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
        wrap: impl FnOnce(Option<R>) -> Done + Send + 'static,
    ) {
        let done = self.done.clone();
        self.background.spawn(async move {
            let result = spawn_blocking(work).await.ok();
            // The node may have been shut down.
            let _ = done.send(wrap(result)).await;
        });
    }

    /// Does work that blocks on another thread, of which nothing is to be told.
    pub(super) fn run_aside(&mut self, work: impl FnOnce() + Send + 'static) {
        self.background.spawn(async move {
            // Where it panicked, what it was to do is left undone.
            let _ = spawn_blocking(work).await;
        });
    }

    /// Has nothing more to do with a peer.
    pub(super) fn ban(&mut self, peer: PeerId) {
        let speech = self.swarm.behaviour_mut();
        if !speech.blocked.block_peer(peer) {
            return;
        }
        speech.kad.remove_peer(&peer);
        self.known.forget(&peer);
        self.totals.banned(&peer);
        self.bans.push_back(peer);
        if self.bans.len() > BANS_MAX
            && let Some(first) = self.bans.pop_front()
        {
            self.swarm.behaviour_mut().blocked.unblock_peer(first);
        }
    }

    /// Lets every machine go as far as it can, those first of which others may hear.
    fn advance(&mut self) {
        while self.background.try_join_next().is_some() {}
        self.advance_finding();
        self.hear();
        self.advance_fetching();
        self.advance_announcing();
        let now = Instant::now();
        let kad = &mut self.swarm.behaviour_mut().kad;
        self.republish_at = self.republisher.poll(now, &self.records, kad);
        if now >= self.save_at {
            self.save_at = now + SAVE_EVERY;
            self.save();
            #[cfg(feature = "mdns")]
            self.meet_local_peers();
        }
    }

    fn wake_at(&self) -> Instant {
        let machines = [
            self.finding.wake_at(),
            self.fetching.wake_at(),
            self.announcing_wakes_at(),
        ];
        let machines = machines.into_iter().flatten().map(|at| self.started + at);
        let all = machines.chain(self.republish_at).chain([self.save_at]);
        all.min().unwrap_or(self.save_at)
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Find(path, reply) => self.find(path, reply),
            Command::FindOutput(subject, reply) => self.find_output(subject, reply),
            Command::Refused(subject, reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.finding.refused(&subject));
            }
            Command::Evidence(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.evidence.list());
            }
            Command::Fetch(paths, reply) => self.fetch(paths, reply),
            Command::Announce(path, reply) => self.announce(path, reply),
            Command::Status(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.status());
            }
            Command::Shutdown(_) => {}
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Checked(job, path, valid) => self.on_checked(job, &path, valid),
            Done::Opened(root, held) => self.on_opened(&root, held),
            Done::Written => {}
            Done::Fetched(root, result) => self.on_fetched(&root, result),
            Done::Added(job, path, result) => self.on_added(job, &path, result),
            Done::Committed(root, held) => self.on_committed(&root, held),
            Done::Proved(channel, from, proof) => self.on_proved(channel, from, proof),
            Done::Announced(number, result) => self.on_announced(number, result),
            Done::Shared(shared) => self.share(shared),
            Done::Gone(path) => self.unshare(&path),
            Done::RoundEnded(counts) => self.on_round_ended(counts),
        }
    }

    /// Tells Kademlia of the peers to begin with.
    fn meet_known_peers(&mut self) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        for address in &self.config.bootstrap {
            let mut address = address.clone();
            if let Some(Protocol::P2p(peer)) = address.pop() {
                kad.add_address(&peer, address);
            }
        }
        for (peer, addresses) in self.known.iter() {
            for address in addresses {
                kad.add_address(peer, address.clone());
            }
        }
        // Without any peer there is nobody to ask; one may connect later.
        let _ = kad.bootstrap();
    }

    fn save(&mut self) {
        let is_saving = self.saving.as_ref().is_some_and(|task| !task.is_finished());
        if is_saving || !self.known.has_changed {
            return;
        }
        self.known.has_changed = false;
        let (database, rows) = (self.database.clone(), self.known.rows());
        self.saving = Some(spawn_blocking(move || {
            // They are saved again with the next change, and only speed up the next start.
            let _ = known::save(&database, rows);
        }));
    }

    fn status(&self) -> Status {
        Status {
            listeners: self.swarm.listeners().cloned().collect(),
            connected: self.swarm.connected_peers().copied().collect(),
            known_peers: self.known.len(),
            banned_peers: self.bans.len(),
            lookups: self.finding.len(),
            downloads: self.fetching.downloads(),
            queued: self.fetching.queued.len(),
            shared: self.shares.len(),
            served: self.served,
            responding: self.server.reads(),
            announcing: self.last_round(),
            records: self.records.health().records,
            inbound: self.inbound.metrics(),
            republish: self.republisher.metrics(Instant::now(), &self.records),
            evidence: self.evidence.len(),
            totals: self.totals.clone(),
        }
    }

    /// Ends downloads so that they can be resumed, has long work stop, and waits until all is on
    /// disk.
    async fn end(mut self) {
        self.stop.stop();
        let writers = self.fetching.end();
        for writer in writers {
            // One that failed has said so.
            let _ = writer.await;
        }
        self.save();
        if let Some(saving) = self.saving.take() {
            let _ = saving.await;
        }
        while self.background.join_next().await.is_some() {}
        let records = self.records.clone();
        drop(self);
        // A flush that fails costs what others will announce again, and is counted in its health.
        let _ = spawn_blocking(move || records.flush()).await;
    }
}
