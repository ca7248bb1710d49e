//! What lies in a store's directory.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use nix_core::store_path::StorePath;
use rustix::{fs::AtFlags, io::Errno};

use super::problem::{MetadataProblem, Problem};
use crate::{
    local::LocalStore,
    optimise::tree::{Visit, failed, is_canonical_mode, is_canonical_time, mode, names, walk},
    store::Result,
};

/// What lies in a store's directory and is no object: the links of deduplicated files, and ours.
const NO_OBJECTS: [&[u8]; 2] = [b".links", b".netabase"];

/// How many names are looked up while the database is held, which nobody else can change meanwhile.
const HELD_NAMES: usize = 1024;

/// How many problems with metadata are listed of an object.
const METADATA_PROBLEMS_MAX: usize = 1000;

/// Whether something has the name of an object.
pub(super) fn is_there(store: &LocalStore, path: &StorePath) -> Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    match rustix::fs::statat(store.directory(), path.base_name(), flags) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(failed("inspect", &store.real_path(path))(error)),
    }
}

/// Lists what lies in the store's directory without being valid, sorted.
pub(super) fn leftovers(store: &LocalStore) -> Result<Vec<Problem>> {
    let listed = names(store.directory());
    let mut names = listed.map_err(failed("list", &store.layout().real_store_dir))?;
    names.sort_unstable();
    let mut leftovers = Vec::new();
    for names in names.chunks(HELD_NAMES) {
        let _hold = store.database().hold_to_read()?;
        for name in names {
            let name = name.as_bytes();
            // One whose name is no store path cannot be valid.
            let is_valid = match StorePath::from_base_name_bytes(name) {
                Ok(path) => store.database().is_valid(&path)?,
                Err(_) => NO_OBJECTS.contains(&name),
            };
            if !is_valid {
                let name = OsStr::from_bytes(name).to_owned();
                leftovers.push(Problem::Leftover { name });
            }
        }
    }
    Ok(leftovers)
}

/// Looks for permissions and times that objects do not have.
pub(super) fn metadata(
    store: &LocalStore,
    path: &StorePath,
    problems: &mut Vec<Problem>,
) -> Result<()> {
    let depth_max = store.options().limits.depth_max;
    let mut count = 0;
    walk(
        store.directory(),
        &store.real_path(path),
        depth_max,
        &mut |visit| {
            let (Visit::Leaf(node) | Visit::Directory(node)) = visit else {
                return Ok(());
            };
            let wrong_mode = !is_canonical_mode(node.stat);
            let wrong_time = !is_canonical_time(node.stat);
            let mode = wrong_mode.then(|| MetadataProblem::Mode(u64::from(mode(node.stat).bits())));
            let time = wrong_time.then_some(MetadataProblem::Time(node.stat.st_mtime));
            for what in mode.into_iter().chain(time) {
                count += 1;
                if count <= METADATA_PROBLEMS_MAX {
                    problems.push(Problem::Metadata {
                        path: path.clone(),
                        file: node.path.to_owned(),
                        what,
                    });
                }
            }
            Ok(())
        },
    )
}
