//! `netabase peer status`

use std::io::Write;

use clap::Args;

use super::{
    PeerError,
    client::Client,
    folder::Folder,
    print_json,
    protocol::{Answer, RefusedCounts, Request, StatusReport, count},
};
use crate::{
    error::{Error, Result, one_line},
    store::place::StorePlace,
};

pub(super) const EXAMPLE: &str = "Example:\n  netabase peer status --store ./depot";

/// The arguments of `peer status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    place: StorePlace,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// Prints how the node of a store is.
pub(super) fn run(args: &StatusArgs, out: &mut dyn Write) -> Result<()> {
    let layout = args.place.layout();
    let client = Client::connect(&Folder::of(layout))?;
    let mut client = client.ok_or_else(|| PeerError::NoNode {
        store: layout.real_store_dir.clone(),
    })?;
    let report = match client.ask(Request::Status, |_| {})? {
        Answer::Status(report) => *report,
        Answer::Refused(refusal) => return Err(PeerError::Refused(refusal).into()),
        _ => return Err(PeerError::OtherAnswer.into()),
    };
    if args.json {
        return print_json(out, &report);
    }
    out.write_all(text(&report).as_bytes())
        .map_err(Error::Output)
}

fn text(status: &StatusReport) -> String {
    let [verified, wasted, served] = [
        status.bytes_verified,
        status.bytes_wasted,
        status.bytes_served,
    ];
    let mut lines = vec![
        format!(
            "node {}, process {}, up for {} seconds",
            status.id, status.process, status.uptime_seconds
        ),
        format!("announces with {}", status.announces_with),
    ];
    lines.extend(status.listeners.iter().map(|at| format!("listens on {at}")));
    lines.extend(status.metrics.iter().map(|at| format!("metrics on {at}")));
    lines.extend([
        format!(
            "peers: {} connected, {} known, {} banned",
            status.connected.len(),
            status.known_peers,
            status.banned_peers
        ),
        refused(&status.connections_refused),
        format!(
            "shares {}; keeps {}",
            count(status.shared, "archive"),
            count(status.records, "record")
        ),
        format!(
            "announces {} and {}; {} private, {} failed, {} roots missing",
            count(status.announcements.objects, "object"),
            count(status.announcements.realisations, "realisation"),
            status.announcements.private,
            status.announcements.refused,
            status.announcements.missing_roots
        ),
        format!(
            "announcements: {} sent, {} failed, {} overdue",
            status.announcements.succeeded,
            status.announcements.failed,
            status.announcements.overdue
        ),
        format!(
            "records of others: {} taken, {} refused, {} dropped",
            status.inbound.accepted, status.inbound.refused, status.inbound.dropped
        ),
        format!("bytes: {verified} verified, {wasted} wasted, {served} served"),
        format!(
            "{}, {}",
            count(status.lookups, "lookup"),
            count(status.downloads.len(), "download")
        ),
    ]);
    if status.evidence > 0 {
        let kept = count(status.evidence, "contradiction");
        lines.push(format!("{kept} between announcements kept as evidence"));
    }
    lines.extend(status.downloads.iter().map(|download| {
        format!(
            "  {} of {} bytes of {} from {}",
            download.bytes_held,
            download.bytes,
            download.path,
            count(download.sources, "peer")
        )
    }));
    let lines = lines.iter().map(|line| one_line(line) + "\n");
    lines.collect()
}

fn refused(counts: &RefusedCounts) -> String {
    format!(
        "connections refused: {} of one address, {} beyond other limits, {} of banned or other peers",
        counts.of_address, counts.of_limits, counts.of_peer
    )
}
