//! Why something was not found or fetched, for those who asked, and what they can do.

use nix_core::{signature::TrustedKeys, store_path::StorePath};
use nix_remote::peers::{
    lookup::ClosureError,
    node::{FetchError, FindError, ObjectError, Status, Stopped},
};

use super::protocol::{Kind, Refusal};
use crate::error::with_causes;

/// What a node knows of its peers, and whom it believes.
pub(super) struct Around<'a> {
    pub(super) status: &'a Status,
    pub(super) trusted: &'a TrustedKeys,
    /// How many peers it was told to begin with.
    pub(super) bootstrap: usize,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// A path.
    Path,
    /// The path of an output.
    Output,
}

/// Says that the node has ended.
pub(super) fn stopped(error: Stopped) -> Refusal {
    Refusal::new(Kind::Ended, error.to_string())
}

/// Says why something was not found.
pub(super) fn not_found(error: FindError, sought: Sought, around: &Around<'_>) -> Refusal {
    match error {
        FindError::Busy => Refusal::new(Kind::Busy, error.to_string()).advise("try again later"),
        FindError::Stopped(error) => stopped(error),
        // Then nobody is asked, so it is of no account whether somebody could be.
        _ if sought == Sought::Output && around.trusted.is_empty() => {
            not_announced(FindError::Absent.to_string(), sought, around.trusted)
        }
        _ if around.status.connected.is_empty() => no_peers(around),
        FindError::Absent | FindError::KnownAbsent => {
            not_announced(error.to_string(), sought, around.trusted)
        }
        _ => Refusal::new(Kind::Unanswered, error.to_string()).advise("try again later"),
    }
}

/// Says for each path why it was not fetched; fails where that is not about paths.
pub(super) fn failures(
    error: FetchError,
    around: &Around<'_>,
) -> Result<Vec<(StorePath, Refusal)>, Refusal> {
    match error {
        FetchError::Closure(ClosureError::Unresolved { paths }) => {
            let why = unresolved(around);
            Ok(paths.into_iter().map(|path| (path, why.clone())).collect())
        }
        FetchError::Objects { failed } => {
            let all = failed.into_iter();
            Ok(all.map(|(path, error)| (path, object(&error))).collect())
        }
        FetchError::Closure(error) => Err(Refusal::new(Kind::Closure, with_causes(&error))),
        FetchError::Busy => {
            Err(Refusal::new(Kind::Busy, error.to_string()).advise("try again later"))
        }
        FetchError::Stopped(error) => Err(stopped(error)),
        _ => Err(Refusal::new(Kind::Node, with_causes(&error))),
    }
}

fn no_peers(around: &Around<'_>) -> Refusal {
    let known = around.status.known_peers.max(around.bootstrap);
    let message = match known {
        0 => "no peer is known".to_owned(),
        1 => "the one peer that is known cannot be reached".to_owned(),
        known => format!("none of {known} peers that are known can be reached"),
    };
    Refusal::new(Kind::NoPeers, message)
        .advise("give the address of one that runs by --bootstrap, as its `peer run` prints it")
}

fn unresolved(around: &Around<'_>) -> Refusal {
    if around.status.connected.is_empty() {
        return no_peers(around);
    }
    not_announced(FindError::Absent.to_string(), Sought::Path, around.trusted)
}

fn not_announced(message: impl Into<String>, sought: Sought, trusted: &TrustedKeys) -> Refusal {
    let (without, or) = match sought {
        Sought::Path => (
            "only content-addressed paths are believed",
            ", or it be content-addressed",
        ),
        Sought::Output => ("nobody is believed of the path of an output", ""),
    };
    let advice = match trusted.len() {
        0 => format!("without --trusted-key {without}"),
        1 => format!("its announcement must be signed by the trusted key{or}"),
        keys => format!("its announcement must be signed by one of the {keys} trusted keys{or}"),
    };
    Refusal::new(Kind::NotAnnounced, message).advise(advice)
}

/// Says why one object was not fetched or added.
fn object(error: &ObjectError) -> Refusal {
    let message = with_causes(error);
    match error {
        ObjectError::Stalled(_) => Refusal::new(Kind::Sources, message)
            .advise("fetch again when they are back: what was downloaded is kept"),
        ObjectError::NarHash { .. } => Refusal::new(Kind::NarHash, message)
            .advise("whoever signed the announcement is wrong or lies"),
        ObjectError::Needs => Refusal::new(Kind::Needs, message),
        ObjectError::Size(_) => Refusal::new(Kind::Sources, message),
        ObjectError::Store(_) => Refusal::new(Kind::Store, message),
        ObjectError::Spool(_) => {
            Refusal::new(Kind::Store, message).advise("see to the disk of the node's folder")
        }
        _ => Refusal::new(Kind::Node, message),
    }
}

#[cfg(test)]
mod tests {
    use nix_core::hash::Sha256;
    use nix_remote::peers::transfer::Stall;

    use super::*;

    #[test]
    fn each_reason_has_a_kind_of_its_own_and_says_its_cause() {
        let lie = ObjectError::NarHash {
            expected: Sha256::of(b"foo"),
            found: Sha256::of(b"bar").into(),
        };
        let why = object(&lie);
        assert_eq!(why.kind, Kind::NarHash);
        assert!(why.message.contains("where"), "{why}");
        assert!(why.advice.is_some());
        let why = object(&ObjectError::Stalled(Stall::NoProgress));
        assert_eq!(why.kind, Kind::Sources);
        assert!(
            why.to_string()
                .contains(": no peer has sent anything for a minute; "),
            "{why}"
        );
        assert_eq!(object(&ObjectError::Needs).kind, Kind::Needs);
    }
}
