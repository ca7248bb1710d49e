//! Changes in memory over a store that is only read, or over none.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Write},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use nix_core::{
    path_info::PathInfo,
    signature::{Signature, TrustedKeys},
    store_path::{StoreDir, StorePath},
};
use nix_io::nar::{self, NarLimits};

use crate::store::{
    Added, AnyRealisation, ArchiveHasher, Deleted, DerivationChecks, Error, Measured, NewObject,
    ReadStore, Result,
};

use super::{
    plan::{Candidate, plan},
    state::State,
    view::View,
};

/// A handle of what is in memory. Every method is told what lies below.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(super) store_dir: StoreDir,
    pub(crate) trusted_keys: Option<Arc<TrustedKeys>>,
    pub(crate) limits: NarLimits,
    state: Arc<RwLock<State>>,
    checks: Arc<DerivationChecks>,
}

type Lower<'a> = Option<&'a dyn ReadStore>;

impl Layer {
    pub(crate) fn new(store_dir: StoreDir) -> Self {
        Self {
            store_dir,
            trusted_keys: None,
            limits: NarLimits::default(),
            state: Arc::default(),
            checks: Arc::default(),
        }
    }

    pub(crate) fn store_dir(&self) -> &StoreDir {
        &self.store_dir
    }

    /// Asks about one state, which does not change meanwhile.
    pub(crate) fn view<T>(&self, lower: Lower<'_>, ask: impl FnOnce(View<'_>) -> T) -> T {
        let state = &self.read();
        ask(View { state, lower })
    }

    pub(crate) fn write_nar(
        &self,
        lower: Lower<'_>,
        path: &StorePath,
        writer: &mut dyn Write,
    ) -> Result<u64> {
        match (self.view(lower, |view| view.nar(path)), lower) {
            (Some(nar), _) => {
                let path = path.clone();
                let written = writer.write_all(&nar);
                written.map_err(|source| Error::WriteNar { path, source })?;
                Ok(nar.len() as u64)
            }
            (None, Some(lower)) => lower.write_nar(path, writer),
            (None, None) => Err(Error::NotValid { path: path.clone() }),
        }
    }

    pub(crate) fn place(
        &self,
        lower: Lower<'_>,
        path: &StorePath,
        nar: &mut dyn BufRead,
    ) -> Result<()> {
        let (nar, _) = self.read_nar(path.name(), nar, ArchiveHasher::new(), u64::MAX)?;
        let state = &mut *self.write();
        if !(View { state, lower }).is_valid(path)? {
            state.placed.insert(path.clone(), nar);
        }
        Ok(())
    }

    pub(crate) fn add_nar(
        &self,
        lower: Lower<'_>,
        info: &PathInfo,
        nar: &mut dyn BufRead,
    ) -> Result<Added> {
        self.check_trust(info)?;
        let nar = match self.view(lower, |view| view.path_info(&info.path))? {
            Some(known) if known.nar_hash != info.nar_hash => {
                return Err(Error::Conflict {
                    path: known.path,
                    registered: known.nar_hash,
                    said: info.nar_hash,
                });
            }
            Some(_) => {
                self.pass_over(info, nar)?;
                None
            }
            None => Some(self.read_known(lower, info, nar)?),
        };
        let info = info.clone();
        match self.commit(lower, [Candidate { info, nar }])? {
            0 => Ok(Added::Present),
            _ => Ok(Added::New),
        }
    }

    pub(crate) fn add(
        &self,
        lower: Lower<'_>,
        object: &NewObject,
        nar: &mut dyn BufRead,
    ) -> Result<PathInfo> {
        let hasher = ArchiveHasher::of_new(object)?;
        let (nar, measured) = self.read_nar(object.name.as_str(), nar, hasher, u64::MAX)?;
        let info = measured.describe(&self.store_dir, object)?;
        let said = info.clone();
        let nar = Some(nar);
        match self.commit(lower, [Candidate { info, nar }]) {
            Err(Error::Conflict { .. }) if object.is_one_file() => {}
            committed => drop(committed?),
        }
        // A deletion by another thread may have come after it.
        let known = self.view(lower, |view| view.path_info(&said.path))?;
        Ok(known.unwrap_or(said))
    }

    pub(crate) fn register(&self, lower: Lower<'_>, infos: &[PathInfo]) -> Result<()> {
        let mut candidates = Vec::with_capacity(infos.len());
        for info in infos {
            let nar = self.placed(lower, info)?;
            let info = info.clone();
            candidates.push(Candidate { info, nar });
        }
        self.commit(lower, candidates).map(drop)
    }

    pub(crate) fn register_realisation(
        &self,
        lower: Lower<'_>,
        realisation: &AnyRealisation,
    ) -> Result<()> {
        let state = &mut *self.write();
        let view = View { state, lower };
        let out_path = realisation.out_path();
        if !view.is_valid(out_path)? {
            let path = out_path.clone();
            return Err(Error::NotValid { path });
        }
        let id = realisation.id();
        let mut joined = realisation.clone();
        if let Some(known) = view.realisation(&id)? {
            joined.join(known)?;
        }
        state.realisations.insert(id, joined);
        Ok(())
    }

    pub(crate) fn add_signatures(
        &self,
        lower: Lower<'_>,
        path: &StorePath,
        signatures: &BTreeSet<Signature>,
    ) -> Result<()> {
        let state = &mut *self.write();
        let Some(info) = (View { state, lower }).path_info(path)? else {
            return Err(Error::NotValid { path: path.clone() });
        };
        state.sign(info, signatures);
        Ok(())
    }

    pub(crate) fn delete(&self, lower: Lower<'_>, paths: &BTreeSet<StorePath>) -> Result<Deleted> {
        let state = &mut *self.write();
        for path in paths {
            if let Some(lower) = lower
                && !state.objects.contains_key(path)
                && lower.is_valid(path)?
            {
                return Err(Error::ReadOnly);
            }
            let mut referrers = state.referrers.get(path).into_iter().flatten();
            if let Some(referrer) = referrers.find(|&path| !paths.contains(path)) {
                let (path, referrer) = (path.clone(), referrer.clone());
                return Err(Error::HasReferrers { path, referrer });
            }
        }
        let mut deleted = Deleted::default();
        for path in paths {
            if state.objects.contains_key(path) {
                deleted.bytes += state.remove(path);
                deleted.paths.insert(path.clone());
            }
        }
        Ok(deleted)
    }

    /// Makes objects valid, all or none, and returns how many were not.
    pub(super) fn commit(
        &self,
        lower: Lower<'_>,
        candidates: impl IntoIterator<Item = Candidate>,
    ) -> Result<usize> {
        let state = &mut *self.write();
        let before = state.objects.len();
        let changes = plan(
            View { state, lower },
            &self.store_dir,
            &self.checks,
            candidates,
        )?;
        state.apply(changes);
        Ok(state.objects.len() - before)
    }

    /// Takes realisations of which nobody knows whether the paths are valid.
    pub(super) fn replace_realisations(&self, all: impl IntoIterator<Item = AnyRealisation>) {
        let all = all.into_iter();
        let all = all.map(|realisation| (realisation.id(), realisation));
        self.write().realisations = all.collect();
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        // What a panic interrupted is a question: changes are applied after all of them.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_trust(&self, info: &PathInfo) -> Result<()> {
        let Some(keys) = &self.trusted_keys else {
            return Ok(());
        };
        if info.check_signatures(&self.store_dir, keys).is_trusted(1) {
            return Ok(());
        }
        let path = info.path.clone();
        Err(Error::Untrusted { path })
    }

    /// Reads the archive of an object that is not valid yet, and checks it.
    fn read_known(
        &self,
        lower: Lower<'_>,
        info: &PathInfo,
        nar: &mut dyn BufRead,
    ) -> Result<Arc<[u8]>> {
        let hasher = ArchiveHasher::of_info(info)?;
        for reference in &info.references {
            if *reference != info.path && !self.view(lower, |view| view.is_valid(reference))? {
                let (path, reference) = (info.path.clone(), reference.clone());
                return Err(Error::ReferenceNotValid { path, reference });
            }
        }
        let (nar, measured) = self.read_nar(info.path.name(), nar, hasher, info.nar_size)?;
        measured.check(&self.store_dir, info)?;
        Ok(nar)
    }

    fn read_nar(
        &self,
        name: &str,
        nar: &mut dyn BufRead,
        mut hasher: ArchiveHasher,
        bytes_max: u64,
    ) -> Result<(Arc<[u8]>, Measured)> {
        let mut bytes = Vec::new();
        let mut limits = self.limits;
        limits.archive_bytes_max = limits.archive_bytes_max.min(bytes_max);
        let both = Both(&mut bytes, &mut hasher);
        nar::copy(nar, both, limits).map_err(|source| Error::Nar {
            path: name.to_owned(),
            source,
        })?;
        Ok((bytes.into(), hasher.finish()))
    }

    fn pass_over(&self, info: &PathInfo, nar: &mut dyn BufRead) -> Result<()> {
        let passed = nar::copy(nar, io::sink(), self.limits);
        passed.map(drop).map_err(|source| Error::Nar {
            path: info.path.to_string(),
            source,
        })
    }

    /// Returns the archive that lies at a path that is not valid, having checked it.
    fn placed(&self, lower: Lower<'_>, info: &PathInfo) -> Result<Option<Arc<[u8]>>> {
        let (is_valid, nar) = self.view(lower, |view| {
            let nar = view.state.placed.get(&info.path).cloned();
            Ok::<_, Error>((view.is_valid(&info.path)?, nar))
        })?;
        let Some(nar) = nar.filter(|_| !is_valid) else {
            return Ok(None);
        };
        measure(&self.store_dir, info, &nar)?;
        Ok(Some(nar))
    }
}

/// Checks that an archive is the one that `info` speaks of.
pub(super) fn measure(store_dir: &StoreDir, info: &PathInfo, nar: &[u8]) -> Result<()> {
    let mut hasher = ArchiveHasher::of_info(info)?;
    // It was decoded before, so that nothing is refused.
    let hashed = hasher.write_all(nar);
    hashed.map_err(|source| Error::WriteNar {
        path: info.path.clone(),
        source,
    })?;
    hasher.finish().check(store_dir, info)
}

/// Writes to both.
struct Both<'a>(&'a mut Vec<u8>, &'a mut ArchiveHasher);

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
