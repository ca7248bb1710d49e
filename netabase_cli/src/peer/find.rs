//! `netabase peer find`

use std::io::Write;

use clap::Args;
use nix_core::{realisation::DrvOutputError, store_path::StoreDir};
use nix_store::store::RealisationId;

use super::{
    PeerError,
    announced::{By, ContradictionReport, FindReport, ObjectReport, RealisedReport, RefusedReport},
    args::NodeArgs,
    ask::Peer,
    print_json,
    protocol::{Answer, Request, count},
};
use crate::{
    error::{Error, Result, one_line},
    store::place::path_of,
};

pub(super) const EXAMPLE: &str = "Examples:\n  \
     netabase peer find PATH --store ./depot --bootstrap ADDR\n  \
     netabase peer find NAME.drv^out --store ./depot --bootstrap ADDR --trusted-key cache.public\n  \
     netabase peer find 'sha256:HASH!out' --store ./depot --trusted-key cache.public";

/// The arguments of `peer find`.
#[derive(Debug, Args)]
pub(super) struct FindArgs {
    /// The path, in full or by base name; or an output of a content-addressed derivation, named as
    /// Nix does: `<path of the derivation>^<output>`, or up to 2.34 `sha256:<hash>!<output>`
    #[arg(value_name = "PATH|OUTPUT")]
    what: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// Prints what is announced of a path or an output.
pub(super) fn run(args: &FindArgs, out: &mut dyn Write) -> Result<()> {
    let request = request(&args.node.place.layout().store_dir, &args.what)?;
    let mut peer = Peer::reach(&args.node)?;
    let answer = peer.ask(request, |_| {});
    let end = peer.end();
    let answer = answer?;
    match answer {
        Answer::Found(_) | Answer::Realised(_) => end?,
        Answer::Refused(refusal) => return Err(PeerError::Refused(refusal).into()),
        _ => return Err(PeerError::OtherAnswer.into()),
    }
    let text = match answer {
        Answer::Found(report) if args.json => return print_json(out, &report),
        Answer::Realised(report) if args.json => return print_json(out, &report),
        Answer::Found(report) => found(&report),
        Answer::Realised(report) => realised(&report),
        _ => return Err(PeerError::OtherAnswer.into()),
    };
    out.write_all(text.as_bytes()).map_err(Error::Output)
}

/// Reads the text that names an output in either form of a realisation, the derivation by its base
/// name or in full.
pub(super) fn output_of(dir: &StoreDir, text: &str) -> Result<RealisationId, DrvOutputError> {
    if text.contains('!') {
        return text.parse().map(RealisationId::Hash);
    }
    let below = text.strip_prefix(dir.as_str());
    let name = below.and_then(|below| below.strip_prefix('/'));
    name.unwrap_or(text).parse().map(RealisationId::Path)
}

/// Returns the request for what a text names: an output where it has the mark of one, which no path
/// has.
fn request(dir: &StoreDir, text: &str) -> Result<Request> {
    if !text.contains(['!', '^']) {
        let path = dir.print(&path_of(dir, text)?);
        return Ok(Request::Find { path });
    }
    let output = output_of(dir, text).map_err(|source| PeerError::Output {
        output: text.to_owned(),
        source,
    })?;
    let output = output.to_string();
    Ok(Request::FindOutput { output })
}

/// Returns what was found of a path for people.
fn found(report: &FindReport) -> String {
    let mut lines = vec![report.path.clone()];
    for announcement in &report.announcements {
        lines.push(match &announcement.content_address {
            Some(address) => format!("content-addressed by {address}"),
            None => format!("announced by {}", who(&announcement.by)),
        });
        lines.push(format!(
            "  NAR hash {}, {} bytes, {}",
            announcement.nar_hash,
            announcement.nar_size,
            references(announcement),
        ));
        lines.extend(signatures(&announcement.signatures));
    }
    lines.extend(contradictions(&report.contradictions, |says| {
        let bytes = format!("{}, {} bytes", says.nar_hash, says.nar_size);
        (&says.by, bytes)
    }));
    match report.providers.len() {
        0 => lines.push("nobody is known to have it".to_owned()),
        1 => lines.push("1 peer has it:".to_owned()),
        peers => lines.push(format!("{peers} peers have it:")),
    }
    lines.extend(report.providers.iter().map(|peer| format!("  {peer}")));
    lines.extend(refused(&report.refused));
    text(&lines)
}

/// Returns what was found of an output for people.
fn realised(report: &RealisedReport) -> String {
    let mut lines = vec![report.output.clone()];
    for announcement in &report.announcements {
        lines.push(format!("announced by {}", who(&announcement.by)));
        lines.push(format!("  path {}", announcement.path));
        lines.extend(signatures(&announcement.signatures));
    }
    lines.extend(contradictions(&report.contradictions, |says| {
        (&says.by, says.path.clone())
    }));
    lines.extend(refused(&report.refused));
    text(&lines)
}

/// Returns for people what contradicts what, and who said so.
pub(super) fn contradictions<'c, S: 'c>(
    contradictions: impl IntoIterator<Item = &'c ContradictionReport<S>>,
    says: impl Fn(&S) -> (&By, String),
) -> Vec<String> {
    let mut lines = Vec::new();
    for contradiction in contradictions {
        let what = if contradiction.is_equivocation {
            "one signer said two things that cannot both be true (evidence: --json):"
        } else {
            "two signers contradict each other (evidence: --json):"
        };
        lines.push(what.to_owned());
        lines.extend(contradiction.evidence.iter().map(|evidence| {
            let (by, what) = says(&evidence.says);
            format!("  {} says {what}", who(by))
        }));
    }
    lines
}

/// Returns how many records were refused, and each reason that is known.
fn refused(refused: &RefusedReport) -> Vec<String> {
    if refused.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![match refused.records {
        1 => "1 record was refused:".to_owned(),
        records => format!("{records} records were refused:"),
    }];
    let reasons = refused.reasons.iter();
    lines.extend(reasons.map(|why| format!("  {}: {}", why.records, why.reason)));
    lines
}

fn signatures(signatures: &[String]) -> impl Iterator<Item = String> {
    let all = signatures.iter();
    all.map(|signature| format!("  signature {signature}"))
}

fn who(by: &By) -> String {
    let trusted = by.trusted_as.as_ref();
    trusted.map_or_else(
        || format!("the key {}", by.signer),
        |name| format!("{name}, which is trusted"),
    )
}

fn references(announcement: &ObjectReport) -> String {
    let references = announcement.references.as_ref();
    references.map_or_else(
        || "references too many to be listed".to_owned(),
        |all| count(all.len(), "reference"),
    )
}

/// Returns lines as they are printed.
pub(super) fn text(lines: &[String]) -> String {
    lines.iter().map(|line| one_line(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::{super::announced::ReasonReport, *};

    #[test]
    fn what_was_refused_is_told_with_each_reason_and_nothing_where_nothing_was() {
        assert!(refused(&RefusedReport::default()).is_empty());
        let reasons = [(1, "first"), (3, "second")].map(|(records, reason)| ReasonReport {
            records,
            reason: reason.to_owned(),
        });
        let report = RefusedReport {
            records: 4,
            reasons: reasons.into(),
        };
        let lines = refused(&report);
        assert_eq!(
            lines,
            ["4 records were refused:", "  1: first", "  3: second"]
        );
        let summary = report.summary();
        assert_eq!(
            summary.as_deref(),
            Some("4 records were refused, the first one: first")
        );
    }
}
