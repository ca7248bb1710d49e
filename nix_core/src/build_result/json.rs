//! Build results as JSON.

use alloc::{collections::BTreeMap, format, string::String};

use serde_json::{Map, Value, json};

use super::{BuildFailure, BuildOutcome, BuildResult, BuildSuccess, BuiltOutput};
use crate::{
    json::{Cursor, JsonError},
    realisation::{LegacyRealisation, UnkeyedRealisation},
    signature::SignatureForm,
    store_path::OutputName,
};

impl BuildResult {
    /// Writes the result as JSON, with structured signatures.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        let mut set = |key: &str, value: Value| members.insert(key.into(), value);
        set("status", json!(self.status().as_str()));
        set("success", json!(self.status().is_success()));
        set("timesBuilt", json!(self.times_built));
        set("startTime", json!(self.start_time));
        set("stopTime", json!(self.stop_time));
        if let Some(time) = self.cpu_user {
            set("cpuUser", json!(time));
        }
        if let Some(time) = self.cpu_system {
            set("cpuSystem", json!(time));
        }
        match &self.outcome {
            BuildOutcome::Success { built_outputs, .. } => {
                let outputs = built_outputs.iter();
                let outputs = outputs.map(|(name, output)| (name.as_str(), output.to_json()));
                set("builtOutputs", outputs.collect());
            }
            BuildOutcome::Failure {
                error_msg,
                is_non_deterministic,
                ..
            } => {
                set("errorMsg", json!(error_msg));
                set("isNonDeterministic", json!(is_non_deterministic));
            }
        }
        Value::Object(members)
    }

    /// Reads the JSON of [`BuildResult::to_json`], with signatures in either form.
    ///
    /// Times that are missing are unknown.
    ///
    /// # Errors
    /// Fails where `success`, `status` and, as it is, `builtOutputs` or `errorMsg` are missing, where
    /// the status is not one of success or of failure, and on a value that is not what its member
    /// holds.
    pub fn from_json(json: &Value) -> Result<Self, JsonError> {
        let object = Cursor::root(json);
        let number = |key| match object.nullable(key)? {
            Some(number) => number.u64().map(Some),
            None => Ok(None),
        };
        Ok(Self {
            outcome: read_outcome(&object)?,
            times_built: number("timesBuilt")?.unwrap_or(0),
            start_time: number("startTime")?.unwrap_or(0),
            stop_time: number("stopTime")?.unwrap_or(0),
            cpu_user: number("cpuUser")?,
            cpu_system: number("cpuSystem")?,
        })
    }
}

impl BuiltOutput {
    fn to_json(&self) -> Value {
        match self {
            Self::Realisation(realisation) => realisation.to_json(SignatureForm::Structured),
            Self::Legacy(realisation) => realisation.to_json(SignatureForm::Structured),
        }
    }

    fn from_cursor(name: &OutputName, object: &Cursor<'_>) -> Result<Self, JsonError> {
        let Some(id) = object.optional("id")? else {
            return UnkeyedRealisation::from_cursor(object).map(Self::Realisation);
        };
        let realisation = LegacyRealisation::from_cursor(object)?;
        if realisation.id.output_name != *name {
            return Err(id.invalid(format!("the output is not {name}")));
        }
        Ok(Self::Legacy(realisation))
    }
}

fn read_outcome(object: &Cursor<'_>) -> Result<BuildOutcome, JsonError> {
    let status = object.field("status")?;
    let name = status.string()?;
    if object.field("success")?.bool()? {
        let success = BuildSuccess::from_name(name);
        return Ok(BuildOutcome::Success {
            status: success.ok_or_else(|| status.invalid("this is no status of success"))?,
            built_outputs: read_outputs(&object.field("builtOutputs")?)?,
        });
    }
    let failure = BuildFailure::from_name(name);
    let non_deterministic = object.nullable("isNonDeterministic")?;
    Ok(BuildOutcome::Failure {
        status: failure.ok_or_else(|| status.invalid("this is no status of failure"))?,
        error_msg: String::from(object.field("errorMsg")?.string()?),
        is_non_deterministic: non_deterministic.map_or(Ok(false), |flag| flag.bool())?,
    })
}

fn read_outputs(map: &Cursor<'_>) -> Result<BTreeMap<OutputName, BuiltOutput>, JsonError> {
    map.object()?
        .map(|(name, output)| {
            let name = OutputName::new(name).map_err(|error| output.error(error))?;
            let output = BuiltOutput::from_cursor(&name, &output)?;
            Ok((name, output))
        })
        .collect()
}
