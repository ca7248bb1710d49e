//! What becomes of two statements about one output.

use alloc::string::{String, ToString};

use super::{LegacyRealisation, Realisation, UnkeyedRealisation};
use crate::store_path::StorePath;

/// Why two realisations cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// They are about two outputs.
    #[error("the realisations are of two outputs, {ours} and {theirs}")]
    Output {
        /// The output of the one.
        ours: String,
        /// The output of the other.
        theirs: String,
    },
    /// They say that the output has two paths.
    #[error("the output {output} is {ours} and cannot also be {theirs}")]
    Path {
        /// The output.
        output: String,
        /// Its path in the one.
        ours: StorePath,
        /// Its path in the other.
        theirs: StorePath,
    },
    /// They say that the output depends on different things, so a signature is over one only.
    #[error("the output {output} has two sets of dependent realisations")]
    Dependencies {
        /// The output.
        output: String,
    },
}

impl Realisation {
    /// Takes the signatures of another realisation of the same output and path.
    ///
    /// # Errors
    /// Fails where output or path differ; then nothing changes.
    pub fn merge(&mut self, other: Self) -> Result<(), MergeError> {
        check_output(&self.key, &other.key)?;
        self.value.merge(&self.key, other.value)
    }
}

impl UnkeyedRealisation {
    pub(super) fn merge(&mut self, key: &impl ToString, other: Self) -> Result<(), MergeError> {
        check_path(key, &self.out_path, &other.out_path)?;
        self.signatures.extend(other.signatures);
        Ok(())
    }
}

impl LegacyRealisation {
    /// Takes the signatures of another realisation of the same output, path and dependencies.
    ///
    /// # Errors
    /// Fails where one of these differs; then nothing changes.
    pub fn merge(&mut self, other: Self) -> Result<(), MergeError> {
        check_output(&self.id, &other.id)?;
        check_path(&self.id, &self.out_path, &other.out_path)?;
        if self.dependent_realisations != other.dependent_realisations {
            let output = self.id.to_string();
            return Err(MergeError::Dependencies { output });
        }
        self.signatures.extend(other.signatures);
        Ok(())
    }
}

fn check_output<K: PartialEq + ToString>(ours: &K, theirs: &K) -> Result<(), MergeError> {
    if ours == theirs {
        return Ok(());
    }
    Err(MergeError::Output {
        ours: ours.to_string(),
        theirs: theirs.to_string(),
    })
}

fn check_path(
    output: &impl ToString,
    ours: &StorePath,
    theirs: &StorePath,
) -> Result<(), MergeError> {
    if ours == theirs {
        return Ok(());
    }
    Err(MergeError::Path {
        output: output.to_string(),
        ours: ours.clone(),
        theirs: theirs.clone(),
    })
}
