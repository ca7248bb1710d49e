//! Writing the JSON of derivations: what the versions share.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeSet, btree_map},
    string::String,
    vec::Vec,
};

use serde_json::{Map, Value};

use super::{
    ByteString, Derivation, DerivationOutput, DerivationString, InputOutputs,
    JSON_DYNAMIC_DEPTH_MAX, STRUCTURED_ATTRS_VARIABLE, StructuredAttrs, ToJsonError,
};
use crate::{
    content_address::MethodAlgorithm,
    store_path::{OutputName, StorePath},
};

pub(super) type Fields = Map<String, Value>;

/// Sets a field.
pub(super) fn set(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    fields.insert(name.to_owned(), value.into());
}

/// Where structured attributes stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Attrs {
    InEnv,
    BesideEnv,
}

/// Returns what stands in every version: system, builder, arguments, variables.
pub(super) fn common(drv: &Derivation, attrs: Attrs) -> Result<Fields, ToJsonError> {
    let mut fields = Fields::new();
    set(
        &mut fields,
        "system",
        text(&drv.system, || DerivationString::System)?,
    );
    set(
        &mut fields,
        "builder",
        text(&drv.builder, || DerivationString::Builder)?,
    );
    let args = drv.args.iter().enumerate();
    let args = args.map(|(at, arg)| Ok(text(arg, || DerivationString::Arg(at))?.into()));
    set(
        &mut fields,
        "args",
        args.collect::<Result<Vec<Value>, ToJsonError>>()?,
    );
    let mut env = Fields::new();
    for (name, value) in &drv.env {
        if attrs == Attrs::BesideEnv && *name == *STRUCTURED_ATTRS_VARIABLE {
            let attrs = StructuredAttrs::parse(value).map_err(ToJsonError::StructuredAttrs)?;
            set(&mut fields, "structuredAttrs", attrs.into_json());
            continue;
        }
        let value = text(value, || DerivationString::VariableValue(name.clone()))?;
        let name = text(name, || DerivationString::VariableName(name.clone()))?;
        set(&mut env, name, value);
    }
    set(&mut fields, "env", env);
    Ok(fields)
}

fn text(bytes: &ByteString, what: impl FnOnce() -> DerivationString) -> Result<&str, ToJsonError> {
    bytes.as_str().ok_or_else(|| ToJsonError::NotUtf8(what()))
}

/// Returns the outputs by name, each as the version writes it.
pub(super) fn outputs(
    drv: &Derivation,
    write: impl Fn(&OutputName, &DerivationOutput) -> Result<Value, ToJsonError>,
) -> Result<Value, ToJsonError> {
    let mut fields = Fields::new();
    for (name, output) in &drv.outputs {
        set(&mut fields, name.as_str(), write(name, output)?);
    }
    Ok(fields.into())
}

/// Returns `method` and `hashAlgo`, as they stand since the method has a field of its own.
pub(super) fn method_algorithm(how: MethodAlgorithm) -> Fields {
    let mut fields = Fields::new();
    set(&mut fields, "method", how.method.as_str());
    set(&mut fields, "hashAlgo", how.algorithm.as_str());
    fields
}

/// Returns the base names as an array.
pub(super) fn base_names(paths: &BTreeSet<StorePath>) -> Value {
    paths.iter().map(StorePath::base_name).collect()
}

pub(super) fn names(outputs: &BTreeSet<OutputName>) -> Value {
    outputs.iter().map(OutputName::as_str).collect()
}

/// Returns the input derivations by base name, with their dynamic outputs.
pub(super) fn input_derivations(drv: &Derivation) -> Result<Value, ToJsonError> {
    let mut fields = Fields::new();
    for (path, used) in &drv.inputs.derivations {
        let used = input_outputs(used).ok_or_else(|| ToJsonError::TooDeep(path.clone()))?;
        set(&mut fields, path.base_name(), used);
    }
    Ok(fields.into())
}

/// A node whose children are being written.
struct Open<'a> {
    name: Option<&'a OutputName>,
    used: &'a InputOutputs,
    children: btree_map::Iter<'a, OutputName, InputOutputs>,
    written: Fields,
}

impl<'a> Open<'a> {
    fn new(name: Option<&'a OutputName>, used: &'a InputOutputs) -> Self {
        Self {
            name,
            used,
            children: used.dynamic.iter(),
            written: Fields::new(),
        }
    }

    fn close(self) -> Value {
        let mut fields = Fields::new();
        set(&mut fields, "outputs", names(&self.used.outputs));
        set(&mut fields, "dynamicOutputs", self.written);
        fields.into()
    }
}

/// Returns `{"outputs": [..], "dynamicOutputs": {..}}`, or nothing where it is nested too deeply.
fn input_outputs(used: &InputOutputs) -> Option<Value> {
    let mut parents: Vec<Open<'_>> = Vec::new();
    let mut open = Open::new(None, used);
    loop {
        if let Some((name, child)) = open.children.next() {
            if parents.len() == JSON_DYNAMIC_DEPTH_MAX {
                return None;
            }
            parents.push(core::mem::replace(&mut open, Open::new(Some(name), child)));
            continue;
        }
        match (parents.pop(), open.name) {
            (Some(mut parent), Some(name)) => {
                set(&mut parent.written, name.as_str(), open.close());
                open = parent;
            }
            _ => return Some(open.close()),
        }
    }
}
