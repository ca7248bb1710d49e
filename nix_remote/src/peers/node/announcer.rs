//! Announcements: the archive of an object is hashed, the announcement signed and put into the records
//! of the node.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    iter,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use libp2p::{
    PeerId,
    kad::{Record, RecordKey},
};
use nix_core::{
    path_info::PathInfo,
    signature::{SecretKey, TrustedKeys},
    store_path::StorePath,
};
use nix_store::{
    local::LocalStore,
    store::{AnyRealisation, Direction, ReadStore},
};
use tokio::sync::mpsc;

use super::{
    announcing::RoundCounts,
    behaviour::Records,
    error::{AnnounceError, Stopped},
    left,
    rows::{Database, SharedObject},
    shares::Shared,
    spool::{Placed, Spool, hex},
    stop::Stop,
    task::Done,
    views::Views,
};
use crate::peers::{
    announcement::{
        Announceable, Announcement, LIFETIME_SECONDS_MAX, Statement, Term, announceable,
    },
    transfer::{Blob, BlobHasher, GROUP_LOG},
    validators::unix_seconds,
};

/// Makes announcements, away from the task.
#[derive(Clone)]
pub(super) struct Announcer {
    pub(super) local: PeerId,
    pub(super) store: LocalStore,
    pub(super) spool: Spool,
    pub(super) database: Database,
    pub(super) records: Records,
    pub(super) trusted: TrustedKeys,
    pub(super) key: Option<SecretKey>,
    /// Tells apart what is made at the same time.
    pub(super) number: u64,
    pub(super) stop: Stop,
    pub(super) views: Views,
}

impl Announcer {
    /// Announces everything in the closures of the roots that may be, and `single` paths; what is
    /// shared and not valid any more is forgotten.
    pub(super) fn round(
        &self,
        roots: &BTreeSet<StorePath>,
        single: &BTreeSet<StorePath>,
        shared: BTreeMap<StorePath, Shared>,
        done: &mpsc::Sender<Done>,
    ) -> Result<RoundCounts, AnnounceError> {
        for path in shared.keys() {
            self.check()?;
            if !self.store.is_valid(path).map_err(from_store)? {
                tell(done, Done::Gone(path.clone()));
            }
        }
        let mut counts = RoundCounts::default();
        if self.key.is_none() {
            return Ok(counts);
        }
        let infos = self.wanted(roots, single, &mut counts)?;
        let all = infos.keys().cloned().collect();
        let allowed = announceable(infos.values(), &all, self.store.store_dir(), &self.trusted);
        let allowed = allowed.map_err(AnnounceError::Policy)?;
        counts.private = infos.len() - allowed.len();
        let mut announced = BTreeMap::new();
        for object in allowed {
            self.check()?;
            let path = &object.info.path;
            match self.make(&object, shared.get(path)) {
                Ok(shared) => {
                    counts.announced += 1;
                    tell(done, Done::Shared(shared));
                    announced.insert(path.clone(), object);
                }
                Err(error) => {
                    counts.failed += 1;
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%path, error, "cannot announce the object");
                }
            }
        }
        self.announce_outputs(&announced, &mut counts)?;
        Ok(counts)
    }

    /// Announces the realisations that trusted keys signed, of outputs that are announced.
    fn announce_outputs(
        &self,
        allowed: &BTreeMap<StorePath, Announceable<'_>>,
        counts: &mut RoundCounts,
    ) -> Result<(), AnnounceError> {
        let (Some(key), Some(now)) = (&self.key, unix_seconds(SystemTime::now())) else {
            return Ok(());
        };
        let realisations = self.store.database().realisations();
        for realisation in realisations.map_err(from_store)? {
            self.check()?;
            let Some(object) = allowed.get(realisation.out_path()) else {
                continue;
            };
            let (statement, is_allowed) = match realisation {
                AnyRealisation::Path(one) => {
                    let is_allowed = object.allows(&one, &self.trusted);
                    (Statement::Realisation(one), is_allowed)
                }
                AnyRealisation::Hash(one) => {
                    let is_allowed = object.allows_legacy(&one, &self.trusted);
                    (Statement::LegacyRealisation(one), is_allowed)
                }
            };
            if is_allowed {
                self.state(&statement, key, now)?;
                counts.realisations += 1;
            }
        }
        Ok(())
    }

    /// Returns all that would be announced if it were allowed, with all that it refers to.
    fn wanted(
        &self,
        roots: &BTreeSet<StorePath>,
        single: &BTreeSet<StorePath>,
        counts: &mut RoundCounts,
    ) -> Result<BTreeMap<StorePath, PathInfo>, AnnounceError> {
        let mut valid = BTreeSet::new();
        for root in roots {
            if self.store.is_valid(root).map_err(from_store)? {
                valid.insert(root.clone());
            } else {
                counts.missing_roots += 1;
            }
        }
        let closure = self.store.closure(&valid, Direction::References);
        let mut closure = closure.map_err(from_store)?;
        closure.extend(single.iter().cloned());
        let mut infos = BTreeMap::new();
        for path in closure {
            self.check()?;
            let info = self.store.path_info(&path).map_err(from_store)?;
            infos.extend(info.map(|info| (path, info)));
        }
        Ok(infos)
    }

    fn check(&self) -> Result<(), AnnounceError> {
        self.stop.check().map_err(|_| Stopped.into())
    }

    /// Announces one path.
    pub(super) fn announce(
        &self,
        path: &StorePath,
        shared: Option<&Shared>,
    ) -> Result<Shared, AnnounceError> {
        let info = self.store.path_info(path).map_err(from_store)?;
        let info = info.ok_or_else(|| AnnounceError::NotValid(path.clone()))?;
        let roots = [path.clone()].into();
        let allowed = announceable([&info], &roots, self.store.store_dir(), &self.trusted);
        let allowed = allowed.map_err(AnnounceError::Policy)?;
        let Some(allowed) = allowed.first() else {
            return Err(AnnounceError::Private(path.clone()));
        };
        self.make(allowed, shared)
    }

    /// Hashes the archive, unless it was, and announces it, unless it is.
    fn make(
        &self,
        object: &Announceable<'_>,
        shared: Option<&Shared>,
    ) -> Result<Shared, AnnounceError> {
        let key = self.key.as_ref().ok_or(AnnounceError::NoKey)?;
        let known = shared.filter(|shared| self.is_of(shared, object.info));
        let shared = match known {
            Some(shared) => shared.clone(),
            None => self.hash(object.info)?,
        };
        let now = unix_seconds(SystemTime::now()).ok_or(AnnounceError::Clock)?;
        let statement = object.statement(*shared.blob.root(), GROUP_LOG);
        self.state(&statement, key, now)?;
        self.provide(&shared.blob)?;
        Ok(shared)
    }

    /// Announces a statement, unless it is announced for long enough.
    fn state(&self, statement: &Statement, key: &SecretKey, now: u64) -> Result<(), AnnounceError> {
        let term = Term {
            sequence: now,
            issued_at: now,
            not_after: now.saturating_add(LIFETIME_SECONDS_MAX),
        };
        let announcement = Announcement::sign(self.store.store_dir(), statement, term, key);
        let announcement = announcement.map_err(AnnounceError::Sign)?;
        if self.is_announced(&announcement, now) {
            return Ok(());
        }
        self.publish(&announcement)
    }

    /// Whether what was shared is still what is to be announced.
    fn is_of(&self, shared: &Shared, info: &PathInfo) -> bool {
        let is_same = shared.nar_hash == info.nar_hash && shared.blob.size() == info.nar_size;
        is_same && self.spool.has_outboard(&shared.blob)
    }

    /// Whether the same is announced already, for more than half of the longest time.
    fn is_announced(&self, new: &Announcement, now: u64) -> bool {
        let key = new.key().to_bytes();
        let Some(old) = self.records.record(&RecordKey::from(key.clone())) else {
            return false;
        };
        let Ok(old) = Announcement::decode(&key, &old.value) else {
            return false;
        };
        let lasts_until = now.saturating_add(LIFETIME_SECONDS_MAX / 2);
        old.statement() == new.statement() && old.term().not_after > lasts_until
    }

    /// Stores the record; the republisher sends it out.
    fn publish(&self, announcement: &Announcement) -> Result<(), AnnounceError> {
        let lifetime = Duration::from_secs(LIFETIME_SECONDS_MAX);
        let record = Record {
            publisher: Some(self.local),
            expires: Instant::now().checked_add(lifetime),
            ..Record::new(
                announcement.key().to_bytes(),
                announcement.as_bytes().to_vec(),
            )
        };
        let stored = self.records.put_from(None, record);
        stored.map_err(AnnounceError::Records)
    }

    /// Keeps what another one announced, so that it is found here when that one has gone.
    pub(super) fn keep(&self, announcement: &Announcement) -> Result<(), AnnounceError> {
        let now = unix_seconds(SystemTime::now()).ok_or(AnnounceError::Clock)?;
        let left = announcement.term().not_after.saturating_sub(now);
        let record = Record {
            expires: Instant::now().checked_add(Duration::from_secs(left)),
            ..Record::new(
                announcement.key().to_bytes(),
                announcement.as_bytes().to_vec(),
            )
        };
        let stored = self.records.put_from(None, record);
        stored.map_err(AnnounceError::Records)
    }

    /// Says that this node has an archive.
    pub(super) fn provide(&self, blob: &Blob) -> Result<(), AnnounceError> {
        left::provide(&self.records, self.local, blob).map_err(AnnounceError::Records)
    }

    /// Remembers that the archive of an object may be shared.
    pub(super) fn remember(&self, shared: &Shared) -> Result<(), AnnounceError> {
        let tree = self.database.open_tree::<SharedObject>();
        let stored = tree.put(shared.to_row());
        stored.map_err(|source| AnnounceError::Remember(Box::new(source)))
    }

    /// Takes back what was said of an object that is not there any more, as far as that is possible:
    /// what others keep expires.
    pub(super) fn forget(&self, shared: &Shared, is_last: bool) {
        let tree = self.database.open_tree::<SharedObject>();
        if let Err(error) = tree.remove(shared.path.base_name()) {
            // It is seen again that the object is gone, at the next start.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(path = %shared.path, error, "cannot forget the object");
        }
        if is_last {
            let root = shared.blob.root();
            self.take_back(root);
            if let Err(error) = self.spool.remove(root, "outboard") {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(path = %shared.path, error, "cannot remove the outboard");
            }
        }
    }

    /// Says no more that this node has an archive.
    pub(super) fn take_back(&self, root: &[u8; 32]) {
        left::take_back(&self.records, self.local, root);
    }

    /// Removes an archive that is of no use; where no object needs it, its outboard too, and what was
    /// said of it.
    pub(super) fn discard(&self, root: &[u8; 32], is_last: bool) {
        if is_last {
            self.take_back(root);
        }
        let outboard = is_last.then_some("outboard");
        for extension in iter::once("nar").chain(outboard) {
            if let Err(error) = self.spool.remove(root, extension) {
                // It is removed when it is old, at a later start.
                let error = &error as &dyn std::error::Error;
                tracing::warn!(root = %hex(root), error, "cannot remove an archive");
            }
        }
    }

    /// Hashes the archive of an object, and keeps its outboard.
    fn hash(&self, info: &PathInfo) -> Result<Shared, AnnounceError> {
        let new = self.spool.new_file(self.number);
        let written = self.write(info, &new).and_then(|blob| {
            let named = fs::rename(&new, self.spool.file(blob.root(), "outboard"));
            named.map_err(AnnounceError::Spool)?;
            let (path, nar_hash) = (info.path.clone(), info.nar_hash);
            let shared = Shared {
                path,
                nar_hash,
                blob,
            };
            self.remember(&shared)?;
            Ok(shared)
        });
        if written.is_err() {
            // It may not have been made; the first error is the one to report.
            let _ = fs::remove_file(&new);
        }
        written
    }

    fn write(&self, info: &PathInfo, outboard: &Path) -> Result<Blob, AnnounceError> {
        // What is hashed need not be hashed again where it is sent soon and has not changed since.
        let viewed = self.views.open(&self.store, &info.path).ok();
        let outboard = Placed::create(outboard).map_err(AnnounceError::Spool)?;
        let mut hashing = Hashing {
            hasher: BlobHasher::new(outboard),
            stop: self.stop.clone(),
        };
        let written = self.store.write_nar(&info.path, &mut hashing);
        written.map_err(from_store)?;
        let (blob, _) = hashing.hasher.finish().map_err(AnnounceError::Hash)?;
        if let Some(viewed) = viewed {
            viewed.checked(&blob, 0..blob.groups());
        }
        Ok(blob)
    }
}

/// Hashes what is written to it, until the node ends.
struct Hashing {
    hasher: BlobHasher<Placed>,
    stop: Stop,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stop.check()?;
        self.hasher.update(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tell(done: &mpsc::Sender<Done>, what: Done) {
    // Nobody listens once the node has been shut down.
    let _ = done.blocking_send(what);
}

fn from_store(source: nix_store::store::Error) -> AnnounceError {
    AnnounceError::Store(Box::new(source))
}
