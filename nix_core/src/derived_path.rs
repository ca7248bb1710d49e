//! Derived paths: store objects named by their path or by what builds them, in every form.
//!
//! | form | a path | outputs of a derivation |
//! | --- | --- | --- |
//! | text | `/nix/store/..-foo` | `/nix/store/..-foo.drv^out,dev` or `^*` |
//! | legacy text | the same | `!` in the place of `^` |
//! | [`StorePathWithOutputs`] | the same, no derivation | `..-foo.drv!out,dev`; `..-foo.drv` for all |
//! | JSON | `"..-foo"` | `{"drvPath": .., "output": "out"}` or `{"drvPath": .., "outputs": ["out"]}` |

mod json;
mod outputs_spec;
mod separator;
mod single;
mod with_outputs;

#[cfg(any(test, feature = "test"))]
mod arbitrary;

use alloc::{format, string::String};

#[cfg(any(test, feature = "test"))]
pub use self::arbitrary::{
    arb_derived_path, arb_outputs_spec, arb_single_derived_path, arb_store_path_with_outputs,
};
use self::separator::Separator;
pub use self::{
    outputs_spec::{ExtendedOutputsSpec, OutputNames, OutputsSpec},
    single::{DEPTH_MAX, SingleDerivedPath},
    with_outputs::{StorePathWithOutputs, WithOutputsError},
};
use crate::store_path::{StoreDir, StorePath, StorePathError, StorePathNameError};

/// A store object, or several outputs of one derivation.
///
/// # Examples
/// ```
/// use nix_core::{derived_path::{DerivedPath, OutputsSpec}, store_path::StoreDir};
/// let store = StoreDir::default();
/// let text = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv^*";
/// let path = DerivedPath::parse(&store, text)?;
/// assert!(matches!(&path, DerivedPath::Built { outputs: OutputsSpec::All, .. }));
/// assert_eq!(path.print_legacy(&store), text.replace('^', "!"));
/// # Ok::<(), nix_core::derived_path::DerivedPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DerivedPath {
    /// The object that has the path; that of a derivation is the derivation itself.
    Opaque(StorePath),
    /// Outputs of a derivation.
    Built {
        /// The derivation, which may itself be an output.
        derivation: SingleDerivedPath,
        /// Which of its outputs.
        outputs: OutputsSpec,
    },
}

/// Why a text is no derived path or outputs spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerivedPathError {
    /// It does not begin with a store path.
    #[error("read the store path of a derived path")]
    Path(#[source] StorePathError),
    /// An output name is not one.
    #[error("read the output name at byte {index}")]
    Output {
        /// Where in the text the name begins.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: StorePathNameError,
    },
    /// Too many derivations are outputs of one another.
    #[error("more than {DEPTH_MAX} outputs of outputs in a derived path")]
    Depth,
}

impl DerivedPath {
    /// Reads the text form: a path, and behind the last `^` the outputs.
    ///
    /// # Errors
    /// Fails at the first part that is no store path or output name.
    pub fn parse(store_dir: &StoreDir, text: &str) -> Result<Self, DerivedPathError> {
        Self::parse_with(store_dir, text, Separator::Caret)
    }

    /// Reads the text form of old Nix versions and their protocols, with `!` in the place of `^`.
    ///
    /// # Errors
    /// Fails at the first part that is no store path or output name.
    pub fn parse_legacy(store_dir: &StoreDir, text: &str) -> Result<Self, DerivedPathError> {
        Self::parse_with(store_dir, text, Separator::Exclamation)
    }

    fn parse_with(
        store_dir: &StoreDir,
        text: &str,
        separator: Separator,
    ) -> Result<Self, DerivedPathError> {
        let Some((derivation, outputs)) = separator.split_last(text) else {
            let path = store_dir.parse(text).map_err(DerivedPathError::Path)?;
            return Ok(Self::Opaque(path));
        };
        let at = derivation.len() + 1;
        Ok(Self::Built {
            derivation: SingleDerivedPath::parse_with(store_dir, derivation, separator)?,
            outputs: OutputsSpec::parse_at(outputs, at)?,
        })
    }

    /// Returns the text form with `^`.
    #[must_use]
    pub fn print(&self, store_dir: &StoreDir) -> String {
        self.print_with(store_dir, Separator::Caret)
    }

    /// Returns the text form with `!`.
    #[must_use]
    pub fn print_legacy(&self, store_dir: &StoreDir) -> String {
        self.print_with(store_dir, Separator::Exclamation)
    }

    fn print_with(&self, store_dir: &StoreDir, separator: Separator) -> String {
        match self {
            Self::Opaque(path) => store_dir.print(path),
            Self::Built {
                derivation,
                outputs,
            } => {
                let derivation = derivation.print_with(store_dir, separator);
                format!("{derivation}{}{outputs}", separator.as_char())
            }
        }
    }

    /// Returns the path it begins with: its own, or that of the first derivation.
    #[must_use]
    pub fn base(&self) -> &StorePath {
        match self {
            Self::Opaque(path) => path,
            Self::Built { derivation, .. } => derivation.base(),
        }
    }
}

impl From<SingleDerivedPath> for DerivedPath {
    fn from(single: SingleDerivedPath) -> Self {
        let base = single.base().clone();
        match single.split() {
            None => Self::Opaque(base),
            Some((derivation, output)) => Self::Built {
                derivation,
                outputs: output.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
