//! What can go wrong between peers, and between the processes of one store.

use std::{io, net::SocketAddr, path::PathBuf};

use nix_core::{realisation::DrvOutputError, signature::SignatureError};
use nix_remote::peers::node::{NodeError, Stopped};

use super::{
    identity::IdentityError,
    protocol::{Refusal, count},
};

/// What can go wrong between peers, and between the processes of one store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("use the folder {} of the node", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("{} is no identity of a node: remove it, and the next start makes a new one", path.display())]
    Identity {
        path: PathBuf,
        source: IdentityError,
    },
    #[error("{} keeps the identity of the node", path.display())]
    IdentityFile { path: PathBuf, source: io::Error },
    #[error("ask the system for random bytes")]
    Random(#[source] getrandom::Error),
    #[error("{output:?} names no output of a derivation")]
    Output {
        output: String,
        source: DrvOutputError,
    },
    #[error("name a key")]
    KeyName(#[from] SignatureError),
    #[error("a node runs for this store already{}: see `netabase peer status`", Process(*process))]
    Taken { process: Option<u32> },
    #[error("a command uses the node of this store{}: try again when it has ended", Process(*process))]
    Busy { process: Option<u32> },
    #[error("no node runs for the store at {}: start one by `netabase peer run`", store.display())]
    NoNode { store: PathBuf },
    #[error("start the node")]
    Node(#[from] NodeError),
    #[error("the node ended by itself")]
    Ended(#[from] Stopped),
    #[error("start what runs the node")]
    Runtime(#[source] io::Error),
    #[error("wait for signals")]
    Signals(#[source] io::Error),
    #[error("interrupted: fetch again to go on from what was saved")]
    Interrupted,
    #[error("ended by a second signal, before all was on disk")]
    Cut,
    #[error("the filter of logs is in place already")]
    Log(#[source] tracing_subscriber::util::TryInitError),
    #[error("listen for commands on {}", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("serve metrics on {address}")]
    Metrics {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("talk with the node on {}", path.display())]
    Talk { path: PathBuf, source: io::Error },
    #[error("the node on {} closed the connection: it has ended, or is too busy", path.display())]
    HungUp { path: PathBuf },
    #[error("the node on {} answers in a form that this program does not know", path.display())]
    Answer {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("the node on {} answers too much", path.display())]
    LongAnswer { path: PathBuf },
    #[error("the node answers something that was not asked")]
    OtherAnswer,
    #[error("{0}")]
    Refused(Refusal),
    #[error("{} cannot be had, each for the reason above", count(*failed, "path"))]
    NotFetched { failed: usize },
}

/// Writes which process, where that is known.
struct Process(Option<u32>);

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(process) => write!(f, ", process {process}"),
            None => Ok(()),
        }
    }
}
