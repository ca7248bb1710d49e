//! Which records a node takes: validators by namespace, the same for what is put and what is found.
//!
//! The model is that of go-libp2p-record: a validator says whether a value may stand under a key,
//! and which of two valid values is the newer one. The publisher and the expiry of a record come
//! unauthenticated over the wire, so a validator sees neither.

mod best;
mod rejection;

#[cfg(test)]
pub(crate) mod tests;

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::SystemTime,
};

use libp2p_kad::{ProviderRecord, Record, RecordKey};

pub(crate) use best::later;
pub use best::{Found, Invalid};
pub use rejection::{Reason, Rejection};

/// The largest value that is sure to fit an answer together with twenty closer peers.
pub const RECORD_VALUE_BYTES_RECOMMENDED: usize = 2 * 1024;

/// The largest value that is taken, unless [`Limits`] say otherwise.
pub const RECORD_VALUE_BYTES_MAX: usize = 4 * 1024;

/// The longest key of a record that is taken, unless [`Limits`] say otherwise.
pub const RECORD_KEY_BYTES_MAX: usize = 512;

/// The longest key of a provider record that is taken, unless [`Limits`] say otherwise: a multihash
/// or CID over a digest of 64 bytes.
pub const PROVIDER_KEY_BYTES_MAX: usize = 80;

/// The longest namespace.
pub const NAMESPACE_BYTES_MAX: usize = 64;

/// The rule of a namespace: what may stand under its keys, and what replaces what.
///
/// It runs on threads of [`Inbound`](super::Inbound), on bytes from anybody. One that panics has
/// refused the value.
pub trait Validator: Send + Sync + 'static {
    /// Checks that `value` may stand under `key` at the time `now`.
    ///
    /// # Errors
    /// Says why it may not.
    fn validate(&self, key: &RecordKey, value: &[u8], now: SystemTime) -> Result<(), Rejection>;

    /// Compares two valid values of a key: the greater one is the newer, and replaces the other.
    ///
    /// Values that compare as equal are ordered by their bytes, so that all nodes keep the same.
    fn compare(&self, key: &RecordKey, left: &[u8], right: &[u8]) -> Ordering;
}

type ProviderRule = dyn Fn(&ProviderRecord, SystemTime) -> Result<(), Rejection> + Send + Sync;

/// What is refused before any validator is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest key of a record.
    pub key_bytes_max: usize,
    /// The largest value of a record.
    pub value_bytes_max: usize,
    /// The longest key of a provider record.
    pub provider_key_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes_max: RECORD_KEY_BYTES_MAX,
            value_bytes_max: RECORD_VALUE_BYTES_MAX,
            provider_key_bytes_max: PROVIDER_KEY_BYTES_MAX,
        }
    }
}

/// The validators of a node, by namespace.
///
/// A key belongs to the longest registered namespace that it begins with. It fails closed: a key of
/// no namespace, an empty key or value and an oversized one are refused, so a new registry takes
/// nothing. Provider records have multihashes for keys, which no validator can judge: of them key
/// length and a [rule of one's own](Self::with_provider_rule) are checked.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{cmp::Ordering, time::SystemTime};
///
/// use libp2p_kad::{Record, RecordKey};
/// use netabase_store::records::{Reason, Rejection, Validator, Validators};
///
/// struct Text;
///
/// impl Validator for Text {
///     fn validate(&self, _: &RecordKey, value: &[u8], _: SystemTime) -> Result<(), Rejection> {
///         std::str::from_utf8(value).map_err(Rejection::invalid)?;
///         Ok(())
///     }
///
///     fn compare(&self, _: &RecordKey, left: &[u8], right: &[u8]) -> Ordering {
///         left.len().cmp(&right.len())
///     }
/// }
///
/// let validators = Validators::new().with("text/", Text)?;
/// let check = |key: &str, value: &[u8]| {
///     let record = Record::new(key.as_bytes().to_vec(), value.to_vec());
///     validators.validate(&record, SystemTime::now()).map_err(|refused| refused.reason())
/// };
/// assert_eq!(check("text/a", b"hello"), Ok(()));
/// assert_eq!(check("text/a", b"\xff"), Err(Reason::Invalid));
/// assert_eq!(check("other/a", b"hello"), Err(Reason::UnknownNamespace));
/// # Ok(())
/// # }
/// ```
#[derive(Default, Clone)]
pub struct Validators {
    limits: Limits,
    namespaces: BTreeMap<Vec<u8>, Arc<dyn Validator>>,
    providers: Option<Arc<ProviderRule>>,
}

/// A namespace that cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// Every key begins with no bytes at all, so nothing would be refused.
    #[error("a namespace needs at least one byte")]
    Empty,
    /// The namespace is longer than [`NAMESPACE_BYTES_MAX`].
    #[error("a namespace of {bytes} bytes exceeds the maximum of {NAMESPACE_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The namespace has a validator already.
    #[error("the namespace {} has a validator already", namespace.escape_ascii())]
    Taken {
        /// The namespace.
        namespace: Vec<u8>,
    },
}

impl Validators {
    /// Makes a registry without validators, which refuses every record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the sizes above which records are refused.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Registers the validator of all keys that begin with `namespace`.
    ///
    /// End a namespace with a byte that no longer one has in its place, such as `/`: `n1` would
    /// have the keys of an unregistered `n10` too.
    ///
    /// # Errors
    /// Fails when the namespace is empty, too long or taken.
    pub fn with(
        mut self,
        namespace: impl AsRef<[u8]>,
        validator: impl Validator,
    ) -> Result<Self, NamespaceError> {
        let namespace = namespace.as_ref().to_vec();
        if namespace.is_empty() {
            return Err(NamespaceError::Empty);
        }
        if namespace.len() > NAMESPACE_BYTES_MAX {
            let bytes = namespace.len();
            return Err(NamespaceError::TooLong { bytes });
        }
        if self.namespaces.contains_key(&namespace) {
            return Err(NamespaceError::Taken { namespace });
        }
        self.namespaces.insert(namespace, Arc::new(validator));
        Ok(self)
    }

    /// Sets what provider records have to fulfil besides the length of their keys.
    #[must_use]
    pub fn with_provider_rule(
        mut self,
        rule: impl Fn(&ProviderRecord, SystemTime) -> Result<(), Rejection> + Send + Sync + 'static,
    ) -> Self {
        self.providers = Some(Arc::new(rule));
        self
    }

    /// Checks a record, from wherever it came.
    ///
    /// # Errors
    /// Says why it is refused.
    pub fn validate(&self, record: &Record, now: SystemTime) -> Result<(), Rejection> {
        let Record { key, value, .. } = record;
        let validator = self.admit(key, value)?;
        guarded(|| validator.validate(key, value, now))?
    }

    /// Checks a provider record.
    ///
    /// # Errors
    /// Says why it is refused.
    pub fn validate_provider(
        &self,
        record: &ProviderRecord,
        now: SystemTime,
    ) -> Result<(), Rejection> {
        self.admit_provider(&record.key)?;
        let rule = self.providers.as_ref();
        rule.map_or(Ok(()), |rule| guarded(|| rule(record, now))?)
    }

    /// Compares two valid values of a key: the greater one is the newer; equal are only equal bytes.
    ///
    /// # Errors
    /// Fails when the key has no validator, or when the validator panics.
    pub fn compare(
        &self,
        key: &RecordKey,
        left: &[u8],
        right: &[u8],
    ) -> Result<Ordering, Rejection> {
        let validator = self.namespace_of(key.as_ref())?;
        if left == right {
            return Ok(Ordering::Equal);
        }
        let order = guarded(|| validator.compare(key, left, right))?;
        Ok(order.then_with(|| left.cmp(right)))
    }

    /// Checks what can be told without a validator, and returns the one to ask; cheap.
    pub(crate) fn admit(
        &self,
        key: &RecordKey,
        value: &[u8],
    ) -> Result<&Arc<dyn Validator>, Rejection> {
        let Limits {
            key_bytes_max,
            value_bytes_max,
            ..
        } = self.limits;
        check_key(key.as_ref(), key_bytes_max)?;
        let validator = self.namespace_of(key.as_ref())?;
        match value.len() {
            0 => Err(Rejection::EmptyValue),
            bytes if bytes > value_bytes_max => Err(Rejection::ValueTooLarge {
                bytes,
                max: value_bytes_max,
            }),
            _ => Ok(validator),
        }
    }

    /// Checks what can be told of a provider record without the rule; cheap.
    pub(crate) fn admit_provider(&self, key: &RecordKey) -> Result<(), Rejection> {
        check_key(key.as_ref(), self.limits.provider_key_bytes_max)
    }

    fn namespace_of(&self, key: &[u8]) -> Result<&Arc<dyn Validator>, Rejection> {
        let longest = key.len().min(NAMESPACE_BYTES_MAX);
        let found = (1..=longest).rev().find_map(|length| {
            let prefix = key.get(..length)?;
            self.namespaces.get(prefix)
        });
        found.ok_or(Rejection::UnknownNamespace)
    }
}

impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.namespaces.keys().map(|name| name.escape_ascii());
        let names = names.map(|name| name.to_string()).collect::<Vec<_>>();
        f.debug_struct("Validators")
            .field("limits", &self.limits)
            .field("namespaces", &names)
            .finish_non_exhaustive()
    }
}

fn check_key(key: &[u8], max: usize) -> Result<(), Rejection> {
    match key.len() {
        0 => Err(Rejection::EmptyKey),
        bytes if bytes > max => Err(Rejection::KeyTooLong { bytes, max }),
        _ => Ok(()),
    }
}

/// Runs code of the application; a panic is a refusal.
fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, Rejection> {
    // Validators take `&self`: what one leaves half-changed behind a lock it has to bear itself.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Rejection::Panicked)
}
