//! What a derivation asks of whoever builds it: checks of its outputs, features, the sandbox.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
};

use super::{Derivation, DerivationType};
use crate::{
    derived_path::SingleDerivedPath,
    json::JsonError,
    store_path::{OutputName, StorePath},
};

/// The feature that a builder needs for outputs whose paths are not known before the build.
const CA_DERIVATIONS: &str = "ca-derivations";

/// The feature of a builder that gives a build a range of user ids.
const UID_RANGE: &str = "uid-range";

/// The options of a derivation, out of its variables or its structured attributes.
///
/// # Examples
/// ```
/// use nix_core::{
///     derivation::{Derivation, DerivationOptions},
///     store_path::{StoreDir, StorePathName},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store_dir = StoreDir::default();
/// let text = br#"Derive([("out","","","")],[],[],"x","/bin/sh",[],[("out",""),("preferLocalBuild","1")])"#;
/// let drv = Derivation::parse_aterm(&store_dir, StorePathName::new("local")?, text)?;
/// let options = DerivationOptions::of(&store_dir, &drv)?;
/// assert!(options.prefer_local_build);
/// assert!(options.allow_substitutes);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivationOptions {
    /// What the outputs may be and refer to.
    pub output_checks: OutputChecksSpec,
    /// The outputs whose references are not scanned for; structured attributes only.
    pub unsafe_discard_references: BTreeMap<OutputName, bool>,
    /// The variables that the builder gets as the paths of files; never with structured attributes.
    pub pass_as_file: BTreeSet<String>,
    /// The files to write closures to, each with what its closure is of.
    pub export_references_graph: BTreeMap<String, BTreeSet<SingleDerivedPath>>,
    /// More rules for the sandbox of macOS (`__sandboxProfile`).
    pub additional_sandbox_profile: String,
    /// Whether to build outside of the sandbox (`__noChroot`).
    pub no_chroot: bool,
    /// The files outside of the store that the build sees on macOS (`__impureHostDeps`).
    pub impure_host_deps: BTreeSet<String>,
    /// The variables that come from the environment of whoever builds; fixed outputs only.
    pub impure_env_vars: BTreeSet<String>,
    /// Whether the sandbox of macOS lets the build talk to itself (`__darwinAllowLocalNetworking`).
    pub allow_local_networking: bool,
    /// The features that the builder's machine must have.
    pub required_system_features: BTreeSet<String>,
    /// Whether to build here rather than on another machine.
    pub prefer_local_build: bool,
    /// Whether to ask caches for the outputs.
    pub allow_substitutes: bool,
}

/// The checks of all outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputChecksSpec {
    /// The same checks for each output, as variables can say.
    ForAllOutputs(OutputChecks),
    /// Checks for the outputs that are named, as structured attributes can say.
    PerOutput(BTreeMap<OutputName, OutputChecks>),
}

/// What an output may be and refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputChecks {
    /// Whether references of an output to itself are always allowed.
    pub ignore_self_refs: bool,
    /// The most bytes that the output may have as an archive.
    pub max_size: Option<u64>,
    /// The most bytes that the output and all it needs may have.
    pub max_closure_size: Option<u64>,
    /// All that the output may refer to.
    pub allowed_references: Option<BTreeSet<OutputReference>>,
    /// What the output may not refer to.
    pub disallowed_references: BTreeSet<OutputReference>,
    /// All that the closure of the output may have.
    pub allowed_requisites: Option<BTreeSet<OutputReference>>,
    /// What the closure of the output may not have.
    pub disallowed_requisites: BTreeSet<OutputReference>,
}

/// What a check speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputReference {
    /// An output of the derivation itself.
    Own(OutputName),
    /// Another object.
    Path(SingleDerivedPath),
}

/// Why a derivation has no options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The structured attributes are malformed, or an attribute is not what it should be.
    #[error("read the options in the structured attributes")]
    StructuredAttrs(#[source] JsonError),
    /// A variable is no text.
    #[error("the variable `{0}` is not UTF-8")]
    NotUtf8(&'static str),
    /// A word stands for nothing that a check can speak of.
    #[error(
        "`{word}` in the variable `{variable}` is no store path, no placeholder of an input and \
         no output name"
    )]
    Reference {
        /// The variable.
        variable: &'static str,
        /// The word.
        word: String,
    },
    /// The variable `exportReferencesGraph` is no list of pairs.
    #[error("the variable `exportReferencesGraph` has a file name without a path behind it")]
    OddWords,
    /// A file name in the variable `exportReferencesGraph` could be a path.
    #[error("`{0}` in the variable `exportReferencesGraph` is no file name")]
    FileName(String),
}

impl Default for DerivationOptions {
    /// Returns the options of a derivation without variables.
    fn default() -> Self {
        let checks = OutputChecks {
            ignore_self_refs: true,
            ..OutputChecks::default()
        };
        Self {
            output_checks: OutputChecksSpec::ForAllOutputs(checks),
            unsafe_discard_references: BTreeMap::new(),
            pass_as_file: BTreeSet::new(),
            export_references_graph: BTreeMap::new(),
            additional_sandbox_profile: String::new(),
            no_chroot: false,
            impure_host_deps: BTreeSet::new(),
            impure_env_vars: BTreeSet::new(),
            allow_local_networking: false,
            required_system_features: BTreeSet::new(),
            prefer_local_build: false,
            allow_substitutes: true,
        }
    }
}

impl OutputChecksSpec {
    /// Returns the checks of one output.
    #[must_use]
    pub fn of(&self, output: &OutputName) -> Option<&OutputChecks> {
        match self {
            Self::ForAllOutputs(checks) => Some(checks),
            Self::PerOutput(checks) => checks.get(output),
        }
    }
}

impl DerivationOptions {
    /// Returns the features a machine needs: those that are asked for, and `ca-derivations` where
    /// the path of an output is not known before the build.
    #[must_use]
    pub fn system_features(&self, derivation: &Derivation) -> BTreeSet<String> {
        let mut features = self.required_system_features.clone();
        let known = matches!(
            derivation.derivation_type(),
            Ok(DerivationType::InputAddressed | DerivationType::Fixed)
        );
        if !known {
            features.insert(CA_DERIVATIONS.into());
        }
        features
    }

    /// Tells whether the build needs a range of user ids.
    #[must_use]
    pub fn uses_uid_range(&self) -> bool {
        self.required_system_features.contains(UID_RANGE)
    }

    /// Replaces every output of another derivation by the path that `resolve` knows of it.
    ///
    /// # Errors
    /// Fails with the first output that has no path.
    pub fn resolve(
        mut self,
        mut resolve: impl FnMut(&SingleDerivedPath) -> Option<StorePath>,
    ) -> Result<Self, SingleDerivedPath> {
        let mut resolve = |path: SingleDerivedPath| match path.as_opaque() {
            Some(_) => Ok(path),
            None => resolve(&path).map(SingleDerivedPath::opaque).ok_or(path),
        };
        match &mut self.output_checks {
            OutputChecksSpec::ForAllOutputs(checks) => checks.resolve(&mut resolve)?,
            OutputChecksSpec::PerOutput(outputs) => {
                for checks in outputs.values_mut() {
                    checks.resolve(&mut resolve)?;
                }
            }
        }
        for paths in self.export_references_graph.values_mut() {
            let resolved = core::mem::take(paths).into_iter().map(&mut resolve);
            *paths = resolved.collect::<Result<_, _>>()?;
        }
        Ok(self)
    }
}

impl OutputChecks {
    fn resolve(
        &mut self,
        resolve: &mut impl FnMut(SingleDerivedPath) -> Result<SingleDerivedPath, SingleDerivedPath>,
    ) -> Result<(), SingleDerivedPath> {
        let mut resolve = |reference| match reference {
            OutputReference::Own(output) => Ok(OutputReference::Own(output)),
            OutputReference::Path(path) => resolve(path).map(OutputReference::Path),
        };
        let sets = [
            self.allowed_references.as_mut(),
            Some(&mut self.disallowed_references),
            self.allowed_requisites.as_mut(),
            Some(&mut self.disallowed_requisites),
        ];
        for set in sets.into_iter().flatten() {
            let resolved = core::mem::take(set).into_iter().map(&mut resolve);
            *set = resolved.collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}
