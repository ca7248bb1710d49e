//! Why a derivation file is wrong, and why a build cannot be recorded.

use nix_core::{
    derivation::ToJsonError,
    json::JsonError,
    store_path::{ComputeError, OutputName, StorePath},
};

use super::{BuildHash, BuildHashError, FILE_BYTES_MAX, RESULTS_MAX};

/// What is wrong with one file of [`DrvFiles`](super::DrvFiles).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrvFileError {
    /// It is a symbolic link, a directory or something else that is no regular file.
    #[error("it is no regular file")]
    NotAFile,
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("it has {0} bytes, more than {FILE_BYTES_MAX}")]
    TooLarge(u64),
    /// It holds no derivation.
    #[error("it holds no derivation")]
    Derivation(#[from] JsonError),
    /// It does not hold what a build resulted in.
    #[error("it holds no outputs of builds")]
    Outputs(#[from] serde_json::Error),
    /// It is of a version that is not known.
    #[error("version {0} of outputs of builds is not known")]
    Version(u64),
    /// It holds no result, or more than [`RESULTS_MAX`].
    #[error("it holds {0} results, not 1 to {RESULTS_MAX}")]
    Results(usize),
    /// Its name says no build hash.
    #[error("its name is no build hash")]
    Name(#[from] BuildHashError),
    /// There is no such file.
    #[error("there is no such file")]
    Absent,
    /// The derivation that it holds has another build hash than its name says.
    #[error("it holds a derivation with the build hash {0}")]
    OtherHash(BuildHash),
    /// The derivation that it holds has no build hash: an input of it is deferred.
    #[error("it holds a derivation that must be resolved first")]
    Deferred,
}

/// Why a build cannot be recorded, though its build hash is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// JSON cannot say what the derivation holds.
    #[error("print the derivation as JSON")]
    Json(#[from] ToJsonError),
    /// JSON that reads back as the same derivation is not to be had.
    #[error("the derivation does not read back from JSON as it is")]
    Unfaithful,
    /// The JSON of both files is larger than half of [`FILE_BYTES_MAX`].
    #[error("the derivation and its outputs take {0} bytes, more than {max}", max = FILE_BYTES_MAX / 2)]
    TooLarge(u64),
    /// An output of the derivation is not among those that were built.
    #[error("the output {0} was not built")]
    MissingOutput(OutputName),
    /// What was built is no output of the derivation.
    #[error("{0} is no output of the derivation")]
    UnknownOutput(OutputName),
    /// The derivation states another path than the one that follows from it.
    #[error("the derivation says that the output {output} is {stated}, it should be {expected}")]
    Stated {
        /// The output.
        output: OutputName,
        /// The path in the derivation.
        stated: StorePath,
        /// The path that follows.
        expected: StorePath,
    },
    /// An output can have no path.
    #[error("compute the path of the output {output}")]
    OutputPath {
        /// The output.
        output: OutputName,
        /// Why there is none.
        #[source]
        source: ComputeError,
    },
    /// An output was built at another path than the derivation's.
    #[error("the output {output} was built as {found}, it should be {expected}")]
    OtherPath {
        /// The output.
        output: OutputName,
        /// Where it was built.
        found: StorePath,
        /// The path that follows from the derivation.
        expected: StorePath,
    },
    /// A content-addressed output was built at a path of another name than the derivation's.
    #[error("the output {output} was built as {found}, which has another name")]
    OtherName {
        /// The output.
        output: OutputName,
        /// Where it was built.
        found: StorePath,
    },
}
