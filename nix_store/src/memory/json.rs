//! The JSON of whole stores, as Nix has it of its `dummy` stores.

use std::sync::Arc;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    derivation::{Derivation, DerivationJson, read_derivations},
    hash::{Algorithm, Hash, Sha256},
    json::{JsonError, JsonErrorKind, parse_value},
    path_info::{JsonVersion, PathInfo},
    realisation::BuildTrace,
    signature::SignatureForm,
    store_path::{StoreDir, StorePath},
};
use serde_json::{Map, Value, json};

use crate::store::{AnyRealisation, Error, Result, parse_derivation};

use super::{
    MemoryStore,
    json_tree::{file_archive, nar_to_tree, tree_to_nar},
    layer::{Layer, measure},
    plan::Candidate,
    state::{Object, State},
};

const FIELDS: [&str; 4] = ["buildTrace", "config", "contents", "derivations"];

impl MemoryStore {
    /// Reads a store as [`to_json`](Self::to_json) and Nix's `dummy` stores print them.
    ///
    /// Realisations may lead to paths that the document does not hold; references may not.
    ///
    /// # Errors
    /// Fails on what is no such document and names the place in it; where an archive does not have
    /// the hash, the size or the content that its info says; where a derivation has another path;
    /// and where objects refer to what the document does not hold, or in a circle.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        let document = parse_value(text)?;
        only_fields(&document, &FIELDS, &[])?;
        let store_dir = read_store_dir(&document)?;
        let mut candidates = Vec::new();
        for (path, object) in fields(&document, &["contents"])? {
            candidates.push(read_object(&store_dir, path, object)?);
        }
        let derivations = part(&document, &["derivations"])?;
        let derivations = read_derivations(&store_dir, derivations);
        for (path, derivation) in derivations.map_err(|e| e.within(&["derivations"]))? {
            let candidate = of_derivation(&store_dir, &derivation)?;
            if candidate.info.path != path {
                let why = format!("the derivation has the path {}", candidate.info.path);
                return Err(invalid(&["derivations", path.base_name()], why).into());
            }
            candidates.push(candidate);
        }
        let trace = BuildTrace::from_json(part(&document, &["buildTrace"])?);
        let trace = trace.map_err(|error| error.within(&["buildTrace"]))?;
        let layer = Layer::new(store_dir);
        layer.commit(None, candidates)?;
        layer.replace_realisations(trace.iter().map(|(key, value)| {
            let (key, value) = (key.clone(), value.clone());
            AnyRealisation::Path(nix_core::realisation::Realisation { key, value })
        }));
        Ok(Self { layer })
    }

    /// Returns the store as JSON, in the form of Nix's `dummy` stores: its valid objects with their
    /// trees, its derivations and its realisations.
    ///
    /// A derivation of which more is known than follows from itself stands among the objects.
    ///
    /// # Errors
    /// Fails on objects that JSON cannot say: names, targets or contents that are not UTF-8, and
    /// trees of more than 62 nodes on a path, which would not be read again; and when a realisation
    /// is named by the hash of a derivation.
    pub fn to_json(&self) -> Result<Value> {
        let state = &*self.layer.read();
        let store_dir = &self.layer.store_dir;
        let (mut contents, mut derivations) = (Map::new(), Map::new());
        for (path, object) in &state.objects {
            let key = path.base_name().to_owned();
            match derivation_json(store_dir, object)? {
                Some(derivation) => derivations.insert(key, derivation),
                None => contents.insert(key, object_json(store_dir, object)?),
            };
        }
        Ok(json!({
            "buildTrace": build_trace(state)?.to_json(SignatureForm::Structured),
            "config": { "store": store_dir.as_str() },
            "contents": contents,
            "derivations": derivations,
        }))
    }
}

fn read_store_dir(document: &Value) -> Result<StoreDir, JsonError> {
    only_fields(part(document, &["config"])?, &["store"], &["config"])?;
    let way = ["config", "store"];
    let store_dir = part(document, &way)?.as_str();
    let store_dir = store_dir.ok_or_else(|| invalid(&way, "expected a string"))?;
    StoreDir::new(store_dir).map_err(|error| invalid(&way, error.to_string()))
}

fn read_object(store_dir: &StoreDir, path: &str, object: &Value) -> Result<Candidate> {
    let way = ["contents", path];
    only_fields(object, &["contents", "info"], &way)?;
    let field = |name| part(object, &[name]).map_err(|error| error.within(&way));
    let path = StorePath::from_base_name(path).map_err(|e| invalid(&way, e.to_string()))?;
    let info = PathInfo::from_json(store_dir, &path, field("info")?);
    let info = info.map_err(|error| error.within(&["info"]).within(&way))?;
    let nar = tree_to_nar(field("contents")?);
    let nar = nar.map_err(|error| error.within(&["contents"]).within(&way))?;
    measure(store_dir, &info, &nar)?;
    let nar = Some(Arc::from(nar));
    Ok(Candidate { info, nar })
}

/// Returns the object that a derivation is, and what follows from it.
fn of_derivation(store_dir: &StoreDir, derivation: &Derivation) -> Result<Candidate> {
    let compute = |source| Error::Compute {
        name: derivation.name.to_string(),
        source,
    };
    let text = derivation.to_aterm(store_dir).map_err(compute)?;
    let path = derivation.path(store_dir).map_err(compute)?;
    let nar = file_archive(&text);
    let mut info = PathInfo::new(path, Sha256::of(&nar), nar.len() as u64);
    info.content_address = Some(ContentAddress {
        method: ContentAddressMethod::Text,
        hash: Hash::of(Algorithm::Sha256, &text),
    });
    let inputs = &derivation.inputs;
    let references = inputs.sources.iter().chain(inputs.derivations.keys());
    info.references = references.cloned().collect();
    let nar = Some(Arc::from(nar));
    Ok(Candidate { info, nar })
}

/// Returns a derivation as JSON, or nothing where the object is none, or where it or what is known
/// of it would not be the same when it is read again.
fn derivation_json(store_dir: &StoreDir, object: &Object) -> Result<Option<Value>> {
    if !object.info.path.is_derivation() {
        return Ok(None);
    }
    let nar = &mut &object.nar[..];
    let derivation = parse_derivation(store_dir, &object.info.path, nar)?;
    if of_derivation(store_dir, &derivation)?.info != object.info {
        return Ok(None);
    }
    // What this form cannot say stands among the objects.
    Ok(derivation.to_json(store_dir, DerivationJson::V4).ok())
}

fn object_json(store_dir: &StoreDir, object: &Object) -> Result<Value> {
    Ok(json!({
        "contents": nar_to_tree(&object.info.path, &object.nar)?,
        "info": object.info.to_json(store_dir, JsonVersion::V3),
    }))
}

fn build_trace(state: &State) -> Result<BuildTrace> {
    let mut trace = BuildTrace::default();
    for realisation in state.realisations.values() {
        let AnyRealisation::Path(realisation) = realisation else {
            let what = "the JSON of a realisation that is named by a hash";
            return Err(Error::Unsupported { what });
        };
        trace.insert(realisation.clone())?;
    }
    Ok(trace)
}

/// Returns what fields lead to.
fn part<'v>(mut value: &'v Value, way: &[&str]) -> Result<&'v Value, JsonError> {
    for (depth, name) in (1..).zip(way) {
        let found = value.get(name);
        let missing = || JsonError::at(way.get(..depth).unwrap_or(way), JsonErrorKind::Missing);
        value = found.ok_or_else(missing)?;
    }
    Ok(value)
}

fn fields<'v>(document: &'v Value, way: &[&str]) -> Result<&'v Map<String, Value>, JsonError> {
    let fields = part(document, way)?.as_object();
    fields.ok_or_else(|| invalid(way, "expected an object"))
}

fn only_fields(value: &Value, names: &[&str], way: &[&str]) -> Result<(), JsonError> {
    let fields = value.as_object();
    let fields = fields.ok_or_else(|| invalid(way, "expected an object"))?;
    match fields.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(JsonError::at(&[name], JsonErrorKind::Unknown).within(way)),
        None => Ok(()),
    }
}

fn invalid(way: &[&str], why: impl Into<String>) -> JsonError {
    JsonError::at(way, JsonErrorKind::Value(why.into()))
}
