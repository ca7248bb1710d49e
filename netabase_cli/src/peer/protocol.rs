//! What commands and the node of a store say to each other: lines of JSON on a socket.
//!
//! A command sends one request a line. The node answers each with any number of lines of progress
//! and one last line. A request names the version of the protocol; the node refuses another one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::announced::{FindReport, RealisedReport, RefusedReport, SeenReport};

/// The version of the protocol.
pub(super) const VERSION: u32 = 1;

/// How many bytes a request may have: those of 4,096 paths.
pub(super) const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// How many bytes a line of an answer may have: those of a closure of 65,536 paths.
pub(super) const ANSWER_BYTES_MAX: u64 = 32 << 20;

/// How many contradictions an answer has, each of some 50 KiB at most.
pub(super) const EVIDENCE_MAX: usize = 64;

/// A line that a command sends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) version: u32,
    #[serde(flatten)]
    pub(super) request: Request,
}

/// What a node is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "camelCase")]
pub(super) enum Request {
    /// How it is.
    Status,
    /// What is announced of a path.
    Find { path: String },
    /// What is announced of an output, by the text that names it in a realisation.
    FindOutput { output: String },
    /// Which contradictions it has seen, the newest first, after so many of them.
    Evidence { after: usize },
    /// To have paths and all that they refer to in the store.
    Fetch { paths: Vec<String> },
}

/// A line that a node sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase")]
pub(super) enum Answer {
    /// Not the last line: how far it is.
    Progress(Progress),
    Status(Box<StatusReport>),
    Found(Box<FindReport>),
    Realised(Box<RealisedReport>),
    Fetched(FetchReport),
    Evidence(EvidenceReport),
    Refused(Refusal),
}

/// How far a node is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progress {
    pub(super) lookups: usize,
    pub(super) downloads: Vec<DownloadReport>,
}

/// How far a download is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DownloadReport {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) bytes_held: u64,
    pub(super) bytes_verified: u64,
    pub(super) bytes_wasted: u64,
    pub(super) sources: usize,
}

/// What came of a fetch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FetchReport {
    /// The paths that the store did not have before; none where something failed.
    pub(super) added: Vec<String>,
    /// The bytes of their archives.
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    /// The peers that sent something meanwhile.
    pub(super) sources: Vec<String>,
    pub(super) failed: Vec<Failure>,
}

/// Contradictions that a node has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct EvidenceReport {
    /// How many it keeps.
    pub(super) kept: usize,
    /// As many of them as an answer has.
    pub(super) contradictions: Vec<SeenReport>,
}

/// Why a path was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) why: Refusal,
}

/// Why something was not done, and what may help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(super) kind: Kind,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
    /// The records that were not believed, where that may be why.
    #[serde(default, skip_serializing_if = "RefusedReport::is_empty")]
    pub(super) refused: RefusedReport,
}

/// The kinds of refusals, by which programs tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// The request is not understood.
    Request,
    /// The protocol has another version.
    Version,
    /// A text is no store path.
    Path,
    /// A text names no output of a derivation.
    Output,
    /// There is nobody to ask.
    NoPeers,
    /// Nobody who is believed announces the path or output.
    NotAnnounced,
    /// Nobody answered in time.
    Unanswered,
    /// The closure cannot be had as a whole.
    Closure,
    /// The peers that are said to have the archive do not send it.
    Sources,
    /// The archive is not what was announced.
    NarHash,
    /// The store did not take it, or cannot be read.
    Store,
    /// Something that it refers to is missing.
    Needs,
    /// There is too much to do.
    Busy,
    /// The node ends.
    Ended,
    /// The node failed.
    Node,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusReport {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) process: u32,
    pub(super) uptime_seconds: u64,
    pub(super) announces_with: String,
    pub(super) trusted_keys: Vec<String>,
    pub(super) metrics: Option<String>,
    /// Each with the name of the node.
    pub(super) listeners: Vec<String>,
    pub(super) connected: Vec<String>,
    pub(super) known_peers: usize,
    pub(super) banned_peers: usize,
    pub(super) connections_refused: RefusedCounts,
    pub(super) shared: usize,
    pub(super) records: usize,
    /// How many contradictions between announcements are kept as evidence.
    pub(super) evidence: usize,
    pub(super) announcements: AnnouncementCounts,
    pub(super) inbound: InboundCounts,
    pub(super) lookups: usize,
    pub(super) downloads: Vec<DownloadReport>,
    pub(super) bytes_verified: u64,
    pub(super) bytes_wasted: u64,
    pub(super) bytes_served: u64,
}

/// Connections that others opened and that were closed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefusedCounts {
    /// Of addresses that had as many as they may.
    pub(super) of_address: u64,
    /// Beyond the other limits.
    pub(super) of_limits: u64,
    /// Of peers that are banned or not allowed.
    pub(super) of_peer: u64,
}

/// How a node's own announcements go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnnouncementCounts {
    /// Objects in the closures of the roots: those that are announced, those that are private, and
    /// those that could not be.
    pub(super) objects: usize,
    pub(super) private: usize,
    pub(super) refused: usize,
    /// Realisations of outputs among them.
    pub(super) realisations: usize,
    /// Roots that the store does not have any more.
    pub(super) missing_roots: usize,
    /// Records that were sent out.
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) overdue: usize,
}

/// What became of records that others sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InboundCounts {
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) dropped: u64,
}

impl Refusal {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            advice: None,
            refused: RefusedReport::default(),
        }
    }

    /// Adds what was not believed.
    pub(super) fn having_refused(self, refused: RefusedReport) -> Self {
        Self { refused, ..self }
    }

    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { advice, ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(refused) = self.refused.summary() {
            write!(f, "; {refused}")?;
        }
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// Returns a number of things, of which the word names one.
pub(super) fn count(number: usize, word: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {word}{end}")
}

/// Reads a request.
pub(super) fn parse(line: &[u8]) -> Result<Request, Refusal> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }

    let malformed = |error: serde_json::Error| Refusal::new(Kind::Request, error.to_string());
    let Version { version } = serde_json::from_slice(line).map_err(malformed)?;
    if version != VERSION {
        let message = format!("the node speaks version {VERSION} of the protocol, not {version}");
        return Err(Refusal::new(Kind::Version, message));
    }
    let line: Line = serde_json::from_slice(line).map_err(malformed)?;
    Ok(line.request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_is_written() {
        let request = Request::Fetch {
            paths: vec!["/nix/store/x".to_owned()],
        };
        let line = Line {
            version: VERSION,
            request: request.clone(),
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(
            text,
            r#"{"version":1,"request":"fetch","paths":["/nix/store/x"]}"#
        );
        assert_eq!(parse(text.as_bytes()), Ok(request));
    }

    #[test]
    fn another_version_and_what_is_no_request_are_refused_by_kind() {
        let kind = |line: &[u8]| parse(line).unwrap_err().kind;
        assert_eq!(kind(br#"{"version":2,"request":"dance"}"#), Kind::Version);
        assert_eq!(kind(br#"{"version":1,"request":"dance"}"#), Kind::Request);
        assert_eq!(kind(br#"{"request":"status"}"#), Kind::Request);
        assert_eq!(kind(br#"{"version":1}"#), Kind::Request);
        assert_eq!(kind(b"\xff"), Kind::Request);
        assert_eq!(kind(&[b'['; 100_000]), Kind::Request);
    }
}
