//! What can go wrong, as one line.

use std::{io, path::PathBuf};

use netabase_store::NetabaseError;
use nix_core::{
    content_address::ContentAddressError,
    graph::{GraphError, PathCycle},
    store_path::{StoreDir, StorePathError, StorePathNameError},
};
use nix_store::{db::ClosureError, path_info, store};

use crate::key::KeyError;
#[cfg(feature = "peers")]
use crate::peer::PeerError;

use crate::{drv, hash, nar};

/// The result of a command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error(transparent)]
    Store(#[from] NetabaseError),
    #[error("there is no store at {}: make one by `netabase import`", path.display())]
    NoStore { path: PathBuf },
    #[error("open {}", path.display())]
    OpenInput { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    PathInfo(#[from] path_info::Error),
    #[error(transparent)]
    Hash(#[from] hash::Error),
    #[error(transparent)]
    Nar(#[from] nar::Error),
    #[error(transparent)]
    Drv(#[from] drv::Error),
    #[error("stopped after {stored} entries were stored; import again to continue")]
    Stopped { stored: u64, source: Box<Error> },
    #[error(transparent)]
    Closure(#[from] ClosureError),
    #[error("{path} is not in {}", db.display())]
    NoSuchPath { path: String, db: PathBuf },
    #[error("{referrer} refers to {path}, which is not in {}", db.display())]
    Dangling {
        referrer: String,
        path: String,
        db: PathBuf,
    },
    #[error("{} is a folder, as sled stores are: this program is built without sled", path.display())]
    #[cfg(not(feature = "sled"))]
    NoSled { path: PathBuf },
    #[error("line {line} of {}", input.display())]
    Line {
        input: PathBuf,
        line: u64,
        source: Box<Error>,
    },
    #[error("{path}{}{what}", if path.is_empty() { "" } else { ": " })]
    Misfit { path: String, what: String },
    #[error("not JSON: {what}")]
    Json { what: String },
    #[error("it ends before its first line, the schema")]
    NoHeader,
    #[error("a line of more than {max} bytes")]
    LineTooLong { max: u64 },
    #[error("read a line")]
    ReadLine(#[source] io::Error),
    #[error("{} has {problems} problems", db.display())]
    Unsound { db: PathBuf, problems: u64 },
    #[error("not all of {} could be read: {} has the rest", from.display(), to.display())]
    NotWhole { from: PathBuf, to: PathBuf },
    #[error("a mistake in this program: {message}")]
    Bug { message: String },
    #[error(transparent)]
    Objects(#[from] store::Error),
    #[error(transparent)]
    NixDb(#[from] nix_store::nix_db::NixDbError),
    #[error(transparent)]
    #[cfg(feature = "peers")]
    Peer(Box<PeerError>),
    #[error("there is no store of objects at {}: make one by `netabase store add`", path.display())]
    NoObjects { path: PathBuf },
    #[error("say which store: --db FILE or --store STORE")]
    NoPlace,
    #[error("{path} is no derivation that {} knows", db.display())]
    NoSuchDerivation { path: String, db: PathBuf },
    #[error("{path} is not valid in the store of {store_dir}")]
    NotInStore { path: String, store_dir: StoreDir },
    #[error("{path:?}")]
    StorePath {
        path: String,
        source: StorePathError,
    },
    #[error("an object cannot have the name {name:?}")]
    ObjectName {
        name: String,
        source: StorePathNameError,
    },
    #[error("--name names one object, not several")]
    NameOfMany,
    #[error("add by this hash")]
    ContentAddress(#[from] ContentAddressError),
    #[error("put the objects in order")]
    Graph(#[from] GraphError),
    #[error("put the objects in order")]
    Cycle(#[from] PathCycle),
    #[error("make a pipe")]
    Pipe(#[source] io::Error),
    #[error("look at {}", path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error("write {}", path.display())]
    WriteFile { path: PathBuf, source: io::Error },
    #[error("write the output")]
    Output(#[source] io::Error),
}

#[cfg(feature = "peers")]
impl From<PeerError> for Error {
    fn from(error: PeerError) -> Self {
        Self::Peer(Box::new(error))
    }
}

impl Error {
    /// Returns the error and its causes in one line.
    pub(crate) fn line(&self) -> String {
        with_causes(self)
    }
}

/// Returns any error and its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    one_line(&text)
}

/// Returns a text with its control characters escaped, so that it is one line and moves no cursor.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            symbol if symbol.is_control() => line.extend(symbol.escape_default()),
            symbol => line.push(symbol),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_and_its_causes_are_one_line() {
        let source = io::Error::new(io::ErrorKind::NotFound, "gone\nfor good");
        let error = Error::OpenInput {
            path: PathBuf::from("x"),
            source,
        };
        assert_eq!(error.line(), "open x: gone\\nfor good");
        let error = Error::Stopped {
            stored: 5,
            source: Box::new(error),
        };
        assert!(
            error
                .line()
                .ends_with("to continue: open x: gone\\nfor good")
        );
    }
}
