//! Copies of a whole store, table by table, in the order of their keys.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    backends::{
        Backend, End, EngineOptions, OpenBackend, Span, TableEdits, TableId, TableSet, WriteSet,
    },
    error::{NetabaseError, Result, StoreError},
    options::{CACHE_BYTES_DEFAULT, Verify},
    reader::Reader,
};

/// About how many bytes of rows a copy or a load holds in memory.
pub(crate) const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// Writes the tables to a new store of the engine `T` at `path`.
///
/// The store is written beside its place and renamed when it is complete and on disk.
///
/// # Errors
/// Fails when something is at `path`, or when an engine or the file system fails.
pub(crate) fn copy_tables<B: Backend, T: OpenBackend>(
    reader: &Reader<B>,
    tables: &Arc<TableSet>,
    path: &Path,
) -> Result<()> {
    create_aside(path, |partial| write_copy::<B, T>(reader, tables, partial))
}

/// Has `write` make a store beside `path`, and moves it there when it is complete and on disk.
///
/// # Errors
/// Fails when something is at `path`, or when `write` or the file system fails; then nothing is
/// left behind.
pub(crate) fn create_aside<E: From<NetabaseError>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    if path
        .try_exists()
        .map_err(|source| failed("look for", path, source))?
    {
        return Err(failed(
            "create a store at",
            path,
            io::ErrorKind::AlreadyExists.into(),
        )
        .into());
    }
    let partial = partial_of(path);
    remove(&partial)?;
    let written = write(&partial).and_then(|()| Ok(rename(&partial, path)?));
    if written.is_err() {
        // The first failure is the one to tell; the next attempt removes what stays.
        let _ = remove(&partial);
    }
    written
}

pub(crate) fn write_copy<B: Backend, T: OpenBackend>(
    reader: &Reader<B>,
    tables: &Arc<TableSet>,
    path: &Path,
) -> Result<()> {
    let options = EngineOptions {
        create: true,
        read_only: false,
        cache_bytes: CACHE_BYTES_DEFAULT,
        verify: Verify::None,
    };
    let mut target = T::open(path, &options)?;
    for number in 0..tables.len() {
        let number = u16::try_from(number);
        let table = TableId(number.expect("a definition has fewer than 65,535 tables"));
        copy_table(reader, tables, table, &target)?;
    }
    target.sync()?;
    target.trim()?;
    target.sync()
}

fn copy_table<B: Backend, T: Backend>(
    reader: &Reader<B>,
    tables: &TableSet,
    table: TableId,
    target: &T,
) -> Result<()> {
    let mut rows = reader.rows(table, &Span::ALL)?;
    let (mut chunk, mut bytes) = (TableEdits::new(), 0);
    loop {
        let row = rows.step(End::Front, |key, value| (key.to_vec(), value.to_vec()))?;
        let is_last = row.is_none();
        if let Some((key, value)) = row {
            bytes += key.len() + value.len();
            chunk.insert(key.into(), Some(value.into()));
        }
        if !chunk.is_empty() && (is_last || bytes >= CHUNK_BYTES) {
            let edits = Arc::new(std::mem::take(&mut chunk));
            let set = WriteSet {
                tables: [(table, edits)].into(),
            };
            target.apply(tables, set, false)?;
            bytes = 0;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Returns where a store is written before it is complete.
pub(crate) fn partial_of(path: &Path) -> PathBuf {
    beside(path, "partial")
}

/// Returns the path with another ending after the whole name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// Moves a store to a place in the same folder, and the move to disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|source| failed("move a store to", to, source))?;
    sync_folder(to).map_err(|source| failed("sync the folder of", to, source))
}

/// Removes a file or a folder, if there is one.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|source| failed("remove", path, source))
}

pub(crate) fn failed(action: &'static str, path: &Path, source: io::Error) -> NetabaseError {
    StoreError::Io {
        action,
        path: path.into(),
        source,
    }
    .into()
}

/// Makes a rename in the folder of `path` survive a power loss.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix) {
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
