//! Objects that were fetched go into the store.

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
};

use libp2p::PeerId;
use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_store::store::{Error as StoreError, ReadStore, WriteStore};

use super::{announcer::Announcer, error::ObjectError, shares::Shared};
use crate::peers::{lookup::Archive, transfer::Blob};

/// An object that the store has now.
pub(super) struct Added {
    pub(super) root: [u8; 32],
    /// Where it is to be shared.
    pub(super) shared: Option<Shared>,
}

/// Adds an object from the archive in a file of the node, or from another object with the same
/// archive, and remembers that it may be shared.
pub(super) fn add(
    announcer: &Announcer,
    twin: Option<StorePath>,
    archive: &Archive<PeerId>,
    is_shared: bool,
) -> Result<Added, ObjectError> {
    let (info, root) = (&archive.info, archive.root);
    match twin {
        Some(twin) => copy(announcer, &twin, info)?,
        None => {
            let place = announcer.spool.file(&root, "nar");
            add_file(announcer, info, &place)?;
        }
    }
    let blob = Blob::new(root, info.nar_size).map_err(ObjectError::Size)?;
    let (path, nar_hash) = (info.path.clone(), info.nar_hash);
    let shared = Shared {
        path,
        nar_hash,
        blob,
    };
    let shared = is_shared.then_some(shared);
    if let Some(shared) = &shared {
        let kept = announcer.remember(shared);
        let kept = kept.and_then(|()| announcer.provide(&blob));
        let kept = kept.and_then(|()| announcer.keep(&archive.announcement));
        if let Err(error) = kept {
            // The object is there; that others do not learn of it is no failure of the fetch.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(path = %shared.path, error, "cannot share the object");
        }
    } else {
        let removed = announcer.spool.remove(&root, "outboard");
        removed.map_err(ObjectError::Spool)?;
    }
    let removed = announcer.spool.remove(&root, "nar");
    removed.map_err(ObjectError::Spool)?;
    Ok(Added { root, shared })
}

/// Adds an object by the archive of another.
fn copy(announcer: &Announcer, twin: &StorePath, info: &PathInfo) -> Result<(), ObjectError> {
    let place = announcer.spool.new_file(announcer.number);
    let copied = copy_by(announcer, twin, info, &place);
    // It may not have been made; the first error is the one to report.
    let _ = fs::remove_file(place);
    copied
}

fn copy_by(
    announcer: &Announcer,
    twin: &StorePath,
    info: &PathInfo,
    place: &Path,
) -> Result<(), ObjectError> {
    let mut file = File::create_new(place).map_err(ObjectError::Spool)?;
    let written = announcer.store.write_nar(twin, &mut file);
    written.map_err(from_store)?;
    add_file(announcer, info, place)
}

/// Adds an object by the archive in a file.
fn add_file(announcer: &Announcer, info: &PathInfo, place: &Path) -> Result<(), ObjectError> {
    let file = File::open(place).map_err(ObjectError::Spool)?;
    let added = announcer
        .store
        .add_nar(info, &mut BufReader::new(announcer.stop.reader(file)));
    added.map(|_| ()).map_err(from_store)
}

pub(super) fn from_store(source: StoreError) -> ObjectError {
    ObjectError::Store(Box::new(source))
}
