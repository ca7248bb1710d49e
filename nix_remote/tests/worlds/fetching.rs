//! Closures on their way into a store, as a node does them.

use std::collections::{BTreeMap, VecDeque};

use nix_core::{hash::Sha256, store_path::StorePath};
use nix_remote::peers::{
    lookup::{Archive, Closure, Found, Step, Subject},
    transfer::Blob,
};

use crate::{
    corpus::Root,
    dice::ms,
    downloading::Queued,
    peer::{CLOSURES, JOBS_MAX, Job, Source},
    world::{Done, World},
};

/// After how many milliseconds a node tries again to have what it wants.
const RETRY_MS: u64 = 5000;

/// Why an archive cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody sends it.
    Stalled,
    /// It has another hash than was announced.
    NarHash,
    /// The store does not take it.
    Refused,
    /// It cannot be a blob.
    Size,
}

impl World {
    /// Lets the closures of a node go as far as they can; returns whether that was anywhere.
    pub(crate) fn drive_closures(&mut self, node: u32) -> bool {
        self.begin_jobs(node);
        let mut steps = 0;
        let jobs: Vec<_> = self.mind(node).jobs.keys().copied().collect();
        for id in jobs {
            while let Some(job) = self.mind(node).jobs.get_mut(&id) {
                match job.closure.next_step() {
                    Ok(Some(step)) => self.step(node, id, step),
                    Ok(None) if job.closure.is_done() => {
                        let failed = job.closure.failed_paths().count();
                        let how = ["closures had", "closures given up"];
                        self.end_job(node, id, how[usize::from(failed > 0)]);
                    }
                    Ok(None) => break,
                    Err(_) => self.end_job(node, id, "closures not resolved"),
                }
                steps += 1;
            }
        }
        steps > 0
    }

    fn begin_jobs(&mut self, node: u32) {
        let now = self.now;
        let peer = &self.peers[node as usize];
        let room = JOBS_MAX.saturating_sub(peer.mind.jobs.len());
        let retry_at = &peer.mind.retry_at;
        let is_due = |path: &&StorePath| retry_at.get(*path).is_none_or(|at| *at <= now);
        let due = peer.idle_wants().filter(is_due).take(room);
        let due: Vec<_> = due.filter(|_| peer.is_honest()).cloned().collect();
        for root in due {
            let mind = self.mind(node);
            mind.next_job += 1;
            let job = Job {
                closure: Closure::new([root.clone()], CLOSURES).unwrap(),
                root,
                wanted: BTreeMap::new(),
                added: BTreeMap::new(),
            };
            mind.jobs.insert(mind.next_job, job);
        }
    }

    fn end_job(&mut self, node: u32, id: u64, how: &'static str) {
        let retry_at = self.now + ms(RETRY_MS);
        let mind = self.mind(node);
        if let Some(job) = mind.jobs.remove(&id) {
            mind.retry_at.insert(job.root, retry_at);
        }
        self.counts.add(how);
    }

    fn step(&mut self, node: u32, id: u64, step: Step) {
        let later = self.dice.below(8);
        let done = match step {
            Step::Resolve(path) => Done::Checked(id, path),
            Step::Add(path) => Done::Added(id, path),
            Step::Fetch(path) => return self.begin(node, id, &path),
        };
        self.disk_done(node, later, done);
    }

    fn job(&mut self, node: u32, id: u64) -> Option<&mut Job> {
        self.mind(node).jobs.get_mut(&id)
    }

    /// Takes note that the store was asked for a path.
    pub(crate) fn on_checked(&mut self, node: u32, id: u64, path: &StorePath) {
        let is_present = self.peers[node as usize].disk.store.contains_key(path);
        let subject = Subject::Path(path.clone());
        let is_looked_up = !is_present && self.find(node, subject, Some(id));
        let Some(job) = self.job(node, id) else {
            return;
        };
        if is_present {
            job.closure.present(path);
        } else if !is_looked_up {
            job.closure.unresolved(path);
        }
    }

    pub(crate) fn on_found(
        &mut self,
        node: u32,
        id: u64,
        path: &StorePath,
        found: Option<&Found<u32>>,
    ) {
        let Some(job) = self.job(node, id) else {
            return;
        };
        let archives = found.map(|found| VecDeque::from(found.archives()));
        let archives = archives.unwrap_or_default();
        let Some(best) = archives.front() else {
            return job.closure.unresolved(path);
        };
        let missing = job.closure.missing(path, best.info.references.clone());
        job.wanted.insert(path.clone(), archives);
        if missing.is_err() {
            self.end_job(node, id, "closures not resolved");
        }
    }

    /// The archive that a closure wants of a path now.
    fn wanted(&self, node: u32, id: u64, path: &StorePath) -> Option<&Archive<u32>> {
        let job = self.peers[node as usize].mind.jobs.get(&id)?;
        job.wanted.get(path)?.front()
    }

    /// Begins to download an archive, unless it is there or being downloaded.
    fn begin(&mut self, node: u32, id: u64, path: &StorePath) {
        let Some(archive) = self.wanted(node, id, path).cloned() else {
            panic!("{}: nothing is wanted of {path}", self.name());
        };
        let source = self.peers[node as usize].source(&archive.root);
        let is_whole = matches!(source, Some(Source::File | Source::Object(_)));
        let Some(job) = self.job(node, id) else {
            return;
        };
        if is_whole || job.added.contains_key(&archive.root) {
            return job.closure.fetched(path);
        }
        match Blob::new(archive.root, archive.info.nar_size) {
            Ok(blob) => self.download(
                node,
                Queued {
                    blob,
                    nar_hash: archive.info.nar_hash,
                    announcement: archive.announcement,
                    providers: archive.providers,
                    waiters: vec![(id, path.clone())],
                },
            ),
            Err(_) => self.retry(node, id, path, Trouble::Size),
        }
    }

    /// Tries the next archive that an object may have, or gives the object up.
    fn retry(&mut self, node: u32, id: u64, path: &StorePath, trouble: Trouble) {
        let Some(job) = self.job(node, id) else {
            return;
        };
        let Some(archives) = job.wanted.get_mut(path) else {
            return;
        };
        if archives.len() > 1 {
            archives.pop_front();
            self.counts.add(match trouble {
                Trouble::Stalled => "other archives of those that stalled",
                Trouble::NarHash => "other archives of those with another hash",
                Trouble::Refused => "other archives of those that were refused",
                Trouble::Size => "other archives of those too large",
            });
            self.begin(node, id, path);
        } else {
            job.closure.failed(path);
        }
    }

    /// Takes note that a download has ended, for all who wait for it.
    pub(crate) fn downloaded(
        &mut self,
        node: u32,
        wanted: (Blob, Sha256),
        waiters: Vec<(u64, StorePath)>,
        result: Result<(), Trouble>,
    ) {
        for (id, path) in waiters {
            let Some(archive) = self.wanted(node, id, &path) else {
                continue;
            };
            let is_same = archive.info.nar_size == wanted.0.size();
            let is_same = is_same && archive.info.nar_hash == wanted.1;
            match result {
                Ok(()) => self.job(node, id).unwrap().closure.fetched(&path),
                Err(trouble) if is_same => self.retry(node, id, &path, trouble),
                Err(_) => {
                    self.counts.add("downloads that others wanted otherwise");
                    self.begin(node, id, &path);
                }
            }
        }
    }

    /// Adds an object whose archive is there to the store, which judges it once more.
    pub(crate) fn on_added(&mut self, node: u32, id: u64, path: &StorePath) {
        let Some(archive) = self.wanted(node, id, path).cloned() else {
            return;
        };
        let root = archive.root;
        let has_twin = self.mind(node).jobs[&id].added.contains_key(&root);
        let peer = &self.peers[node as usize];
        let has_twin = has_twin || matches!(peer.source(&root), Some(Source::Object(_)));
        if !has_twin && !peer.disk.whole.contains(&root) {
            // Another closure has added an object meanwhile that was announced with this archive.
            self.counts.add("archives taken by others");
            return self.job(node, id).unwrap().closure.failed(path);
        }
        let is_new = !peer.disk.store.contains_key(path);
        if is_new && !self.corpus.contents[&root].is_of(&archive.info) {
            return self.on_refused(node, id, path, &root);
        }
        if is_new {
            self.add(node, &archive);
        }
        let is_of_store = self.share_fetched(node, path, &archive);
        let job = self.job(node, id).unwrap();
        job.wanted.remove(path);
        job.closure.added(path);
        if is_of_store {
            job.added.insert(root, path.clone());
        }
    }

    /// Shares what was fetched, and says so, unless the store had the path by then with another
    /// archive; returns whether it is so.
    fn share_fetched(&mut self, node: u32, path: &StorePath, archive: &Archive<u32>) -> bool {
        let (corpus, root) = (self.corpus, archive.root);
        let peer = &mut self.peers[node as usize];
        let is_of_store = peer.disk.store[path].1 == root;
        peer.disk.whole.remove(&root);
        if is_of_store {
            peer.share(corpus, path, &root);
        }
        peer.drop_file(&root);
        if is_of_store {
            self.provide_own(node, &root);
            self.keep(node, &archive.announcement);
            if self.dice.percent(50) {
                self.announce(node, path);
            }
        }
        is_of_store
    }

    /// Keeps nothing of an archive that was announced for a path of other contents, and tries the
    /// next one.
    fn on_refused(&mut self, node: u32, id: u64, path: &StorePath, root: &Root) {
        self.counts.add("archives refused by a store");
        let now = self.now;
        self.job(node, id).unwrap().closure.refused(path);
        self.set_aside(node, root, now);
        if !self.is_wanted(node, root, (id, path)) {
            let peer = &mut self.peers[node as usize];
            peer.disk.whole.remove(root);
            peer.drop_file(root);
        }
        self.retry(node, id, path, Trouble::Refused);
    }

    /// Whether an archive is wanted of another object, or of the same one next.
    fn is_wanted(&self, node: u32, root: &Root, refused: (u64, &StorePath)) -> bool {
        let jobs = self.peers[node as usize].mind.jobs.iter();
        let mut wanted =
            jobs.flat_map(|(id, job)| job.wanted.iter().map(move |(path, of)| ((*id, path), of)));
        wanted.any(|(of, archives)| {
            let place = usize::from(of == refused);
            let archive = archives.get(place);
            archive.is_some_and(|archive| archive.root == *root)
        })
    }
}
