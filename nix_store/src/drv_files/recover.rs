//! Finishing what crashed processes began.

use std::fs::TryLockError;

use super::{
    BuildHash, BuildOutputs, DrvFiles,
    folder::Folder,
    pending::{PREFIX, Pending},
};
use crate::store::{Error, ReadStore, Result};

/// What [`DrvFiles::recover`] did.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Builds whose outputs are registered: their files are there now.
    pub committed: Vec<BuildHash>,
    /// Builds whose outputs were never registered: nothing is left of them.
    pub dropped: Vec<BuildHash>,
    /// Files that could not be read: what was prepared and, where its files were there before,
    /// these. They were left as they are, and what was prepared for another try.
    pub damaged: Vec<Error>,
}

impl DrvFiles {
    /// Finishes what processes that are gone prepared and did not commit.
    ///
    /// A build all of whose outputs are valid in `store`, with the hashes that were prepared, is
    /// committed; any other is forgotten. Builds that a living process has prepared are left to it.
    /// To be called when the store is opened for writing; costs one look at the directory when there
    /// is nothing to do.
    ///
    /// # Errors
    /// Fails when the store cannot be asked, and when files cannot be written.
    pub fn recover<S: ReadStore + ?Sized>(&self, store: &S) -> Result<Recovered> {
        let mut recovered = Recovered::default();
        let Some(out) = Folder::open(&self.out)? else {
            return Ok(recovered);
        };
        let lock = out.lock()?;
        out.clean()?;
        if let Some(drv) = Folder::open(&self.drv)? {
            drv.clean()?;
        }
        let (names, _) = out.names()?;
        for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
            let pending = match self.abandoned(&out, name) {
                Ok(Some(pending)) => pending,
                Ok(None) => continue,
                Err(error @ Error::DrvFile { .. }) => {
                    recovered.damaged.push(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if is_registered(store, &pending.result)? {
                match self.commit(&pending, &out, &lock) {
                    Ok(build) => recovered.committed.push(build.build_hash),
                    Err(error @ Error::DrvFile { .. }) => {
                        recovered.damaged.push(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            } else {
                recovered.dropped.push(pending.build_hash);
            }
            out.remove(name)?;
        }
        Ok(recovered)
    }

    /// Returns what a pending file says, unless it is gone or a living process will see to it.
    fn abandoned(&self, out: &Folder, name: &str) -> Result<Option<Pending>> {
        let Some(file) = out.open_file(name)? else {
            return Ok(None);
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => {
                let (action, path) = ("lock", out.path_of(name));
                return Err(Error::Io {
                    action,
                    path,
                    source,
                });
            }
        }
        let text = out.read_open(name, &file)?;
        let pending = Pending::parse(&text, &self.store_dir);
        pending.map(Some).map_err(|source| out.error(name, source))
    }
}

/// Returns whether every output is valid with the hash that was built.
fn is_registered<S: ReadStore + ?Sized>(store: &S, result: &BuildOutputs) -> Result<bool> {
    for built in result.values() {
        let info = store.path_info(&built.path)?;
        if info.is_none_or(|info| info.nar_hash != built.nar_hash) {
            return Ok(false);
        }
    }
    Ok(true)
}
