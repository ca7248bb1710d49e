//! What came of building or fetching something.

mod json;
mod status;

#[cfg(test)]
mod tests;

use alloc::{collections::BTreeMap, string::String};

use crate::{
    realisation::{LegacyRealisation, UnkeyedRealisation},
    store_path::{OutputName, StorePath},
};

pub use self::status::{BuildFailure, BuildStatus, BuildSuccess};

/// What came of building or fetching something.
///
/// # Examples
/// ```
/// use nix_core::build_result::{BuildFailure, BuildOutcome, BuildResult};
///
/// let result = BuildResult::new(BuildOutcome::Failure {
///     status: BuildFailure::TimedOut,
///     error_msg: "too slow".into(),
///     is_non_deterministic: false,
/// });
/// assert_eq!(result.status().wire_number(), 8);
/// assert_eq!(result.to_json()["status"], "TimedOut");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildResult {
    /// Whether it succeeded, and how.
    pub outcome: BuildOutcome,
    /// How often the build was made.
    pub times_built: u64,
    /// When the build, or one round of it, began, in seconds since 1970.
    pub start_time: u64,
    /// When it ended, in seconds since 1970.
    pub stop_time: u64,
    /// The processor time of the build itself, in microseconds.
    pub cpu_user: Option<u64>,
    /// The processor time that the system spent for it, in microseconds.
    pub cpu_system: Option<u64>,
}

/// Whether it succeeded, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildOutcome {
    /// The outputs are there.
    Success {
        /// Why they are there.
        status: BuildSuccess,
        /// The outputs that were asked for.
        built_outputs: BTreeMap<OutputName, BuiltOutput>,
    },
    /// Some outputs are not there.
    Failure {
        /// Why they are not.
        status: BuildFailure,
        /// What to tell the user.
        error_msg: String,
        /// Whether a repeated build gave something else; `false` is no proof of the contrary.
        is_non_deterministic: bool,
    },
}

/// The path of an output of a build, of the kind of realisation that the other side knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuiltOutput {
    /// A path, whose key is the derivation that was built and the output.
    Realisation(UnkeyedRealisation),
    /// A realisation of Nix 2.4 to 2.34, which has a key of its own.
    Legacy(LegacyRealisation),
}

impl BuildResult {
    /// Makes a result that tells nothing of times.
    #[must_use]
    pub fn new(outcome: BuildOutcome) -> Self {
        Self {
            outcome,
            times_built: 0,
            start_time: 0,
            stop_time: 0,
            cpu_user: None,
            cpu_system: None,
        }
    }

    /// Returns why it succeeded or failed.
    #[must_use]
    pub fn status(&self) -> BuildStatus {
        match &self.outcome {
            BuildOutcome::Success { status, .. } => BuildStatus::Success(*status),
            BuildOutcome::Failure { status, .. } => BuildStatus::Failure(*status),
        }
    }
}

impl BuiltOutput {
    /// Returns the path of the output.
    #[must_use]
    pub fn out_path(&self) -> &StorePath {
        match self {
            Self::Realisation(realisation) => &realisation.out_path,
            Self::Legacy(realisation) => &realisation.out_path,
        }
    }
}

/// Generates any result.
#[cfg(any(test, feature = "test"))]
pub fn arb_build_result() -> impl proptest::strategy::Strategy<Value = BuildResult> {
    use proptest::{option, prelude::*};

    let times = (any::<u64>(), any::<u64>(), any::<u64>());
    let cpu = (option::of(any::<u64>()), option::of(any::<u64>()));
    let parts = (arb_build_outcome(), times, cpu);
    parts.prop_map(|(outcome, times, cpu)| BuildResult {
        outcome,
        times_built: times.0,
        start_time: times.1,
        stop_time: times.2,
        cpu_user: cpu.0,
        cpu_system: cpu.1,
    })
}

#[cfg(any(test, feature = "test"))]
fn arb_build_outcome() -> impl proptest::strategy::Strategy<Value = BuildOutcome> {
    use proptest::{collection::btree_map, prelude::*, sample::select};

    use crate::{
        realisation::{arb_legacy_realisation, arb_unkeyed_realisation},
        store_path::arb_output_name,
    };

    let output = prop_oneof![
        arb_unkeyed_realisation().prop_map(BuiltOutput::Realisation),
        arb_legacy_realisation().prop_map(BuiltOutput::Legacy),
    ];
    let named = |(name, mut output): (OutputName, BuiltOutput)| {
        if let BuiltOutput::Legacy(realisation) = &mut output {
            realisation.id.output_name = name.clone();
        }
        (name, output)
    };
    let outputs = btree_map(arb_output_name(), output, 0..3)
        .prop_map(move |outputs| outputs.into_iter().map(named).collect());
    let success = (select(&BuildSuccess::ALL[..]), outputs);
    let failure = (
        select(&BuildFailure::ALL[..]),
        any::<String>(),
        any::<bool>(),
    );
    prop_oneof![
        success.prop_map(|(status, built_outputs)| BuildOutcome::Success {
            status,
            built_outputs,
        }),
        failure.prop_map(
            |(status, error_msg, is_non_deterministic)| BuildOutcome::Failure {
                status,
                error_msg,
                is_non_deterministic,
            }
        ),
    ]
}
