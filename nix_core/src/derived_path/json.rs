//! The JSON forms of derived paths and outputs specs.

use alloc::{collections::BTreeSet, vec::Vec};

use serde_json::{Value, json};

use super::{
    DEPTH_MAX, DerivedPath, ExtendedOutputsSpec, OutputNames, OutputsSpec, SingleDerivedPath,
};
use crate::{
    json::{Cursor, JsonError},
    store_path::{OutputName, StorePath},
};

impl SingleDerivedPath {
    /// Returns the JSON form: a base name, or `{"drvPath": .., "output": ..}` around one.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let base = Value::from(self.base().base_name());
        let outputs = self.outputs().iter();
        outputs.fold(
            base,
            |drv, output| json!({ "drvPath": drv, "output": output.as_str() }),
        )
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// Fails at the first place that is of another form, and beyond [`DEPTH_MAX`] levels.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(value))
    }

    pub(crate) fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        let mut outputs = Vec::new();
        let mut here = cursor.clone();
        while here.value().is_object() {
            here.only_fields(&["drvPath", "output"])?;
            if outputs.len() == DEPTH_MAX {
                return Err(here.invalid("outputs of outputs are nested too deeply"));
            }
            outputs.push(here.field("output")?.parse_with(OutputName::new)?);
            here = here.field("drvPath")?;
        }
        let base = here.parse_with(StorePath::from_base_name)?;
        let mut outputs = outputs.into_iter().rev();
        outputs
            .try_fold(Self::opaque(base), Self::built)
            .map_err(|error| cursor.error(error))
    }
}

impl DerivedPath {
    /// Returns the JSON form: a base name, or `{"drvPath": .., "outputs": [..]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Opaque(path) => path.base_name().into(),
            Self::Built {
                derivation,
                outputs,
            } => {
                json!({ "drvPath": derivation.to_json(), "outputs": outputs.to_json() })
            }
        }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// Fails at the first place that is of another form.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        let root = Cursor::root(value);
        if !value.is_object() {
            return root.parse_with(StorePath::from_base_name).map(Self::Opaque);
        }
        root.only_fields(&["drvPath", "outputs"])?;
        Ok(Self::Built {
            derivation: SingleDerivedPath::from_cursor(&root.field("drvPath")?)?,
            outputs: OutputsSpec::from_cursor(&root.field("outputs")?)?,
        })
    }
}

impl OutputsSpec {
    /// Returns the JSON form: `["*"]` or the names, sorted.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::All => json!(["*"]),
            Self::Names(names) => names.iter().map(OutputName::as_str).collect(),
        }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// Fails if it is no array, empty, or has an element that is no output name.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(&Cursor::root(value))
    }

    fn from_cursor(cursor: &Cursor<'_>) -> Result<Self, JsonError> {
        if *cursor.value() == json!(["*"]) {
            return Ok(Self::All);
        }
        let names = cursor.array()?.map(|name| name.parse_with(OutputName::new));
        let names = OutputNames::new(names.collect::<Result<BTreeSet<_>, _>>()?);
        names
            .map(Self::Names)
            .ok_or_else(|| cursor.invalid("no output is named"))
    }
}

impl ExtendedOutputsSpec {
    /// Returns the JSON form: null for the default, else that of the spec.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Default => Value::Null,
            Self::Explicit(outputs) => outputs.to_json(),
        }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// Fails as [`OutputsSpec::from_json`] does.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        match value {
            Value::Null => Ok(Self::Default),
            explicit => OutputsSpec::from_json(explicit).map(Self::Explicit),
        }
    }
}
