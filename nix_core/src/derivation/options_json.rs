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

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::store_path::StorePath;

    /// Options that name an output of the derivation itself and one of another, in every place.
    fn with_references() -> (DerivationOptions, SingleDerivedPath, StorePath) {
        let drv_path =
            StorePath::from_base_name("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv").expect("a path");
        let built = SingleDerivedPath::opaque(drv_path).built(OutputName::out());
        let built = built.expect("not too deep");
        let output =
            StorePath::from_base_name("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar").expect("a path");
        let set = || {
            BTreeSet::from([
                OutputReference::Own(OutputName::out()),
                OutputReference::Path(built.clone()),
            ])
        };
        let checks = OutputChecks {
            ignore_self_refs: true,
            max_size: Some(1),
            max_closure_size: None,
            allowed_references: Some(set()),
            disallowed_references: set(),
            allowed_requisites: None,
            disallowed_requisites: set(),
        };
        let options = DerivationOptions {
            output_checks: OutputChecksSpec::PerOutput([(OutputName::out(), checks)].into()),
            unsafe_discard_references: [(OutputName::out(), true)].into(),
            export_references_graph: [("graph".to_string(), [built.clone()].into())].into(),
            ..DerivationOptions::default()
        };
        (options, built, output)
    }

    #[test]
    fn the_json_form_holds_checks_references_and_graphs() {
        let (options, ..) = with_references();
        let json = options.to_json();
        let set = json!([
            { "drvPath": "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv", "output": "out" },
            { "drvPath": "self", "output": "out" },
        ]);
        let checks = &json["outputChecks"]["perOutput"]["out"];
        let mut found = checks["allowedReferences"]
            .as_array()
            .expect("a list")
            .clone();
        found.sort_by_key(Value::to_string);
        assert_eq!(Value::from(found), set);
        assert_eq!(
            (&checks["allowedRequisites"], &checks["maxSize"]),
            (&Value::Null, &json!(1))
        );
        assert_eq!(json["exportReferencesGraph"], json!({ "graph": [set[0]] }));
        assert_eq!(json["unsafeDiscardReferences"], json!({ "out": true }));
        assert_eq!(DerivationOptions::from_json(&json), Ok(options));
    }

    #[test]
    fn outputs_of_others_are_replaced_where_they_are_known() {
        let (options, built, output) = with_references();
        assert_eq!(options.clone().resolve(|_| None), Err(built.clone()));
        let resolved = options.resolve(|path| (*path == built).then(|| output.clone()));
        let resolved = resolved.expect("all are known");
        let opaque = SingleDerivedPath::opaque(output);
        assert_eq!(
            resolved.export_references_graph["graph"],
            [opaque.clone()].into()
        );
        let set = BTreeSet::from([
            OutputReference::Own(OutputName::out()),
            OutputReference::Path(opaque),
        ]);
        let again = resolved.clone().resolve(|_| None);
        assert_eq!(again.as_ref(), Ok(&resolved));
        let OutputChecksSpec::PerOutput(outputs) = resolved.output_checks else {
            panic!("the checks are still by output");
        };
        let checks = &outputs[&OutputName::out()];
        assert_eq!(checks.allowed_references, Some(set.clone()));
        assert_eq!(checks.disallowed_references, set);
        assert_eq!(checks.allowed_requisites, None);
        assert_eq!(checks.disallowed_requisites, set);
    }
}
