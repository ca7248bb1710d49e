//! What a node logs: events on standard error.

use std::io;

use clap::{ArgAction, Args, ValueEnum};
use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

use super::PeerError;
use crate::quiet::message_of;

/// What a node logs.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// Log more: what the node does, and twice, what the network does
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// What to log in full, such as `info,nix_remote=debug,libp2p=warn`
    #[arg(long, value_name = "FILTER", value_parser = filter, conflicts_with = "verbose")]
    log: Option<String>,
    /// In which form
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: Format,
}

/// The forms of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line of text for each event
    Text,
    /// A line of JSON for each event
    Json,
}

/// Logs from now on, panics too.
pub(super) fn start(args: &LogArgs) -> Result<(), PeerError> {
    let by_count = match args.verbose {
        // The first node of a network knows no peers, of which Kademlia warns every few minutes.
        0 => "warn,libp2p_kad=error,netabase=info,nix_remote=info",
        1 => "info,netabase=debug,nix_remote=debug",
        _ => "debug,netabase=trace,nix_remote=trace",
    };
    let filter = EnvFilter::new(args.log.as_deref().unwrap_or(by_count));
    let subscriber = fmt::Subscriber::builder()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .log_internal_errors(false);
    let started = match args.log_format {
        Format::Text => subscriber.finish().try_init(),
        Format::Json => subscriber.json().finish().try_init(),
    };
    started.map_err(PeerError::Log)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = message_of(panic.payload());
        tracing::error!(place, message, "a mistake in this program");
    }));
    Ok(())
}

fn filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    EnvFilter::try_new(text).map(|_| text.to_owned())
}
