//! Why a build succeeded or failed, by the names and numbers that Nix gives it.

use core::fmt;

/// Why the outputs of a build are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BuildSuccess {
    /// They were built.
    Built,
    /// They were fetched.
    Substituted,
    /// They were there before.
    AlreadyValid,
    /// The derivation resolved to one whose outputs were there before.
    ResolvesToAlreadyValid,
}

/// Why an output of a build is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BuildFailure {
    /// The builder failed; it would again.
    PermanentFailure,
    /// An input is not allowed.
    InputRejected,
    /// An output is not what it must be.
    OutputRejected,
    /// The build failed for a reason that may pass.
    TransientFailure,
    /// The build failed before, and that was remembered; no longer made.
    CachedFailure,
    /// The build took too long.
    TimedOut,
    /// Something else.
    MiscFailure,
    /// Something that it needs failed.
    DependencyFailed,
    /// The build wrote more than it may.
    LogLimitExceeded,
    /// A repeated build gave something else.
    NotDeterministic,
    /// No cache has the path.
    NoSubstituters,
    /// A fixed output has another hash; on the wire this is `OutputRejected`.
    HashMismatch,
}

/// Why a build succeeded or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuildStatus {
    /// It succeeded.
    Success(BuildSuccess),
    /// It failed.
    Failure(BuildFailure),
}

impl BuildSuccess {
    /// Every value.
    pub const ALL: [Self; 4] = [
        Self::Built,
        Self::Substituted,
        Self::AlreadyValid,
        Self::ResolvesToAlreadyValid,
    ];

    /// Returns the name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Built => "Built",
            Self::Substituted => "Substituted",
            Self::AlreadyValid => "AlreadyValid",
            Self::ResolvesToAlreadyValid => "ResolvesToAlreadyValid",
        }
    }

    /// Returns the value with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl BuildFailure {
    /// Every value.
    pub const ALL: [Self; 12] = [
        Self::PermanentFailure,
        Self::InputRejected,
        Self::OutputRejected,
        Self::TransientFailure,
        Self::CachedFailure,
        Self::TimedOut,
        Self::MiscFailure,
        Self::DependencyFailed,
        Self::LogLimitExceeded,
        Self::NotDeterministic,
        Self::NoSubstituters,
        Self::HashMismatch,
    ];

    /// Returns the name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PermanentFailure => "PermanentFailure",
            Self::InputRejected => "InputRejected",
            Self::OutputRejected => "OutputRejected",
            Self::TransientFailure => "TransientFailure",
            Self::CachedFailure => "CachedFailure",
            Self::TimedOut => "TimedOut",
            Self::MiscFailure => "MiscFailure",
            Self::DependencyFailed => "DependencyFailed",
            Self::LogLimitExceeded => "LogLimitExceeded",
            Self::NotDeterministic => "NotDeterministic",
            Self::NoSubstituters => "NoSubstituters",
            Self::HashMismatch => "HashMismatch",
        }
    }

    /// Returns the value with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl BuildStatus {
    /// Returns the number in the protocols.
    #[must_use]
    pub const fn wire_number(self) -> u64 {
        match self {
            Self::Success(BuildSuccess::Built) => 0,
            Self::Success(BuildSuccess::Substituted) => 1,
            Self::Success(BuildSuccess::AlreadyValid) => 2,
            Self::Failure(BuildFailure::PermanentFailure) => 3,
            Self::Failure(BuildFailure::InputRejected) => 4,
            Self::Failure(BuildFailure::OutputRejected | BuildFailure::HashMismatch) => 5,
            Self::Failure(BuildFailure::TransientFailure) => 6,
            Self::Failure(BuildFailure::CachedFailure) => 7,
            Self::Failure(BuildFailure::TimedOut) => 8,
            Self::Failure(BuildFailure::MiscFailure) => 9,
            Self::Failure(BuildFailure::DependencyFailed) => 10,
            Self::Failure(BuildFailure::LogLimitExceeded) => 11,
            Self::Failure(BuildFailure::NotDeterministic) => 12,
            Self::Success(BuildSuccess::ResolvesToAlreadyValid) => 13,
            Self::Failure(BuildFailure::NoSubstituters) => 14,
        }
    }

    /// Returns the status that a number in the protocols stands for.
    #[must_use]
    pub fn from_wire_number(number: u64) -> Option<Self> {
        // The first of two that share a number is the one that has it on the wire.
        let successes = BuildSuccess::ALL.into_iter().map(Self::Success);
        let mut all = successes.chain(BuildFailure::ALL.into_iter().map(Self::Failure));
        all.find(|status| status.wire_number() == number)
    }

    /// Returns the name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success(status) => status.as_str(),
            Self::Failure(status) => status.as_str(),
        }
    }

    /// Tells whether the build succeeded.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success(_))
    }
}

impl fmt::Display for BuildStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
