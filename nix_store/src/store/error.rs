//! Why a store refuses.

use std::{io, path::PathBuf};

use netabase_store::NetabaseError;
use nix_core::{
    derivation::{AtermError, CheckError},
    graph::{GraphError, PathCycle},
    hash::Sha256,
    json::JsonError,
    realisation::MergeError,
    store_path::{ComputeError, StorePath},
};
use nix_io::nar::ReadError;
#[cfg(unix)]
use nix_io::nar::{PackError, UnpackError};

#[cfg(unix)]
use crate::drv_files::{DrvFileError, RecordError};
use crate::field::FieldError;

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path is not valid.
    #[error("{path} is not valid")]
    NotValid {
        /// Which path.
        path: StorePath,
    },
    /// The path is no derivation.
    #[error("{path} is no derivation")]
    NotADerivation {
        /// Which path.
        path: StorePath,
    },
    /// A reference of an object is not valid.
    #[error("{path} refers to {reference}, which is not valid")]
    ReferenceNotValid {
        /// The object.
        path: StorePath,
        /// What it refers to.
        reference: StorePath,
    },
    /// Objects that are registered together refer to each other in a circle.
    #[error("register objects")]
    Cycle(#[from] PathCycle),
    /// An object cannot be deleted, because another refers to it.
    #[error("{path} is referred to by {referrer}")]
    HasReferrers {
        /// The object.
        path: StorePath,
        /// One of those that refer to it.
        referrer: StorePath,
    },
    /// An archive has another hash than it should.
    #[error("{path} has the hash {found}, expected {expected}")]
    HashMismatch {
        /// The object.
        path: StorePath,
        /// What it should have.
        expected: Sha256,
        /// What it has.
        found: Sha256,
    },
    /// An archive has another size than it should.
    #[error("{path} has {found} bytes, expected {expected}")]
    SizeMismatch {
        /// The object.
        path: StorePath,
        /// What it should have.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// The content of an object does not have the hash that its content address says.
    #[error("the content of {path} has the hash {found}, its content address says {expected}")]
    ContentMismatch {
        /// The object.
        path: StorePath,
        /// What it should have, `<algorithm>:<nix32>`.
        expected: String,
        /// What it has.
        found: String,
    },
    /// A content address, the name and the references lead to another path.
    #[error("{path} has a content address that leads to {computed}")]
    OtherPath {
        /// The path that was given.
        path: StorePath,
        /// The path that follows.
        computed: StorePath,
    },
    /// A content address can have no path.
    #[error("compute the path of {name}")]
    Compute {
        /// The name of the object.
        name: String,
        /// Why it cannot.
        #[source]
        source: ComputeError,
    },
    /// An object that is addressed as one file is something else, or a derivation is executable.
    #[error("{name} is not one file, or a derivation that is executable")]
    NotAFile {
        /// The name of the object.
        name: String,
    },
    /// No signature of the path is of a trusted key.
    #[error("{path} has no signature of a trusted key")]
    Untrusted {
        /// The path.
        path: StorePath,
    },
    /// The path is registered with another hash.
    #[error("{path} is registered with the hash {registered}, not {said}")]
    Conflict {
        /// The path.
        path: StorePath,
        /// What the store has.
        registered: Sha256,
        /// What was said now.
        said: Sha256,
    },
    /// An output is known to lie elsewhere.
    #[error("register a realisation")]
    Realisation(#[from] MergeError),
    /// The store may only be read.
    #[error("the store may only be read")]
    ReadOnly,
    /// The store cannot do it.
    #[error("{what} is not supported by this store")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// A derivation file that is none.
    #[error("read the derivation {path}")]
    Derivation {
        /// Which one.
        path: StorePath,
        /// What is wrong with it.
        #[source]
        source: AtermError,
    },
    /// The path of a derivation is not the one that follows from its text and references.
    #[error("the derivation {path} has the contents of {computed}")]
    DerivationPath {
        /// The path that was given.
        path: StorePath,
        /// The path that follows.
        computed: StorePath,
    },
    /// An output of a derivation has another path than the one that follows, or none can follow.
    #[error("check the outputs of {path}")]
    DerivationOutputs {
        /// The derivation.
        path: StorePath,
        /// Which output, with both paths, or what is missing.
        #[source]
        source: Box<CheckError<Self>>,
    },
    /// A row of the database that does not say what it should.
    #[error("row of {path}")]
    Row {
        /// Of which path or realisation.
        path: String,
        /// Which field.
        #[source]
        source: FieldError,
    },
    /// The database failed.
    #[error("the store's database")]
    Database(#[from] NetabaseError),
    /// An archive cannot be read.
    #[error("read the archive of {path}")]
    Nar {
        /// Of which object.
        path: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// An archive cannot be unpacked.
    #[cfg(unix)]
    #[error("unpack {path}")]
    Unpack {
        /// Which object.
        path: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// Files cannot be read as an archive.
    #[cfg(unix)]
    #[error("pack {path}")]
    Pack {
        /// Which object.
        path: String,
        /// Why.
        #[source]
        source: PackError,
    },
    /// The file system refused something.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it was refused.
        #[source]
        source: io::Error,
    },
    /// A derivation is valid, but what it says was not registered.
    #[error("the outputs of {path} are unknown: it was registered without what it says")]
    UnknownDerivation {
        /// Which one.
        path: StorePath,
    },
    /// Another process, or another handle of this one, has the database open.
    #[error("the database in {} is in use{}", dir.display(), by(*holder))]
    Busy {
        /// The directory of the database.
        dir: PathBuf,
        /// The process that has it open, where the system says so.
        holder: Option<u32>,
    },
    /// The database is of another engine than it should be.
    #[error("the database in {} is of {found}", dir.display())]
    OtherEngine {
        /// The directory of the database.
        dir: PathBuf,
        /// The engine that it is of.
        found: &'static str,
    },
    /// Nothing lies where an object is to be registered.
    #[error("no object lies at {path}")]
    NotPlaced {
        /// The path.
        path: StorePath,
    },
    /// Whoever was to take an archive did not.
    #[error("write the archive of {path}")]
    WriteNar {
        /// Of which object.
        path: StorePath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The JSON of a store is malformed.
    #[error("read the JSON of a store")]
    Json(#[from] JsonError),
    /// JSON cannot say what an object holds.
    #[error("print {path} as JSON")]
    NoJson {
        /// Which object.
        path: StorePath,
        /// What it holds.
        #[source]
        source: NoJsonError,
    },
    /// Objects and what they refer to are too many to be put in order.
    #[error("put objects in order")]
    Graph(#[source] GraphError),
    /// Who reads an exported stream failed.
    #[error("write the exported stream")]
    Export(#[source] io::Error),
    /// An exported stream cannot be read.
    #[cfg(unix)]
    #[error("import the stream")]
    Import(#[source] Box<crate::local::ImportError>),
    /// A path cannot be deleted, because it is needed.
    #[error("{path} is alive because of the root {root}")]
    Alive {
        /// The path.
        path: StorePath,
        /// The root that leads to it.
        root: String,
    },
    /// A root cannot be made.
    #[error("make the root {}: {why}", link.display())]
    Root {
        /// Where it was to be.
        link: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// Nix's own database speaks of the objects that would be removed.
    #[error(
        "{} may know of objects that this store does not, and a Nix that collects there would delete \
         `.netabase`, where this store keeps its locks and what is being added: to Nix, what has the \
         name of no path is garbage",
        database.display()
    )]
    BesideNix {
        /// Nix's database.
        database: PathBuf,
    },
    /// A derivation file is absent or wrong.
    #[cfg(unix)]
    #[error("the derivation file {}", path.display())]
    DrvFile {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<DrvFileError>,
    },
    /// A derivation cannot be hashed, as it or one below it is missing or wrong.
    #[error("compute the build hash of {name}")]
    BuildHash {
        /// The name of the derivation.
        name: String,
        /// Why it cannot.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A build cannot be recorded.
    #[cfg(unix)]
    #[error("record the build of {name}")]
    Record {
        /// The name of the derivation.
        name: String,
        /// Why it cannot.
        #[source]
        source: Box<RecordError>,
    },
    /// Nix's own database refused something, or holds what it should not.
    #[cfg(all(feature = "nix-db", unix))]
    #[error("Nix's database")]
    NixDb(#[source] Box<crate::nix_db::NixDbError>),
}

/// What JSON cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoJsonError {
    /// Contents, a name or a target that is no text.
    #[error("{place:?} is not UTF-8")]
    NotUtf8 {
        /// The names that lead to it, with a `/` before each.
        place: String,
    },
    /// More directories in each other than are read again.
    #[error("nested more than {max} deep")]
    TooDeep {
        /// The most nodes on a path.
        max: usize,
    },
}

#[cfg(all(feature = "nix-db", unix))]
impl From<crate::nix_db::NixDbError> for Error {
    fn from(error: crate::nix_db::NixDbError) -> Self {
        Self::NixDb(Box::new(error))
    }
}

/// The result of asking or changing a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn by(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |process| format!(" by process {process}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stay_small() {
        assert!(size_of::<Error>() <= 128);
    }
}
