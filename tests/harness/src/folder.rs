//! Folders for what is written and thrown away.

use std::{io, path::Path};

use tempfile::TempDir;

/// Where Linux keeps files in memory. A kill loses nothing of them, only a loss of power does.
const IN_MEMORY: &str = "/dev/shm";

/// Creates a folder that is removed with its handle: in memory where the system offers it.
///
/// # Errors
/// Fails when there is no place for temporary files.
pub(crate) fn fast_folder() -> io::Result<TempDir> {
    let builder = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("netabase-");
        builder
    };
    let in_memory = Path::new(IN_MEMORY).is_dir();
    let made = in_memory.then(|| builder().tempdir_in(IN_MEMORY));
    match made {
        Some(Ok(folder)) => Ok(folder),
        _ => builder().tempdir(),
    }
}
