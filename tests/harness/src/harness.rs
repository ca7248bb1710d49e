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
    /// Random use of record stores on all engines, against maps and libp2p's own.
    RecordsModel,
    /// A process that changes a record store is killed.
    RecordsKills,
    /// The power fails at any moment of a record store's life, also while it recovers.
    RecordsPower,
    /// Every call of the disk under a record store fails in turn.
    RecordsErrors,
    /// The file of a record store is damaged.
    RecordsDamage,
}

impl Harness {
    /// Every harness.
    pub const ALL: [Self; 11] = [
        Self::Model,
        Self::Kills,
        Self::Power,
        Self::Exhaustive,
        Self::Errors,
        Self::Damage,
        Self::RecordsModel,
        Self::RecordsKills,
        Self::RecordsPower,
        Self::RecordsErrors,
        Self::RecordsDamage,
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
            Self::RecordsModel => "records-model",
            Self::RecordsKills => "records-kills",
            Self::RecordsPower => "records-power",
            Self::RecordsErrors => "records-errors",
            Self::RecordsDamage => "records-damage",
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
            Self::Model | Self::RecordsModel => "operations, each on every engine",
            Self::Kills | Self::RecordsKills => "processes killed",
            Self::Power | Self::Exhaustive | Self::RecordsPower => "images of a disk recovered",
            Self::Errors | Self::RecordsErrors => "lives with a failing disk",
            Self::Damage | Self::RecordsDamage => "damaged files read",
        }
    }

    /// Runs the cases of one seed, with a bug planted or without.
    ///
    /// The harnesses [`Kills`](Self::Kills) and [`RecordsKills`](Self::RecordsKills) start `child`,
    /// which is to call [`kills::child`] and `records::kills::child`, and nothing else. The harnesses of the record store
    /// need the feature `records`.
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
            Self::RecordsModel
            | Self::RecordsKills
            | Self::RecordsPower
            | Self::RecordsErrors
            | Self::RecordsDamage => self.run_on_records(seed, plant, child),
        }
    }

    #[cfg(feature = "records")]
    fn run_on_records(
        self,
        seed: u64,
        plant: Option<Plant>,
        child: &dyn Fn() -> Command,
    ) -> Result<Tally, Violation> {
        crate::records::run(self, seed, plant, child)
    }

    #[cfg(not(feature = "records"))]
    fn run_on_records(
        self,
        seed: u64,
        _: Option<Plant>,
        _: &dyn Fn() -> Command,
    ) -> Result<Tally, Violation> {
        Err(Violation {
            harness: self,
            seed,
            what: "the harnesses of the record store need the feature `records`".to_owned(),
            steps: Vec::new(),
        })
    }
}
