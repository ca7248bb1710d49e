//! Which derivation is meant: a file, or one in a store.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use nix_core::{
    derivation::Derivation,
    json::parse_value,
    store_path::{HASH_PART_LEN, StoreDir, StorePath, StorePathName},
};
use nix_io::read::BoundedReader;

use crate::drv::{
    Error, StoreArgs,
    error::Failure,
    files::{derivation_of, find_build_hash, get, is_build_hash, is_json},
};

/// The largest derivation that is read: many times the largest there are.
const DERIVATION_BYTES_MAX: u64 = 256 << 20;

/// What ends the name of a derivation's file.
const SUFFIX: &str = ".drv";

/// A derivation that is meant.
pub(super) struct Target {
    pub(super) file: PathBuf,
    /// Its path, where the name of the file says it.
    pub(super) path: Option<StorePath>,
    /// Its name, without the suffix.
    pub(super) name: StorePathName,
    /// What it says, where it was found by its build hash.
    pub(super) found: Option<Box<Derivation>>,
}

impl Target {
    /// Finds what a text means: a path in the store, whatever exists by that name, a base name, a
    /// hash part, or the beginning of a build hash.
    pub(super) fn find(
        text: &OsStr,
        store_dir: &StoreDir,
        store: &StoreArgs,
    ) -> Result<Self, Error> {
        let folder = &store.folder();
        if let Some(path) = text.to_str().and_then(|text| store_dir.parse(text).ok()) {
            return Self::in_store(path, folder);
        }
        let file = Path::new(text);
        if fs::symlink_metadata(file).is_ok() {
            return Self::of_file(file);
        }
        if let Some(text) = text.to_str() {
            if let Ok(path) = StorePath::from_base_name(text) {
                return Self::in_store(path, folder);
            }
            if is_build_hash(text) {
                return Self::with_hash(text, store_dir, store);
            }
        }
        let source = io::Error::from(ErrorKind::NotFound);
        let path = file.to_owned();
        if file.extension().is_some_and(|extension| extension == "drv") {
            return Err(Error::Read { path, source });
        }
        let text = text.to_string_lossy().into_owned();
        Err(Error::Unclear { text })
    }

    /// Finds what a text means, as [`find`](Self::find) does; of a file of JSON the name is inside.
    pub(super) fn of_any(
        text: &OsStr,
        store_dir: &StoreDir,
        store: &StoreArgs,
    ) -> Result<Self, Error> {
        let file = Path::new(text);
        if !file.is_file() {
            return Self::find(text, store_dir, store);
        }
        let bytes = read(file)?;
        if !is_json(&bytes) {
            return Self::find(text, store_dir, store);
        }
        let derivation = read_json(file, &bytes, store_dir)?;
        Ok(Self {
            file: file.to_owned(),
            path: None,
            name: derivation.name.clone(),
            found: Some(Box::new(derivation)),
        })
    }

    /// Finds a hash part in the store, or else the one build hash that begins so.
    fn with_hash(text: &str, store_dir: &StoreDir, store: &StoreArgs) -> Result<Self, Error> {
        let files = store.files(store_dir)?;
        if text.len() == HASH_PART_LEN && files.find_by_prefix(text)?.is_empty() {
            let folder = store.folder();
            return Self::in_store(with_hash_part(text, &folder)?, &folder);
        }
        let found = get(&files, &find_build_hash(text, &files)?)?;
        Ok(Self {
            file: found.file,
            path: None,
            name: found.derivation.name.clone(),
            found: Some(Box::new(found.derivation)),
        })
    }

    pub(super) fn in_store(path: StorePath, folder: &Path) -> Result<Self, Error> {
        let Some(name) = path.to_name().without_derivation_suffix() else {
            return Err(Error::NotDerivation { path });
        };
        Ok(Self {
            file: folder.join(path.base_name()),
            path: Some(path),
            name,
            found: None,
        })
    }

    fn of_file(file: &Path) -> Result<Self, Error> {
        let path = file.to_owned();
        let base_name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if let Ok(path) = StorePath::from_base_name(base_name)
            && path.is_derivation()
        {
            let folder = file.parent().unwrap_or(Path::new(""));
            return Self::in_store(path, folder);
        }
        let Some(name) = base_name.strip_suffix(SUFFIX) else {
            return Err(Error::Suffix { file: path });
        };
        match StorePathName::new(name) {
            Ok(name) => Ok(Self {
                file: path,
                path: None,
                name,
                found: None,
            }),
            Err(source) => Err(Error::Name { file: path, source }),
        }
    }

    /// Returns the folder that the file lies in.
    pub(super) fn folder(&self) -> PathBuf {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// Reads the derivation, in whatever format it is.
    pub(super) fn derivation(&self, store_dir: &StoreDir) -> Result<Derivation, Error> {
        if let Some(found) = &self.found {
            return Ok((**found).clone());
        }
        let bytes = read(&self.file)?;
        if is_json(&bytes) {
            return read_json(&self.file, &bytes, store_dir);
        }
        self.parse(store_dir, &bytes)
    }

    /// Reads the derivation of the contents of the file.
    pub(super) fn parse(&self, store_dir: &StoreDir, bytes: &[u8]) -> Result<Derivation, Error> {
        let derivation = Derivation::parse_aterm(store_dir, self.name.clone(), bytes);
        derivation.map_err(|source| self.failed(source))
    }

    /// Says that something failed in this file.
    pub(super) fn failed(&self, source: impl Into<Failure>) -> Error {
        Error::In {
            file: self.file.clone(),
            source: source.into(),
        }
    }
}

/// Reads a file whole.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || {
        let mut bytes = Vec::new();
        let file = BoundedReader::new(File::open(path)?).bytes_max(DERIVATION_BYTES_MAX);
        { file }.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| {
        let path = path.to_owned();
        Error::Read { path, source }
    })
}

fn read_json(file: &Path, bytes: &[u8], store_dir: &StoreDir) -> Result<Derivation, Error> {
    let derivation = parse_value(bytes)
        .map_err(Failure::from)
        .and_then(|value| derivation_of(&value, store_dir));
    derivation.map_err(|source| {
        let file = file.to_owned();
        Error::In { file, source }
    })
}

/// Finds the one derivation in a folder that has a hash part.
fn with_hash_part(hash_part: &str, folder: &Path) -> Result<StorePath, Error> {
    let error = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut found: Option<StorePath> = None;
    let mut other = None;
    for entry in fs::read_dir(folder).map_err(error)? {
        let name = entry.map_err(error)?.file_name();
        let name = name.to_str().filter(|name| name.starts_with(hash_part));
        let Some(path) = name.and_then(|name| StorePath::from_base_name(name).ok()) else {
            continue;
        };
        match found {
            _ if !path.is_derivation() => other = Some(path),
            None => found = Some(path),
            Some(one) => {
                let (folder, other) = (folder.to_owned(), path);
                return Err(Error::Ambiguous { folder, one, other });
            }
        }
    }
    match (found, other) {
        (Some(path), _) => Ok(path),
        (None, Some(path)) => Err(Error::NotDerivation { path }),
        (None, None) => Err(Error::NoHashPart {
            folder: folder.to_owned(),
            hash_part: hash_part.to_owned(),
        }),
    }
}
