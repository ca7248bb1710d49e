//! Which records of announcements a node takes from others.

use std::{
    cmp::Ordering,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use libp2p::kad::{ProviderRecord, RecordKey};
use netabase_store::records::{NamespaceError, Rejection, Validator, Validators};
use nix_core::{signature::TrustedKeys, store_path::StoreDir};

use super::announcement::{Announcement, Kind, PROVIDER_KEY_BYTES, Signers};

/// What the keys of provider records begin with: the multihashes of BLAKE3 and SHA-256 digests of 32
/// bytes.
const MULTIHASHES: [[u8; 2]; 2] = [[0x1e, 32], [0x12, 32]];

/// Whose announcements a node keeps for others.
#[derive(Debug, Clone)]
pub enum Keeps {
    /// Those of anybody who signed them. Quotas of the record store bound what that costs.
    Anybody,
    /// Those of trusted keys, and content-addressed path infos of anybody.
    Trusted(TrustedKeys),
}

/// The rule of one kind of announcements: an announcement of that kind, under its own key, that is
/// verified; the newest one stays.
///
/// It judges what is put and what is found alike, and fails closed.
#[derive(Debug, Clone)]
struct AnnouncementValidator {
    kind: Kind,
    dir: StoreDir,
    keeps: Arc<Keeps>,
}

/// Returns the validators of the namespaces `n1`, `c1` and `r1`, and the rule that provider records
/// stand under the multihash of an archive; nothing else is taken.
///
/// # Errors
/// Fails on no input; a namespace of announcements would have to be no namespace.
///
/// # Examples
/// ```
/// use std::time::SystemTime;
///
/// use libp2p::kad::Record;
/// use netabase_store::records::Reason;
/// use nix_core::store_path::StoreDir;
/// use nix_remote::peers::validators::{Keeps, validators};
///
/// let validators = validators(&StoreDir::default(), Keeps::Anybody)?;
/// let refused = |key: &[u8]| {
///     let record = Record::new(key.to_vec(), b"no announcement".to_vec());
///     let refused = validators.validate(&record, SystemTime::now());
///     refused.map_err(|refused| refused.reason())
/// };
/// assert_eq!(refused(b"c1a key that is too short"), Err(Reason::Invalid));
/// assert_eq!(refused(b"x1"), Err(Reason::UnknownNamespace));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn validators(dir: &StoreDir, keeps: Keeps) -> Result<Validators, NamespaceError> {
    let keeps = Arc::new(keeps);
    let mut validators = Validators::new().with_provider_rule(check_provider);
    for kind in Kind::ALL {
        let validator = AnnouncementValidator {
            kind,
            dir: dir.clone(),
            keeps: Arc::clone(&keeps),
        };
        validators = validators.with(kind.namespace(), validator)?;
    }
    Ok(validators)
}

impl Validator for AnnouncementValidator {
    fn validate(&self, key: &RecordKey, value: &[u8], now: SystemTime) -> Result<(), Rejection> {
        let found = Announcement::decode(key.as_ref(), value).map_err(Rejection::invalid)?;
        if found.key().kind() != self.kind {
            return Err(Rejection::UnknownNamespace);
        }
        let now =
            unix_seconds(now).ok_or_else(|| Rejection::invalid("the clock is before 1970"))?;
        let signers = match &*self.keeps {
            Keeps::Anybody => Signers::Any,
            Keeps::Trusted(keys) => Signers::Trusted(keys),
        };
        let verified = found.verify(&self.dir, signers, now);
        verified.map_err(Rejection::invalid)
    }

    /// A value that is an announcement is greater than one that is none.
    fn compare(&self, key: &RecordKey, left: &[u8], right: &[u8]) -> Ordering {
        let [left, right] = [left, right].map(|value| Announcement::decode(key.as_ref(), value));
        match (&left, &right) {
            (Ok(left), Ok(right)) => left.compare(right).unwrap_or(Ordering::Equal),
            _ => left.is_ok().cmp(&right.is_ok()),
        }
    }
}

/// Returns the seconds since 1970; `None` before.
pub(super) fn unix_seconds(now: SystemTime) -> Option<u64> {
    let since = now.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

fn check_provider(record: &ProviderRecord, _: SystemTime) -> Result<(), Rejection> {
    let key = record.key.as_ref();
    let is_multihash = MULTIHASHES.iter().any(|start| key.starts_with(start));
    if is_multihash && key.len() == PROVIDER_KEY_BYTES {
        Ok(())
    } else {
        Err(Rejection::invalid("the key is no multihash of an archive"))
    }
}
