//! Checking and filling in output paths and the variables named after outputs.

use alloc::collections::BTreeMap;
use core::ops::Deref;

use crate::store_path::{OutputName, StoreDir, StorePath};

use super::{
    ByteString, Derivation, DerivationLookup, DerivationModulo, DerivationOutput, InputOutputs,
    ModuloError, UnhashableError, aterm_read::DYNAMIC_DEPTH_MAX,
};

/// A derivation whose output paths, and the variables that hold them, are the ones that follow from
/// it.
///
/// It prints an ATerm that reads back as the same derivation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedDerivation {
    derivation: Derivation,
    // Invariant: the paths of the input-addressed and fixed outputs.
    output_paths: BTreeMap<OutputName, StorePath>,
}

/// Why the outputs of a derivation are wrong, or cannot be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError<E> {
    /// The hash that the output paths follow from cannot be computed.
    #[error("hash the derivation modulo fixed outputs")]
    Modulo(#[from] ModuloError<E>),
    /// An output has another path than the one that follows.
    #[error("the output {} has the path {found}, it should be {expected}", output.as_str())]
    OutputPath {
        /// The output.
        output: OutputName,
        /// The path in the derivation.
        found: StorePath,
        /// The path that follows.
        expected: StorePath,
    },
    /// An output has a path that cannot be known yet.
    #[error("the output {} has the path {found}, it should be deferred", output.as_str())]
    NotDeferred {
        /// The output.
        output: OutputName,
        /// The path in the derivation.
        found: StorePath,
    },
    /// An output lacks the path that follows.
    #[error("the output {} has no path, it should be {expected}", output.as_str())]
    NotFilled {
        /// The output.
        output: OutputName,
        /// The path that follows.
        expected: StorePath,
    },
    /// The variable named after an output does not hold its path, or is missing.
    #[error("the variable {} does not hold the path {expected}", output.as_str())]
    Variable {
        /// The output, which is the name of the variable.
        output: OutputName,
        /// What the variable holds, if it is there.
        found: Option<ByteString>,
        /// The path of the output.
        expected: StorePath,
    },
    /// The system has a quote or backslash, which the ATerm cannot hold.
    #[error("the system holds a quote or a backslash")]
    System,
    /// An input derivation of which nothing is used.
    #[error("no output of the input derivation {path} is used")]
    NoOutputsUsed {
        /// The input derivation.
        path: StorePath,
    },
    /// Dynamic outputs nested deeper than [`DYNAMIC_DEPTH_MAX`].
    #[error("the dynamic outputs of the input derivation {path} are nested too deeply")]
    TooDeep {
        /// The input derivation.
        path: StorePath,
    },
}

impl CheckedDerivation {
    /// Returns the paths of the outputs that are known before the build.
    #[must_use]
    pub const fn output_paths(&self) -> &BTreeMap<OutputName, StorePath> {
        &self.output_paths
    }

    /// Returns the derivation.
    #[must_use]
    pub fn into_derivation(self) -> Derivation {
        self.derivation
    }
}

impl Deref for CheckedDerivation {
    type Target = Derivation;

    fn deref(&self) -> &Derivation {
        &self.derivation
    }
}

impl Derivation {
    /// Returns the paths of the outputs that are known before the build, computed anew.
    ///
    /// # Errors
    /// Fails when an input derivation is missing or wrong, or an output can have no path.
    pub fn output_paths<L: DerivationLookup + ?Sized>(
        &self,
        modulo: &mut DerivationModulo<'_, L>,
    ) -> Result<BTreeMap<OutputName, StorePath>, CheckError<L::Error>> {
        let store_dir = modulo.store_dir();
        let hash = modulo.hash(self)?;
        let mut paths = BTreeMap::new();
        for (name, output) in &self.outputs {
            let path = match (output, hash) {
                (DerivationOutput::Fixed(_), _) => output.path(store_dir, &self.name, name),
                (_, Some(hash)) => store_dir.output_path(&self.name, name, hash).map(Some),
                (_, None) => Ok(None),
            };
            let path = path.map_err(|e| ModuloError::Own(UnhashableError::OutputPath(e)))?;
            paths.extend(path.map(|path| (name.clone(), path)));
        }
        Ok(paths)
    }

    /// Checks that the output paths and the variables named after them are those that follow.
    ///
    /// # Errors
    /// Fails when one is not, when a path that could be there is missing, or the paths cannot be
    /// computed.
    pub fn check<L: DerivationLookup + ?Sized>(
        self,
        modulo: &mut DerivationModulo<'_, L>,
    ) -> Result<CheckedDerivation, CheckError<L::Error>> {
        let output_paths = self.check_outputs(modulo)?;
        Ok(CheckedDerivation {
            derivation: self,
            output_paths,
        })
    }

    /// Checks as [`Derivation::check`] does, and returns the paths of the outputs that are known
    /// before the build.
    ///
    /// # Errors
    /// Fails as [`Derivation::check`] does.
    pub fn check_outputs<L: DerivationLookup + ?Sized>(
        &self,
        modulo: &mut DerivationModulo<'_, L>,
    ) -> Result<BTreeMap<OutputName, StorePath>, CheckError<L::Error>> {
        let output_paths = self.output_paths(modulo)?;
        self.compare(&output_paths, modulo.store_dir())?;
        Ok(output_paths)
    }

    /// Compares the derivation with the output paths that follow from it.
    fn compare<E>(
        &self,
        output_paths: &BTreeMap<OutputName, StorePath>,
        store_dir: &StoreDir,
    ) -> Result<(), CheckError<E>> {
        self.check_printable()?;
        for (name, output) in &self.outputs {
            check_output(name, output, output_paths.get(name))?;
        }
        for (name, path) in output_paths {
            let value = self.env.get(name.as_str().as_bytes());
            if value.is_none_or(|value| **value != *store_dir.print(path).as_bytes()) {
                let (output, expected) = (name.clone(), path.clone());
                return Err(CheckError::Variable {
                    output,
                    found: value.cloned(),
                    expected,
                });
            }
        }
        Ok(())
    }

    /// Fills in the paths of deferred outputs, where they can be known, and the empty or missing
    /// variables named after outputs.
    ///
    /// Missing variables count as empty, as evaluation puts them there. (Nix itself computes the
    /// paths without them when a derivation comes as JSON, and then refuses the outcome.)
    ///
    /// # Errors
    /// Fails when a path or variable that is there is wrong, or the paths cannot be computed.
    pub fn fill_outputs<L: DerivationLookup + ?Sized>(
        mut self,
        modulo: &mut DerivationModulo<'_, L>,
    ) -> Result<CheckedDerivation, CheckError<L::Error>> {
        for (name, output) in &self.outputs {
            if !matches!(
                output,
                DerivationOutput::Floating(_) | DerivationOutput::Impure(_)
            ) {
                self.env.entry(ByteString::from(name.as_str())).or_default();
            }
        }
        // They follow from the derivation with its own paths blanked, so filling changes none.
        let output_paths = self.output_paths(modulo)?;
        for (name, path) in &output_paths {
            if let Some(output @ DerivationOutput::Deferred) = self.outputs.get_mut(name) {
                *output = DerivationOutput::InputAddressed(path.clone());
            }
            if let Some(value) = self.env.get_mut(name.as_str().as_bytes())
                && value.is_empty()
            {
                *value = ByteString::from(modulo.store_dir().print(path));
            }
        }
        self.compare(&output_paths, modulo.store_dir())?;
        Ok(CheckedDerivation {
            derivation: self,
            output_paths,
        })
    }

    /// Refuses what the ATerm cannot hold.
    fn check_printable<E>(&self) -> Result<(), CheckError<E>> {
        if self
            .system
            .iter()
            .any(|&byte| byte == b'"' || byte == b'\\')
        {
            return Err(CheckError::System);
        }
        for (path, used) in &self.inputs.derivations {
            let mut open = alloc::vec![(used, 0)];
            while let Some((InputOutputs { outputs, dynamic }, depth)) = open.pop() {
                if outputs.is_empty() && dynamic.is_empty() {
                    return Err(CheckError::NoOutputsUsed { path: path.clone() });
                }
                if depth > DYNAMIC_DEPTH_MAX {
                    return Err(CheckError::TooDeep { path: path.clone() });
                }
                open.extend(dynamic.values().map(|child| (child, depth + 1)));
            }
        }
        Ok(())
    }
}

fn check_output<E>(
    name: &OutputName,
    output: &DerivationOutput,
    path: Option<&StorePath>,
) -> Result<(), CheckError<E>> {
    match (output, path) {
        (DerivationOutput::InputAddressed(found), Some(expected)) if found != expected => {
            let (found, expected) = (found.clone(), expected.clone());
            Err(CheckError::OutputPath {
                output: name.clone(),
                found,
                expected,
            })
        }
        (DerivationOutput::InputAddressed(found), None) => Err(CheckError::NotDeferred {
            output: name.clone(),
            found: found.clone(),
        }),
        (DerivationOutput::Deferred, Some(expected)) => Err(CheckError::NotFilled {
            output: name.clone(),
            expected: expected.clone(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
