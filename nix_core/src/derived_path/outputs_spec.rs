//! Which outputs of a derivation are meant: all, some by name, or those its package sets.

use alloc::collections::BTreeSet;
use core::{
    fmt::{self, Display, Formatter},
    ops::Deref,
    str::FromStr,
};

use crate::{derived_path::DerivedPathError, store_path::OutputName};

/// A set of output names that is never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputNames(BTreeSet<OutputName>);

/// The outputs of a derivation that are asked for.
///
/// Its text is `*` or the names, sorted and joined by commas.
///
/// # Examples
/// ```
/// use nix_core::derived_path::OutputsSpec;
/// let spec: OutputsSpec = "out,dev".parse()?;
/// assert_eq!(spec.to_string(), "dev,out");
/// assert!(OutputsSpec::All.is_superset(&spec));
/// assert_eq!("*".parse(), Ok(OutputsSpec::All));
/// # Ok::<(), nix_core::derived_path::DerivedPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputsSpec {
    /// Every output that the derivation has.
    All,
    /// The outputs of these names.
    Names(OutputNames),
}

/// The outputs that an installable asks for, which may leave the choice to the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtendedOutputsSpec {
    /// Nothing was written: the outputs that the package installs.
    #[default]
    Default,
    /// What was written after `^`.
    Explicit(OutputsSpec),
}

impl OutputNames {
    /// Returns the set, unless it is empty.
    pub fn new(names: BTreeSet<OutputName>) -> Option<Self> {
        (!names.is_empty()).then_some(Self(names))
    }

    /// Returns the set without its promise.
    pub fn into_inner(self) -> BTreeSet<OutputName> {
        self.0
    }
}

impl From<OutputName> for OutputNames {
    fn from(name: OutputName) -> Self {
        Self(BTreeSet::from([name]))
    }
}

impl Deref for OutputNames {
    type Target = BTreeSet<OutputName>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl OutputsSpec {
    /// Tells whether the output is asked for.
    #[must_use]
    pub fn contains(&self, output: &OutputName) -> bool {
        match self {
            Self::All => true,
            Self::Names(names) => names.contains(output),
        }
    }

    /// Tells whether everything that `other` asks for is asked for.
    #[must_use]
    pub fn is_superset(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Names(_), Self::All) => false,
            (Self::Names(ours), Self::Names(theirs)) => ours.is_superset(theirs),
        }
    }

    /// Returns what asks for both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Names(OutputNames(mut ours)), Self::Names(theirs)) => {
                ours.extend(theirs.0);
                Self::Names(OutputNames(ours))
            }
            _ => Self::All,
        }
    }

    /// Reads the text that begins at byte `index` of a larger one.
    pub(super) fn parse_at(text: &str, index: usize) -> Result<Self, DerivedPathError> {
        if text == "*" {
            return Ok(Self::All);
        }
        let mut names = BTreeSet::new();
        let mut at = index;
        for name in text.split(',') {
            names.insert(output_at(name, at)?);
            at += name.len() + 1;
        }
        Ok(Self::Names(OutputNames(names)))
    }
}

/// Reads an output name that begins at byte `index`.
pub(super) fn output_at(name: &str, index: usize) -> Result<OutputName, DerivedPathError> {
    OutputName::new(name).map_err(|source| DerivedPathError::Output { index, source })
}

impl From<OutputName> for OutputsSpec {
    fn from(name: OutputName) -> Self {
        Self::Names(name.into())
    }
}

impl Display for OutputsSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Names(names) => write_names(names, f),
        }
    }
}

/// Writes the names, joined by commas.
pub(super) fn write_names(names: &BTreeSet<OutputName>, f: &mut Formatter<'_>) -> fmt::Result {
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        f.write_str(name.as_str())?;
    }
    Ok(())
}

impl FromStr for OutputsSpec {
    type Err = DerivedPathError;

    fn from_str(text: &str) -> Result<Self, DerivedPathError> {
        Self::parse_at(text, 0)
    }
}

impl ExtendedOutputsSpec {
    /// Splits an installable at its last `^` into what stands before it and its outputs.
    ///
    /// # Errors
    /// Fails if what follows the `^` is no outputs spec.
    ///
    /// # Examples
    /// ```
    /// use nix_core::derived_path::ExtendedOutputsSpec;
    /// let (rest, outputs) = ExtendedOutputsSpec::parse("nixpkgs#hello^out")?;
    /// assert_eq!((rest, outputs.to_string().as_str()), ("nixpkgs#hello", "^out"));
    /// # Ok::<(), nix_core::derived_path::DerivedPathError>(())
    /// ```
    pub fn parse(text: &str) -> Result<(&str, Self), DerivedPathError> {
        let Some((rest, outputs)) = text.rsplit_once('^') else {
            return Ok((text, Self::Default));
        };
        let outputs = OutputsSpec::parse_at(outputs, rest.len() + 1)?;
        Ok((rest, Self::Explicit(outputs)))
    }
}

impl Display for ExtendedOutputsSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::Explicit(outputs) => write!(f, "^{outputs}"),
        }
    }
}
