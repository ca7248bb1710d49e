//! What a node says of its own store.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use libp2p::kad::{ProviderRecord, Record};
use nix_core::{
    hash::{Algorithm, Hash, Hasher},
    path_info::PathInfo,
    signature::{SecretKey, TrustedKeys},
    store_path::StorePath,
};
use nix_store::{local::LocalStore, store::ReadStore};
use tokio::sync::oneshot;

use super::{
    error::AnnounceError,
    spool::{Placed, Spool},
    task::{Done, Task},
};
use crate::peers::{
    announcement::{Announcement, LIFETIME_SECONDS_MAX, Term, announceable, provider_key},
    transfer::{Blob, BlobHasher, GROUP_LOG},
    validators::unix_seconds,
};

/// The announcements that are being made.
#[derive(Default)]
pub(super) struct Announcing {
    waiting: BTreeMap<u64, oneshot::Sender<Result<Blob, AnnounceError>>>,
    next: u64,
}

/// An archive in its file, and what is announced of it.
pub(super) struct Spooled {
    blob: Blob,
    announcement: Announcement,
}

/// What is needed to make an announcement, away from the task.
struct Making {
    store: LocalStore,
    spool: Spool,
    trusted: TrustedKeys,
    key: SecretKey,
    /// Tells apart what is made at the same time.
    number: u64,
    now: u64,
}

impl Task {
    /// Announces a path for a caller.
    pub(super) fn announce(
        &mut self,
        path: StorePath,
        reply: oneshot::Sender<Result<Blob, AnnounceError>>,
    ) {
        let making = match self.making() {
            Ok(making) => making,
            Err(error) => {
                // Whoever asked may have gone.
                let _ = reply.send(Err(error));
                return;
            }
        };
        let number = making.number;
        self.announcing.waiting.insert(number, reply);
        self.run_blocking(
            move || making.make(&path),
            move |made| {
                let made = made.unwrap_or(Err(AnnounceError::Aborted));
                Done::Spooled(number, made.map(Box::new))
            },
        );
    }

    pub(super) fn on_spooled(&mut self, number: u64, made: Result<Box<Spooled>, AnnounceError>) {
        let result = made.and_then(|made| self.publish(&made).map(|()| made.blob));
        if let Some(reply) = self.announcing.waiting.remove(&number) {
            // Whoever asked may have gone.
            let _ = reply.send(result);
        }
    }

    fn making(&mut self) -> Result<Making, AnnounceError> {
        let key = self.config.key.clone().ok_or(AnnounceError::NoKey)?;
        let now = unix_seconds(SystemTime::now()).ok_or(AnnounceError::Clock)?;
        self.announcing.next += 1;
        Ok(Making {
            store: self.store.clone(),
            spool: self.spool.clone(),
            trusted: self.config.trusted.clone(),
            key,
            number: self.announcing.next,
            now,
        })
    }

    /// Shares the archive and stores both records; the republisher sends them out.
    fn publish(&mut self, made: &Spooled) -> Result<(), AnnounceError> {
        self.share(made.blob);
        let local = *self.swarm.local_peer_id();
        let lifetime = Duration::from_secs(LIFETIME_SECONDS_MAX);
        let record = Record {
            publisher: Some(local),
            expires: Instant::now().checked_add(lifetime),
            ..Record::new(
                made.announcement.key().to_bytes(),
                made.announcement.as_bytes().to_vec(),
            )
        };
        let stored = self.records.put_from(None, record);
        stored.map_err(AnnounceError::Records)?;
        let key = provider_key(made.blob.root()).to_vec();
        let provider = ProviderRecord::new(key, local, Vec::new());
        let stored = self.records.add_provider_record(provider);
        stored.map_err(AnnounceError::Records)
    }
}

impl Making {
    fn make(&self, path: &StorePath) -> Result<Spooled, AnnounceError> {
        let info = self.store.path_info(path).map_err(from_store)?;
        let info = info.ok_or_else(|| AnnounceError::NotValid(path.clone()))?;
        let dir = self.store.store_dir();
        let roots = [path.clone()].into();
        let allowed = announceable([&info], &roots, dir, &self.trusted);
        let allowed = allowed.map_err(AnnounceError::Policy)?;
        let Some(allowed) = allowed.first() else {
            return Err(AnnounceError::Private(path.clone()));
        };
        let blob = self.spool(&info)?;
        let statement = allowed.statement(*blob.root(), GROUP_LOG);
        let term = Term {
            sequence: self.now,
            issued_at: self.now,
            not_after: self.now.saturating_add(LIFETIME_SECONDS_MAX),
        };
        let announcement = Announcement::sign(dir, &statement, term, &self.key);
        let announcement = announcement.map_err(AnnounceError::Sign)?;
        Ok(Spooled { blob, announcement })
    }

    /// Writes the archive of a path to a file, and its outboard beside it.
    fn spool(&self, info: &PathInfo) -> Result<Blob, AnnounceError> {
        let [data, outboard] = ["new-nar", "new-outboard"].map(|name| self.new_file(name));
        let written = self.write(info, &data, &outboard);
        match written {
            Ok(blob) => {
                let rename =
                    |from, extension| fs::rename(from, self.spool.file(blob.root(), extension));
                rename(outboard, "outboard").map_err(AnnounceError::Spool)?;
                rename(data, "nar").map_err(AnnounceError::Spool)?;
                Ok(blob)
            }
            Err(error) => {
                for file in [data, outboard] {
                    // It may not have been made; the first error is the one to report.
                    let _ = fs::remove_file(file);
                }
                Err(error)
            }
        }
    }

    fn new_file(&self, name: &str) -> PathBuf {
        self.spool.folder().join(format!("{}.{name}", self.number))
    }

    fn write(&self, info: &PathInfo, data: &Path, outboard: &Path) -> Result<Blob, AnnounceError> {
        let file = File::create(data).map_err(AnnounceError::Spool)?;
        let outboard = Placed::create(outboard).map_err(AnnounceError::Spool)?;
        let mut writer = Measuring {
            file: BufWriter::new(file),
            blob: BlobHasher::new(outboard),
            nar: Hasher::new(Algorithm::Sha256),
        };
        let size = self.store.write_nar(&info.path, &mut writer);
        let size = size.map_err(from_store)?;
        writer.file.flush().map_err(AnnounceError::Spool)?;
        let (blob, _) = writer.blob.finish().map_err(AnnounceError::Hash)?;
        if writer.nar.finish() == Hash::from(info.nar_hash) && size == info.nar_size {
            Ok(blob)
        } else {
            Err(AnnounceError::Changed(info.path.clone()))
        }
    }
}

/// Writes an archive to a file and hashes it in both ways.
struct Measuring {
    file: BufWriter<File>,
    blob: BlobHasher<Placed>,
    nar: Hasher,
}

impl Write for Measuring {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.blob.update(bytes).map_err(io::Error::other)?;
        self.nar.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn from_store(source: nix_store::store::Error) -> AnnounceError {
    AnnounceError::Store(Box::new(source))
}
