//! Version 3 of the JSON of derivations, by Nix 2.32.

use serde_json::Value;

use super::{
    Derivation, DerivationOutput, ToJsonError,
    json_fields::{self as fields, Attrs, Fields, set},
    json_unversioned::check_path,
    json_v4::{field_names, impure, method_algorithm, no_kind},
};
use crate::{
    content_address::{ContentAddress, MethodAlgorithm},
    hash::{Hash, HashFormat},
    json::{Cursor, JsonError},
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};

pub(super) fn write(drv: &Derivation) -> Result<Fields, ToJsonError> {
    let mut written = fields::common(drv, Attrs::BesideEnv)?;
    set(&mut written, "version", 3);
    set(&mut written, "name", drv.name.as_str());
    set(
        &mut written,
        "outputs",
        fields::outputs(drv, |_, output| Ok(write_output(output)))?,
    );
    set(
        &mut written,
        "inputSrcs",
        fields::base_names(&drv.inputs.sources),
    );
    set(&mut written, "inputDrvs", fields::input_derivations(drv)?);
    Ok(written)
}

/// All kinds but the fixed ones are as in version 4.
fn write_output(output: &DerivationOutput) -> Value {
    let DerivationOutput::Fixed(address) = output else {
        return output.to_json();
    };
    let mut written = fields::method_algorithm(address.method_algorithm());
    set(
        &mut written,
        "hash",
        address.hash.to_bare_text(HashFormat::Base16),
    );
    written.into()
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
                .parse_with(StorePath::from_base_name)?;
            Ok(DerivationOutput::InputAddressed(path))
        }
        ["hash", "hashAlgo", "method"] => fixed(cursor, method_algorithm(cursor)?),
        ["hash", "hashAlgo", "method", "path"] => {
            let fixed = fixed(cursor, method_algorithm(cursor)?)?;
            let stated = cursor.field("path")?;
            let path = stated.parse_with(StorePath::from_base_name)?;
            check_path(&stated, &path, fixed.path(store_dir, name, output))?;
            Ok(fixed)
        }
        ["hashAlgo", "method"] => method_algorithm(cursor).map(DerivationOutput::Floating),
        ["hashAlgo", "impure", "method"] => impure(cursor, method_algorithm(cursor)?),
        _ => Err(no_kind(cursor)),
    }
}

/// Reads a hash in any form, as Nix does, of the algorithm beside it.
pub(super) fn fixed(
    cursor: &Cursor<'_>,
    how: MethodAlgorithm,
) -> Result<DerivationOutput, JsonError> {
    let hash = cursor.field("hash")?;
    let hash = hash.parse_with(|text| Hash::parse(text, Some(how.algorithm)))?;
    let address = ContentAddress::new(how.method, hash).map_err(|error| cursor.error(error))?;
    Ok(DerivationOutput::Fixed(address))
}
