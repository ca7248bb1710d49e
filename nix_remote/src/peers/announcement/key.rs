//! Keys of the DHT.

use std::fmt;

use nix_core::{hash::Sha256, signature::PublicKey};

use super::Statement;
use crate::peers::bytes::Reader;

/// How many bytes the key of a provider record has.
pub const PROVIDER_KEY_BYTES: usize = 34;

/// The code of BLAKE3 among multihashes.
const MULTIHASH_BLAKE3: u8 = 0x1e;

/// The code of SHA-256 among multihashes.
const MULTIHASH_SHA256: u8 = 0x12;

/// How many bytes both digests have.
const MULTIHASH_DIGEST_BYTES: u8 = 32;

/// What an announcement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A store object for which a signer vouches.
    PathInfo,
    /// A store object whose path follows from its content address.
    ContentAddressed,
    /// The path of an output, for which a signer vouches.
    Realisation,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::PathInfo, Self::ContentAddressed, Self::Realisation];

    /// Returns what the keys of the kind begin with: `n1`, `c1` or `r1`.
    #[must_use]
    pub const fn namespace(self) -> &'static [u8; 2] {
        match self {
            Self::PathInfo => b"n1",
            Self::ContentAddressed => b"c1",
            Self::Realisation => b"r1",
        }
    }

    /// Returns how many bytes a key has.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::PathInfo => 2 + 32 + 20,
            Self::ContentAddressed => 2 + 20,
            Self::Realisation => 2 + 32 + 32,
        }
    }

    /// Returns the byte that stands for the kind in an envelope.
    pub(super) const fn code(self) -> u8 {
        self.namespace()[0]
    }
}

/// The bytes of an Ed25519 public key, which may or may not be a point of the curve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignerId(pub [u8; 32]);

impl SignerId {
    /// Returns the signer whose key it is.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self(*key.as_bytes())
    }
}

/// Writes the bytes in lower-case hexadecimal.
impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerId({self})")
    }
}

/// The key of an announcement.
///
/// # Examples
/// ```
/// use nix_remote::peers::announcement::{Key, KeyError};
///
/// let key = Key::ContentAddressed { path_digest: [7; 20] };
/// assert_eq!(Key::parse(&key.to_bytes()), Ok(key));
/// assert_eq!(Key::parse(b"x1"), Err(KeyError::Namespace));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `n1`: what a signer says of a path.
    PathInfo {
        /// Who says so.
        signer: SignerId,
        /// What the hash part of the path stands for.
        path_digest: [u8; 20],
    },
    /// `c1`: a path that needs no signer.
    ContentAddressed {
        /// What the hash part of the path stands for.
        path_digest: [u8; 20],
    },
    /// `r1`: what a signer says of an output.
    Realisation {
        /// Who says so.
        signer: SignerId,
        /// The hash of the output's text.
        output: Sha256,
    },
}

/// Why bytes are not the key of an announcement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key begins with no known namespace.
    #[error("the key begins with none of `n1`, `c1` and `r1`")]
    Namespace,
    /// The key has another length than those of its namespace.
    #[error("the key has {found} bytes where {expected} are due")]
    Length {
        /// The length of such keys.
        expected: usize,
        /// The length that was found.
        found: usize,
    },
}

impl Key {
    /// Returns the key under which a signer states something.
    #[must_use]
    pub fn of(statement: &Statement, signer: SignerId) -> Self {
        match statement {
            Statement::PathInfo(object) => Self::PathInfo {
                signer,
                path_digest: object.path.digest(),
            },
            Statement::ContentAddressed(object, _) => Self::ContentAddressed {
                path_digest: object.path.digest(),
            },
            Statement::Realisation(realisation) => {
                Self::of_output(&realisation.key.to_string(), signer)
            }
            Statement::LegacyRealisation(realisation) => {
                Self::of_output(&realisation.id.to_string(), signer)
            }
        }
    }

    /// Reads a key.
    ///
    /// # Errors
    /// Fails on an unknown namespace and on a length that is not the namespace's.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        let named = |kind: &Kind| bytes.starts_with(kind.namespace());
        let kind = Kind::ALL.into_iter().find(named);
        let kind = kind.ok_or(KeyError::Namespace)?;
        let length = KeyError::Length {
            expected: kind.key_len(),
            found: bytes.len(),
        };
        Self::parts(kind, bytes).ok_or(length)
    }

    /// Returns the bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let namespace = self.kind().namespace();
        match self {
            Self::PathInfo {
                signer,
                path_digest,
            } => [namespace.as_slice(), &signer.0, path_digest].concat(),
            Self::ContentAddressed { path_digest } => [namespace.as_slice(), path_digest].concat(),
            Self::Realisation { signer, output } => {
                [namespace.as_slice(), &signer.0, &output.0].concat()
            }
        }
    }

    /// Returns what announcements under the key are about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::PathInfo { .. } => Kind::PathInfo,
            Self::ContentAddressed { .. } => Kind::ContentAddressed,
            Self::Realisation { .. } => Kind::Realisation,
        }
    }

    /// Returns the key under which a signer states the path of an output, given the text that names
    /// it in a realisation: `sha256:<base 16>!<output>` up to Nix 2.34, `<path>^<output>` since.
    #[must_use]
    pub fn of_output(text: &str, signer: SignerId) -> Self {
        let output = Sha256::of(text.as_bytes());
        Self::Realisation { signer, output }
    }

    fn parts(kind: Kind, bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes.get(kind.namespace().len()..)?);
        let key = match kind {
            Kind::PathInfo => Self::PathInfo {
                signer: SignerId(reader.array()?),
                path_digest: reader.array()?,
            },
            Kind::ContentAddressed => Self::ContentAddressed {
                path_digest: reader.array()?,
            },
            Kind::Realisation => Self::Realisation {
                signer: SignerId(reader.array()?),
                output: Sha256(reader.array()?),
            },
        };
        (reader.left() == 0).then_some(key)
    }
}

/// Returns the key under which those are found who have an archive with a BLAKE3 root: its
/// multihash.
///
/// # Examples
/// ```
/// let key = nix_remote::peers::announcement::provider_key(&[7; 32]);
/// assert_eq!(key[..3], [0x1e, 32, 7]);
/// ```
#[must_use]
pub fn provider_key(blake3_root: &[u8; 32]) -> [u8; PROVIDER_KEY_BYTES] {
    multihash(MULTIHASH_BLAKE3, blake3_root)
}

/// Returns the other key of the same, for who knows the NAR hash alone.
///
/// # Examples
/// ```
/// use nix_core::hash::Sha256;
///
/// let key = nix_remote::peers::announcement::nar_provider_key(&Sha256([7; 32]));
/// assert_eq!(key[..3], [0x12, 32, 7]);
/// ```
#[must_use]
pub fn nar_provider_key(nar_hash: &Sha256) -> [u8; PROVIDER_KEY_BYTES] {
    multihash(MULTIHASH_SHA256, &nar_hash.0)
}

fn multihash(code: u8, digest: &[u8; 32]) -> [u8; PROVIDER_KEY_BYTES] {
    let mut key = [0; PROVIDER_KEY_BYTES];
    let bytes = [code, MULTIHASH_DIGEST_BYTES].into_iter().chain(*digest);
    for (to, from) in key.iter_mut().zip(bytes) {
        *to = from;
    }
    key
}
