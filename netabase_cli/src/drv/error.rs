//! What can go wrong with a derivation, and in which file.

use std::{io, path::PathBuf};

use nix_core::{
    derivation::{AtermError, CheckError, ToJsonError},
    store_path::{ComputeError, StoreDirError, StorePath, StorePathNameError},
};

/// What can go wrong with a derivation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the store dir {store_dir:?}")]
    StoreDir {
        store_dir: String,
        source: StoreDirError,
    },
    #[error("{text:?} is neither a file nor the path, base name or hash part of a derivation")]
    Unclear { text: String },
    #[error("no derivation in {} has the hash part {hash_part}", folder.display())]
    NoHashPart { folder: PathBuf, hash_part: String },
    #[error("{path} is no derivation: its name does not end in .drv")]
    NotDerivation { path: StorePath },
    #[error("{one} and {other} in {} have the same hash part: say which", folder.display())]
    Ambiguous {
        folder: PathBuf,
        one: StorePath,
        other: StorePath,
    },
    #[error("the name of {} does not end in .drv: say the derivation's by --name", file.display())]
    Suffix { file: PathBuf },
    #[error("{}: the name of the derivation", file.display())]
    Name {
        file: PathBuf,
        source: StorePathNameError,
    },
    #[error("read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("it is not in {}: name its store by --store", folder.display())]
    Missing { folder: PathBuf },
    #[error("{} holds what belongs at {found}", file.display())]
    Contents { file: PathBuf, found: StorePath },
    #[error("{}", file.display())]
    In { file: PathBuf, source: Failure },
}

/// What can go wrong with the contents of a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Aterm(#[from] AtermError),
    #[error(transparent)]
    Json(#[from] ToJsonError),
    #[error(transparent)]
    Compute(#[from] ComputeError),
    #[error(transparent)]
    Check(#[from] Box<CheckError<Error>>),
}

impl From<CheckError<Error>> for Failure {
    fn from(error: CheckError<Error>) -> Self {
        Self::Check(Box::new(error))
    }
}
