//! Whom a command asks: the node that runs for a store, or the one that it is itself.

use std::{
    io::{self, Write},
    thread,
    time::{Duration, Instant},
};

use super::{
    PeerError,
    args::NodeArgs,
    client::Client,
    folder::Folder,
    own::Own,
    protocol::{Answer, Progress, Request},
};
use crate::error::Result;

/// How long to wait for a process that is the node of the store and does not take commands: it may
/// be about to, or about to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Whom a command asks.
pub(super) enum Peer {
    /// The node of another process.
    Other(Client),
    /// The node that the command is itself.
    Own(Box<Own>),
}

impl Peer {
    /// Connects to the node that runs for the store, or starts one.
    pub(super) fn reach(args: &NodeArgs) -> Result<Self> {
        let folder = Folder::of(args.place.layout());
        let begun = Instant::now();
        loop {
            if let Some(client) = Client::connect(&folder)? {
                if args.says_who_to_be() {
                    note();
                }
                return Ok(Self::Other(client));
            }
            folder.create()?;
            if let Some(hold) = folder.hold()? {
                return Ok(Self::Own(Box::new(Own::start(args, &folder, hold)?)));
            }
            if begun.elapsed() > PATIENCE {
                let process = folder.holder();
                return Err(PeerError::Busy { process }.into());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Asks, and returns the answer.
    pub(super) fn ask(
        &mut self,
        request: Request,
        show: impl FnMut(&Progress),
    ) -> Result<Answer, PeerError> {
        match self {
            Self::Other(client) => client.ask(request, show),
            Self::Own(own) => own.ask(request, show),
        }
    }

    /// Ends the node, where it is the command's own.
    pub(super) fn end(self) -> Result<(), PeerError> {
        match self {
            Self::Other(_) => Ok(()),
            Self::Own(own) => own.end(),
        }
    }
}

/// Says that the node heeds its own arguments.
fn note() {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(
        io::stderr().lock(),
        "netabase: asks the node that runs for the store, which heeds the --bootstrap, \
         --trusted-key, --network, --allow-peer and the like of its own `peer run` alone"
    );
}
