//! A node that a command is itself, for as long as it takes.

use std::time::{Duration, Instant};

use nix_core::signature::PublicKey;
use nix_remote::peers::node::{Node, NodeConfig, NodeHandle};
use nix_store::local::LocalStore;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    PeerError,
    answer::Answering,
    args::NodeArgs,
    folder::{Folder, Hold},
    identity::Identity,
    protocol::{Answer, Progress, Request},
    signals::Signals,
};
use crate::error::Result;

/// How many reports of progress wait to be shown.
const PROGRESS_MAX: usize = 4;

/// How long peers of the local network are looked for before anybody is asked.
const LOOK_FOR: Duration = Duration::from_secs(3);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(20);

/// A node that a command is itself.
pub(super) struct Own {
    runtime: Runtime,
    answering: Answering,
    signals: Signals,
    /// Whether peers of the local network are yet to be met.
    meets: bool,
    /// Dropped last: until then no other process is the node.
    _hold: Hold,
}

impl Own {
    /// Starts a node that listens nowhere and announces nothing.
    pub(super) fn start(args: &NodeArgs, folder: &Folder, hold: Hold) -> Result<Self> {
        let identity = Identity::of(folder)?;
        let config = args.config(folder, &identity, None)?;
        let key = identity.signing_key()?.public_key();
        let store = args.place.open()?;
        let runtime = runtime()?;
        let entered = runtime.enter();
        let signals = Signals::new()?;
        let answering = answering(config, store, key)?;
        drop(entered);
        Ok(Self {
            runtime,
            answering,
            signals,
            meets: args.finds_local_peers(),
            _hold: hold,
        })
    }

    /// Asks the node; a signal ends the asking.
    pub(super) fn ask(
        &mut self,
        request: Request,
        mut show: impl FnMut(&Progress),
    ) -> Result<Answer, PeerError> {
        let (progress, mut how_far) = mpsc::channel(PROGRESS_MAX);
        let answering = &self.answering;
        let meets = std::mem::take(&mut self.meets);
        let answer = async move {
            if meets {
                meet(&answering.node).await;
            }
            answering.answer(request, progress).await
        };
        let signals = &mut self.signals;
        self.runtime.block_on(async move {
            tokio::pin!(answer);
            loop {
                tokio::select! {
                    answer = &mut answer => return Ok(answer),
                    Some(how_far) = how_far.recv() => show(&how_far),
                    () = signals.next() => return Err(PeerError::Interrupted),
                }
            }
        })
    }

    /// Shuts the node down; a signal cuts that short.
    pub(super) fn end(mut self) -> Result<(), PeerError> {
        let (node, signals) = (&self.answering.node, &mut self.signals);
        let ended = self.runtime.block_on(async {
            tokio::select! {
                ended = node.shutdown() => ended.map_err(PeerError::Ended),
                () = signals.next() => Err(PeerError::Cut),
            }
        });
        self.runtime.shutdown_background();
        ended
    }
}

/// Waits until a node has met a peer, or nobody seems to be there.
async fn meet(node: &NodeHandle) {
    let met = async {
        // One that has ended says so when it is asked.
        while let Ok(status) = node.status().await
            && (status.connected.is_empty() || status.known_peers == 0)
        {
            sleep(PAUSE).await;
        }
    };
    // Whoever asks then hears that there is nobody.
    let _ = timeout(LOOK_FOR, met).await;
}

/// Makes what a node runs on.
pub(super) fn runtime() -> Result<Runtime, PeerError> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.map_err(PeerError::Runtime)
}

/// Starts a node, on a runtime.
pub(super) fn answering(
    config: NodeConfig,
    store: LocalStore,
    announces_with: PublicKey,
) -> Result<Answering, PeerError> {
    let (trusted, bootstrap) = (config.trusted.clone(), config.bootstrap.len());
    let node = Node::start(config, store.clone())?;
    Ok(Answering {
        node,
        store,
        trusted,
        bootstrap,
        announces_with,
        metrics: None,
        started: Instant::now(),
    })
}
