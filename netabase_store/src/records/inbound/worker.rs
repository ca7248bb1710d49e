//! What a worker thread does with a job.

use std::{
    cmp::Ordering,
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use libp2p_identity::PeerId;
use libp2p_kad::{PeerRecord, ProviderRecord, Record, RecordKey, store};

use super::{InboundConfig, Sink, metrics::Counts, queue::Queue};
use crate::{
    records::validate::{Found, Rejection, Validators, later},
    threads::{Mutex, MutexGuard},
    writer::locked,
};

/// Among how many locks keys are shared out.
const STRIPES: usize = 64;

/// What a worker has to do.
pub(super) enum Job {
    Put {
        source: PeerId,
        record: Record,
    },
    Provide(ProviderRecord),
    Check {
        key: RecordKey,
        records: Vec<PeerRecord>,
        done: Box<dyn FnOnce(Found) + Send>,
    },
}

/// What all workers and their handle share.
pub(super) struct Shared {
    pub(super) queue: Queue<Job>,
    pub(super) validators: Arc<Validators>,
    pub(super) counts: Counts,
    config: InboundConfig,
    /// Held from reading the stored record of a key until the new one is stored: of two workers with
    /// records of one key, the older must not come last.
    stripes: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Shared {
    pub(super) fn new(
        queue: Queue<Job>,
        validators: Arc<Validators>,
        config: InboundConfig,
    ) -> Self {
        Self {
            queue,
            validators,
            counts: Counts::default(),
            config,
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a refusal and tells who asked to hear of it.
    pub(super) fn refuse(&self, source: &PeerId, key: &RecordKey, rejection: &Rejection) {
        self.counts.refused(rejection.reason());
        if let Some(hook) = &self.config.on_refused {
            self.guarded(|| hook(source, key, rejection));
        }
    }

    /// Runs code of the application or the store, and counts a panic.
    fn guarded(&self, work: impl FnOnce()) {
        // The store answers for its own state; counters and queue are not touched inside.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.counts.panicked();
        }
    }

    fn lock(&self, key: &RecordKey) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one(key) % STRIPES as u64;
        let stripe = usize::try_from(hash).ok()?;
        self.stripes.get(stripe).map(locked)
    }
}

/// One worker thread.
pub(super) struct Worker<S> {
    sink: S,
    shared: Arc<Shared>,
}

impl<S: Sink> Worker<S> {
    pub(super) fn new(sink: S, shared: Arc<Shared>) -> Self {
        Self { sink, shared }
    }

    /// Works until the queue ends.
    pub(super) fn run(&self) {
        while let Some(job) = self.shared.queue.take() {
            self.shared.guarded(|| self.work(job));
            self.shared.queue.done();
        }
    }

    fn work(&self, job: Job) {
        let shared = &*self.shared;
        let now = (shared.config.now)();
        match job {
            Job::Put { source, record } => {
                let key = record.key.clone();
                let checked = shared.validators.validate(&record, now);
                let filed = checked.and_then(|()| self.put(source, record, now));
                self.count(&source, &key, filed);
            }
            Job::Provide(record) => {
                let (provider, key) = (record.provider, record.key.clone());
                let checked = shared.validators.validate_provider(&record, now);
                let filed = checked.map(|()| self.sink.add_provider(record));
                self.count(&provider, &key, filed);
            }
            Job::Check { key, records, done } => {
                let found = shared.validators.best(&key, records, now);
                shared.counts.lookup();
                done(found);
            }
        }
    }

    /// Stores a valid record unless a newer one stands there.
    fn put(
        &self,
        source: PeerId,
        record: Record,
        now: std::time::SystemTime,
    ) -> Result<store::Result<()>, Rejection> {
        let validators = &self.shared.validators;
        let _lock = self.shared.lock(&record.key);
        let Some(stored) = self.sink.record(&record.key) else {
            return Ok(self.sink.put_from(Some(source), record));
        };
        match validators.compare(&record.key, &record.value, &stored.value)? {
            Ordering::Greater => Ok(self.sink.put_from(Some(source), record)),
            Ordering::Equal => Ok(self.refresh(source, &record, stored)),
            // What was valid once need not be so for ever, and must not keep others out then.
            Ordering::Less if validators.validate(&stored, now).is_err() => {
                Ok(self.sink.put_from(Some(source), record))
            }
            Ordering::Less => Err(Rejection::Older),
        }
    }

    /// Lets the stored record live as long as the same one that came again.
    ///
    /// Publisher and expiry are not authenticated: who sends a copy can neither shorten its life nor
    /// become its publisher.
    fn refresh(&self, source: PeerId, record: &Record, stored: Record) -> store::Result<()> {
        let expires = later(stored.expires, record.expires);
        if expires == stored.expires {
            return Ok(());
        }
        self.sink
            .put_from(Some(source), Record { expires, ..stored })
    }

    fn count(&self, source: &PeerId, key: &RecordKey, filed: Result<store::Result<()>, Rejection>) {
        match filed {
            Ok(Ok(())) => self.shared.counts.accepted(),
            Ok(Err(_full)) => self.shared.counts.not_stored(),
            Err(rejection) => self.shared.refuse(source, key, &rejection),
        }
    }
}
