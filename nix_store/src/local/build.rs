//! Builds: outputs that become valid together with the record of what was built.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{
    derivation::DerivationOutput,
    path_info::PathInfo,
    store_path::{OutputName, StorePath},
};

use super::{BuiltOutput, LocalStore};
use crate::{
    drv_files::{DrvFiles, Recorded},
    store::{Error, Result},
};

/// A build whose outputs are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredBuild {
    /// What is known of each output.
    pub outputs: BTreeMap<OutputName, PathInfo>,
    /// What its derivation files say now.
    pub recorded: Recorded,
}

impl LocalStore {
    /// Returns the derivation files of the store.
    ///
    /// # Errors
    /// Fails when their directories are not what they should be.
    pub fn drv_files(&self) -> Result<DrvFiles> {
        let layout = self.layout();
        DrvFiles::open(&layout.state_dir, layout.store_dir.clone())
    }

    /// Makes the outputs of a build valid, as [`register_outputs`](Self::register_outputs) does, and
    /// writes the derivation files of the build: both, or neither, also when the machine stops
    /// in between.
    ///
    /// The derivation is valid, and so are those that it needs. An output that is valid already stays
    /// as it is, and the build is recorded with it.
    ///
    /// # Errors
    /// Fails as `register_outputs` does, when the derivation is not valid or cannot be hashed, and
    /// when `outputs` are not its outputs.
    pub fn register_build(
        &self,
        derivation: &StorePath,
        outputs: &BTreeMap<OutputName, StorePath>,
        candidates: &BTreeSet<StorePath>,
    ) -> Result<RegisteredBuild> {
        let known = self.database().derivation(derivation)?;
        let known = known.ok_or_else(|| Error::NotValid {
            path: derivation.clone(),
        })?;
        let content_address = |name: &OutputName| match known.outputs.get(name) {
            Some(DerivationOutput::Fixed(address)) => Some(*address),
            _ => None,
        };
        let built: Vec<BuiltOutput> = outputs
            .iter()
            .map(|(name, path)| BuiltOutput {
                path: path.clone(),
                deriver: Some(derivation.clone()),
                content_address: content_address(name),
            })
            .collect();
        let files = self.drv_files()?;
        let named = |infos: &[PathInfo]| -> BTreeMap<OutputName, PathInfo> {
            outputs.keys().cloned().zip(infos.iter().cloned()).collect()
        };
        let (infos, prepared) = self.register_outputs_after(&built, candidates, |infos| {
            files.prepare(self.database(), &known, &named(infos))
        })?;
        Ok(RegisteredBuild {
            outputs: named(&infos),
            recorded: prepared.commit()?,
        })
    }
}
