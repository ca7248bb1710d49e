//! The JSON of derivations before it had a version: Nix up to 2.31.
//!
//! Written as Nix 2.8 does. Later versions state the name, put the method beside the algorithm and
//! can have dynamic outputs; all of this is read.

use serde_json::{Map, Value};

use super::{
    Derivation, DerivationOutput, ToJsonError,
    json_fields::{self as fields, Attrs, Fields, set},
    json_v3::fixed,
    json_v4::{field_names, impure, method_algorithm, no_kind},
};
use crate::{
    content_address::MethodAlgorithm,
    hash::HashFormat,
    json::{Cursor, JsonError},
    store_path::{ComputeError, OutputName, StoreDir, StorePath, StorePathName},
};

pub(super) fn write(drv: &Derivation, store_dir: &StoreDir) -> Result<Fields, ToJsonError> {
    let mut written = fields::common(drv, Attrs::InEnv)?;
    let outputs = fields::outputs(drv, |name, output| {
        write_output(drv, store_dir, name, output)
    })?;
    set(&mut written, "outputs", outputs);
    let sources = drv.inputs.sources.iter().map(|path| store_dir.print(path));
    set(&mut written, "inputSrcs", sources.collect::<Value>());
    let mut derivations = Map::new();
    for (path, used) in &drv.inputs.derivations {
        if !used.dynamic.is_empty() {
            return Err(ToJsonError::Dynamic(path.clone()));
        }
        derivations.insert(store_dir.print(path), fields::names(&used.outputs));
    }
    set(&mut written, "inputDrvs", derivations);
    Ok(written)
}

fn write_output(
    drv: &Derivation,
    store_dir: &StoreDir,
    name: &OutputName,
    output: &DerivationOutput,
) -> Result<Value, ToJsonError> {
    let mut written = Fields::new();
    let path = output
        .path(store_dir, &drv.name, name)
        .map_err(ToJsonError::OutputPath)?;
    if let Some(path) = path {
        set(&mut written, "path", store_dir.print(&path));
    }
    if let Some(how) = output.method_algorithm() {
        set(&mut written, "hashAlgo", how.aterm());
    }
    if let DerivationOutput::Fixed(address) = output {
        set(
            &mut written,
            "hash",
            address.hash.to_bare_text(HashFormat::Base16),
        );
    }
    if let DerivationOutput::Impure(_) = output {
        set(&mut written, "impure", true);
    }
    Ok(written.into())
}

pub(super) fn output(
    store_dir: &StoreDir,
    name: &StorePathName,
    output: &OutputName,
    cursor: &Cursor<'_>,
) -> Result<DerivationOutput, JsonError> {
    match *field_names(cursor)? {
        [] => Ok(DerivationOutput::Deferred),
        ["path"] => {
            let path = cursor
                .field("path")?
                .parse_with(|path| store_dir.parse(path))?;
            Ok(DerivationOutput::InputAddressed(path))
        }
        ["hash", "hashAlgo"]
        | ["hash", "hashAlgo", "path"]
        | ["hash", "hashAlgo", "method"]
        | ["hash", "hashAlgo", "method", "path"] => {
            let fixed = fixed(cursor, how(cursor)?)?;
            if let Some(stated) = cursor.optional("path")? {
                let path = stated.parse_with(|path| store_dir.parse(path))?;
                check_path(&stated, &path, fixed.path(store_dir, name, output))?;
            }
            Ok(fixed)
        }
        ["hashAlgo"] | ["hashAlgo", "method"] => how(cursor).map(DerivationOutput::Floating),
        ["hashAlgo", "impure"] | ["hashAlgo", "impure", "method"] => impure(cursor, how(cursor)?),
        _ => Err(no_kind(cursor)),
    }
}

/// Reads `r:sha256` as Nix 2.8 has it, or the method beside the algorithm.
fn how(cursor: &Cursor<'_>) -> Result<MethodAlgorithm, JsonError> {
    match cursor.optional("method")? {
        Some(_) => method_algorithm(cursor),
        None => cursor
            .field("hashAlgo")?
            .parse_with(MethodAlgorithm::from_aterm),
    }
}

/// Checks the path that a fixed output states.
pub(super) fn check_path(
    stated: &Cursor<'_>,
    path: &StorePath,
    expected: Result<Option<StorePath>, ComputeError>,
) -> Result<(), JsonError> {
    match expected.map_err(|error| stated.error(error))? {
        Some(expected) if expected != *path => {
            let why = alloc::format!("the path that follows from the hash is {expected}");
            Err(stated.invalid(why))
        }
        _ => Ok(()),
    }
}
