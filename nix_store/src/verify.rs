//! Whether a store holds what its database says, and mending what does not.
//!
//! [`verify`] compares the database with the disk both ways and, where asked to, every object with
//! its registered hash. It changes nothing unless told to forget objects that are gone. [`repair`]
//! takes a damaged or missing object from another store; the damaged one stays in its place until
//! the new one was read back from the disk and found right.

mod check;
mod disk;
mod problem;
mod repair;

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{SendError, SyncSender, sync_channel},
    },
};

use nix_core::{signature::TrustedKeys, store_path::StorePath};

use self::{check::Checker, disk::leftovers};
pub use self::{
    problem::{MetadataProblem, Problem},
    repair::repair,
};
use crate::{local::LocalStore, store::Result};

/// How many infos are read while the database is held, which nobody else can change meanwhile.
const BATCH: usize = 16;

/// How many bytes are read before results are told, at the latest.
const RESULT_BYTES: u64 = 4 << 20;

/// How many results of small objects wait for whoever is told of the progress.
const RESULTS_MAX: usize = 64;

/// What is verified.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Whether every object is read and compared with its registered size and hash.
    pub check_contents: bool,
    /// Whether permissions and times are looked at.
    pub check_metadata: bool,
    /// The keys of which one has to have signed each object that was neither built here nor is
    /// content-addressed; without them no signature is asked for.
    pub trusted_keys: Option<TrustedKeys>,
    /// How many threads read objects.
    pub threads: NonZeroUsize,
    /// Whether objects whose files are gone are made invalid, as far as nothing that is there refers
    /// to them.
    pub forget_missing: bool,
}

impl Default for VerifyOptions {
    /// Returns what compares the database with the disk without reading objects.
    fn default() -> Self {
        Self {
            check_contents: false,
            check_metadata: true,
            trusted_keys: None,
            threads: NonZeroUsize::MIN.saturating_add(1),
            forget_missing: false,
        }
    }
}

/// What was found out about a store.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// How many valid objects were checked.
    pub checked: u64,
    /// The bytes of archives that were hashed.
    pub bytes: u64,
    /// What is wrong, in the order of the paths; leftovers last.
    pub problems: Vec<Problem>,
    /// The missing objects that are no longer valid.
    pub forgotten: BTreeSet<StorePath>,
}

/// Where verification is.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct VerifyProgress<'a> {
    /// The object that was checked last.
    pub path: &'a StorePath,
    /// What is wrong with it.
    pub problems: &'a [Problem],
    /// How many were checked so far.
    pub checked: u64,
    /// How many there are.
    pub total: u64,
}

/// Compares a store's database with its files.
///
/// Every valid object has to lie in its place, with the permissions and the time of an object and,
/// where contents are checked, with its registered size and hash; its references have to be valid.
/// What lies in the store's directory without being valid is listed. Others may add and delete
/// meanwhile: what they delete is no problem.
///
/// Memory is that of all valid paths. `progress` is called on this thread.
///
/// # Errors
/// Fails when the database or the store's directory cannot be read. What is wrong with an object,
/// or with reading it, is in the report instead.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::collections::BTreeSet;
///
/// use nix_store::{
///     StoreDir,
///     local::{LocalOptions, LocalStore, StoreLayout},
///     verify::{VerifyOptions, repair, verify},
/// };
///
/// let folder = tempfile::tempdir()?;
/// let open = |name| {
///     let layout = StoreLayout::below(folder.path().join(name), StoreDir::default());
///     LocalStore::open(layout, &LocalOptions::default())
/// };
/// let (store, other) = (open("store")?, open("other")?);
/// let path = store.add_text(&"a".parse()?, b"hello", &BTreeSet::new())?.path;
/// other.add_text(&"a".parse()?, b"hello", &BTreeSet::new())?;
///
/// std::fs::remove_file(store.real_path(&path))?;
/// let report = verify(&store, &VerifyOptions::default(), &mut |_| {})?;
/// for problem in report.problems.iter().filter(|problem| problem.needs_repair()) {
///     repair(&store, problem.path().expect("it has one"), &other)?;
/// }
/// assert_eq!(std::fs::read(store.real_path(&path))?, b"hello");
/// # Ok(())
/// # }
/// ```
pub fn verify(
    store: &LocalStore,
    options: &VerifyOptions,
    progress: &mut dyn FnMut(&VerifyProgress<'_>),
) -> Result<VerifyReport> {
    if options.forget_missing {
        store.writable()?;
    }
    let paths: Vec<_> = store.database().valid_paths()?.into_iter().collect();
    let mut report = check_all(store, options, &paths, progress)?;
    report.problems.sort_by(|a, b| a.path().cmp(&b.path()));
    report.problems.extend(leftovers(store)?);
    if options.forget_missing {
        let missing = report.problems.iter().filter_map(Problem::missing);
        report.forgotten = forget(store, &missing.cloned().collect())?;
    }
    Ok(report)
}

/// What is known of one object after it was checked.
struct Checked {
    index: usize,
    /// Nothing where it is not valid any more.
    result: Result<Option<check::Found>>,
}

fn check_all(
    store: &LocalStore,
    options: &VerifyOptions,
    paths: &[StorePath],
    progress: &mut dyn FnMut(&VerifyProgress<'_>),
) -> Result<VerifyReport> {
    let (sender, results) = sync_channel(RESULTS_MAX / BATCH);
    let next = AtomicUsize::new(0);
    let checker = Checker::new(store, options, paths);
    std::thread::scope(|scope| {
        for _ in 0..options.threads.get().min(paths.len()) {
            let (sender, checker, next) = (sender.clone(), &checker, &next);
            scope.spawn(move || work(checker, paths, next, &sender));
        }
        drop(sender);
        let mut report = VerifyReport::default();
        for Checked { index, result } in results.into_iter().flatten() {
            let (Some(path), Some(found)) = (paths.get(index), result?) else {
                continue;
            };
            report.checked += 1;
            report.bytes += found.bytes;
            progress(&VerifyProgress {
                path,
                problems: &found.problems,
                checked: report.checked,
                total: paths.len() as u64,
            });
            report.problems.extend(found.problems);
        }
        Ok(report)
    })
}

/// Checks objects until there are no more, or nobody wants to know.
fn work(
    checker: &Checker<'_>,
    paths: &[StorePath],
    next: &AtomicUsize,
    sender: &SyncSender<Vec<Checked>>,
) {
    loop {
        let begin = next.fetch_add(BATCH, Ordering::Relaxed);
        let batch = paths.iter().enumerate().skip(begin).take(BATCH);
        let infos = match checker.infos(batch) {
            Ok(infos) if infos.is_empty() && begin >= paths.len() => return,
            Ok(infos) => infos,
            Err(error) => {
                // Whoever waits for results stops at the first of these.
                let index = begin;
                let result = Err(error);
                drop(sender.send(vec![Checked { index, result }]));
                return;
            }
        };
        let mut results = Results::new(sender);
        for (index, info) in infos {
            let result = checker.check(&info);
            if results.push(Checked { index, result }).is_err() {
                return;
            }
        }
        if results.send().is_err() {
            return;
        }
    }
}

/// What one thread found and has not told yet: waking the other for each small object would cost
/// more than to check it.
struct Results<'s> {
    sender: &'s SyncSender<Vec<Checked>>,
    waiting: Vec<Checked>,
    bytes: u64,
}

impl<'s> Results<'s> {
    const fn new(sender: &'s SyncSender<Vec<Checked>>) -> Self {
        Self {
            sender,
            waiting: Vec::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, checked: Checked) -> Result<(), SendError<Vec<Checked>>> {
        if let Ok(Some(found)) = &checked.result {
            self.bytes += found.bytes;
        }
        self.waiting.push(checked);
        if self.bytes < RESULT_BYTES {
            return Ok(());
        }
        self.send()
    }

    fn send(&mut self) -> Result<(), SendError<Vec<Checked>>> {
        self.bytes = 0;
        self.sender.send(std::mem::take(&mut self.waiting))
    }
}

/// Makes objects invalid whose files are gone, as far as nothing else refers to them.
fn forget(store: &LocalStore, missing: &BTreeSet<StorePath>) -> Result<BTreeSet<StorePath>> {
    let _locks = store.lock(missing)?;
    // One that came back meanwhile stays.
    let mut is_there = |path: &StorePath| disk::is_there(store, path).unwrap_or(true);
    store.database().delete_dead(missing, &mut is_there)
}
