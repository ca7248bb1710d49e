//! Trees to pack.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
};

/// Returns bytes that are the same each time and do not compress.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[7]
    };
    (0..count).map(|_| next()).collect()
}

/// Makes a tree of what may go wrong: odd names, all lengths of padding, modes, links to nowhere.
pub(crate) fn hostile(root: &Path) {
    let folder = root.join("a");
    fs::create_dir_all(folder.join("empty")).expect("a folder");
    for size in 0..10 {
        fs::write(folder.join(format!("size-{size}")), noise(size)).expect("a file");
    }
    fs::write(root.join("large"), noise(200_000)).expect("a file");
    let executable = folder.join("executable");
    fs::write(&executable, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o4755)).expect("a mode");
    let group = folder.join("group-executable");
    fs::write(&group, "").expect("a file");
    fs::set_permissions(&group, fs::Permissions::from_mode(0o654)).expect("a mode");
    symlink("/nowhere/../at all", root.join("dangling")).expect("a symlink");
    symlink(".", root.join("loop")).expect("a symlink");
    for name in [
        &b"with space"[..],
        b"-rf",
        b"...",
        b"line\nbreak",
        b"\x1b[31m",
        b"\xff\xfe",
        b"\\",
        "gr\u{fc}n".as_bytes(),
        &[b'n'; 255],
    ] {
        fs::write(root.join(OsStr::from_bytes(name)), name).expect("a file");
    }
    let deep: std::path::PathBuf = (0..40).map(|level| format!("level-{level}")).collect();
    fs::create_dir_all(root.join(deep)).expect("folders");
}

/// Makes everything in a tree writable, so that it can be removed.
pub(crate) fn make_writable(root: &Path) {
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            continue;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        let entries = fs::read_dir(&path).expect("a folder");
        open.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
}
