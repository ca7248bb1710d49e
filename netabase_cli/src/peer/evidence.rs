//! `netabase peer evidence`

use std::{
    io::Write,
    time::{Duration, SystemTime},
};

use clap::Args;
use indicatif::HumanDuration;

use super::{
    PeerError,
    announced::{By, SaidReport, SeenReport},
    args::NodeArgs,
    ask::Peer,
    find::{contradictions, text},
    print_json,
    protocol::{Answer, EvidenceReport, Request},
};
use crate::error::{Error, Result};

pub(super) const EXAMPLE: &str =
    "Example:\n  netabase peer evidence --store ./depot --trusted-key cache.public";

/// The arguments of `peer evidence`.
#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    /// Answer in JSON, with the announcements as they were signed
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArgs,
}

/// Prints which contradictions the node has seen.
pub(super) fn run(args: &EvidenceArgs, out: &mut dyn Write) -> Result<()> {
    let mut peer = Peer::reach(&args.node)?;
    let all = all(|after| ask(&mut peer, after));
    let end = peer.end();
    let all = all?;
    end?;
    if args.json {
        return print_json(out, &all);
    }
    out.write_all(told(&all).as_bytes()).map_err(Error::Output)
}

/// Asks for those that come after so many others.
fn ask(peer: &mut Peer, after: usize) -> Result<EvidenceReport, PeerError> {
    match peer.ask(Request::Evidence { after }, |_| {})? {
        Answer::Evidence(report) => Ok(report),
        Answer::Refused(refusal) => Err(PeerError::Refused(refusal)),
        _ => Err(PeerError::OtherAnswer),
    }
}

/// Asks for one part after the other.
fn all<E>(mut ask: impl FnMut(usize) -> Result<EvidenceReport, E>) -> Result<Vec<SeenReport>, E> {
    let mut all = Vec::new();
    loop {
        let report = ask(all.len())?;
        let is_last = report.contradictions.is_empty();
        all.extend(report.contradictions);
        if is_last || all.len() >= report.kept {
            return Ok(all);
        }
    }
}

/// Returns for people what was seen, the newest first.
fn told(all: &[SeenReport]) -> String {
    if all.is_empty() {
        return "no contradictions were seen\n".to_owned();
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut lines = Vec::new();
    for seen in all {
        let before = now.as_ref().map_or(0, Duration::as_secs);
        let ago = Duration::from_secs(before.saturating_sub(seen.seen));
        lines.push(format!("{}, seen {} ago:", seen.of, HumanDuration(ago)));
        lines.extend(contradictions([&seen.contradiction], says));
    }
    text(&lines)
}

fn says(said: &SaidReport) -> (&By, String) {
    match said {
        SaidReport::Object(object) => (
            &object.by,
            format!("{}, {} bytes", object.nar_hash, object.nar_size),
        ),
        SaidReport::Realisation(realisation) => (&realisation.by, realisation.path.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::announced::ContradictionReport, *};

    fn seen(number: usize) -> SeenReport {
        SeenReport {
            seen: 0,
            of: number.to_string(),
            contradiction: ContradictionReport {
                is_equivocation: false,
                evidence: Vec::new(),
            },
        }
    }

    /// Asks one who says to keep so many and has others, a few in an answer.
    fn asked(kept: usize, has: usize) -> (Vec<SeenReport>, usize) {
        let mut answers = 0;
        let all = all(|after| {
            answers += 1;
            let contradictions = (after..has).take(4).map(seen).collect();
            Ok::<_, ()>(EvidenceReport {
                kept,
                contradictions,
            })
        });
        (all.unwrap(), answers)
    }

    #[test]
    fn one_part_after_the_other_is_asked_for_until_all_are_there_or_no_more_come() {
        let ten: Vec<_> = (0..10).map(seen).collect();
        assert_eq!(asked(10, 10), (ten.clone(), 3));
        assert_eq!(asked(12, 10), (ten, 4));
        assert_eq!(asked(0, 0), (Vec::new(), 1));
    }

    #[test]
    fn where_nothing_contradicts_anything_that_is_said() {
        assert_eq!(told(&[]), "no contradictions were seen\n");
    }
}
