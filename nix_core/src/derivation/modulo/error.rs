//! Why a derivation cannot be hashed modulo fixed outputs.

use crate::store_path::{ComputeError, OutputName, StorePath};

use super::super::DerivationTypeError;

/// Why a derivation cannot be hashed modulo fixed outputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuloError<E> {
    /// An input derivation is not there.
    #[error("the input derivation {path} is missing")]
    Missing {
        /// The input derivation.
        path: StorePath,
    },
    /// An input derivation could not be looked up.
    #[error("look up the input derivation {path}")]
    Lookup {
        /// The input derivation.
        path: StorePath,
        /// The error of the lookup.
        source: E,
    },
    /// A derivation is an input of itself.
    #[error("the derivation {path} depends on itself")]
    Cycle {
        /// One derivation of the cycle.
        path: StorePath,
    },
    /// An input derivation lacks an output that is used.
    #[error("the input derivation {path} has no output {}", output.as_str())]
    NoOutput {
        /// The input derivation.
        path: StorePath,
        /// The output.
        output: OutputName,
    },
    /// An input derivation has no hash.
    #[error("hash the input derivation {path}")]
    Input {
        /// The input derivation.
        path: StorePath,
        /// What is wrong with it.
        source: UnhashableError,
    },
    /// The derivation itself has no hash.
    #[error("hash the derivation")]
    Own(#[from] UnhashableError),
}

/// Why one derivation has no hash, whatever its inputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnhashableError {
    /// The outputs do not go together.
    #[error("the outputs make no kind of derivation")]
    Type(#[from] DerivationTypeError),
    /// A fixed output has no path.
    #[error("a fixed output has no path")]
    OutputPath(#[from] ComputeError),
}
