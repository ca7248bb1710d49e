//! One store object: named by its path, or as an output of a derivation.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Ordering;

use crate::{
    derived_path::{DerivedPathError, outputs_spec::output_at, separator::Separator},
    store_path::{OutputName, StoreDir, StorePath},
};

/// The most outputs a derived path may be away from the store path it begins with.
///
/// Nix names no limit. Two are rare already: the derivation is then itself built by a derivation.
/// More could not be read again from JSON, which nests no deeper than 128 levels.
pub const DEPTH_MAX: usize = 96;

/// A store object that may not have been built.
///
/// It is a store path, or an output of the derivation that such a path stands for: with one output
/// the path is that of the derivation, with more the derivation is itself an output. Sorted as
/// Nix sorts it: paths before outputs, fewer outputs before more, then by path and outputs.
///
/// # Examples
/// ```
/// use nix_core::{derived_path::SingleDerivedPath, store_path::StoreDir};
/// let store = StoreDir::default();
/// let text = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo.drv^bar.drv^out";
/// let path = SingleDerivedPath::parse(&store, text)?;
/// assert_eq!(path.base().name(), "foo.drv");
/// assert_eq!(path.outputs().len(), 2);
/// assert_eq!(path.print(&store), text);
/// # Ok::<(), nix_core::derived_path::DerivedPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SingleDerivedPath {
    base: StorePath,
    // Invariant: at most DEPTH_MAX.
    outputs: Vec<OutputName>,
}

impl SingleDerivedPath {
    /// Returns the object that has the path.
    #[must_use]
    pub fn opaque(path: StorePath) -> Self {
        let outputs = Vec::new();
        Self {
            base: path,
            outputs,
        }
    }

    /// Returns the named output of the derivation that this one is.
    ///
    /// # Errors
    /// Fails if there are more than [`DEPTH_MAX`] outputs.
    pub fn built(mut self, output: OutputName) -> Result<Self, DerivedPathError> {
        if self.outputs.len() >= DEPTH_MAX {
            return Err(DerivedPathError::Depth);
        }
        self.outputs.push(output);
        Ok(self)
    }

    /// Returns the path it begins with: its own, or that of the first derivation.
    #[must_use]
    pub fn base(&self) -> &StorePath {
        &self.base
    }

    /// Returns the outputs that lead from the base to it; none if it has a path of its own.
    #[must_use]
    pub fn outputs(&self) -> &[OutputName] {
        &self.outputs
    }

    /// Returns its path if it is no output.
    #[must_use]
    pub fn as_opaque(&self) -> Option<&StorePath> {
        self.outputs.is_empty().then_some(&self.base)
    }

    /// Returns the derivation and which output of it this one is, unless it has a path of its own.
    #[must_use]
    pub fn split(mut self) -> Option<(Self, OutputName)> {
        let output = self.outputs.pop()?;
        Some((self, output))
    }

    /// Reads the text form: a path, then `^` and a name for each output.
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

    pub(super) fn parse_with(
        store_dir: &StoreDir,
        text: &str,
        separator: Separator,
    ) -> Result<Self, DerivedPathError> {
        let mut outputs = Vec::new();
        let mut base = text;
        while let Some((before, name)) = separator.split_last(base) {
            if outputs.len() == DEPTH_MAX {
                return Err(DerivedPathError::Depth);
            }
            outputs.push(output_at(name, before.len() + 1)?);
            base = before;
        }
        outputs.reverse();
        let base = store_dir.parse(base).map_err(DerivedPathError::Path)?;
        Ok(Self { base, outputs })
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

    pub(super) fn print_with(&self, store_dir: &StoreDir, separator: Separator) -> String {
        let mut text = store_dir.display(&self.base).to_string();
        for output in &self.outputs {
            text.push(separator.as_char());
            text.push_str(output.as_str());
        }
        text
    }
}

impl From<StorePath> for SingleDerivedPath {
    fn from(path: StorePath) -> Self {
        Self::opaque(path)
    }
}

impl Ord for SingleDerivedPath {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_depth = self.outputs.len().cmp(&other.outputs.len());
        by_depth
            .then_with(|| self.base.cmp(&other.base))
            .then_with(|| self.outputs.cmp(&other.outputs))
    }
}

impl PartialOrd for SingleDerivedPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
