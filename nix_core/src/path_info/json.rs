//! One path as JSON.

use alloc::{collections::BTreeSet, format, string::String};

use serde_json::{Map, Value, json};

use crate::{
    content_address::ContentAddress,
    hash::{Hash, HashError, HashFormat, Sha256},
    json::{Cursor, JsonError},
    signature::{Signature, SignatureForm},
    store_path::{StoreDir, StorePath},
};

use super::PathInfo;

/// The versions of the JSON of path infos and narinfos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JsonVersion {
    /// Full paths, content addresses as text (Nix up to 2.32; it says its version only since 2.33).
    V1,
    /// Base names, content addresses as objects.
    V2,
    /// As version 2, and signatures as objects.
    V3,
}

impl JsonVersion {
    /// Returns the number that the JSON carries.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// Reads the member `version`, or takes what holds where it is missing.
    pub(super) fn of(object: &Cursor<'_>, missing: Self) -> Result<Self, JsonError> {
        let Some(version) = object.nullable("version")? else {
            return Ok(missing);
        };
        match version.u64()? {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            3 => Ok(Self::V3),
            other => Err(version.invalid(format!("version {other} is not known"))),
        }
    }

    fn signature_form(self) -> SignatureForm {
        match self {
            Self::V1 | Self::V2 => SignatureForm::Text,
            Self::V3 => SignatureForm::Structured,
        }
    }

    /// Writes a store path as this version does.
    pub(super) fn path_text(self, dir: &StoreDir, path: &StorePath) -> String {
        match self {
            Self::V1 => dir.print(path),
            Self::V2 | Self::V3 => String::from(path.base_name()),
        }
    }

    /// Reads a store path as this version writes it.
    pub(super) fn parse_path(
        self,
        dir: &StoreDir,
        path: &Cursor<'_>,
    ) -> Result<StorePath, JsonError> {
        match self {
            Self::V1 => path.parse_with(|text| dir.parse(text)),
            Self::V2 | Self::V3 => path.parse_with(StorePath::from_base_name),
        }
    }

    fn content_address_json(self, address: &ContentAddress) -> Value {
        match self {
            Self::V1 => json!(format!("{address}")),
            Self::V2 | Self::V3 => address.to_json(),
        }
    }

    fn parse_content_address(self, address: &Cursor<'_>) -> Result<ContentAddress, JsonError> {
        match self {
            Self::V1 => address.parse_with(str::parse),
            Self::V2 | Self::V3 => ContentAddress::from_cursor(address),
        }
    }
}

impl PathInfo {
    /// Writes everything that is known, without the path itself: it is the key of the map around.
    #[must_use]
    pub fn to_json(&self, dir: &StoreDir, version: JsonVersion) -> Value {
        Value::Object(self.members(dir, version))
    }

    /// Writes what follows from the path's contents alone, so neither deriver, registration time,
    /// signatures nor origin.
    #[must_use]
    pub fn to_pure_json(&self, dir: &StoreDir, version: JsonVersion) -> Value {
        Value::Object(self.pure_members(dir, version))
    }

    /// Reads what is known of `path`, in any version; one that is not stated is version 1.
    ///
    /// Members that are missing are unknown; members that say nothing of the path itself, such as
    /// closure sizes, are passed over.
    ///
    /// # Errors
    /// Fails on a version that is not known, another store directory or another path than the ones
    /// given, a hash or size that is missing, and on values that are not what their members hold.
    pub fn from_json(dir: &StoreDir, path: &StorePath, json: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(dir, JsonVersion::V1, Some(path), &Cursor::root(json))
    }

    /// Reads what is known of the path that the member `path` names.
    ///
    /// # Errors
    /// Fails as [`PathInfo::from_json`] does, and where the member is missing.
    pub fn from_keyed_json(dir: &StoreDir, json: &Value) -> Result<Self, JsonError> {
        Self::from_cursor(dir, JsonVersion::V1, None, &Cursor::root(json))
    }

    /// Writes everything that is known, the path among it.
    #[must_use]
    pub fn to_keyed_json(&self, dir: &StoreDir, version: JsonVersion) -> Value {
        let mut members = self.members(dir, version);
        members.insert("path".into(), json!(version.path_text(dir, &self.path)));
        Value::Object(members)
    }

    pub(crate) fn members(&self, dir: &StoreDir, version: JsonVersion) -> Map<String, Value> {
        let mut members = self.pure_members(dir, version);
        let deriver = self.deriver.as_ref();
        let deriver = deriver.map(|path| version.path_text(dir, path));
        let time = (self.registration_time != 0).then_some(self.registration_time);
        let form = version.signature_form();
        let signatures: Value = self.signatures.iter().map(|s| s.to_json(form)).collect();
        members.insert("deriver".into(), json!(deriver));
        members.insert("registrationTime".into(), json!(time));
        members.insert("signatures".into(), signatures);
        members.insert("ultimate".into(), json!(self.ultimate));
        members
    }

    fn pure_members(&self, dir: &StoreDir, version: JsonVersion) -> Map<String, Value> {
        let address = self.content_address.as_ref();
        let address = address.map(|address| version.content_address_json(address));
        let references = self.references.iter();
        let references: Value = references
            .map(|path| version.path_text(dir, path))
            .collect();
        let hash = Hash::from(self.nar_hash).to_text(HashFormat::Sri);
        let members: [(&str, Value); 6] = [
            ("ca", address.unwrap_or_default()),
            ("narHash", json!(hash)),
            ("narSize", json!(self.nar_size)),
            ("references", references),
            ("storeDir", json!(dir.as_str())),
            ("version", json!(version.number())),
        ];
        members
            .map(|(key, value)| (key.into(), value))
            .into_iter()
            .collect()
    }

    /// Reads the path info of `path`, or of the path it names, in the version it states or else the
    /// one that is given.
    pub(crate) fn from_cursor(
        dir: &StoreDir,
        version: JsonVersion,
        path: Option<&StorePath>,
        object: &Cursor<'_>,
    ) -> Result<Self, JsonError> {
        let version = JsonVersion::of(object, version)?;
        check_store_dir(dir, object)?;
        let info = Self::new(
            read_path(dir, version, path, object)?,
            object.field("narHash")?.parse_with(parse_nar_hash)?,
            object.field("narSize")?.u64()?,
        );
        let deriver = object.nullable("deriver")?;
        let time = object.nullable("registrationTime")?;
        let ultimate = object.nullable("ultimate")?;
        let address = object.nullable("ca")?;
        Ok(Self {
            deriver: deriver
                .map(|path| version.parse_path(dir, &path))
                .transpose()?,
            references: read_set(object.field("references")?, |path| {
                version.parse_path(dir, path)
            })?,
            registration_time: time.map_or(Ok(0), |time| time.u64())?,
            ultimate: ultimate.map_or(Ok(false), |ultimate| ultimate.bool())?,
            signatures: read_signatures(object)?,
            content_address: address
                .map(|address| version.parse_content_address(&address))
                .transpose()?,
            ..info
        })
    }
}

/// Reads the member `signatures`, which is missing where there are none.
pub(crate) fn read_signatures(object: &Cursor<'_>) -> Result<BTreeSet<Signature>, JsonError> {
    let list = object.nullable("signatures")?;
    list.map_or(Ok(BTreeSet::new()), |list| {
        read_set(list, Signature::from_cursor)
    })
}

fn read_set<T: Ord>(
    list: Cursor<'_>,
    read: impl Fn(&Cursor<'_>) -> Result<T, JsonError>,
) -> Result<BTreeSet<T>, JsonError> {
    list.array()?.map(|item| read(&item)).collect()
}

pub(super) fn check_store_dir(dir: &StoreDir, object: &Cursor<'_>) -> Result<(), JsonError> {
    let Some(found) = object.nullable("storeDir")? else {
        return Ok(());
    };
    let text = found.string()?;
    if text == dir.as_str() {
        return Ok(());
    }
    Err(found.invalid(format!("the store is not {dir}")))
}

fn read_path(
    dir: &StoreDir,
    version: JsonVersion,
    expected: Option<&StorePath>,
    object: &Cursor<'_>,
) -> Result<StorePath, JsonError> {
    let Some(expected) = expected else {
        return version.parse_path(dir, &object.field("path")?);
    };
    if let Some(found) = object.nullable("path")? {
        let path = version.parse_path(dir, &found)?;
        if path != *expected {
            return Err(found.invalid(format!("the path is not {expected}")));
        }
    }
    Ok(expected.clone())
}

fn parse_nar_hash(text: &str) -> Result<Sha256, HashError> {
    Sha256::try_from(Hash::parse_prefixed(text)?)
}
