//! What can go wrong with a derivation, and in which file.

use std::{io, path::PathBuf};

use nix_core::{
    derivation::{AtermError, CheckError, ToJsonError},
    json::JsonError,
    store_path::{ComputeError, StoreDirError, StorePath, StorePathNameError},
};
use nix_store::drv_files::BuildHash;

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
    #[error(transparent)]
    Files(#[from] nix_store::store::Error),
    #[error("no build hash in {} begins with {text}", folder.display())]
    NoBuildHash { folder: PathBuf, text: String },
    #[error("no outputs are recorded of the build hash {0}")]
    NoOutputs(BuildHash),
    #[error("both {one} and {other} begin so: say more of the build hash")]
    SeveralBuildHashes { one: BuildHash, other: BuildHash },
    #[error("{} is no derivation file, and {more} more", file.display())]
    Foreign { file: PathBuf, more: usize },
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
    NotJson(#[from] JsonError),
    #[error("it holds {0} derivations, not one")]
    Several(usize),
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
