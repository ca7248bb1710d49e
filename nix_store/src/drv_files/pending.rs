//! What is to be recorded, between the build and the registration of its outputs.
//!
//! A pending file is called `.pending-<build hash>-<pid>-<number>` and lies beside the outputs. Who
//! is to commit it holds a lock on it; without one its process is gone.

use std::fs::File;

use nix_core::{
    derivation::{Derivation, JsonLayout},
    store_path::StoreDir,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    BuildHash, BuildOutputs, DrvFileError,
    folder::Folder,
    outputs::{WrittenResult, from_text, result_of, result_to_json},
};
use crate::store::Result;

/// What the names of pending files begin with.
pub(super) const PREFIX: &str = ".pending-";

/// The version of the format.
const VERSION: u64 = 1;

/// A build that is to be recorded.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) build_hash: BuildHash,
    /// The JSON of the derivation.
    pub(super) derivation: Value,
    pub(super) result: BuildOutputs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    version: u64,
    #[serde(deserialize_with = "from_text")]
    build_hash: BuildHash,
    derivation: Value,
    outputs: WrittenResult,
}

impl Pending {
    /// Writes the file and locks it; returns its name. The caller holds the lock of the folder.
    pub(super) fn write(&self, folder: &Folder) -> Result<(String, File)> {
        let name = self.free_name(folder)?;
        let value = json!({
            "version": VERSION,
            "buildHash": self.build_hash.to_string(),
            "derivation": self.derivation,
            "outputs": result_to_json(&self.result),
        });
        let text = JsonLayout::COMPACT.print(&value);
        let file = folder.write(&name, text.as_bytes(), File::lock)?;
        Ok((name, file))
    }

    /// Returns a name that no file has, not even that of a former process of the same number.
    fn free_name(&self, folder: &Folder) -> Result<String> {
        let (hash, pid) = (self.build_hash, std::process::id());
        let mut number = 0_u64;
        loop {
            let name = format!("{PREFIX}{hash}-{pid}-{number}");
            if folder.open_file(&name)?.is_none() {
                return Ok(name);
            }
            number += 1;
        }
    }

    pub(super) fn parse(text: &[u8], store_dir: &StoreDir) -> Result<Self, DrvFileError> {
        let written: Written = serde_json::from_slice(text)?;
        if written.version != VERSION {
            return Err(DrvFileError::Version(written.version));
        }
        Derivation::from_json(store_dir, None, &written.derivation)?;
        Ok(Self {
            build_hash: written.build_hash,
            derivation: written.derivation,
            result: result_of(written.outputs),
        })
    }
}
