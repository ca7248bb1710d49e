//! Everything that paths lead to, as numbers: by one question a path, and where these become many
//! by one walk over all rows.

mod batch;
mod graph;
mod texts;

use std::fmt;

use netabase_store::{NetabaseError, Tree, View};

use self::{graph::Graph, texts::Texts};
use crate::{
    db::models::{StoreDefinition, StorePath, StorePathReferencesSecondaryKey},
    store::Direction,
};

/// Paths are looked up one by one until one in so many of the store's was, or was reached: then all
/// rows are read in their order instead.
const LOOKED_UP_FRACTION: u64 = 64;
const REACHED_FRACTION: u64 = 8;

/// How many paths are always looked up by themselves.
const LOOKUPS_MIN: u64 = 256;

type Paths<V> = Tree<StoreDefinition, StorePath, V>;

/// Why there is no closure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClosureError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] NetabaseError),
    /// A path refers to one that is not in the store.
    #[error("{referrer} refers to {path}, which is not in the store")]
    Dangling {
        /// The path that refers.
        referrer: String,
        /// What it refers to.
        path: String,
    },
    /// There are more than 2^32 paths, or 4 GiB of their text.
    #[error("more paths than one closure can have")]
    TooMany,
}

/// Paths and everything that they lead to, as text.
///
/// Takes about 100 bytes a path.
pub struct Closure {
    texts: Texts,
    /// The numbers of the paths, by their text.
    sorted: Vec<u32>,
}

impl Closure {
    /// Follows references from `paths`, which are full paths, both of the trees of one moment.
    ///
    /// Where the closure is a small part of the store, each path costs one look-up in the index of
    /// references, or in the tree; otherwise all rows are read once, and memory is that of all paths
    /// and 8 bytes a reference besides. Where references are followed, all of `paths` have to
    /// be in the store; where referrers are, none.
    ///
    /// # Errors
    /// Fails when the store cannot be read, and where a path is not there whose references are to be
    /// followed.
    ///
    /// # Examples
    /// ```
    /// use netabase_store::MemoryStore;
    /// use nix_core::{hash::Sha256, path_info::PathInfo};
    /// use nix_store::{
    ///     StoreDir,
    ///     db::{Closure, models::{StoreDefinition, StorePath}},
    ///     store::Direction,
    /// };
    ///
    /// let dir = StoreDir::default();
    /// let library = dir.parse("/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-library")?;
    /// let program = dir.parse("/nix/store/h1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-program")?;
    /// let mut infos = [&library, &program].map(|it| PathInfo::new(it.clone(), Sha256::of(b""), 1));
    /// infos[1].references.insert(library.clone());
    ///
    /// let paths = MemoryStore::<StoreDefinition>::new().open_tree::<StorePath>();
    /// paths.put_many(infos.iter().map(|info| StorePath::from_path_info(&dir, info)))?;
    /// let start = [dir.print(&library)];
    /// let needing = Closure::new(&paths, start, Direction::Referrers)?;
    /// assert!(needing.iter().eq([dir.print(&library), dir.print(&program)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new<V: View>(
        tree: &Paths<V>,
        paths: impl IntoIterator<Item = String>,
        direction: Direction,
    ) -> Result<Self, ClosureError> {
        let mut walk = Walk {
            tree,
            direction,
            texts: Texts::default(),
            open: Vec::new(),
        };
        for path in paths {
            walk.reach(&path)?;
        }
        let sorted = if walk.by_lookups(tree.len()?)? {
            let mut all: Vec<u32> = (0..walk.texts.count()).collect();
            walk.texts.sort(&mut all);
            all
        } else {
            walk.by_scan()?
        };
        Ok(Self {
            texts: walk.texts,
            sorted,
        })
    }

    /// Yields the paths, sorted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sorted.iter().map(|number| self.texts.get(*number))
    }

    /// Returns how many paths there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A walk along references.
struct Walk<'t, V: View> {
    tree: &'t Paths<V>,
    direction: Direction,
    /// Invariant, until the walk goes on by a scan: all that has been reached, and nothing else.
    texts: Texts,
    /// What is reached and was not followed yet.
    open: Vec<u32>,
}

impl<V: View> Walk<'_, V> {
    /// Follows paths one by one while they are few among all of the store's; returns whether none is
    /// left.
    fn by_lookups(&mut self, count: u64) -> Result<bool, ClosureError> {
        let mut left = (count / LOOKED_UP_FRACTION).max(LOOKUPS_MIN);
        let reached_max = (count / REACHED_FRACTION).max(LOOKUPS_MIN);
        while let Some(number) = self.open.pop() {
            if left == 0 || self.has_reached(reached_max) {
                self.open.push(number);
                return Ok(false);
            }
            left -= 1;
            let path = self.texts.get(number).to_owned();
            match self.direction {
                Direction::References => self.follow_references(&path)?,
                Direction::Referrers => {
                    let index = self.tree.index::<StorePathReferencesSecondaryKey>();
                    for key in index.get(path).keys() {
                        self.reach(&key?.0)?;
                        if self.has_reached(reached_max) {
                            // The other referrers are among the rows.
                            self.open.push(number);
                            return Ok(false);
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    fn has_reached(&self, count: u64) -> bool {
        u64::from(self.texts.count()) > count
    }

    fn follow_references(&mut self, path: &str) -> Result<(), ClosureError> {
        let Some(row) = self.tree.get(path)? else {
            return Err(self.dangling(path)?);
        };
        row.references.iter().try_for_each(|next| self.reach(next))
    }

    fn reach(&mut self, path: &str) -> Result<(), ClosureError> {
        let inserted = self.texts.insert(path);
        let (number, is_new) = inserted.ok_or(ClosureError::TooMany)?;
        if is_new {
            self.open.push(number);
        }
        Ok(())
    }

    /// Reads all rows, and follows in memory what is left; returns all that was reached, by text.
    fn by_scan(&mut self) -> Result<Vec<u32>, ClosureError> {
        let reached = self.texts.count();
        let graph = Graph::read(self.tree, &mut self.texts)?;
        let count = self.texts.count();
        let links = graph.links(count, self.direction);
        let mut found = Marks::new(count);
        for number in 0..reached {
            found.mark(number);
        }
        let mut open = std::mem::take(&mut self.open);
        while let Some(number) = open.pop() {
            open.extend(links.of(number).iter().filter(|next| found.mark(**next)));
        }
        let mut sorted: Vec<u32> = graph.rows().filter(|row| found.unmark(*row)).collect();
        match (found.first(), self.direction) {
            (None, _) => {}
            (Some(number), Direction::References) => {
                return Err(self.dangling(self.texts.get(number))?);
            }
            (Some(_), Direction::Referrers) => {
                // What the walk began with need not be there.
                sorted.extend(found.all());
                self.texts.sort(&mut sorted);
            }
        }
        Ok(sorted)
    }

    /// Returns the error of a path that is referred to and not there.
    fn dangling(&self, path: &str) -> Result<ClosureError, NetabaseError> {
        let index = self.tree.index::<StorePathReferencesSecondaryKey>();
        let referrer = index.get(path).keys().next().transpose()?;
        Ok(ClosureError::Dangling {
            // Nobody refers to one that the walk began with.
            referrer: referrer.map_or_else(|| path.to_owned(), |key| key.0),
            path: path.to_owned(),
        })
    }
}

/// Numbers that are marked.
struct Marks(Vec<bool>);

impl Marks {
    fn new(count: u32) -> Self {
        Self(vec![false; texts::index(count)])
    }

    /// Marks a number, and returns whether it was not before.
    fn mark(&mut self, number: u32) -> bool {
        let mark = self.0.get_mut(texts::index(number));
        mark.is_some_and(|mark| !std::mem::replace(mark, true))
    }

    /// Takes a mark away, and returns whether there was one.
    fn unmark(&mut self, number: u32) -> bool {
        let mark = self.0.get_mut(texts::index(number));
        mark.is_some_and(std::mem::take)
    }

    /// Yields the numbers that are marked.
    fn all(&self) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.0)
            .filter_map(|(number, mark)| mark.then_some(number))
    }

    fn first(&self) -> Option<u32> {
        self.all().next()
    }
}
