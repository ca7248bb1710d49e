//! The vectors of NixOS/nix, which lie beside the workspace (see `NETABASE_SHARED` in
//! CONTRIBUTING.md).

use std::{fs, path::PathBuf};

/// Returns the bytes of a vector such as `libstore/store-path/simple.json`, or nothing, having said
/// so, where the vectors may be missing; a single one may not.
pub(crate) fn read(path: &str) -> Option<Vec<u8>> {
    let file = folder()?.join(path);
    let bytes = fs::read(&file);
    Some(bytes.unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

/// Returns the names of the files in a folder of vectors, sorted, or nothing as [`read`] does.
pub(crate) fn list(path: &str) -> Option<Vec<String>> {
    let folder = folder()?.join(path);
    let entries = fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let entries = entries.map(|entry| entry.expect("an entry"));
    let files = entries.filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files
        .map(|entry| entry.file_name().into_string().expect("names are ASCII"))
        .collect();
    names.sort();
    Some(names)
}

/// Returns the folder of the vectors, or nothing as [`read`] does.
pub(crate) fn folder() -> Option<PathBuf> {
    test_data::shared("conformance/nix")
}
