//! The oldest form of a derived path, which cannot ask for a derivation itself.

use alloc::collections::BTreeSet;
use core::fmt::{self, Display, Formatter};

use crate::{
    derived_path::{
        DerivedPath, DerivedPathError, OutputNames, OutputsSpec, SingleDerivedPath,
        outputs_spec::{output_at, write_names},
        separator::Separator,
    },
    store_path::{OutputName, StoreDir, StorePath},
};

/// A store path, and which outputs are meant if it is that of a derivation.
///
/// The worker protocol before version 1.30 and the command line of `nix-store` have it. A
/// derivation without outputs stands for all of them, so that this form cannot name the
/// derivation as an object.
///
/// # Examples
/// ```
/// use nix_core::{derived_path::StorePathWithOutputs, store_path::StoreDir};
/// let store = StoreDir::default();
/// let text = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv!dev,out";
/// let path = StorePathWithOutputs::parse(&store, text)?;
/// assert_eq!(path.outputs.len(), 2);
/// assert_eq!(path.display(&store).to_string(), text);
/// # Ok::<(), nix_core::derived_path::DerivedPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePathWithOutputs {
    /// The object, or the derivation of the outputs.
    pub path: StorePath,
    /// The outputs; empty for an object and for all outputs of a derivation.
    pub outputs: BTreeSet<OutputName>,
}

/// A derived path that [`StorePathWithOutputs`] cannot say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WithOutputsError {
    /// The derivation is meant as an object; the old form would mean its outputs.
    #[error("a derivation as an object has no form in old protocols")]
    DerivationItself,
    /// All outputs are meant of a path that is no derivation; the old form would mean the path.
    #[error("all outputs of what is no derivation have no form in old protocols")]
    NotADerivation,
    /// The derivation is itself an output.
    #[error("an output of a derivation that is itself built has no form in old protocols")]
    Dynamic,
}

impl StorePathWithOutputs {
    /// Reads a path, and behind the `!` output names between commas; empty ones are skipped.
    ///
    /// # Errors
    /// Fails at a part that is no store path or output name.
    pub fn parse(store_dir: &StoreDir, text: &str) -> Result<Self, DerivedPathError> {
        let (path, names) = Separator::Exclamation
            .split_last(text)
            .unwrap_or((text, ""));
        let mut at = path.len() + 1;
        let path = store_dir.parse(path).map_err(DerivedPathError::Path)?;
        let mut outputs = BTreeSet::new();
        for name in names.split(',') {
            if !name.is_empty() {
                outputs.insert(output_at(name, at)?);
            }
            at += name.len() + 1;
        }
        Ok(Self { path, outputs })
    }

    /// Returns a printer of the text form.
    pub fn display<'a>(&'a self, store_dir: &'a StoreDir) -> impl Display + 'a {
        Shown {
            path: self,
            store_dir,
        }
    }
}

struct Shown<'a> {
    path: &'a StorePathWithOutputs,
    store_dir: &'a StoreDir,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.store_dir.display(&self.path.path))?;
        if self.path.outputs.is_empty() {
            return Ok(());
        }
        f.write_str("!")?;
        write_names(&self.path.outputs, f)
    }
}

impl From<StorePathWithOutputs> for DerivedPath {
    fn from(from: StorePathWithOutputs) -> Self {
        let outputs = match OutputNames::new(from.outputs) {
            Some(names) => OutputsSpec::Names(names),
            None if from.path.is_derivation() => OutputsSpec::All,
            None => return Self::Opaque(from.path),
        };
        let derivation = SingleDerivedPath::opaque(from.path);
        Self::Built {
            derivation,
            outputs,
        }
    }
}

impl TryFrom<&DerivedPath> for StorePathWithOutputs {
    type Error = WithOutputsError;

    fn try_from(from: &DerivedPath) -> Result<Self, WithOutputsError> {
        match from {
            DerivedPath::Opaque(path) if path.is_derivation() => {
                Err(WithOutputsError::DerivationItself)
            }
            DerivedPath::Opaque(path) => Ok(Self {
                path: path.clone(),
                outputs: BTreeSet::new(),
            }),
            DerivedPath::Built {
                derivation,
                outputs,
            } => {
                let path = derivation.as_opaque().ok_or(WithOutputsError::Dynamic)?;
                let outputs = match outputs {
                    OutputsSpec::Names(names) => (**names).clone(),
                    OutputsSpec::All if path.is_derivation() => BTreeSet::new(),
                    OutputsSpec::All => return Err(WithOutputsError::NotADerivation),
                };
                Ok(Self {
                    path: path.clone(),
                    outputs,
                })
            }
        }
    }
}
