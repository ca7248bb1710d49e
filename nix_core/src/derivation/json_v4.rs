//! Version 4 of the JSON of derivations, since Nix 2.33: an exact set of fields for each kind of
//! output.

use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{
    Derivation, DerivationInputs, DerivationOutput, ToJsonError,
    json_fields::{self as fields, Attrs, Fields, set},
    json_read::Reader,
};
use crate::{
    content_address::{ContentAddress, MethodAlgorithm},
    json::{Cursor, JsonError},
    store_path::StorePath,
};

pub(super) fn write(drv: &Derivation) -> Result<Fields, ToJsonError> {
    let mut written = fields::common(drv, Attrs::BesideEnv)?;
    set(&mut written, "version", 4);
    set(&mut written, "name", drv.name.as_str());
    set(
        &mut written,
        "outputs",
        fields::outputs(drv, |_, output| Ok(output.to_json()))?,
    );
    let sources = fields::base_names(&drv.inputs.sources);
    let derivations = fields::input_derivations(drv)?;
    set(
        &mut written,
        "inputs",
        json!({ "srcs": sources, "drvs": derivations }),
    );
    Ok(written)
}

/// Checks the version of the wrapper around a map of derivations.
pub(super) fn check_wrapper(version: Option<&Cursor<'_>>) -> Result<(), JsonError> {
    match version {
        Some(version) if version.u64()? != 4 => {
            Err(version.invalid("only version 4 of derivations has this wrapper"))
        }
        _ => Ok(()),
    }
}

/// Reads `{"srcs": [..], "drvs": {..}}`, or the array of paths that a resolved derivation has.
pub(super) fn inputs<'a>(
    reader: Reader<'a>,
    cursor: &Cursor<'a>,
) -> Result<DerivationInputs, JsonError> {
    if cursor.value().is_array() {
        let sources = reader.sources(cursor)?;
        return Ok(DerivationInputs {
            sources,
            ..DerivationInputs::default()
        });
    }
    cursor.only_fields(&["srcs", "drvs"])?;
    let sources = reader.sources(&cursor.field("srcs")?)?;
    let derivations = reader.input_derivations(&cursor.field("drvs")?)?;
    Ok(DerivationInputs {
        sources,
        derivations,
    })
}

impl DerivationOutput {
    /// Returns the form of version 4.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::InputAddressed(path) => json!({ "path": path.base_name() }),
            Self::Fixed(address) => address.to_json(),
            Self::Floating(how) => fields::method_algorithm(*how).into(),
            Self::Deferred => json!({}),
            Self::Impure(how) => {
                let mut written = fields::method_algorithm(*how);
                set(&mut written, "impure", true);
                written.into()
            }
        }
    }

    /// Reads the form of version 4.
    ///
    /// # Errors
    /// Fails if no kind of output has exactly these fields, or one of them is malformed.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        output(&Cursor::root(value))
    }
}

pub(super) fn output(cursor: &Cursor<'_>) -> Result<DerivationOutput, JsonError> {
    match *field_names(cursor)? {
        [] => Ok(DerivationOutput::Deferred),
        ["path"] => {
            let path = cursor
                .field("path")?
                .parse_with(StorePath::from_base_name)?;
            Ok(DerivationOutput::InputAddressed(path))
        }
        ["hash", "method"] => ContentAddress::from_cursor(cursor).map(DerivationOutput::Fixed),
        ["hashAlgo", "method"] => method_algorithm(cursor).map(DerivationOutput::Floating),
        ["hashAlgo", "impure", "method"] => impure(cursor, method_algorithm(cursor)?),
        _ => Err(no_kind(cursor)),
    }
}

/// Returns the names of the fields, sorted.
pub(super) fn field_names<'a>(cursor: &Cursor<'a>) -> Result<Vec<&'a str>, JsonError> {
    let mut names: Vec<&str> = cursor.object()?.map(|(name, _)| name).collect();
    names.sort_unstable();
    Ok(names)
}

pub(super) fn method_algorithm(cursor: &Cursor<'_>) -> Result<MethodAlgorithm, JsonError> {
    let method = cursor.field("method")?.parse_with(str::parse)?;
    let algorithm = cursor.field("hashAlgo")?.parse_with(str::parse)?;
    MethodAlgorithm::new(method, algorithm).map_err(|error| cursor.error(error))
}

pub(super) fn impure(
    cursor: &Cursor<'_>,
    how: MethodAlgorithm,
) -> Result<DerivationOutput, JsonError> {
    let impure = cursor.field("impure")?;
    if impure.bool()? {
        Ok(DerivationOutput::Impure(how))
    } else {
        Err(impure.invalid("an output that is not impure does not have this field"))
    }
}

pub(super) fn no_kind(cursor: &Cursor<'_>) -> JsonError {
    cursor.invalid("no kind of output has exactly these fields")
}
