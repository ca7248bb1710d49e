//! The JSON form of derivation options.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
};

use serde_json::{Map, Value, json};

use super::{
    DerivationOptions, OutputChecks, OutputChecksSpec, OutputReference,
    options_read::{by_output, string_set},
};
use crate::{
    derived_path::SingleDerivedPath,
    json::{Cursor, JsonError},
    store_path::OutputName,
};

/// What stands for the derivation itself in the place of its path.
const SELF: &str = "self";

impl DerivationOptions {
    /// Returns the JSON form, with every field.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let checks = match &self.output_checks {
            OutputChecksSpec::ForAllOutputs(checks) => json!({ "forAllOutputs": checks.to_json() }),
            OutputChecksSpec::PerOutput(outputs) => {
                json!({ "perOutput": map(outputs, OutputName::as_str, OutputChecks::to_json) })
            }
        };
        let graph = &self.export_references_graph;
        let discard = &self.unsafe_discard_references;
        json!({
            "additionalSandboxProfile": self.additional_sandbox_profile,
            "allowLocalNetworking": self.allow_local_networking,
            "allowSubstitutes": self.allow_substitutes,
            "exportReferencesGraph": map(graph, String::as_str, |paths| {
                paths.iter().map(SingleDerivedPath::to_json).collect()
            }),
            "impureEnvVars": self.impure_env_vars,
            "impureHostDeps": self.impure_host_deps,
            "noChroot": self.no_chroot,
            "outputChecks": checks,
            "passAsFile": self.pass_as_file,
            "preferLocalBuild": self.prefer_local_build,
            "requiredSystemFeatures": self.required_system_features,
            "unsafeDiscardReferences": map(discard, OutputName::as_str, |value| (*value).into()),
        })
    }

    /// Reads the JSON form, which must have every field.
    ///
    /// # Errors
    /// Fails at the first place that is missing, unknown, of the wrong type or malformed.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        let root = Cursor::root(value);
        root.only_fields(&[
            "additionalSandboxProfile",
            "allowLocalNetworking",
            "allowSubstitutes",
            "exportReferencesGraph",
            "impureEnvVars",
            "impureHostDeps",
            "noChroot",
            "outputChecks",
            "passAsFile",
            "preferLocalBuild",
            "requiredSystemFeatures",
            "unsafeDiscardReferences",
        ])?;
        let bool = |name| root.field(name)?.bool();
        let strings = |name| string_set(&root.field(name)?);
        Ok(Self {
            output_checks: checks_spec(&root.field("outputChecks")?)?,
            unsafe_discard_references: by_output(
                &root.field("unsafeDiscardReferences")?,
                Cursor::bool,
            )?,
            pass_as_file: strings("passAsFile")?,
            export_references_graph: references_graph(&root.field("exportReferencesGraph")?)?,
            additional_sandbox_profile: root
                .field("additionalSandboxProfile")?
                .string()?
                .to_owned(),
            no_chroot: bool("noChroot")?,
            impure_host_deps: strings("impureHostDeps")?,
            impure_env_vars: strings("impureEnvVars")?,
            allow_local_networking: bool("allowLocalNetworking")?,
            required_system_features: strings("requiredSystemFeatures")?,
            prefer_local_build: bool("preferLocalBuild")?,
            allow_substitutes: bool("allowSubstitutes")?,
        })
    }
}

fn map<K, V>(
    map: &BTreeMap<K, V>,
    key: impl Fn(&K) -> &str,
    value: impl Fn(&V) -> Value,
) -> Map<String, Value> {
    map.iter()
        .map(|(k, v)| (key(k).to_owned(), value(v)))
        .collect()
}

fn references_graph(
    cursor: &Cursor<'_>,
) -> Result<BTreeMap<String, BTreeSet<SingleDerivedPath>>, JsonError> {
    let files = cursor.object()?.map(|(file, paths)| {
        let paths = paths
            .array()?
            .map(|path| SingleDerivedPath::from_cursor(&path));
        Ok((file.to_owned(), paths.collect::<Result<_, _>>()?))
    });
    files.collect()
}

fn checks_spec(cursor: &Cursor<'_>) -> Result<OutputChecksSpec, JsonError> {
    cursor.only_fields(&["forAllOutputs", "perOutput"])?;
    match (
        cursor.optional("forAllOutputs")?,
        cursor.optional("perOutput")?,
    ) {
        (Some(all), None) => OutputChecks::from_cursor(&all).map(OutputChecksSpec::ForAllOutputs),
        (None, Some(outputs)) => {
            by_output(&outputs, OutputChecks::from_cursor).map(OutputChecksSpec::PerOutput)
        }
        _ => Err(cursor.invalid("expected one of `forAllOutputs` and `perOutput`")),
    }
}

impl OutputChecks {
    fn to_json(&self) -> Value {
        let set = |set: &BTreeSet<OutputReference>| -> Value {
            set.iter().map(OutputReference::to_json).collect()
        };
        json!({
            "allowedReferences": self.allowed_references.as_ref().map(set),
            "allowedRequisites": self.allowed_requisites.as_ref().map(set),
            "disallowedReferences": set(&self.disallowed_references),
            "disallowedRequisites": set(&self.disallowed_requisites),
            "ignoreSelfRefs": self.ignore_self_refs,
            "maxClosureSize": self.max_closure_size,
            "maxSize": self.max_size,
        })
    }

    fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        cursor.only_fields(&[
            "allowedReferences",
            "allowedRequisites",
            "disallowedReferences",
            "disallowedRequisites",
            "ignoreSelfRefs",
            "maxClosureSize",
            "maxSize",
        ])?;
        // Null is a value here, so that an absent field is a mistake.
        let given = |name| Ok(Some(cursor.field(name)?).filter(|field| !field.value().is_null()));
        let size = |name| given(name)?.map(|size| size.u64()).transpose();
        let set = |name| given(name)?.map(|set| references(&set)).transpose();
        Ok(Self {
            ignore_self_refs: cursor.field("ignoreSelfRefs")?.bool()?,
            max_size: size("maxSize")?,
            max_closure_size: size("maxClosureSize")?,
            allowed_references: set("allowedReferences")?,
            disallowed_references: references(&cursor.field("disallowedReferences")?)?,
            allowed_requisites: set("allowedRequisites")?,
            disallowed_requisites: references(&cursor.field("disallowedRequisites")?)?,
        })
    }
}

fn references(cursor: &Cursor<'_>) -> Result<BTreeSet<OutputReference>, JsonError> {
    cursor
        .array()?
        .map(|reference| OutputReference::from_cursor(&reference))
        .collect()
}

impl OutputReference {
    fn to_json(&self) -> Value {
        match self {
            Self::Own(output) => json!({ "drvPath": SELF, "output": output.as_str() }),
            Self::Path(path) => path.to_json(),
        }
    }

    fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        if cursor.value().get("drvPath").and_then(Value::as_str) == Some(SELF) {
            cursor.only_fields(&["drvPath", "output"])?;
            return cursor
                .field("output")?
                .parse_with(OutputName::new)
                .map(Self::Own);
        }
        SingleDerivedPath::from_cursor(cursor).map(Self::Path)
    }
}
