//! Trees of files as JSON and as archives.

use std::str::{self, Utf8Error};

use nix_core::{
    json::{JsonError, JsonErrorKind},
    store_path::StorePath,
};
use nix_io::nar::{DecodeErrorKind, EncodeError, Encoder, Event, NarLimits, ReadError, Reader};
use serde_json::{Map, Value, json};

use crate::store::{Error, NoJsonError, Result};

/// The most nodes on a path: JSON has two levels for each, in a document that has three levels
/// around the tree and is read to a depth of 127.
const DEPTH_MAX: usize = 62;

/// Returns the archive of a tree.
pub(super) fn tree_to_nar(root: &Value) -> Result<Vec<u8>, JsonError> {
    let mut walk = Walk::default();
    let mut node = root;
    loop {
        walk.node(node).map_err(|kind| walk.error(kind))?;
        match walk.next() {
            Ok(Some(next)) => node = next,
            Ok(None) => return Ok(walk.bytes),
            Err(error) => return Err(walk.error(value(&error))),
        }
    }
}

/// Returns the archive of a file that is not executable.
pub(super) fn file_archive(contents: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(NarLimits::default());
    let encoded = regular(&mut encoder, &mut bytes, false, contents);
    encoded.expect("a file alone can always be encoded");
    bytes
}

/// Where in a tree we are.
#[derive(Default)]
struct Walk<'v> {
    encoder: Encoder,
    bytes: Vec<u8>,
    /// The directories that are open, with the entries that come.
    open: Vec<Open<'v>>,
}

struct Open<'v> {
    entries: std::vec::IntoIter<(&'v str, &'v Value)>,
    /// The entry at hand.
    name: &'v str,
}

impl<'v> Walk<'v> {
    /// Encodes a node; of a directory, that it begins.
    fn node(&mut self, node: &'v Value) -> Result<(), JsonErrorKind> {
        let (encoder, bytes) = (&mut self.encoder, &mut self.bytes);
        match text(node, "type")? {
            "regular" => {
                only_fields(node, &["contents", "executable", "type"])?;
                let executable = match node.get("executable") {
                    None => false,
                    Some(Value::Bool(executable)) => *executable,
                    Some(_) => return Err(expected("`executable` to be a boolean")),
                };
                let contents = text(node, "contents")?.as_bytes();
                regular(encoder, bytes, executable, contents).map_err(|e| value(&e))
            }
            "symlink" => {
                only_fields(node, &["target", "type"])?;
                let target = text(node, "target")?.as_bytes();
                let encoded = encoder.encode(Event::Symlink { target }, bytes);
                encoded.map_err(|e| value(&e))
            }
            "directory" => {
                only_fields(node, &["entries", "type"])?;
                let Some(Value::Object(entries)) = node.get("entries") else {
                    return Err(expected("`entries` to be an object"));
                };
                let mut entries: Vec<_> = entries.iter().map(|(k, v)| (k.as_str(), v)).collect();
                // A map may keep the order of the text.
                entries.sort_unstable_by_key(|(name, _)| *name);
                let encoded = encoder.encode(Event::Directory, bytes);
                encoded.map_err(|e| value(&e))?;
                let entries = entries.into_iter();
                self.open.push(Open { entries, name: "" });
                Ok(())
            }
            other => Err(expected(&format!("a type of file, not {other:?}"))),
        }
    }

    /// Begins the next entry, having ended the directories that have no more.
    fn next(&mut self) -> Result<Option<&'v Value>, EncodeError> {
        while let Some(open) = self.open.last_mut() {
            if let Some((name, node)) = open.entries.next() {
                open.name = name;
                let name = name.as_bytes();
                self.encoder
                    .encode(Event::Entry { name }, &mut self.bytes)?;
                return Ok(Some(node));
            }
            self.encoder.encode(Event::DirectoryEnd, &mut self.bytes)?;
            self.open.pop();
        }
        Ok(None)
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        let open = self.open.iter().filter(|open| !open.name.is_empty());
        let way: Vec<_> = open.flat_map(|open| ["entries", open.name]).collect();
        JsonError::at(&way, kind)
    }
}

fn regular(
    encoder: &mut Encoder,
    bytes: &mut Vec<u8>,
    executable: bool,
    contents: &[u8],
) -> Result<(), EncodeError> {
    let (size, offset) = (contents.len() as u64, 0);
    let regular = Event::Regular {
        executable,
        size,
        offset,
    };
    encoder.encode(regular, bytes)?;
    if !contents.is_empty() {
        encoder.encode(Event::Contents(contents), bytes)?;
    }
    encoder.encode(Event::RegularEnd, bytes)
}

fn text<'v>(node: &'v Value, field: &str) -> Result<&'v str, JsonErrorKind> {
    let found = node.get(field).and_then(Value::as_str);
    found.ok_or_else(|| expected(&format!("an object in which `{field}` is a string")))
}

fn only_fields(node: &Value, names: &[&str]) -> Result<(), JsonErrorKind> {
    let fields = node.as_object().into_iter().flatten();
    match fields
        .map(|(name, _)| name)
        .find(|name| !names.contains(&name.as_str()))
    {
        Some(name) => Err(expected(&format!("no field {name:?}"))),
        None => Ok(()),
    }
}

fn expected(what: &str) -> JsonErrorKind {
    JsonErrorKind::Value(format!("expected {what}"))
}

fn value(error: &EncodeError) -> JsonErrorKind {
    JsonErrorKind::Value(error.to_string())
}

/// Returns the tree of an archive.
pub(super) fn nar_to_tree(path: &StorePath, nar: &[u8]) -> Result<Value> {
    let limits = NarLimits {
        depth_max: DEPTH_MAX,
        name_bytes_max: usize::MAX,
        target_bytes_max: usize::MAX,
        archive_bytes_max: u64::MAX,
    };
    let mut tree = Tree::default();
    let mut reader = Reader::new(nar, limits);
    while tree.root.is_none() {
        let event = reader.next().map_err(|error| tree_error(path, error))?;
        if tree.take(event).is_err() {
            let place = place(reader.path());
            return Err(no_json(path, NoJsonError::NotUtf8 { place }));
        }
    }
    Ok(tree.root.unwrap_or_default())
}

/// A tree of which some was read.
#[derive(Default)]
struct Tree {
    open: Vec<Map<String, Value>>,
    /// The names of the entries at hand, one for each open directory at most.
    names: Vec<String>,
    executable: bool,
    contents: Vec<u8>,
    root: Option<Value>,
}

impl Tree {
    fn take(&mut self, event: Event<'_>) -> Result<(), Utf8Error> {
        match event {
            Event::Regular { executable, .. } => self.executable = executable,
            Event::Contents(bytes) => self.contents.extend_from_slice(bytes),
            Event::RegularEnd => {
                let contents = std::mem::take(&mut self.contents);
                let contents = String::from_utf8(contents).map_err(|e| e.utf8_error())?;
                let executable = self.executable;
                self.put(json!({
                    "contents": contents, "executable": executable, "type": "regular",
                }));
            }
            Event::Symlink { target } => {
                let target = str::from_utf8(target)?;
                self.put(json!({ "target": target, "type": "symlink" }));
            }
            Event::Directory => self.open.push(Map::new()),
            Event::Entry { name } => self.names.push(str::from_utf8(name)?.to_owned()),
            Event::DirectoryEnd => {
                let entries = self.open.pop().unwrap_or_default();
                self.put(json!({ "entries": entries, "type": "directory" }));
            }
            Event::End => {}
        }
        Ok(())
    }

    fn put(&mut self, node: Value) {
        match (self.open.last_mut(), self.names.pop()) {
            (Some(directory), Some(name)) => {
                directory.insert(name, node);
            }
            _ => self.root = Some(node),
        }
    }
}

fn tree_error(path: &StorePath, source: ReadError) -> Error {
    match source.decode().map(|error| error.kind) {
        Some(DecodeErrorKind::TooDeep { max }) => no_json(path, NoJsonError::TooDeep { max }),
        _ => {
            let path = path.to_string();
            Error::Nar { path, source }
        }
    }
}

fn no_json(path: &StorePath, source: NoJsonError) -> Error {
    let path = path.clone();
    Error::NoJson { path, source }
}

fn place<'n>(names: impl Iterator<Item = &'n [u8]>) -> String {
    names
        .map(|name| format!("/{}", name.escape_ascii()))
        .collect()
}
