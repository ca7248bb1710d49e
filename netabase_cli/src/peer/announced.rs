//! What is announced of paths and outputs, in the form in which it is told.

use std::fmt::Write as _;

use libp2p::PeerId;
use nix_core::{
    signature::{Signature, TrustedKeys},
    store_path::{StoreDir, StorePath},
};
use nix_remote::peers::{
    announcement::{Announcement, Object, SignerId, Statement},
    lookup::{Found, Realised, Refused},
    node::Evidence as Seen,
};
use nix_store::store::RealisationId;
use serde::{Deserialize, Serialize};

use crate::error::with_causes;

/// What is announced of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindReport {
    pub(super) path: String,
    /// The one that is gone by comes first.
    pub(super) announcements: Vec<ObjectReport>,
    /// Who is said to have the archive of the first one.
    pub(super) providers: Vec<String>,
    pub(super) contradictions: Vec<ContradictionReport<ObjectReport>>,
    #[serde(default)]
    pub(super) refused: RefusedReport,
}

/// What is announced of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RealisedReport {
    pub(super) output: String,
    /// The path that it has by the announcement that is gone by.
    pub(super) path: String,
    /// The one that is gone by comes first.
    pub(super) announcements: Vec<RealisationReport>,
    pub(super) contradictions: Vec<ContradictionReport<RealisationReport>>,
    #[serde(default)]
    pub(super) refused: RefusedReport,
}

/// Who announces something, and for how long it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct By {
    /// The public key, and the name by which it is trusted.
    pub(super) signer: String,
    pub(super) trusted_as: Option<String>,
    pub(super) sequence: u64,
    pub(super) issued_at: u64,
    pub(super) not_after: u64,
}

/// An announcement of a store object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectReport {
    #[serde(flatten)]
    pub(super) by: By,
    /// Where the path follows from it.
    pub(super) content_address: Option<String>,
    pub(super) nar_hash: String,
    pub(super) nar_size: u64,
    pub(super) blake3_root: String,
    /// Nothing where there are too many to be listed.
    pub(super) references: Option<Vec<String>>,
    pub(super) signatures: Vec<String>,
}

/// An announcement of the path of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RealisationReport {
    #[serde(flatten)]
    pub(super) by: By,
    pub(super) path: String,
    pub(super) signatures: Vec<String>,
}

/// Two announcements that cannot both be true, with the bytes by which anybody can check who said
/// so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContradictionReport<S> {
    /// Whether one signer said both.
    pub(super) is_equivocation: bool,
    /// The older one comes first.
    pub(super) evidence: Vec<Evidence<S>>,
}

/// An announcement as it stands in the DHT, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Evidence<S> {
    pub(super) says: S,
    pub(super) key: String,
    pub(super) value: String,
}

/// A contradiction that a node has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeenReport {
    /// When, in seconds since 1970.
    pub(super) seen: u64,
    /// The path or the output that both announcements are of.
    pub(super) of: String,
    #[serde(flatten)]
    pub(super) contradiction: ContradictionReport<SaidReport>,
}

/// What an announcement says, of a path or of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum SaidReport {
    Object(ObjectReport),
    Realisation(RealisationReport),
}

/// The records that were not believed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct RefusedReport {
    pub(super) records: u64,
    /// The first ones.
    pub(super) reasons: Vec<ReasonReport>,
}

/// Why some records were not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReasonReport {
    pub(super) records: u64,
    pub(super) reason: String,
}

impl RefusedReport {
    /// Tells whether nothing was refused.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Returns how many records were refused, and why the first one was.
    pub(super) fn summary(&self) -> Option<String> {
        let why = &self.reasons.first()?.reason;
        let records = self.records;
        Some(match (records, self.reasons.len()) {
            (1, _) => format!("1 record was refused: {why}"),
            (_, 1) => format!("{records} records were refused: {why}"),
            _ => format!("{records} records were refused, the first one: {why}"),
        })
    }
}

impl From<&Refused> for RefusedReport {
    fn from(refused: &Refused) -> Self {
        let reasons = refused
            .reasons()
            .iter()
            .map(|(reason, records)| ReasonReport {
                records: *records,
                reason: with_causes(reason),
            });
        Self {
            records: refused.records(),
            reasons: reasons.collect(),
        }
    }
}

/// Tells what is announced, of paths below a directory, to who trusts some keys.
#[derive(Clone, Copy)]
pub(super) struct Telling<'a> {
    pub(super) dir: &'a StoreDir,
    pub(super) trusted: &'a TrustedKeys,
}

impl Telling<'_> {
    /// Returns what was found of a path.
    pub(super) fn found(
        self,
        path: &StorePath,
        found: &Found<PeerId>,
        refused: &Refused,
    ) -> FindReport {
        let all = std::iter::once(found.best()).chain(found.others());
        let contradictions = found.contradictions().iter();
        FindReport {
            path: self.dir.print(path),
            announcements: all.filter_map(|one| self.object(one)).collect(),
            providers: found.providers().map(ToString::to_string).collect(),
            contradictions: contradictions
                .map(|one| contradiction(one.announcements(), |one| self.object(one)))
                .collect(),
            refused: refused.into(),
        }
    }

    /// Returns what was found of an output.
    pub(super) fn realised(
        self,
        output: &RealisationId,
        found: &Realised,
        refused: &Refused,
    ) -> RealisedReport {
        let all = std::iter::once(found.best()).chain(found.others());
        let conflicts = found.conflicts().iter();
        RealisedReport {
            output: output.to_string(),
            path: self.dir.print(found.out_path()),
            announcements: all.filter_map(|one| self.realisation(one)).collect(),
            contradictions: conflicts
                .map(|one| contradiction(one.announcements(), |one| self.realisation(one)))
                .collect(),
            refused: refused.into(),
        }
    }

    /// Returns a contradiction that a node has seen.
    pub(super) fn seen(self, evidence: &Seen) -> SeenReport {
        let [left, right] = &evidence.announcements;
        let of = match left.statement() {
            Statement::PathInfo(object) | Statement::ContentAddressed(object, _) => {
                self.dir.print(&object.path)
            }
            Statement::Realisation(said) => said.key.to_string(),
            Statement::LegacyRealisation(said) => said.id.to_string(),
        };
        SeenReport {
            seen: evidence.seen,
            of,
            contradiction: contradiction([left, right], |one| {
                let object = self.object(one).map(SaidReport::Object);
                object.or_else(|| self.realisation(one).map(SaidReport::Realisation))
            }),
        }
    }

    /// Returns what an announcement says of an object, unless it is of none.
    fn object(self, announcement: &Announcement) -> Option<ObjectReport> {
        let (object, address): (&Object, _) = match announcement.statement() {
            Statement::PathInfo(object) => (object, None),
            Statement::ContentAddressed(object, address) => (object, Some(address.to_string())),
            Statement::Realisation(_) | Statement::LegacyRealisation(_) => return None,
        };
        let references = object.references.listed();
        let references =
            references.map(|all| all.iter().map(|path| self.dir.print(path)).collect());
        Some(ObjectReport {
            by: self.by(announcement),
            content_address: address,
            nar_hash: object.nar_hash.to_string(),
            nar_size: object.nar_size,
            blake3_root: hex(&object.blake3_root),
            references,
            signatures: texts(&object.signatures),
        })
    }

    /// Returns what an announcement says of an output, unless it is of none.
    fn realisation(self, announcement: &Announcement) -> Option<RealisationReport> {
        let (path, signatures) = match announcement.statement() {
            Statement::Realisation(said) => (&said.value.out_path, &said.value.signatures),
            Statement::LegacyRealisation(said) => (&said.out_path, &said.signatures),
            Statement::PathInfo(_) | Statement::ContentAddressed(..) => return None,
        };
        Some(RealisationReport {
            by: self.by(announcement),
            path: self.dir.print(path),
            signatures: texts(signatures),
        })
    }

    fn by(self, announcement: &Announcement) -> By {
        let signer = announcement.signer();
        let mut trusted = self.trusted.iter();
        let known = trusted.find(|key| SignerId::of(key) == *signer);
        let term = announcement.term();
        By {
            signer: signer.to_string(),
            trusted_as: known.map(|key| key.name().to_string()),
            sequence: term.sequence,
            issued_at: term.issued_at,
            not_after: term.not_after,
        }
    }
}

fn contradiction<S>(
    both: [&Announcement; 2],
    says: impl Fn(&Announcement) -> Option<S>,
) -> ContradictionReport<S> {
    let [left, right] = both;
    let mut both = both;
    both.sort_by_key(|one| (one.term().issued_at, one.key().to_bytes()));
    let evidence = both.into_iter().filter_map(|one| {
        Some(Evidence {
            says: says(one)?,
            key: hex(&one.key().to_bytes()),
            value: hex(one.as_bytes()),
        })
    });
    ContradictionReport {
        is_equivocation: left.signer() == right.signer(),
        evidence: evidence.collect(),
    }
}

fn texts<'s>(signatures: impl IntoIterator<Item = &'s Signature>) -> Vec<String> {
    signatures.into_iter().map(ToString::to_string).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a text takes all that is written");
    }
    text
}
