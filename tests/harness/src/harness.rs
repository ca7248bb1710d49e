//! The harnesses by name, and how one of them is run with a seed.

use std::process::Command;

use crate::{
    damage, errors, exhaustive, kills, model,
    outcome::{Tally, Violation},
    plant::Plant,
    power,
};

/// A way to try to break a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harness {
    /// Random use of all engines side by side, against a map.
    Model,
    /// A process that writes is killed.
    Kills,
    /// The power fails at any moment, also while the store recovers.
    Power,
    /// Every short workload, every subset of what waits for a sync.
    Exhaustive,
    /// Every call of the disk fails in turn.
    Errors,
    /// The file is damaged.
    Damage,
}

impl Harness {
    /// Every harness.
    pub const ALL: [Self; 6] = [
        Self::Model,
        Self::Kills,
        Self::Power,
        Self::Exhaustive,
        Self::Errors,
        Self::Damage,
    ];

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Kills => "kills",
            Self::Power => "power",
            Self::Exhaustive => "exhaustive",
            Self::Errors => "errors",
            Self::Damage => "damage",
        }
    }

    /// Returns the harness of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|harness| harness.name() == name)
    }

    /// Returns what its cases are.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Model => "operations, each on every engine",
            Self::Kills => "processes killed",
            Self::Power | Self::Exhaustive => "images of a disk recovered",
            Self::Errors => "lives with a failing disk",
            Self::Damage => "damaged files read",
        }
    }

    /// Runs the cases of one seed, with a bug planted or without.
    ///
    /// The harness [`Kills`](Self::Kills) starts `child`, which is to call [`kills::child`] and
    /// nothing else.
    ///
    /// # Errors
    /// Fails with the promise that was broken.
    pub fn run(
        self,
        seed: u64,
        plant: Option<Plant>,
        child: &(dyn Fn() -> Command + Sync),
    ) -> Result<Tally, Violation> {
        match self {
            Self::Model => model::run(seed, plant),
            Self::Kills => kills::run(seed, plant, child),
            Self::Power => power::run(seed, plant),
            Self::Exhaustive => exhaustive::run(seed, plant),
            Self::Errors => errors::run(seed, plant),
            Self::Damage => damage::run(seed, plant),
        }
    }
}
