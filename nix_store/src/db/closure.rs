//! Everything that paths lead to, as numbers: by one question a path, and where these become many
//! by one walk over the index of references.

mod texts;

use std::fmt;

use netabase_store::{NetabaseError, Tree, View};

use self::texts::Texts;
use crate::{
    ahead::ahead,
    db::models::{StoreDefinition, StorePath, StorePathReferencesSecondaryKey},
    store::Direction,
};

/// Paths are looked up one by one until one in so many of the store's was, or was reached: then all
/// references are read in their order instead.
const LOOKED_UP_FRACTION: u64 = 64;
const REACHED_FRACTION: u64 = 8;

/// How many paths are always looked up by themselves.
const LOOKUPS_MIN: u64 = 256;

/// About how many bytes a reference takes while it waits.
const PAIR_BYTES: usize = 256;

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
    /// references, or in the tree; otherwise the whole index is read once, and memory is that of all
    /// paths and 8 bytes a reference besides. Where references are followed, all of `paths` have to
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
        let sorted = match walk.by_lookups(tree.len()?)? {
            true => (0..walk.texts.count()).collect(),
            false => walk.by_scan()?,
        };
        Ok(Self::sorted(walk.texts, sorted))
    }

    fn sorted(texts: Texts, mut numbers: Vec<u32>) -> Self {
        numbers.sort_unstable_by(|a, b| texts.get(*a).cmp(texts.get(*b)));
        Self {
            texts,
            sorted: numbers,
        }
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
            if left == 0 || u64::from(self.texts.count()) > reached_max {
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
                    }
                }
            }
        }
        Ok(true)
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

    /// Reads all references, and follows in memory what is left; returns all that was reached.
    fn by_scan(&mut self) -> Result<Vec<u32>, ClosureError> {
        let reached = self.texts.count();
        let edges = self.edges()?;
        let mut found = Marks::new(self.texts.count());
        let mut all: Vec<u32> = (0..reached).collect();
        for number in &all {
            found.mark(*number);
        }
        let mut open = std::mem::take(&mut self.open);
        while let Some(number) = open.pop() {
            for (_, next) in edges_of(&edges, number) {
                if found.mark(*next) {
                    all.push(*next);
                    open.push(*next);
                }
            }
        }
        drop(edges);
        if self.direction == Direction::References {
            self.check_rows(&mut found)?;
        }
        Ok(all)
    }

    /// Returns all references, each as from whom to whom the walk goes, sorted.
    ///
    /// One thread reads them while this one gives them numbers.
    fn edges(&mut self) -> Result<Vec<(u32, u32)>, ClosureError> {
        let mut pairs = self.tree.index::<StorePathReferencesSecondaryKey>().pairs();
        let (texts, direction) = (&mut self.texts, self.direction);
        let mut edges = Vec::new();
        let mut last = None;
        ahead(
            |outlet| {
                pairs.try_for_each(|pair| {
                    let pair = pair.map_err(ClosureError::from)?;
                    outlet.push(pair, PAIR_BYTES)
                })
            },
            |(reference, referrer)| {
                // The entries of one reference stand together.
                let to = match last {
                    Some(to) if texts.get(to) == reference.0 => to,
                    _ => number(texts, &reference.0)?,
                };
                last = Some(to);
                let from = number(texts, &referrer.0)?;
                edges.push(match direction {
                    Direction::References => (from, to),
                    Direction::Referrers => (to, from),
                });
                Ok(())
            },
        )?;
        edges.sort_unstable();
        Ok(edges)
    }

    /// Checks that all that was found is in the store.
    fn check_rows(&self, found: &mut Marks) -> Result<(), ClosureError> {
        for key in self.tree.iter().keys() {
            if let Some(number) = self.texts.find(&key?.0) {
                found.unmark(number);
            }
        }
        match found.first() {
            Some(number) => Err(self.dangling(self.texts.get(number))?),
            None => Ok(()),
        }
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

fn number(texts: &mut Texts, text: &str) -> Result<u32, ClosureError> {
    let inserted = texts.insert(text).map(|(number, _)| number);
    inserted.ok_or(ClosureError::TooMany)
}

/// Returns those of the sorted edges that begin at a number.
fn edges_of(edges: &[(u32, u32)], number: u32) -> &[(u32, u32)] {
    let start = edges.partition_point(|(from, _)| *from < number);
    let rest = edges.get(start..).unwrap_or_default();
    let end = rest.partition_point(|(from, _)| *from == number);
    rest.get(..end).unwrap_or_default()
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

    fn unmark(&mut self, number: u32) {
        if let Some(mark) = self.0.get_mut(texts::index(number)) {
            *mark = false;
        }
    }

    /// Returns the first number that is marked.
    fn first(&self) -> Option<u32> {
        let first = self.0.iter().position(|mark| *mark)?;
        u32::try_from(first).ok()
    }
}
