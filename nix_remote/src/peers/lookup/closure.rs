//! The plan of a closure: what is missing, and in which order it is fetched and added.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nix_core::{
    graph::{GraphError, PathCycle, PathGraph},
    store_path::StorePath,
};

/// The most paths of a closure.
pub const CLOSURE_PATHS_MAX: usize = 65_536;

/// How much of a closure is dealt with at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosureLimits {
    /// The most paths, at most [`CLOSURE_PATHS_MAX`].
    pub paths_max: usize,
    /// How many paths are resolved at a time. Not 0.
    pub resolves_max: usize,
    /// How many objects are fetched at a time, those that wait to be added among them. Not 0.
    pub fetches_max: usize,
}

impl Default for ClosureLimits {
    /// As many paths as there may be, 64 resolved and 4 fetched at a time.
    fn default() -> Self {
        Self {
            paths_max: CLOSURE_PATHS_MAX,
            resolves_max: 64,
            fetches_max: 4,
        }
    }
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// See whether the path is there, and else what it refers to; then say
    /// [`present`](Closure::present), [`missing`](Closure::missing) or
    /// [`unresolved`](Closure::unresolved).
    Resolve(StorePath),
    /// Fetch the archive, and say [`fetched`](Closure::fetched) or [`failed`](Closure::failed).
    Fetch(StorePath),
    /// Add the object to the store, which has all its references by now; then say
    /// [`added`](Closure::added) or [`failed`](Closure::failed).
    Add(StorePath),
}

/// Why a closure cannot be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClosureError {
    /// It has too many paths.
    #[error("the closure has more than {max} paths")]
    TooManyPaths {
        /// How many it may have.
        max: usize,
    },
    /// Paths are neither there nor announced, with their references.
    #[error("{} paths of the closure were not found, {} first of all", paths.len(), First(paths))]
    Unresolved {
        /// The paths; never none.
        paths: BTreeSet<StorePath>,
    },
    /// The announcements refer to each other in a circle, so one of them is wrong.
    #[error("the closure cannot be put in order")]
    Cycle(#[source] PathCycle),
    /// There are too many references.
    #[error("the closure has too many references")]
    Graph(#[source] GraphError),
}

/// A closure on its way into a store.
///
/// Nothing is fetched before all paths are resolved, so nothing is fetched of a closure that cannot
/// be had as a whole. Then objects are fetched in an order in which references come before
/// referrers, and each is added once its references are. Where one fails, those that need it are
/// given up, and the others go on.
///
/// The same answers in the same order lead to the same steps. Memory: what announcements say of the
/// references of each path that is missing.
#[derive(Debug)]
pub struct Closure {
    limits: ClosureLimits,
    seen: BTreeSet<StorePath>,
    to_resolve: VecDeque<StorePath>,
    resolving: BTreeSet<StorePath>,
    unresolved: BTreeSet<StorePath>,
    /// What is missing, with its references.
    references: BTreeMap<StorePath, BTreeSet<StorePath>>,
    plan: Option<Plan>,
}

/// What is missing, once all of it is known.
#[derive(Debug, Default)]
struct Plan {
    /// References before referrers.
    to_fetch: VecDeque<StorePath>,
    fetching: BTreeSet<StorePath>,
    /// What is fetched and not added yet.
    fetched: BTreeSet<StorePath>,
    adding: BTreeSet<StorePath>,
    /// For each path the missing paths that it waits for; none of its own.
    waits_for: BTreeMap<StorePath, BTreeSet<StorePath>>,
    /// For each path those that wait for it.
    referrers: BTreeMap<StorePath, BTreeSet<StorePath>>,
    added: BTreeSet<StorePath>,
    failed: BTreeSet<StorePath>,
}

impl Closure {
    /// Begins with the paths that are wanted.
    ///
    /// # Errors
    /// Fails where they are too many.
    pub fn new(
        roots: impl IntoIterator<Item = StorePath>,
        limits: ClosureLimits,
    ) -> Result<Self, ClosureError> {
        let mut closure = Self {
            limits,
            seen: BTreeSet::new(),
            to_resolve: VecDeque::new(),
            resolving: BTreeSet::new(),
            unresolved: BTreeSet::new(),
            references: BTreeMap::new(),
            plan: None,
        };
        closure.want(roots)?;
        Ok(closure)
    }

    /// Returns what to do next, or nothing until one of the steps has ended.
    ///
    /// # Errors
    /// Fails once all is resolved that can be, where that is not all, and where the announcements
    /// cannot be put in order.
    pub fn next_step(&mut self) -> Result<Option<Step>, ClosureError> {
        if self.resolving.len() < self.limits.resolves_max
            && let Some(path) = self.to_resolve.pop_front()
        {
            self.resolving.insert(path.clone());
            return Ok(Some(Step::Resolve(path)));
        }
        if !self.resolving.is_empty() {
            return Ok(None);
        }
        let plan = match &mut self.plan {
            Some(plan) => plan,
            none => none.insert(Plan::new(&self.unresolved, &self.references)?),
        };
        Ok(plan.next_step(self.limits.fetches_max))
    }

    /// Takes note that the store has a path.
    pub fn present(&mut self, path: &StorePath) {
        self.resolving.remove(path);
    }

    /// Takes note that the store does not have a path, and what it refers to.
    ///
    /// # Errors
    /// Fails where the closure becomes too large.
    pub fn missing(
        &mut self,
        path: &StorePath,
        references: BTreeSet<StorePath>,
    ) -> Result<(), ClosureError> {
        if !self.resolving.remove(path) {
            return Ok(());
        }
        self.want(references.iter().cloned())?;
        self.references.insert(path.clone(), references);
        Ok(())
    }

    /// Takes note that the store does not have a path, and that nobody says what it refers to.
    pub fn unresolved(&mut self, path: &StorePath) {
        if self.resolving.remove(path) {
            self.unresolved.insert(path.clone());
        }
    }

    /// Takes note that an archive is there and verified.
    pub fn fetched(&mut self, path: &StorePath) {
        if let Some(plan) = &mut self.plan
            && plan.fetching.remove(path)
        {
            plan.fetched.insert(path.clone());
        }
    }

    /// Takes note that the store has an object now.
    pub fn added(&mut self, path: &StorePath) {
        if let Some(plan) = &mut self.plan
            && plan.adding.remove(path)
        {
            plan.add(path);
        }
    }

    /// Takes note that the store refused what an archive holds, and that another archive of the
    /// path is fetched, of which [`fetched`](Self::fetched) or [`failed`](Self::failed) is to be
    /// said.
    pub fn refused(&mut self, path: &StorePath) {
        if let Some(plan) = &mut self.plan
            && plan.adding.remove(path)
        {
            plan.fetching.insert(path.clone());
        }
    }

    /// Takes note that an object cannot be fetched or added; those that need it are given up.
    pub fn failed(&mut self, path: &StorePath) {
        if let Some(plan) = &mut self.plan
            && (plan.fetching.contains(path) || plan.adding.contains(path))
        {
            plan.fail(path);
        }
    }

    /// Whether all has been added or given up.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.plan.as_ref().is_some_and(Plan::is_done)
    }

    /// Returns how many objects are missing or were, as far as is known.
    #[must_use]
    pub fn missing_paths(&self) -> usize {
        self.references.len()
    }

    /// Iterates over what has been added.
    pub fn added_paths(&self) -> impl Iterator<Item = &StorePath> {
        self.plan.iter().flat_map(|plan| &plan.added)
    }

    /// Iterates over what was given up: what could not be fetched or added, and what needs it.
    pub fn failed_paths(&self) -> impl Iterator<Item = &StorePath> {
        self.plan.iter().flat_map(|plan| &plan.failed)
    }

    fn want(&mut self, paths: impl IntoIterator<Item = StorePath>) -> Result<(), ClosureError> {
        let max = self.limits.paths_max.min(CLOSURE_PATHS_MAX);
        for path in paths {
            if self.seen.contains(&path) {
                continue;
            }
            if self.seen.len() >= max {
                return Err(ClosureError::TooManyPaths { max });
            }
            self.seen.insert(path.clone());
            self.to_resolve.push_back(path);
        }
        Ok(())
    }
}

impl Plan {
    fn new(
        unresolved: &BTreeSet<StorePath>,
        references: &BTreeMap<StorePath, BTreeSet<StorePath>>,
    ) -> Result<Self, ClosureError> {
        if !unresolved.is_empty() {
            let paths = unresolved.clone();
            return Err(ClosureError::Unresolved { paths });
        }
        let objects = references.iter();
        let objects = objects.map(|(path, of)| (path.clone(), of.iter().cloned()));
        let graph = PathGraph::new(objects).map_err(ClosureError::Graph)?;
        let order = graph.topological_order().map_err(ClosureError::Cycle)?;
        let mut plan = Self {
            to_fetch: order.into_iter().rev().collect(),
            ..Self::default()
        };
        for (path, of) in references {
            let is_waited_for =
                |other: &&StorePath| *other != path && references.contains_key(*other);
            let waits_for: BTreeSet<_> = of.iter().filter(is_waited_for).cloned().collect();
            for other in &waits_for {
                let referrers = plan.referrers.entry(other.clone()).or_default();
                referrers.insert(path.clone());
            }
            plan.waits_for.insert(path.clone(), waits_for);
        }
        Ok(plan)
    }

    fn next_step(&mut self, fetches_max: usize) -> Option<Step> {
        let is_ready = |path: &&StorePath| self.waits_for.get(*path).is_none_or(BTreeSet::is_empty);
        if let Some(path) = self.fetched.iter().find(is_ready).cloned() {
            self.fetched.remove(&path);
            self.adding.insert(path.clone());
            return Some(Step::Add(path));
        }
        if self.fetching.len() + self.fetched.len() + self.adding.len() >= fetches_max {
            return None;
        }
        let path = self.to_fetch.pop_front()?;
        self.fetching.insert(path.clone());
        Some(Step::Fetch(path))
    }

    fn is_done(&self) -> bool {
        let rest = [&self.fetching, &self.fetched, &self.adding];
        self.to_fetch.is_empty() && rest.iter().all(|rest| rest.is_empty())
    }

    fn add(&mut self, path: &StorePath) {
        for referrer in self.referrers.get(path).into_iter().flatten() {
            if let Some(waits_for) = self.waits_for.get_mut(referrer) {
                waits_for.remove(path);
            }
        }
        self.added.insert(path.clone());
    }

    /// Gives up a path and, without recursion, whatever needs it.
    fn fail(&mut self, path: &StorePath) {
        let mut rest = vec![path.clone()];
        while let Some(path) = rest.pop() {
            if !self.failed.insert(path.clone()) {
                continue;
            }
            rest.extend(self.referrers.get(&path).into_iter().flatten().cloned());
            self.fetching.remove(&path);
            self.fetched.remove(&path);
            self.adding.remove(&path);
        }
        let failed = &self.failed;
        self.to_fetch.retain(|path| !failed.contains(path));
    }
}

/// Writes the first path of a set.
struct First<'a>(&'a BTreeSet<StorePath>);

impl std::fmt::Display for First<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.first().map_or(Ok(()), |path| path.fmt(f))
    }
}
