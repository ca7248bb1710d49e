//! What the models compute for their indexes, of whatever text a row holds.

use crate::db::models::{Derivation, StorePath};

/// How many characters the hash part of a path has.
const HASH_PART_LEN: usize = nix_core::store_path::HASH_PART_LEN;

impl StorePath {
    /// Returns what follows the hash part in the path: `hello-2.12.1`.
    #[must_use]
    pub fn name(&self) -> String {
        let name = split_path(&self.path).map(|(_, name)| name);
        name.unwrap_or(&self.path).to_owned()
    }

    /// Returns the 32 characters by which a binary cache names the path.
    #[must_use]
    pub fn hash_part(&self) -> String {
        let hash_part = split_path(&self.path).map(|(hash_part, _)| hash_part);
        hash_part.unwrap_or(&self.path).to_owned()
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
        let paths = self.outputs.iter().filter_map(|output| output.path.clone());
        paths.collect()
    }
}

/// Returns the hash part and the name of a path, whichever store it is of.
///
/// Stored indexes hold what this returns, also for rows that hold no path: it must not change.
fn split_path(path: &str) -> Option<(&str, &str)> {
    let base_name = path
        .rsplit_once('/')
        .map_or(path, |(_, base_name)| base_name);
    let (hash_part, rest) = base_name.split_at_checked(HASH_PART_LEN)?;
    Some((hash_part, rest.strip_prefix('-')?))
}
