//! Closures on their way into the store, and the downloads that they need.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::BufReader,
    time::Duration,
};

use libp2p::PeerId;
use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_store::{
    local::LocalStore,
    store::{Error as StoreError, ReadStore, WriteStore},
};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    downloading::Active,
    error::{FetchError, ObjectError},
    handle::{DownloadStatus, Fetched},
    spool::Spool,
    task::{Done, Task},
};
use crate::peers::{
    lookup::{Closure, Found, Step},
    transfer::{Blob, Failure, RequestId, Response},
};

/// The closures that are fetched.
#[derive(Default)]
pub(super) struct Fetching {
    jobs: BTreeMap<u64, Job>,
    next: u64,
    pub(super) active: BTreeMap<[u8; 32], Active>,
}

/// A closure that somebody waits for.
struct Job {
    closure: Closure,
    found: BTreeMap<StorePath, Wanted>,
    failed: BTreeMap<StorePath, ObjectError>,
    reply: oneshot::Sender<Result<Fetched, FetchError>>,
}

/// An object that is missing.
#[derive(Clone)]
struct Wanted {
    info: PathInfo,
    root: [u8; 32],
    providers: Vec<PeerId>,
}

impl Fetching {
    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.active.values().filter_map(Active::wake_at).min()
    }

    pub(super) fn downloads(&self) -> Vec<DownloadStatus> {
        self.active.values().filter_map(Active::status).collect()
    }

    pub(super) fn on_response(
        &mut self,
        root: &[u8; 32],
        peer: PeerId,
        id: RequestId,
        response: Result<Response, Failure>,
        now: Duration,
    ) {
        if let Some(active) = self.active.get_mut(root) {
            active.on_response(peer, id, response, now);
        }
    }

    pub(super) fn on_peer_gone(&mut self, peer: &PeerId, now: Duration) {
        for active in self.active.values_mut() {
            active.on_peer_gone(peer, now);
        }
    }

    /// Ends all downloads, and returns the threads that still write.
    pub(super) fn end(&mut self) -> Vec<JoinHandle<()>> {
        let active = std::mem::take(&mut self.active);
        active.into_values().map(Active::end).collect()
    }

    fn fail(&mut self, job: u64, path: &StorePath, error: ObjectError) {
        if let Some(job) = self.jobs.get_mut(&job) {
            job.failed.insert(path.clone(), error);
            job.closure.failed(path);
        }
    }
}

impl Task {
    /// Fetches the closure of paths for a caller.
    pub(super) fn fetch(
        &mut self,
        paths: Vec<StorePath>,
        reply: oneshot::Sender<Result<Fetched, FetchError>>,
    ) {
        let closure = if self.fetching.jobs.len() >= self.config.limits.fetches_max {
            Err(FetchError::Busy)
        } else {
            Closure::new(paths, self.config.limits.closures).map_err(FetchError::Closure)
        };
        match closure {
            Ok(closure) => {
                self.fetching.next += 1;
                let job = Job {
                    closure,
                    found: BTreeMap::new(),
                    failed: BTreeMap::new(),
                    reply,
                };
                self.fetching.jobs.insert(self.fetching.next, job);
            }
            Err(error) => {
                // Whoever asked may have gone.
                let _ = reply.send(Err(error));
            }
        }
    }

    /// Lets closures and downloads go as far as they can.
    pub(super) fn advance_fetching(&mut self) {
        // A download that ends now has a closure go on.
        let roots: Vec<_> = self.fetching.active.keys().copied().collect();
        for root in roots {
            self.advance_download(&root);
        }
        let jobs: Vec<_> = self.fetching.jobs.keys().copied().collect();
        for job in jobs {
            self.advance_job(job);
        }
    }

    fn advance_job(&mut self, id: u64) {
        while let Some(job) = self.fetching.jobs.get_mut(&id) {
            match job.closure.next_step() {
                Ok(Some(Step::Resolve(path))) => self.check(id, path),
                Ok(Some(Step::Fetch(path))) => self.begin(id, &path),
                Ok(Some(Step::Add(path))) => self.add(id, path),
                Ok(None) if job.closure.is_done() => return self.finish(id, None),
                Ok(None) => return,
                Err(error) => return self.finish(id, Some(FetchError::Closure(error))),
            }
        }
    }

    /// Asks the store whether it has a path.
    fn check(&self, job: u64, path: StorePath) {
        let (store, asked) = (self.store.clone(), path.clone());
        self.run_blocking(
            move || store.is_valid(&asked),
            move |valid| {
                let valid = valid.map(|valid| valid.map_err(from_store));
                Done::Checked(job, path, valid.unwrap_or(Err(ObjectError::Aborted)))
            },
        );
    }

    pub(super) fn on_checked(
        &mut self,
        id: u64,
        path: &StorePath,
        valid: Result<bool, ObjectError>,
    ) {
        let is_looked_up = matches!(valid, Ok(false)) && self.find_for(id, path);
        let Some(job) = self.fetching.jobs.get_mut(&id) else {
            return;
        };
        match valid {
            Ok(true) => job.closure.present(path),
            Ok(false) if is_looked_up => {}
            Ok(false) => job.closure.unresolved(path),
            Err(error) => {
                job.failed.insert(path.clone(), error);
                job.closure.unresolved(path);
            }
        }
    }

    pub(super) fn on_found(&mut self, id: u64, path: &StorePath, found: Option<Found<PeerId>>) {
        let Some(job) = self.fetching.jobs.get_mut(&id) else {
            return;
        };
        let wanted = found.and_then(|found| {
            let info = found.path_info()?;
            let providers = found.providers().copied().collect();
            let root = found.object().blake3_root;
            Some(Wanted {
                info,
                root,
                providers,
            })
        });
        let Some(wanted) = wanted else {
            return job.closure.unresolved(path);
        };
        let missing = job.closure.missing(path, wanted.info.references.clone());
        job.found.insert(path.clone(), wanted);
        if let Err(error) = missing {
            self.finish(id, Some(FetchError::Closure(error)));
        }
    }

    /// Begins to download an archive, unless it is there or being downloaded.
    fn begin(&mut self, id: u64, path: &StorePath) {
        let Some(job) = self.fetching.jobs.get_mut(&id) else {
            return;
        };
        let Some(wanted) = job.found.get(path).cloned() else {
            return self.fetching.fail(id, path, ObjectError::Aborted);
        };
        if self.shared.contains(&wanted.root) {
            return job.closure.fetched(path);
        }
        match Blob::new(wanted.root, wanted.info.nar_size) {
            Ok(blob) => {
                let waiter = (id, path.clone());
                self.download(blob, wanted.info.nar_hash, &wanted.providers, waiter);
            }
            Err(error) => self.fetching.fail(id, path, ObjectError::Size(error)),
        }
    }

    /// Takes note that a download has ended, for all who wait for it: the first of them is told
    /// why.
    pub(super) fn downloaded(
        &mut self,
        waiters: Vec<(u64, StorePath)>,
        mut result: Result<(), ObjectError>,
    ) {
        for (id, path) in waiters {
            let mine = std::mem::replace(&mut result, Err(ObjectError::Aborted));
            match mine {
                Ok(()) => {
                    result = Ok(());
                    if let Some(job) = self.fetching.jobs.get_mut(&id) {
                        job.closure.fetched(&path);
                    }
                }
                Err(error) => self.fetching.fail(id, &path, error),
            }
        }
    }

    /// Adds an object whose archive is there to the store, which checks it once more.
    fn add(&mut self, id: u64, path: StorePath) {
        let job = self.fetching.jobs.get(&id);
        let Some(wanted) = job.and_then(|job| job.found.get(&path)).cloned() else {
            return self.fetching.fail(id, &path, ObjectError::Aborted);
        };
        let (store, spool) = (self.store.clone(), self.spool.clone());
        self.run_blocking(
            move || add(&store, &spool, &wanted),
            move |added| Done::Added(id, path, added.unwrap_or(Err(ObjectError::Aborted))),
        );
    }

    pub(super) fn on_added(&mut self, id: u64, path: &StorePath, result: Result<(), ObjectError>) {
        if let Err(error) = result {
            return self.fetching.fail(id, path, error);
        }
        if let Some(job) = self.fetching.jobs.get_mut(&id) {
            job.closure.added(path);
        }
    }

    /// Tells who waits what came of a closure.
    fn finish(&mut self, id: u64, error: Option<FetchError>) {
        let Some(mut job) = self.fetching.jobs.remove(&id) else {
            return;
        };
        for path in job.closure.failed_paths() {
            let reason = job.failed.entry(path.clone());
            reason.or_insert(ObjectError::Needs);
        }
        let added: BTreeSet<_> = job.closure.added_paths().cloned().collect();
        let result = match error {
            Some(error) if job.failed.is_empty() => Err(error),
            None if job.failed.is_empty() => Ok(Fetched { added }),
            _ => Err(FetchError::Objects { failed: job.failed }),
        };
        // Whoever asked may have gone.
        let _ = job.reply.send(result);
    }
}

fn add(store: &LocalStore, spool: &Spool, wanted: &Wanted) -> Result<(), ObjectError> {
    let file = File::open(spool.file(&wanted.root, "nar")).map_err(ObjectError::Spool)?;
    let added = store.add_nar(&wanted.info, &mut BufReader::new(file));
    added.map(|_| ()).map_err(from_store)
}

fn from_store(source: StoreError) -> ObjectError {
    ObjectError::Store(Box::new(source))
}
