//! `netabase peer find`

use std::{fmt::Write as _, io::Write};

use clap::Args;
use libp2p::PeerId;
use nix_core::{
    signature::TrustedKeys,
    store_path::{StoreDir, StorePath},
};
use nix_remote::peers::{
    announcement::{Announcement, Object, SignerId, Statement},
    lookup::{Contradiction, Found},
};

use super::{
    PeerError,
    args::NodeArgs,
    ask::Peer,
    print_json,
    protocol::{
        AnnouncementReport, Answer, ContradictionReport, Evidence, FindReport, Request, count,
    },
};
use crate::{
    error::{Error, Result, one_line},
    store::place::path_of,
};

pub(super) const EXAMPLE: &str =
    "Example:\n  netabase peer find PATH --store ./depot --bootstrap ADDR";

/// The arguments of `peer find`.
#[derive(Debug, Args)]
pub(super) struct FindArgs {
    /// The path, in full or by base name
    #[arg(value_name = "PATH")]
    path: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// Prints what is announced of a path.
pub(super) fn run(args: &FindArgs, out: &mut dyn Write) -> Result<()> {
    let dir = &args.node.place.layout().store_dir;
    let path = dir.display(&path_of(dir, &args.path)?).to_string();
    let mut peer = Peer::reach(&args.node)?;
    let answer = peer.ask(Request::Find { path }, |_| {});
    let end = peer.end();
    let report = match answer? {
        Answer::Found(report) => *report,
        Answer::Refused(refusal) => return Err(PeerError::Refused(refusal).into()),
        _ => return Err(PeerError::OtherAnswer.into()),
    };
    end?;
    if args.json {
        return print_json(out, &report);
    }
    out.write_all(text(&report).as_bytes())
        .map_err(Error::Output)
}

/// Returns what was found in the form in which it is told.
pub(super) fn report(
    dir: &StoreDir,
    path: &StorePath,
    found: &Found<PeerId>,
    trusted: &TrustedKeys,
) -> FindReport {
    let all = std::iter::once(found.best()).chain(found.others());
    let contradictions = found.contradictions().iter();
    FindReport {
        path: dir.display(path).to_string(),
        announcements: all
            .filter_map(|one| announcement(dir, one, trusted))
            .collect(),
        providers: found.providers().map(ToString::to_string).collect(),
        contradictions: contradictions
            .map(|one| contradiction(dir, one, trusted))
            .collect(),
    }
}

/// Returns what an announcement says, unless it is of no object.
fn announcement(
    dir: &StoreDir,
    announcement: &Announcement,
    trusted: &TrustedKeys,
) -> Option<AnnouncementReport> {
    let (object, address): (&Object, _) = match announcement.statement() {
        Statement::PathInfo(object) => (object, None),
        Statement::ContentAddressed(object, address) => (object, Some(address.to_string())),
        Statement::Realisation(_) | Statement::LegacyRealisation(_) => return None,
    };
    let signer = announcement.signer();
    let known = trusted.iter().find(|key| SignerId::of(key) == *signer);
    let references = object.references.listed().map(|all| {
        let printed = all.iter().map(|path| dir.display(path).to_string());
        printed.collect()
    });
    let term = announcement.term();
    Some(AnnouncementReport {
        signer: signer.to_string(),
        trusted_as: known.map(|key| key.name().to_string()),
        content_address: address,
        nar_hash: object.nar_hash.to_string(),
        nar_size: object.nar_size,
        blake3_root: hex(&object.blake3_root),
        references,
        signatures: object.signatures.iter().map(ToString::to_string).collect(),
        sequence: term.sequence,
        issued_at: term.issued_at,
        not_after: term.not_after,
    })
}

fn contradiction(
    dir: &StoreDir,
    contradiction: &Contradiction,
    trusted: &TrustedKeys,
) -> ContradictionReport {
    let both = contradiction.announcements().into_iter();
    let evidence = both.filter_map(|one| {
        Some(Evidence {
            says: announcement(dir, one, trusted)?,
            key: hex(&one.key().to_bytes()),
            value: hex(one.as_bytes()),
        })
    });
    ContradictionReport {
        is_equivocation: contradiction.is_equivocation(),
        evidence: evidence.collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes all that is written");
    }
    text
}

/// Returns the report for people.
fn text(report: &FindReport) -> String {
    let mut lines = vec![report.path.clone()];
    for announcement in &report.announcements {
        lines.push(by(announcement));
        lines.push(format!(
            "  NAR hash {}, {} bytes, {}",
            announcement.nar_hash,
            announcement.nar_size,
            references(announcement),
        ));
        let signatures = announcement.signatures.iter();
        lines.extend(signatures.map(|signature| format!("  signature {signature}")));
    }
    for contradiction in &report.contradictions {
        lines.push(contradicts(contradiction));
        let evidence = contradiction.evidence.iter();
        lines.extend(evidence.map(|evidence| {
            let says = &evidence.says;
            format!(
                "  {} says {}, {} bytes",
                who(says),
                says.nar_hash,
                says.nar_size
            )
        }));
    }
    match report.providers.len() {
        0 => lines.push("nobody is known to have it".to_owned()),
        1 => lines.push("1 peer has it:".to_owned()),
        peers => lines.push(format!("{peers} peers have it:")),
    }
    lines.extend(report.providers.iter().map(|peer| format!("  {peer}")));
    let lines = lines.iter().map(|line| one_line(line) + "\n");
    lines.collect()
}

fn by(announcement: &AnnouncementReport) -> String {
    match &announcement.content_address {
        Some(address) => format!("content-addressed by {address}"),
        None => format!("announced by {}", who(announcement)),
    }
}

fn who(announcement: &AnnouncementReport) -> String {
    let trusted = announcement.trusted_as.as_ref();
    trusted.map_or_else(
        || format!("the key {}", announcement.signer),
        |name| format!("{name}, which is trusted"),
    )
}

fn references(announcement: &AnnouncementReport) -> String {
    let references = announcement.references.as_ref();
    references.map_or_else(
        || "references too many to be listed".to_owned(),
        |all| count(all.len(), "reference"),
    )
}

fn contradicts(contradiction: &ContradictionReport) -> String {
    if contradiction.is_equivocation {
        "one signer said two things that cannot both be true (evidence: --json):".to_owned()
    } else {
        "two signers contradict each other (evidence: --json):".to_owned()
    }
}
