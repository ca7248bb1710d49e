//! Closures on their way into the store, and the downloads that they need.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    time::Duration,
};

use libp2p::PeerId;
use nix_core::store_path::StorePath;
use nix_store::store::ReadStore;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    adding::{Added, add, from_store},
    downloading::{Active, Queued},
    error::{FetchError, ObjectError},
    handle::{DownloadStatus, Fetched},
    shares::Source,
    task::{Done, Task},
};
use crate::peers::{
    codec::Arrival,
    lookup::{Archive, Closure, Found, Step},
    transfer::{Blob, Failure, RequestId},
};

/// The closures that are fetched.
#[derive(Default)]
pub(super) struct Fetching {
    jobs: BTreeMap<u64, Job>,
    next: u64,
    pub(super) active: BTreeMap<[u8; 32], Active>,
    /// Downloads for which there is no room yet.
    pub(super) queued: VecDeque<Queued>,
}

/// A closure that somebody waits for.
struct Job {
    closure: Closure,
    /// What is missing: the archives that it may have, to be tried in turn. Never none.
    wanted: BTreeMap<StorePath, VecDeque<Archive<PeerId>>>,
    failed: BTreeMap<StorePath, ObjectError>,
    /// What was added, by the roots of its archive.
    added: BTreeMap<[u8; 32], StorePath>,
    reply: oneshot::Sender<Result<Fetched, FetchError>>,
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
        response: Result<Arrival, Failure>,
        now: Duration,
    ) {
        if let Some(active) = self.active.get_mut(root) {
            active.on_response(peer, id, response, now);
        }
    }

    /// Takes note that bytes of a response come.
    pub(super) fn on_bytes(
        &mut self,
        root: &[u8; 32],
        peer: &PeerId,
        id: RequestId,
        now: Duration,
    ) {
        if let Some(active) = self.active.get_mut(root) {
            active.on_bytes(peer, id, now);
        }
    }

    pub(super) fn on_peer_gone(&mut self, peer: &PeerId, now: Duration) {
        for active in self.active.values_mut() {
            active.on_peer_gone(peer, now);
        }
    }

    /// Ends all downloads, and returns the threads that still write.
    pub(super) fn end(&mut self) -> Vec<JoinHandle<()>> {
        self.queued.clear();
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
                    wanted: BTreeMap::new(),
                    failed: BTreeMap::new(),
                    added: BTreeMap::new(),
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
    fn check(&mut self, job: u64, path: StorePath) {
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
        let archives = found.map(|found| VecDeque::from(found.archives()));
        let archives = archives.unwrap_or_default();
        let Some(best) = archives.front() else {
            return job.closure.unresolved(path);
        };
        let missing = job.closure.missing(path, best.info.references.clone());
        job.wanted.insert(path.clone(), archives);
        if let Err(error) = missing {
            self.finish(id, Some(FetchError::Closure(error)));
        }
    }

    /// Begins to download an archive, unless it is there or being downloaded.
    fn begin(&mut self, id: u64, path: &StorePath) {
        let Some(job) = self.fetching.jobs.get_mut(&id) else {
            return;
        };
        let Some(archive) = job.wanted.get(path).and_then(VecDeque::front).cloned() else {
            return self.fetching.fail(id, path, ObjectError::Aborted);
        };
        if self.shares.is_whole(&archive.root) || job.added.contains_key(&archive.root) {
            return job.closure.fetched(path);
        }
        match Blob::new(archive.root, archive.info.nar_size) {
            Ok(blob) => self.download(Queued {
                blob,
                nar_hash: archive.info.nar_hash,
                announcement: archive.announcement,
                providers: archive.providers,
                waiters: vec![(id, path.clone())],
            }),
            Err(error) => self.retry(id, path, ObjectError::Size(error)),
        }
    }

    /// Tries the next archive that an object may have, or gives the object up.
    fn retry(&mut self, id: u64, path: &StorePath, error: ObjectError) {
        let job = self.fetching.jobs.get_mut(&id);
        let Some(archives) = job.and_then(|job| job.wanted.get_mut(path)) else {
            return;
        };
        tracing::warn!(%path, error = &error as &dyn std::error::Error, "the archive is not to be had");
        if archives.len() > 1 {
            archives.pop_front();
            self.begin(id, path);
        } else {
            self.fetching.fail(id, path, error);
        }
    }

    /// Takes note that a download has ended, for all who wait for it: the first of them is told
    /// why. Who was told another hash or size of the same archive begins anew with that.
    pub(super) fn downloaded(&mut self, ended: Queued, mut result: Result<(), ObjectError>) {
        for (id, path) in &ended.waiters {
            let (id, is_same) = (*id, self.is_wanted_as(&ended, *id, path));
            if result.is_err() && !is_same {
                self.begin(id, path);
                continue;
            }
            let mine = std::mem::replace(&mut result, Err(ObjectError::Aborted));
            match mine {
                Ok(()) => {
                    result = Ok(());
                    if let Some(job) = self.fetching.jobs.get_mut(&id) {
                        job.closure.fetched(path);
                    }
                }
                Err(error) => self.retry(id, path, error),
            }
        }
    }

    /// Whether a closure was told the hash and the size that a download went by.
    fn is_wanted_as(&self, ended: &Queued, id: u64, path: &StorePath) -> bool {
        let job = self.fetching.jobs.get(&id);
        let archive = job.and_then(|job| job.wanted.get(path)?.front());
        archive.is_none_or(|archive| {
            let info = &archive.info;
            (info.nar_hash, info.nar_size) == (ended.nar_hash, ended.blob.size())
        })
    }

    /// Adds an object whose archive is there to the store, which checks it once more.
    fn add(&mut self, id: u64, path: StorePath) {
        let job = self.fetching.jobs.get(&id);
        let archives = job.and_then(|job| job.wanted.get(&path));
        let Some(archive) = archives.and_then(VecDeque::front).cloned() else {
            return self.fetching.fail(id, &path, ObjectError::Aborted);
        };
        let twin = self.twin(id, &archive.root);
        let announcer = self.announcer();
        let is_shared = self.config.share_fetched;
        self.run_blocking(
            move || add(&announcer, twin, &archive, is_shared),
            move |added| Done::Added(id, path, added.unwrap_or(Err(ObjectError::Aborted))),
        );
    }

    pub(super) fn on_added(
        &mut self,
        id: u64,
        path: &StorePath,
        result: Result<Added, ObjectError>,
    ) {
        let added = match result {
            Ok(added) => added,
            Err(error) if self.was_taken(id, path, &error) => return self.add(id, path.clone()),
            Err(error) if error.is_of_contents() => return self.on_refused(id, path, error),
            Err(error) => return self.fetching.fail(id, path, error),
        };
        if let Some(shared) = added.shared {
            self.share(shared);
        }
        self.drop_file(&added.root);
        if let Some(job) = self.fetching.jobs.get_mut(&id) {
            job.wanted.remove(path);
            job.added.insert(added.root, path.clone());
            job.closure.added(path);
        }
    }

    /// Keeps nothing of an archive that was announced for a path of other contents, and tries the
    /// next one.
    fn on_refused(&mut self, id: u64, path: &StorePath, error: ObjectError) {
        let Some(job) = self.fetching.jobs.get_mut(&id) else {
            return;
        };
        job.closure.refused(path);
        if let Some(archive) = job.wanted.get(path).and_then(VecDeque::front) {
            let root = archive.root;
            let now = self.now();
            self.finding.set_aside(&root, now);
            if !self.is_wanted(&root, (id, path)) {
                let is_last = self.drop_file(&root);
                let announcer = self.announcer();
                self.run_aside(move || announcer.discard(&root, is_last));
            }
        }
        self.retry(id, path, error);
    }

    /// Whether an archive that was refused for an object is that of another one that is fetched, or
    /// is to be tried next with another hash.
    fn is_wanted(&self, root: &[u8; 32], refused: (u64, &StorePath)) -> bool {
        let jobs = self.fetching.jobs.iter();
        let mut wanted =
            jobs.flat_map(|(id, job)| job.wanted.iter().map(move |(path, of)| ((*id, path), of)));
        wanted.any(|(of, archives)| {
            let place = usize::from(of == refused);
            let archive = archives.get(place);
            archive.is_some_and(|archive| archive.root == *root)
        })
    }

    /// Returns an object of the store with the archive of a root, as far as is known.
    fn twin(&self, id: u64, root: &[u8; 32]) -> Option<StorePath> {
        if let Some(Source::Object(path)) = self.shares.source(root) {
            return Some(path);
        }
        self.fetching.jobs.get(&id)?.added.get(root).cloned()
    }

    /// Whether an archive was not there any more because another object with the same one was added
    /// meanwhile.
    fn was_taken(&self, id: u64, path: &StorePath, error: &ObjectError) -> bool {
        let is_missing =
            matches!(error, ObjectError::Spool(error) if error.kind() == io::ErrorKind::NotFound);
        let job = self.fetching.jobs.get(&id);
        let archive = job.and_then(|job| job.wanted.get(path)?.front());
        is_missing && archive.is_some_and(|archive| self.twin(id, &archive.root).is_some())
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
