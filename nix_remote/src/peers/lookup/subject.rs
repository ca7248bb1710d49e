//! What is looked up, and what is asked of the DHT for it.

use std::fmt;

use nix_core::store_path::StorePath;

use super::search::Question;
use crate::peers::announcement::{Key, SignerId};

/// What is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A path: what is announced of its contents, and who has them.
    Path(StorePath),
    /// An output, by the text that names it in either form of a realisation: which path it has.
    Output(String),
}

impl Subject {
    /// Returns the records that are asked for: those of each signer, and of a path that of its content
    /// address before them.
    pub(super) fn questions(&self, signers: &[SignerId]) -> Vec<Question> {
        let (by_content, signed): (_, Vec<_>) = match self {
            Self::Path(path) => {
                let path_digest = path.digest();
                let signed = signers.iter().map(|&signer| Key::PathInfo {
                    signer,
                    path_digest,
                });
                (
                    Some(Key::ContentAddressed { path_digest }),
                    signed.collect(),
                )
            }
            Self::Output(text) => {
                let signed = signers.iter().map(|&signer| Key::of_output(text, signer));
                (None, signed.collect())
            }
        };
        let keys = by_content.into_iter().chain(signed);
        keys.map(Question::Record).collect()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Output(text) => text.fmt(f),
        }
    }
}

impl From<&StorePath> for Subject {
    fn from(path: &StorePath) -> Self {
        Self::Path(path.clone())
    }
}

impl From<StorePath> for Subject {
    fn from(path: StorePath) -> Self {
        Self::Path(path)
    }
}
