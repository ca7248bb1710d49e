//! `netabase peer`: store objects from other machines, and one's own for them.

mod accept;
mod announced;
mod answer;
mod args;
mod ask;
mod client;
mod control;
mod error;
mod evidence;
mod explain;
mod fetch;
mod find;
mod folder;
mod identity;
mod log;
mod metrics;
mod numbers;
mod own;
mod protocol;
mod run;
mod signals;
mod socket;
mod status;

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

pub(crate) use self::error::PeerError;
use crate::error::{Error, Result};

/// The arguments of `peer`.
#[derive(Debug, Args)]
pub(crate) struct PeerArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Share the objects of a store with peers, and answer `fetch`, `find` and `status`
    ///
    /// Prints the addresses that it listens on, one a line, each to be given to --bootstrap of
    /// others; logs go to standard error. Nothing is announced but what lies in the closure of an
    /// --announce root and is content-addressed or signed by a trusted key. SIGINT and SIGTERM end
    /// it when all is on disk, a second one at once.
    #[command(after_help = run::EXAMPLE)]
    Run(run::RunArgs),
    /// Fetch objects with all that they refer to from peers into a store
    ///
    /// Asks the node that runs for the store, and where there is none is one for as long as it takes.
    /// Every chunk is verified as it comes, and whole archives before they are added. The exit status
    /// is 1 when something is missing in the end; what was added stays, and what was saved is
    /// not downloaded again.
    #[command(after_help = fetch::EXAMPLE)]
    Fetch(fetch::FetchArgs),
    /// Say what is announced of a path, by whom, and who has it; or which path an output has
    #[command(after_help = find::EXAMPLE)]
    Find(find::FindArgs),
    /// Say which announcements the node of a store has seen contradict each other, and who made them
    ///
    /// It keeps what it finds of them: a build that is not deterministic, or somebody who
    /// lies. With --json the announcements are there as they were signed, for others to check.
    #[command(after_help = evidence::EXAMPLE)]
    Evidence(evidence::EvidenceArgs),
    /// Say how the node of a store is
    #[command(after_help = status::EXAMPLE)]
    Status(status::StatusArgs),
}

/// Does what the arguments say.
pub(crate) fn run(args: &PeerArgs, out: &mut dyn Write) -> Result<()> {
    match &args.what {
        What::Run(args) => run::run(args, out),
        What::Fetch(args) => fetch::run(args, out),
        What::Find(args) => find::run(args, out),
        What::Evidence(args) => evidence::run(args, out),
        What::Status(args) => status::run(args, out),
    }
}

/// Prints a report as JSON.
fn print_json(out: &mut dyn Write, report: &impl Serialize) -> Result<()> {
    let printed = serde_json::to_writer_pretty(&mut *out, report).map_err(std::io::Error::from);
    printed.and_then(|()| writeln!(out)).map_err(Error::Output)
}
