//! How a database is opened.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use nix_core::store_path::StoreDir;

use super::error::{NixDbError, NixDbResult, io_error};

/// Where Nix has its database.
pub const SYSTEM_DB: &str = "/nix/var/nix/db/db.sqlite";

/// The version of the schema that is known, as the file `schema` beside the database says it.
pub const SCHEMA_VERSION: &str = "10";

/// How many bytes of the file `schema` are looked at.
const SCHEMA_FILE_BYTES_MAX: u64 = 64;

/// How a database of Nix is opened.
///
/// # Examples
/// ```
/// use nix_store::nix_db::{NixDbAccess, NixDbOptions};
///
/// let options = NixDbOptions::default();
/// assert_eq!(options.access, NixDbAccess::Auto);
/// assert_eq!(options.store_dir.as_str(), "/nix/store");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NixDbOptions {
    /// What may be done to the file.
    pub access: NixDbAccess,
    /// The directory that all paths of the database lie in.
    pub store_dir: StoreDir,
}

/// What may be done to the file of a database.
///
/// Nix writes its changes to a journal (`db.sqlite-wal`) first, and moves them into `db.sqlite` from
/// time to time, and when its last process closes it.
///
/// | access | sees | locks and files | right for |
/// | --- | --- | --- | --- |
/// | `Immutable` | `db.sqlite` alone; refuses where a journal has more | none | copies, images, file systems that may not be written |
/// | `ReadOnly` | everything committed | shared locks, `db.sqlite-shm` | a store that Nix changes meanwhile |
/// | `Write` | everything committed | those of a writer | registering paths |
///
/// A database that is written while it is read as `Immutable` may give errors, or answers of two
/// moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NixDbAccess {
    /// `Immutable` where no journal has more than the database, `ReadOnly` where one does. Never
    /// changes a byte of the database.
    #[default]
    Auto,
    /// Takes no lock and makes no file.
    Immutable,
    /// Reads as any process does.
    ReadOnly,
    /// Reads and writes. The database must exist.
    Write,
}

/// Decides how the file is really opened.
pub(super) fn settle(path: &Path, access: NixDbAccess) -> NixDbResult<NixDbAccess> {
    let journal = || pending_journal(path);
    match access {
        NixDbAccess::Auto if journal()?.is_some() => Ok(NixDbAccess::ReadOnly),
        NixDbAccess::Auto => Ok(NixDbAccess::Immutable),
        NixDbAccess::Immutable => match journal()? {
            Some(path) => Err(NixDbError::Journal { path }),
            None => Ok(access),
        },
        NixDbAccess::ReadOnly | NixDbAccess::Write => Ok(access),
    }
}

/// Returns the journal that is not empty, of either kind that SQLite has.
fn pending_journal(path: &Path) -> NixDbResult<Option<PathBuf>> {
    for suffix in ["-wal", "-journal"] {
        let mut journal = path.as_os_str().to_owned();
        journal.push(suffix);
        let journal = PathBuf::from(journal);
        match std::fs::metadata(&journal) {
            Ok(metadata) if metadata.len() > 0 => return Ok(Some(journal)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error("inspect", journal)(error)),
        }
    }
    Ok(None)
}

/// Checks what the file `schema` beside the database says, where there is one.
pub(super) fn check_schema_file(path: &Path) -> NixDbResult<()> {
    use std::io::Read;
    let path = path.with_file_name("schema");
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("open", path)(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(SCHEMA_FILE_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(io_error("read", &path))?;
    if bytes.trim_ascii() == SCHEMA_VERSION.as_bytes() {
        return Ok(());
    }
    let found = String::from_utf8_lossy(&bytes).into_owned();
    Err(NixDbError::Schema { path, found })
}

/// Returns the URI of a file as SQLite reads it: what is not plain is percent-encoded.
#[cfg(unix)]
pub(super) fn uri(path: &Path, access: NixDbAccess) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a string takes what is written");
        }
    }
    uri.push_str(match access {
        NixDbAccess::Auto | NixDbAccess::Immutable => "?mode=ro&immutable=1",
        NixDbAccess::ReadOnly => "?mode=ro",
        NixDbAccess::Write => "?mode=rw",
    });
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_add_parameters_to_its_uri() {
        let path = Path::new("/a b?mode=rwc#%41/db.sqlite");
        assert_eq!(
            uri(path, NixDbAccess::Auto),
            "file:/a%20b%3Fmode%3Drwc%23%2541/db.sqlite?mode=ro&immutable=1"
        );
    }
}
