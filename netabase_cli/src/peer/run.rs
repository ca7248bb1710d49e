//! `netabase peer run`

use std::{
    collections::BTreeSet,
    io::Write,
    net::SocketAddr,
    num::NonZeroU64,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use libp2p::Multiaddr;
use nix_core::signature::PublicKey;
use nix_remote::peers::node::{NodeConfig, NodeHandle};
use nix_store::local::LocalStore;
use tokio::{task::JoinSet, time::sleep};

use super::{
    PeerError,
    answer::named,
    args::NodeArgs,
    control,
    folder::Folder,
    identity::Identity,
    log::{self, LogArgs},
    metrics, own,
    signals::Signals,
    socket,
};
use crate::{error::Result, key::secret_key, store::place::find};

pub(super) const EXAMPLE: &str = "Example:\n  netabase peer run --store ./depot \
     --listen /ip4/0.0.0.0/tcp/4001 --announce ROOT --key-file cache.secret";

/// For how long after the start it is often looked where the node listens.
const NEW_FOR: Duration = Duration::from_secs(2);

/// How often that is, and how often later.
const NEW_PAUSE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_secs(1);

/// The arguments of `peer run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// An address to listen on, such as /ip4/0.0.0.0/tcp/4001; port 0 is any that is free; may be
    /// given several times
    #[arg(long, value_name = "ADDR", required = true)]
    listen: Vec<Multiaddr>,
    /// A path that is announced, with what it refers to; may be given several times
    #[arg(long, value_name = "ROOT")]
    announce: Vec<String>,
    /// The file of the secret key that announcements are signed with, and which is trusted; without
    /// it the node's own, which `peer status` prints; `-` for standard input
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// How many bytes a second all peers get together; without it, as many as they can take
    #[arg(long, value_name = "BYTES")]
    upload_limit: Option<NonZeroU64>,
    /// Serve metrics for Prometheus on this address, such as 127.0.0.1:9100, to whoever connects
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// All that a node is to be.
struct Plan {
    folder: Folder,
    store: LocalStore,
    config: NodeConfig,
    announces_with: PublicKey,
    metrics: Option<SocketAddr>,
}

/// Shares the objects of a store until a signal comes.
pub(super) fn run(args: &RunArgs, out: &mut dyn Write) -> Result<()> {
    log::start(&args.log)?;
    let folder = Folder::of(args.node.place.layout());
    folder.create()?;
    let hold = folder.hold()?;
    let _hold = hold.ok_or_else(|| PeerError::Taken {
        process: folder.holder(),
    })?;
    let plan = plan(args, folder)?;
    let runtime = own::runtime()?;
    let done = runtime.block_on(serve(plan, out));
    runtime.shutdown_background();
    Ok(done?)
}

fn plan(args: &RunArgs, folder: Folder) -> Result<Plan> {
    let identity = Identity::of(&folder)?;
    let key = match &args.key_file {
        Some(file) => secret_key(file)?,
        None => identity.signing_key()?,
    };
    let announces_with = key.public_key();
    let mut config = args.node.config(&folder, &identity, Some(key))?;
    config.listen.clone_from(&args.listen);
    let limit = args.upload_limit.map_or(0, NonZeroU64::get);
    config.limits.serve.total_bytes_per_second = limit;
    let store = args.node.place.open()?;
    let roots = args.announce.iter().map(|text| find(&store, text));
    config.roots = roots.collect::<Result<_>>()?;
    Ok(Plan {
        folder,
        store,
        config,
        announces_with,
        metrics: args.metrics,
    })
}

/// Is a node until a signal comes, and ends it.
async fn serve(plan: Plan, out: &mut dyn Write) -> Result<(), PeerError> {
    let mut signals = Signals::new()?;
    let metrics = match plan.metrics {
        Some(address) => Some(metrics::listen(address).await?),
        None => None,
    };
    let mut answering = own::answering(plan.config, plan.store, plan.announces_with)?;
    answering.metrics = metrics
        .as_ref()
        .map(|(_, at)| format!("http://{at}/metrics"));
    let control = control::listen(&plan.folder)?;
    tracing::info!(id = %answering.node.id(), "the node runs");

    let answering = Arc::new(answering);
    let mut tasks = JoinSet::new();
    tasks.spawn(control::serve(control, Arc::clone(&answering)));
    if let Some((listener, _)) = metrics {
        tasks.spawn(metrics::serve(listener, Arc::clone(&answering)));
    }
    let ended = tokio::select! {
        error = print_addresses(&answering.node, out) => Err(error),
        () = signals.next() => Ok(()),
    };
    tracing::info!("the node ends");
    // Whoever comes now is to see that no node runs.
    let removed = socket::remove(&plan.folder).map_err(|source| plan.folder.error(source));
    drop(tasks);
    ended?;
    tokio::select! {
        ended = answering.node.shutdown() => ended?,
        () = signals.next() => return Err(PeerError::Cut),
    }
    removed
}

/// Prints where the node listens, each address as it comes; ends with the node.
async fn print_addresses(node: &NodeHandle, out: &mut dyn Write) -> PeerError {
    let started = Instant::now();
    let mut printed = BTreeSet::new();
    loop {
        let status = match node.status().await {
            Ok(status) => status,
            Err(stopped) => return stopped.into(),
        };
        for address in status.listeners {
            let line = named(&address, *node.id());
            if printed.insert(address) {
                tracing::debug!(address = line, "the node listens");
                if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
                    tracing::debug!(%error, "nobody reads where the node listens");
                }
            }
        }
        let is_new = started.elapsed() < NEW_FOR;
        sleep(if is_new { NEW_PAUSE } else { PAUSE }).await;
    }
}
