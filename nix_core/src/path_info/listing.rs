//! Many paths as JSON: what `nix path-info --json` prints as a whole.

use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use crate::{
    json::{Cursor, JsonError},
    store_path::{StoreDir, StorePath},
};

use super::{
    PathInfo,
    json::{JsonVersion, check_store_dir},
};

/// A path that was asked for, and what is known of it if it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The path.
    pub path: StorePath,
    /// What is known of it; nothing where the store has no such path.
    pub info: Option<PathInfo>,
}

/// Reads the output of `nix path-info --json` of any Nix.
///
/// This is an array of objects that name their `path` (up to 2.18; `"valid": false` for a path that
/// does not exist), a map from full paths (since 2.19; `null` for such a path), or the object
/// `{"info": .., "storeDir": .., "version": ..}` with a map from base names (since 2.33).
///
/// # Errors
/// Fails as [`PathInfo::from_json`] does, and on another shape.
pub fn listing_from_json(dir: &StoreDir, json: &Value) -> Result<Vec<Listed>, JsonError> {
    let root = Cursor::root(json);
    if json.is_array() {
        return root.array()?.map(|item| read_item(dir, &item)).collect();
    }
    // No store path is a key that has no `-`.
    match root.optional("info")? {
        Some(info) => {
            let version = JsonVersion::of(&root, JsonVersion::V1)?;
            check_store_dir(dir, &root)?;
            read_map(dir, version, &info)
        }
        None => read_map(dir, JsonVersion::V1, &root),
    }
}

/// Writes paths as `nix path-info --json` of a Nix whose version of the JSON this is.
#[must_use]
pub fn listing_to_json<'a>(
    dir: &StoreDir,
    version: JsonVersion,
    paths: impl IntoIterator<Item = &'a Listed>,
) -> Value {
    let info: Map<_, _> = paths
        .into_iter()
        .map(|listed| {
            let info = listed.info.as_ref().map(|info| info.to_json(dir, version));
            (version.path_text(dir, &listed.path), json!(info))
        })
        .collect();
    match version {
        JsonVersion::V1 => Value::Object(info),
        JsonVersion::V2 | JsonVersion::V3 => json!({
            "info": info,
            "storeDir": dir.as_str(),
            "version": version.number(),
        }),
    }
}

fn read_item(dir: &StoreDir, item: &Cursor<'_>) -> Result<Listed, JsonError> {
    let valid = item.nullable("valid")?;
    if valid.map_or(Ok(true), |valid| valid.bool())? {
        let info = PathInfo::from_cursor(dir, JsonVersion::V1, None, item)?;
        let path = info.path.clone();
        return Ok(Listed {
            path,
            info: Some(info),
        });
    }
    let version = JsonVersion::of(item, JsonVersion::V1)?;
    let path = version.parse_path(dir, &item.field("path")?)?;
    Ok(Listed { path, info: None })
}

fn read_map(
    dir: &StoreDir,
    version: JsonVersion,
    map: &Cursor<'_>,
) -> Result<Vec<Listed>, JsonError> {
    map.object()?
        .map(|(key, value)| {
            let parsed = match version {
                JsonVersion::V1 => dir.parse(key),
                JsonVersion::V2 | JsonVersion::V3 => StorePath::from_base_name(key),
            };
            let path = parsed.map_err(|error| value.error(error))?;
            let info = (!value.value().is_null())
                .then(|| PathInfo::from_cursor(dir, version, Some(&path), &value))
                .transpose()?;
            Ok(Listed { path, info })
        })
        .collect()
}
