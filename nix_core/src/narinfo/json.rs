//! Narinfos as JSON.

use alloc::string::String;

use serde_json::{Map, Value, json};

use super::NarInfo;
use crate::{
    hash::{Hash, HashFormat},
    json::{Cursor, JsonError},
    path_info::{JsonVersion, PathInfo},
    store_path::{StoreDir, StorePath},
};

impl NarInfo {
    /// Writes everything that is known, without the path itself: it is the key of the map around.
    ///
    /// What follows from the contents alone is written by [`PathInfo::to_pure_json`].
    #[must_use]
    pub fn to_json(&self, dir: &StoreDir, version: JsonVersion) -> Value {
        let mut members: Map<String, Value> = self.path_info.members(dir, version);
        members.insert("url".into(), json!(self.url));
        members.insert("compression".into(), json!(self.compression));
        if let Some(hash) = &self.file_hash {
            members.insert("downloadHash".into(), json!(hash.to_text(HashFormat::Sri)));
        }
        if let Some(size) = self.file_size {
            members.insert("downloadSize".into(), json!(size));
        }
        Value::Object(members)
    }

    /// Reads the narinfo of `path`, in any version.
    ///
    /// # Errors
    /// Fails as [`PathInfo::from_json`] does, and where `url` or `compression` is missing: such JSON
    /// is a [`PathInfo`] and says nothing of a file.
    pub fn from_json(dir: &StoreDir, path: &StorePath, json: &Value) -> Result<Self, JsonError> {
        let object = Cursor::root(json);
        let path_info = PathInfo::from_cursor(dir, JsonVersion::V1, Some(path), &object)?;
        let url = object.field("url")?;
        let compression = object.field("compression")?.string()?;
        let hash = object.nullable("downloadHash")?;
        let size = object.nullable("downloadSize")?;
        let info = Self::new(path_info, url.string()?, compression);
        Ok(Self {
            file_hash: hash
                .map(|hash| hash.parse_with(Hash::parse_prefixed))
                .transpose()?,
            file_size: size.map(|size| size.u64()).transpose()?,
            ..info.map_err(|error| url.error(error))?
        })
    }
}
