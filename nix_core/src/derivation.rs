//! Derivations: build instructions, their ATerm form, and the store paths that follow from them.
//!
//! [`Derivation`] is what a `.drv` file or its JSON says, nothing more: its output paths may be
//! wrong. [`Derivation::check`] recomputes them, [`Derivation::fill_outputs`] writes them, and only
//! these two (and [`Derivation::resolve`], which ends in a fill) make a [`CheckedDerivation`].
//!
//! Structured attributes are the entry `__json` of [`Derivation::env`], byte for byte as read.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::{
    content_address::{ContentAddress, MethodAlgorithm},
    hash::Sha256,
    store_path::{ComputeError, OutputName, StoreDir, StorePath, StorePathName},
};

#[cfg(any(test, feature = "test"))]
mod arbitrary;
mod aterm_error;
mod aterm_read;
mod aterm_scan;
mod aterm_write;
mod byte_string;
mod check;
mod json;
mod json_fields;
mod json_float;
mod json_print;
mod json_read;
mod json_unversioned;
mod json_v3;
mod json_v4;
mod modulo;
mod options;
mod options_json;
mod options_read;
mod output;
mod placeholder;
mod resolve;
mod structured_attrs;

#[cfg(any(test, feature = "test"))]
pub use arbitrary::{arb_byte_string, arb_derivation, arb_input_outputs};
pub use aterm_error::{AtermError, AtermReason};
pub use aterm_read::DYNAMIC_DEPTH_MAX;
pub use byte_string::ByteString;
pub use check::{CheckError, CheckedDerivation};
pub use json::{
    DerivationJson, DerivationString, JSON_DYNAMIC_DEPTH_MAX, ToJsonError, WriteDerivationsError,
    read_derivations, write_derivations,
};
pub use json_print::JsonLayout;
pub use modulo::{
    DerivationLookup, DerivationModulo, InputModulo, ModuloError, ModuloMemo, UnhashableError,
};
pub use options::{
    DerivationOptions, OptionsError, OutputChecks, OutputChecksSpec, OutputReference,
};
pub use placeholder::{NotADerivation, Placeholder};
pub use resolve::{BuildTrace, ResolveError};
pub use structured_attrs::{STRUCTURED_ATTRS_VARIABLE, StructuredAttrs};

/// The instructions for one build, as read: the output paths are not yet known to be right.
///
/// # Examples
/// ```
/// use nix_core::{derivation::Derivation, store_path::{StoreDir, StorePathName}};
///
/// let store_dir = StoreDir::default();
/// let text = br#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[("out","")])"#;
/// let drv = Derivation::parse_aterm(&store_dir, StorePathName::new("hello")?, text)?;
/// assert_eq!(drv.to_aterm(&store_dir)?, text);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// The name, without `.drv`.
    pub name: StorePathName,
    /// The outputs by name.
    pub outputs: BTreeMap<OutputName, DerivationOutput>,
    /// What the build reads.
    pub inputs: DerivationInputs,
    /// The system to build on, such as `x86_64-linux`.
    pub system: ByteString,
    /// The program to run.
    pub builder: ByteString,
    /// The arguments of the program, in order.
    pub args: Vec<ByteString>,
    /// The environment of the program.
    pub env: BTreeMap<ByteString, ByteString>,
}

/// How the store path of one output is determined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DerivationOutput {
    /// The path follows from the derivation; this is what the derivation says it is.
    InputAddressed(StorePath),
    /// The contents are known in advance, and the path follows from them.
    Fixed(ContentAddress),
    /// The path follows from the contents once they are built.
    Floating(MethodAlgorithm),
    /// Input-addressed, but an input is not built yet, so there is no path yet.
    Deferred,
    /// As floating, but built anew each time.
    Impure(MethodAlgorithm),
}

/// What a build reads: store paths that exist, and outputs of other derivations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DerivationInputs {
    /// Store paths used as they are.
    pub sources: BTreeSet<StorePath>,
    /// Derivations and the outputs used of each.
    pub derivations: BTreeMap<StorePath, InputOutputs>,
}

/// The outputs used of one input derivation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputOutputs {
    /// The outputs used themselves.
    pub outputs: BTreeSet<OutputName>,
    /// Outputs that are derivations in turn, and the outputs used of those.
    pub dynamic: BTreeMap<OutputName, InputOutputs>,
}

/// The one kind that all outputs of a derivation share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerivationType {
    /// Every output is input-addressed and has a path.
    InputAddressed,
    /// Every output is input-addressed and waits for its path.
    Deferred,
    /// The single output `out` is fixed.
    Fixed,
    /// Every output is floating.
    Floating,
    /// Every output is impure.
    Impure,
}

/// Why the outputs of a derivation do not make one kind of derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerivationTypeError {
    /// There is no output.
    #[error("a derivation needs at least one output")]
    NoOutputs,
    /// Two outputs are of different kinds.
    #[error("the outputs are of different kinds")]
    Mixed,
    /// There is more than one fixed output.
    #[error("only one fixed output is allowed")]
    SeveralFixed,
    /// The fixed output has another name than `out`.
    #[error("a single fixed output must be named `out`")]
    FixedName,
    /// Two floating outputs are hashed differently.
    #[error("the floating outputs use different hash algorithms")]
    Algorithms,
}

impl Derivation {
    /// Returns the kind that all outputs share.
    ///
    /// # Errors
    /// Fails when there is no output, or the outputs cannot stand beside each other.
    pub fn derivation_type(&self) -> Result<DerivationType, DerivationTypeError> {
        let mut kinds = self.outputs.values().map(DerivationOutput::kind);
        let (kind, algorithm) = kinds.next().ok_or(DerivationTypeError::NoOutputs)?;
        for (other_kind, other_algorithm) in kinds {
            if other_kind != kind {
                return Err(DerivationTypeError::Mixed);
            }
            if other_algorithm != algorithm && kind == DerivationType::Floating {
                return Err(DerivationTypeError::Algorithms);
            }
        }
        if kind == DerivationType::Fixed {
            if self.outputs.len() > 1 {
                return Err(DerivationTypeError::SeveralFixed);
            }
            if !self.outputs.contains_key(&OutputName::out()) {
                return Err(DerivationTypeError::FixedName);
            }
        }
        Ok(kind)
    }

    /// Returns the store path of the derivation itself.
    ///
    /// It is a text object that refers to every input; outputs are no references.
    ///
    /// # Errors
    /// Fails when a fixed output has no path, or the name with `.drv` is too long.
    pub fn path(&self, store_dir: &StoreDir) -> Result<StorePath, ComputeError> {
        let name = self
            .name
            .with_derivation_suffix()
            .map_err(ComputeError::Name)?;
        let contents = Sha256::of(&self.to_aterm(store_dir)?);
        let inputs = &self.inputs;
        let references = inputs
            .sources
            .iter()
            .chain(inputs.derivations.keys())
            .cloned()
            .collect();
        Ok(store_dir.text_path(&name, contents, &references))
    }
}
