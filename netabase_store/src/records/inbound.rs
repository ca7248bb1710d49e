//! Records that other nodes send, judged away from the swarm task.
//!
//! For a behaviour with `StoreInserts::FilterBoth`: what kad hands over goes into a bounded queue,
//! worker threads validate it, compare it with what is stored and file it. Kad has acknowledged such
//! a record before anybody judges it, so a publisher's quorum does not prove that it was stored.

mod metrics;
mod queue;
mod worker;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod thread_tests;

use std::{
    fmt, io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::SystemTime,
};

use libp2p_identity::PeerId;
use libp2p_kad::{Event, InboundRequest, PeerRecord, ProviderRecord, Record, RecordKey, store};

use super::validate::{Found, Rejection, Validators};
use queue::Queue;
use worker::{Job, Shared, Worker};

pub use metrics::InboundMetrics;

/// The most worker threads.
const WORKERS_MAX: usize = 64;

/// The most addresses of a provider that are taken over; the others are left out.
const ADDRESSES_MAX: usize = 16;

/// Where accepted records go: a record store's handle.
pub trait Sink: Clone + Send + 'static {
    /// Returns the record that stands under `key` and has not expired.
    fn record(&self, key: &RecordKey) -> Option<Record>;

    /// Stores a record that `source` sent.
    ///
    /// # Errors
    /// Fails when the store has no room for it.
    fn put_from(&self, source: Option<PeerId>, record: Record) -> store::Result<()>;

    /// Stores a provider record.
    ///
    /// # Errors
    /// Fails when the store has no room for it.
    fn add_provider(&self, record: ProviderRecord) -> store::Result<()>;
}

type RefusedHook = dyn Fn(&PeerId, &RecordKey, &Rejection) + Send + Sync;

/// How inbound records are queued and judged.
#[derive(Clone)]
pub struct InboundConfig {
    /// The threads that validate; at least one.
    pub workers: usize,
    /// The most records that wait, of all peers together.
    pub queue_max: usize,
    /// The most records of one peer that wait. A peer never takes the last half of what is free, so
    /// that others find room beside it.
    pub source_max: usize,
    /// The most lookups that wait.
    pub lookups_max: usize,
    /// The clock that validators are shown.
    pub now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    /// Hears of every refused record and who sent it, for scoring. It has to be quick: sizes and
    /// namespaces are judged on the thread that offers the record.
    pub on_refused: Option<Arc<RefusedHook>>,
}

impl Default for InboundConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            queue_max: 4096,
            source_max: 256,
            lookups_max: 256,
            now: Arc::new(SystemTime::now),
            on_refused: None,
        }
    }
}

impl fmt::Debug for InboundConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundConfig")
            .field("workers", &self.workers)
            .field("queue_max", &self.queue_max)
            .field("source_max", &self.source_max)
            .field("lookups_max", &self.lookups_max)
            .finish_non_exhaustive()
    }
}

/// What became of something that was offered.
#[derive(Debug, Clone)]
#[must_use]
pub enum Offered {
    /// It waits to be judged.
    Queued,
    /// It was refused at once: its size or its namespace tell.
    Refused(Rejection),
    /// The queue, or the sender's share of it, was full.
    Dropped,
}

/// Judges records on threads of its own; dropping it ends and joins them.
///
/// No method but [`wait_until_idle`](Self::wait_until_idle) waits for a validator or for the store.
/// What still waits when it is dropped is forgotten, also the callbacks of lookups.
pub struct Inbound {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Inbound {
    /// Starts the threads, which file accepted records in `sink`.
    ///
    /// # Errors
    /// Fails when the operating system gives no thread.
    pub fn start<S: Sink>(
        sink: S,
        validators: Arc<Validators>,
        config: InboundConfig,
    ) -> io::Result<Self> {
        let workers = config.workers.clamp(1, WORKERS_MAX);
        let queue = Queue::new(config.queue_max, config.source_max, config.lookups_max);
        let shared = Arc::new(Shared::new(queue, validators, config));
        let threads = Vec::with_capacity(workers);
        let mut inbound = Self { shared, threads };
        for _ in 0..workers {
            let worker = Worker::new(sink.clone(), Arc::clone(&inbound.shared));
            let thread = thread::Builder::new().name("netabase-inbound".to_owned());
            inbound.threads.push(thread.spawn(move || worker.run())?);
        }
        Ok(inbound)
    }

    /// Takes the record out of an event of kad, and returns whether there was one: the event is then
    /// dealt with.
    pub fn on_event(&self, event: &Event) -> bool {
        match event {
            Event::InboundRequest { request } => self.on_request(request),
            _ => false,
        }
    }

    /// Takes the record out of a request, and returns whether there was one.
    pub fn on_request(&self, request: &InboundRequest) -> bool {
        // What becomes of it is counted; a request has nobody to tell.
        let _ = match request {
            InboundRequest::PutRecord {
                source,
                record: Some(record),
                ..
            } => self.offer(*source, record),
            InboundRequest::AddProvider {
                record: Some(record),
            } => self.offer_provider(record),
            _ => return false,
        };
        true
    }

    /// Queues a record that `source` sent; O(1).
    pub fn offer(&self, source: PeerId, record: &Record) -> Offered {
        let Record { key, value, .. } = record;
        match self.shared.validators.admit(key, value) {
            Ok(_) => {
                let record = record.clone();
                self.push(Some(source), Job::Put { source, record })
            }
            Err(rejection) => self.refuse(&source, key, rejection),
        }
    }

    /// Queues a provider record, which its provider sent; O(1).
    pub fn offer_provider(&self, record: &ProviderRecord) -> Offered {
        let ProviderRecord { key, provider, .. } = record;
        match self.shared.validators.admit_provider(key) {
            Ok(()) => {
                let addresses = record.addresses.iter().take(ADDRESSES_MAX);
                let record = ProviderRecord {
                    key: key.clone(),
                    provider: *provider,
                    expires: record.expires,
                    addresses: addresses.cloned().collect(),
                };
                self.push(Some(*provider), Job::Provide(record))
            }
            Err(rejection) => self.refuse(provider, key, rejection),
        }
    }

    /// Queues what a lookup of `key` found; `done` gets the result of [`Validators::best`] on a
    /// worker thread, and is dropped uncalled when the queue is full.
    pub fn check(
        &self,
        key: RecordKey,
        records: Vec<PeerRecord>,
        done: impl FnOnce(Found) + Send + 'static,
    ) -> Offered {
        let done = Box::new(done);
        self.push(None, Job::Check { key, records, done })
    }

    /// Returns the counts so far, and what waits now.
    #[must_use]
    pub fn metrics(&self) -> InboundMetrics {
        self.shared.counts.metrics(self.shared.queue.len())
    }

    /// Waits until nothing waits and no worker works. Never to be called on the swarm task, nor in a
    /// validator, hook or callback, which it would wait for.
    pub fn wait_until_idle(&self) {
        self.shared.queue.wait_until_idle();
    }

    fn push(&self, source: Option<PeerId>, job: Job) -> Offered {
        match self.shared.queue.push(source, job) {
            Ok(()) => Offered::Queued,
            Err(queue::Full) => {
                self.shared.counts.dropped();
                Offered::Dropped
            }
        }
    }

    fn refuse(&self, source: &PeerId, key: &RecordKey, rejection: Rejection) -> Offered {
        self.shared.refuse(source, key, &rejection);
        Offered::Refused(rejection)
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        self.shared.queue.end();
        for thread in self.threads.drain(..) {
            // The last handle may be dropped by a callback, on the very thread.
            if thread.thread().id() != thread::current().id() {
                // A worker catches every panic of what it calls.
                drop(thread.join());
            }
        }
    }
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("workers", &self.threads.len())
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
