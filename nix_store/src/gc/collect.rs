//! Deleting what is not needed, slice by slice.
//!
//! A slice holds the collector's lock while it looks for roots that are new, takes paths out of the
//! database and moves their files to a private directory. Between slices everybody else gets on, and
//! the files are removed. So whatever a crash leaves is not valid: leftovers, which the next
//! collection removes, and a private directory, which the next one to open the store removes.

use std::{collections::BTreeSet, fs, path::PathBuf};

use nix_core::store_path::StorePath;

use super::{
    GcLock, GcOptions, GcProgress, GcReport,
    aside::set_aside,
    leftovers::{Batch, Entries, in_use},
    lock::failed,
    plan::{Plan, known_outputs},
    roots::{NoRoot, Roots, candidates},
    shared_links, symlinks,
};
use crate::{
    local::{LocalStore, StoreLayout},
    store::{Error, Result},
};

/// Deletes every path that no root leads to, and what lies in the store's directory without being
/// valid.
///
/// Other handles and processes may read, add and root meanwhile: a path that gets a root or a
/// referrer before its turn stays. Readers are never waited for; their files may go.
///
/// # Errors
/// Fails when the store may only be read, with [`Error::BesideNix`] where Nix's own database could
/// speak of the same objects, when roots cannot be read, and when the store cannot be written. What
/// was deleted until then stays so.
///
/// # Examples
/// ```
/// use nix_core::store_path::StorePathName;
/// use nix_store::{StoreDir, gc, local::{LocalOptions, LocalStore, StoreLayout}, store::ReadStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let root = tempfile::tempdir()?;
/// let layout = StoreLayout::below(root.path(), StoreDir::default());
/// let store = LocalStore::open(layout.clone(), &LocalOptions::default())?;
/// let needed = store.add_text(&StorePathName::new("needed")?, b"1", &Default::default())?;
/// let other = store.add_text(&StorePathName::new("other")?, b"2", &Default::default())?;
/// gc::add_root(&store, "mine", &needed.path)?;
/// drop(store); // Until then, both are temporary roots of this process.
///
/// let store = LocalStore::open(layout, &LocalOptions::default())?;
/// let report = gc::collect(&store, &gc::GcOptions::default(), &mut |_| {})?;
/// assert_eq!(report.paths, 1);
/// assert!(store.is_valid(&needed.path)?);
/// assert!(!store.real_path(&other.path).exists());
/// # Ok(())
/// # }
/// ```
pub fn collect(
    store: &LocalStore,
    options: &GcOptions,
    progress: &mut dyn FnMut(&GcProgress<'_>),
) -> Result<GcReport> {
    store.writable()?;
    check_beside_nix(store.layout(), options)?;
    if options.max_freed == Some(0) {
        let stopped = true;
        return Ok(GcReport {
            stopped,
            ..GcReport::default()
        });
    }
    let plan = Plan::new(store, options)?;
    let dead = plan.dead.len();
    let live = plan.table.len() - dead;
    progress(&GcProgress::Planned { live, dead });
    let mut collection = Collection {
        store,
        options,
        progress,
        plan,
        kept: BTreeSet::new(),
        estimated: 0,
        report: GcReport::default(),
    };
    collection.delete_dead()?;
    if !collection.report.stopped {
        collection.remove_leftovers()?;
    }
    collection.remove_stale_roots()?;
    collection.remove_links()?;
    Ok(collection.report)
}

/// Fails where another database may know of objects that ours does not.
fn check_beside_nix(layout: &StoreLayout, options: &GcOptions) -> Result<()> {
    let database = layout.db_dir().join("db.sqlite");
    let is_there = database
        .try_exists()
        .map_err(failed("look for", &database))?;
    if is_there && !options.beside_nix {
        return Err(Error::BesideNix { database });
    }
    Ok(())
}

struct Collection<'c> {
    store: &'c LocalStore,
    options: &'c GcOptions,
    progress: &'c mut dyn FnMut(&GcProgress<'_>),
    plan: Plan,
    /// What roots need that were not there when the plan was made.
    kept: BTreeSet<StorePath>,
    /// The sizes of archives that were deleted since links were last looked through.
    estimated: u64,
    report: GcReport,
}

impl Collection<'_> {
    fn delete_dead(&mut self) -> Result<()> {
        let dead = std::mem::take(&mut self.plan.dead);
        let mut rest = dead.as_slice();
        while !rest.is_empty() && !self.report.stopped {
            let (slice, others) = rest.split_at(self.slice_len(rest));
            self.delete_slice(slice)?;
            rest = others;
            self.check_limit()?;
        }
        Ok(())
    }

    /// Returns how many of the paths come next: not more than it takes to free enough.
    fn slice_len(&self, paths: &[u32]) -> usize {
        let mut left = self.left();
        let wanted = paths.iter().take(self.options.slice).take_while(|number| {
            let is_wanted = left > 0;
            left = left.saturating_sub(self.plan.table.size(**number).max(1));
            is_wanted
        });
        wanted.count().clamp(1, paths.len())
    }

    /// Returns how many bytes are still to be freed.
    fn left(&self) -> u64 {
        let max = self.options.max_freed.unwrap_or(u64::MAX);
        max.saturating_sub(self.report.bytes)
    }

    fn delete_slice(&mut self, slice: &[u32]) -> Result<()> {
        let paths: BTreeSet<_> = slice
            .iter()
            .map(|number| self.plan.table.path(*number))
            .collect();
        let store = self.store;
        let private = store.private_dir()?;
        let lock = GcLock::exclusive(store.layout())?;
        let hold = store.database().hold()?;
        self.find_new_roots()?;
        let kept = &self.kept;
        let mut keep = |path: &StorePath| kept.contains(path);
        let deleted = store.database().delete_dead(&paths, &mut keep)?;
        drop(hold);
        for path in &deleted {
            set_aside(store, &private, path.base_name().as_ref())?;
            (self.progress)(&GcProgress::Deleted(path));
        }
        drop(lock);
        self.report.paths += deleted.len();
        let sizes = slice.iter().map(|number| self.plan.table.size(*number));
        self.estimated = self
            .estimated
            .saturating_add(sizes.fold(0, u64::saturating_add));
        self.freed(private.clear()?);
        Ok(())
    }

    /// Adds to what is kept what roots need by now, and returns these.
    fn find_new_roots(&mut self) -> Result<Roots> {
        let roots = candidates(self.store, true)?;
        let mut waiting: Vec<_> = roots.targets().into_iter().collect();
        let database = self.store.database();
        while let Some(path) = waiting.pop() {
            if self.plan.is_live(&path) || !self.kept.insert(path.clone()) {
                continue;
            }
            let Some(info) = database.path_info(&path)? else {
                continue;
            };
            waiting.extend(info.references);
            waiting.extend(info.deriver.filter(|_| self.options.keep_derivations));
            if self.options.keep_outputs && path.is_derivation() {
                waiting.extend(known_outputs(self.store, &path)?);
            }
        }
        Ok(roots)
    }

    fn freed(&mut self, bytes: u64) {
        self.report.bytes += bytes;
        let (paths, bytes) = (self.report.paths, self.report.bytes);
        (self.progress)(&GcProgress::Freed { paths, bytes });
    }

    /// Stops where enough was freed. What is shared through links is only freed with these.
    fn check_limit(&mut self) -> Result<()> {
        if self.options.max_freed.is_none() {
            return Ok(());
        }
        if self.left() > 0 && self.estimated >= self.left() {
            self.remove_links()?;
        }
        self.report.stopped = self.left() == 0;
        Ok(())
    }

    fn remove_leftovers(&mut self) -> Result<()> {
        let dir = &self.store.layout().real_store_dir;
        let mut entries = Entries::open(dir)?;
        while !self.report.stopped {
            let batch = entries.next_batch(self.options.slice, |path| {
                self.plan.table.find(path).is_none()
            })?;
            let Some(batch) = batch else {
                return Ok(());
            };
            self.remove_batch(&batch)?;
            self.check_limit()?;
        }
        Ok(())
    }

    fn remove_batch(&mut self, batch: &Batch) -> Result<()> {
        let private = self.store.private_dir()?;
        let lock = GcLock::exclusive(self.store.layout())?;
        let hold = self.store.database().hold_to_read()?;
        let roots = self.find_new_roots()?;
        let progress = &mut *self.progress;
        let in_use = in_use(&roots);
        let removed = batch.set_aside(self.store, &private, &in_use, &mut |name| {
            progress(&GcProgress::Leftover(name));
        })?;
        drop(hold);
        drop(lock);
        self.report.leftovers += removed;
        self.freed(private.clear()?);
        Ok(())
    }

    fn remove_links(&mut self) -> Result<()> {
        self.estimated = 0;
        let (links, bytes) = shared_links::remove_unused(&self.store.layout().links_dir())?;
        self.report.links += links;
        if bytes > 0 {
            self.freed(bytes);
        }
        Ok(())
    }

    fn remove_stale_roots(&mut self) -> Result<()> {
        let layout = self.store.layout();
        let mut others = Vec::new();
        symlinks::find(layout, &mut BTreeSet::new(), &mut others)?;
        let stale = others.into_iter().filter_map(|other| match other {
            NoRoot::Stale(link) => Some(link),
            _ => None,
        });
        let stale: Vec<PathBuf> = stale.collect();
        if stale.is_empty() {
            return Ok(());
        }
        let _lock = GcLock::exclusive(layout)?;
        for link in stale {
            // Somebody may have made the root anew.
            if symlinks::is_stale(layout, &link)? {
                fs::remove_file(&link).map_err(failed("remove", &link))?;
                (self.progress)(&GcProgress::StaleRoot(&link));
                self.report.stale_roots.push(link);
            }
        }
        Ok(())
    }
}
