//! What can go wrong with keys and signatures; no message repeats what may be a secret.

use std::{io, path::PathBuf};

use nix_core::{
    path_info::FingerprintError,
    signature::{SignatureError, TrustedKeysError},
};
use nix_store::FieldError;

use crate::key::secret::KEY_FILE_BYTES_MAX;

/// What can go wrong with keys and signatures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("ask the system for random bytes")]
    Random(#[source] getrandom::Error),
    #[error("read {place}")]
    Read { place: String, source: io::Error },
    #[error("{place} has more than {KEY_FILE_BYTES_MAX} bytes: that is no key")]
    TooLarge { place: String },
    #[error("{place} is not UTF-8: that is no key")]
    NotText { place: String },
    #[error("{place} holds no secret key")]
    Secret {
        place: String,
        source: SignatureError,
    },
    #[error("write the secret key to {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("trusted key {number} is neither a public key nor a file of them")]
    Trusted {
        number: usize,
        source: TrustedKeysError,
    },
    #[error("{place} holds other than public keys")]
    TrustedFile {
        place: String,
        source: TrustedKeysError,
    },
    #[error("{place} holds no key")]
    NoKeys { place: String },
    #[error("sign {path}")]
    Sign {
        path: String,
        source: FingerprintError,
    },
    #[error("the row of {path} is malformed")]
    Row { path: String, source: FieldError },
    #[error("{wrong} of {checked} paths in {} have no valid signature", db.display())]
    Untrusted {
        wrong: u64,
        checked: u64,
        db: PathBuf,
    },
}
