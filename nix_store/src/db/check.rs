//! What the models compute for their indexes, and the shape of their texts.

use crate::{
    content_address::{canonical_content_address, check_output_method},
    db::models::{Derivation, Realisation, StorePath},
    hash::{canonical_hash, canonical_nar_hash},
    shape::ShapeError,
    signature::check_signature,
    store_dir::{StoreDir, split_path},
};

impl StorePath {
    /// Returns what follows the hash part in the path: `hello-2.12.1`.
    #[must_use]
    pub fn name(&self) -> String {
        path_name(&self.path).to_owned()
    }

    /// Returns the 32 characters by which a binary cache names the path.
    #[must_use]
    pub fn hash_part(&self) -> String {
        split_path(&self.path)
            .map_or(&*self.path, |(hash_part, _)| hash_part)
            .to_owned()
    }

    /// Checks that every text has the shape it should have, and that the paths are of `store_dir`.
    ///
    /// # Errors
    /// Fails at the first text that has not.
    pub fn check(&self, store_dir: &StoreDir) -> Result<(), ShapeError> {
        let paths = [&self.path]
            .into_iter()
            .chain(&self.references)
            .chain(&self.deriver);
        check_paths(store_dir, paths)?;
        check_canonical("archive hash", &self.nar_hash, canonical_nar_hash)?;
        if let Some(address) = &self.content_address {
            check_canonical("content address", address, canonical_content_address)?;
        }
        self.signatures
            .iter()
            .try_for_each(|signature| check_signature(signature))
    }
}

impl Derivation {
    /// Returns every path that the build needs: derivations and sources.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        let derivations = self.input_derivations.iter().map(|input| &input.path);
        derivations.chain(&self.input_sources).cloned().collect()
    }

    /// Returns the paths of the outputs that are known before the build.
    #[must_use]
    pub fn output_paths(&self) -> Vec<String> {
        self.outputs
            .iter()
            .filter_map(|output| output.path.clone())
            .collect()
    }

    /// Checks that every text has the shape it should have, and that the paths are of `store_dir`.
    ///
    /// # Errors
    /// Fails at the first text that has not.
    pub fn check(&self, store_dir: &StoreDir) -> Result<(), ShapeError> {
        let derivations = self.input_derivations.iter().map(|input| &input.path);
        let outputs = self
            .outputs
            .iter()
            .filter_map(|output| output.path.as_ref());
        let paths = [&self.path].into_iter().chain(derivations).chain(outputs);
        check_paths(store_dir, paths.chain(&self.input_sources))?;
        for output in &self.outputs {
            if let Some(method) = &output.method {
                check_output_method(method)?;
            }
            if let Some(hash) = &output.hash {
                check_canonical("output hash", hash, canonical_hash)?;
            }
        }
        Ok(())
    }
}

impl Realisation {
    /// Checks that every text has the shape it should have, and that the paths are of `store_dir`.
    ///
    /// # Errors
    /// Fails at the first text that has not.
    pub fn check(&self, store_dir: &StoreDir) -> Result<(), ShapeError> {
        if self.derivation.contains(':') {
            canonical_hash(&self.derivation)?;
        } else {
            store_dir.base_name(&self.derivation)?;
        }
        let paths = [&self.out_path]
            .into_iter()
            .chain(self.dependent_realisations.values());
        check_paths(store_dir, paths)?;
        self.signatures
            .iter()
            .try_for_each(|signature| check_signature(signature))
    }
}

/// Returns what follows the hash part of a path, or all of a text that is no path.
pub(crate) fn path_name(path: &str) -> &str {
    split_path(path).map_or(path, |(_, name)| name)
}

fn check_paths<'p>(
    store_dir: &StoreDir,
    mut paths: impl Iterator<Item = &'p String>,
) -> Result<(), ShapeError> {
    paths.try_for_each(|path| store_dir.base_name(path).map(drop))
}

fn check_canonical(
    what: &'static str,
    text: &str,
    canonical: fn(&str) -> Result<String, ShapeError>,
) -> Result<(), ShapeError> {
    if canonical(text)? == text {
        Ok(())
    } else {
        Err(ShapeError::new(what, text, "is not in base 32"))
    }
}
