//! Reading the JSON of derivations: what the versions share.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    vec::{self, Vec},
};

use super::{
    ByteString, Derivation, DerivationInputs, DerivationJson, DerivationOutput, InputOutputs,
    JSON_DYNAMIC_DEPTH_MAX, STRUCTURED_ATTRS_VARIABLE, StructuredAttrs, json_unversioned, json_v3,
    json_v4,
};
use crate::{
    json::{Cursor, JsonError},
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};

/// The fields that every version has, and one that some have.
const FIELDS: &[&str] = &[
    "name",
    "version",
    "outputs",
    "system",
    "builder",
    "args",
    "env",
    "structuredAttrs",
];

/// What reading a derivation depends on.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) store_dir: &'a StoreDir,
    pub(super) version: DerivationJson,
}

/// Returns the version of a derivation: the first two were unversioned and got their numbers later.
pub(super) fn read_version(cursor: &Cursor<'_>) -> Result<DerivationJson, JsonError> {
    let Some(version) = cursor.optional("version")? else {
        return Ok(DerivationJson::Unversioned);
    };
    match version.u64()? {
        1 | 2 => Ok(DerivationJson::Unversioned),
        3 => Ok(DerivationJson::V3),
        4 => Ok(DerivationJson::V4),
        other => Err(version.invalid(format!("version {other} of derivations is not known"))),
    }
}

impl<'a> Reader<'a> {
    pub(super) fn derivation(
        self,
        name: Option<&StorePathName>,
        cursor: &Cursor<'a>,
    ) -> Result<Derivation, JsonError> {
        let inputs: &[&str] = match self.version {
            DerivationJson::Unversioned | DerivationJson::V3 => &["inputDrvs", "inputSrcs"],
            DerivationJson::V4 => &["inputs"],
        };
        cursor.only_fields(&[FIELDS, inputs].concat())?;
        let name = self.name(name, cursor)?;
        Ok(Derivation {
            outputs: self.outputs(&name, &cursor.field("outputs")?)?,
            inputs: self.inputs(cursor)?,
            system: byte_string(&cursor.field("system")?)?,
            builder: byte_string(&cursor.field("builder")?)?,
            args: cursor
                .field("args")?
                .array()?
                .map(|arg| byte_string(&arg))
                .collect::<Result<_, _>>()?,
            env: env(cursor)?,
            name,
        })
    }

    fn name(
        self,
        expected: Option<&StorePathName>,
        cursor: &Cursor<'a>,
    ) -> Result<StorePathName, JsonError> {
        let stated = match (self.version, expected) {
            (DerivationJson::Unversioned, Some(_)) => cursor.optional("name")?,
            _ => Some(cursor.field("name")?),
        };
        let name = match &stated {
            Some(stated) => Some(stated.parse_with(StorePathName::new)?),
            None => None,
        };
        match (stated, name, expected) {
            (Some(stated), Some(name), Some(expected)) if name != *expected => {
                Err(stated.invalid(format!("the derivation is called {expected} elsewhere")))
            }
            (_, Some(name), _) => Ok(name),
            (_, None, expected) => Ok(expected.expect("the name is known or stated").clone()),
        }
    }

    fn outputs(
        self,
        name: &StorePathName,
        cursor: &Cursor<'a>,
    ) -> Result<BTreeMap<OutputName, DerivationOutput>, JsonError> {
        let mut outputs = BTreeMap::new();
        for (key, cursor) in cursor.object()? {
            let output_name = key_output_name(key, &cursor)?;
            let output = match self.version {
                DerivationJson::Unversioned => {
                    json_unversioned::output(self.store_dir, name, &output_name, &cursor)
                }
                DerivationJson::V3 => json_v3::output(self.store_dir, name, &output_name, &cursor),
                DerivationJson::V4 => json_v4::output(&cursor),
            };
            outputs.insert(output_name, output?);
        }
        Ok(outputs)
    }

    fn inputs(self, cursor: &Cursor<'a>) -> Result<DerivationInputs, JsonError> {
        match self.version {
            DerivationJson::Unversioned | DerivationJson::V3 => {
                let sources = self.sources(&cursor.field("inputSrcs")?)?;
                let derivations = self.input_derivations(&cursor.field("inputDrvs")?)?;
                Ok(DerivationInputs {
                    sources,
                    derivations,
                })
            }
            DerivationJson::V4 => json_v4::inputs(self, &cursor.field("inputs")?),
        }
    }

    pub(super) fn sources(self, cursor: &Cursor<'a>) -> Result<BTreeSet<StorePath>, JsonError> {
        let paths = cursor.array()?;
        paths.map(|path| self.path(path.string()?, &path)).collect()
    }

    pub(super) fn input_derivations(
        self,
        cursor: &Cursor<'a>,
    ) -> Result<BTreeMap<StorePath, InputOutputs>, JsonError> {
        let mut derivations = BTreeMap::new();
        for (key, cursor) in cursor.object()? {
            let path = self.path(key, &cursor)?;
            let is_list = self.version != DerivationJson::V4 && cursor.value().is_array();
            let used = if is_list {
                InputOutputs {
                    outputs: used_outputs(&cursor)?,
                    dynamic: BTreeMap::new(),
                }
            } else {
                input_outputs(cursor.clone())?
            };
            if used.outputs.is_empty() && used.dynamic.is_empty() {
                return Err(cursor.invalid("no output of the input derivation is used"));
            }
            if derivations.insert(path, used).is_some() {
                return Err(cursor.invalid("the input derivation is there twice"));
            }
        }
        Ok(derivations)
    }

    fn path(self, text: &str, cursor: &Cursor<'a>) -> Result<StorePath, JsonError> {
        let path = match self.version {
            DerivationJson::Unversioned => self.store_dir.parse(text),
            DerivationJson::V3 | DerivationJson::V4 => StorePath::from_base_name(text),
        };
        path.map_err(|error| cursor.error(error))
    }
}

fn byte_string(cursor: &Cursor<'_>) -> Result<ByteString, JsonError> {
    Ok(cursor.string()?.into())
}

/// Reads the variables, among them the structured attributes that stand beside them.
fn env(cursor: &Cursor<'_>) -> Result<BTreeMap<ByteString, ByteString>, JsonError> {
    let variables = cursor.field("env")?.object()?;
    let variables = variables.map(|(name, value)| Ok((name.into(), byte_string(&value)?)));
    let mut env: BTreeMap<ByteString, ByteString> = variables.collect::<Result<_, _>>()?;
    if let Some(attrs) = cursor.optional("structuredAttrs")? {
        let text = StructuredAttrs::from_cursor(&attrs)?.print();
        if env
            .insert(STRUCTURED_ATTRS_VARIABLE.into(), text.into())
            .is_some()
        {
            return Err(attrs.invalid("the variable `__json` is there too"));
        }
    }
    Ok(env)
}

pub(super) fn key_output_name(key: &str, cursor: &Cursor<'_>) -> Result<OutputName, JsonError> {
    OutputName::new(key).map_err(|error| cursor.error(error))
}

fn used_outputs(cursor: &Cursor<'_>) -> Result<BTreeSet<OutputName>, JsonError> {
    cursor
        .array()?
        .map(|name| name.parse_with(OutputName::new))
        .collect()
}

/// A node whose children are being read.
struct Open<'a> {
    name: Option<OutputName>,
    used: InputOutputs,
    children: vec::IntoIter<(&'a str, Cursor<'a>)>,
}

impl<'a> Open<'a> {
    fn new(name: Option<OutputName>, cursor: &Cursor<'a>) -> Result<Self, JsonError> {
        cursor.only_fields(&["outputs", "dynamicOutputs"])?;
        let outputs = used_outputs(&cursor.field("outputs")?)?;
        let children: Vec<_> = cursor.field("dynamicOutputs")?.object()?.collect();
        if name.is_some() && outputs.is_empty() && children.is_empty() {
            return Err(cursor.invalid("no output of the dynamic derivation is used"));
        }
        let used = InputOutputs {
            outputs,
            dynamic: BTreeMap::new(),
        };
        Ok(Self {
            name,
            used,
            children: children.into_iter(),
        })
    }
}

/// Reads `{"outputs": [..], "dynamicOutputs": {..}}` without recursion.
fn input_outputs(cursor: Cursor<'_>) -> Result<InputOutputs, JsonError> {
    let mut parents: Vec<Open<'_>> = Vec::new();
    let mut open = Open::new(None, &cursor)?;
    loop {
        if let Some((key, child)) = open.children.next() {
            if parents.len() == JSON_DYNAMIC_DEPTH_MAX {
                return Err(child.invalid("dynamic outputs are nested too deeply"));
            }
            let name = key_output_name(key, &child)?;
            let inner = Open::new(Some(name), &child)?;
            parents.push(core::mem::replace(&mut open, inner));
            continue;
        }
        match (parents.pop(), open) {
            (
                Some(mut parent),
                Open {
                    name: Some(name),
                    used,
                    ..
                },
            ) => {
                parent.used.dynamic.insert(name, used);
                open = parent;
            }
            (_, Open { used, .. }) => return Ok(used),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
