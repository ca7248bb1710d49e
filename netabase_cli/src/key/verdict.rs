//! What is known of the signatures of one path.

use std::{collections::BTreeSet, fmt};

use nix_core::{
    signature::{KeyName, TrustedKeys},
    store_path::StoreDir,
};
use nix_store::{FieldError, db::models::StorePath};
use serde_json::{Value, json};

/// What is known of the signatures of one path.
#[derive(Debug)]
pub(super) enum Verdict {
    /// A trusted key signed it.
    Signed,
    /// Its name follows from its content address.
    ContentAddressed,
    /// It has no valid signature.
    Wrong(Box<Failure>),
}

/// A path that has no valid signature.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) path: String,
    pub(super) reason: Reason,
}

/// Why a path has no valid signature.
#[derive(Debug)]
pub(super) enum Reason {
    /// It bears signatures under the names of these trusted keys that they did not make.
    Invalid(BTreeSet<KeyName>),
    /// Only these keys signed it, and none of them is trusted.
    Untrusted(BTreeSet<KeyName>),
    /// Nobody signed it.
    Unsigned,
    /// What the store says of it cannot be read.
    Malformed(FieldError),
}

/// Checks the signatures of a path.
pub(super) fn check(row: StorePath, store_dir: &StoreDir, keys: &TrustedKeys) -> Verdict {
    let reason = match row.to_path_info(store_dir) {
        Err(error) => Reason::Malformed(error),
        Ok(info) => {
            let check = info.check_signatures(store_dir, keys);
            if check.content_addressed {
                return Verdict::ContentAddressed;
            }
            if check.is_trusted(1) {
                return Verdict::Signed;
            }
            if !check.invalid.is_empty() {
                Reason::Invalid(check.invalid)
            } else if !check.unknown.is_empty() {
                Reason::Untrusted(check.unknown)
            } else {
                Reason::Unsigned
            }
        }
    };
    let path = row.path;
    Verdict::Wrong(Box::new(Failure { path, reason }))
}

impl Reason {
    /// Returns the reason in one word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Untrusted(_) => "untrusted",
            Self::Unsigned => "unsigned",
            Self::Malformed(_) => "malformed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(keys) => write!(f, "not signed by {} as it says", list(keys)),
            Self::Untrusted(keys) => write!(f, "only signed by {}", list(keys)),
            Self::Unsigned => f.write_str("not signed"),
            Self::Malformed(error) => write!(f, "{error}: {}", error.kind),
        }
    }
}

impl Failure {
    /// Returns the failure as JSON.
    pub(super) fn to_json(&self) -> Value {
        let (path, reason) = (&self.path, self.reason.word());
        match &self.reason {
            Reason::Invalid(keys) | Reason::Untrusted(keys) => {
                let keys: Vec<&str> = keys.iter().map(KeyName::as_str).collect();
                json!({ "path": path, "reason": reason, "keys": keys })
            }
            Reason::Malformed(error) => {
                let error = format!("{error}: {}", error.kind);
                json!({ "path": path, "reason": reason, "error": error })
            }
            Reason::Unsigned => json!({ "path": path, "reason": reason }),
        }
    }
}

fn list(keys: &BTreeSet<KeyName>) -> String {
    let names: Vec<&str> = keys.iter().map(KeyName::as_str).collect();
    names.join(", ")
}
