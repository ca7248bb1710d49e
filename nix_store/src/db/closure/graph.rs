//! The references of all paths of a store, as numbers.

use netabase_store::{Tree, View};

use super::{
    ClosureError,
    batch::Batch,
    texts::{Texts, index},
};
use crate::{
    ahead::behind,
    db::models::{StoreDefinition, StorePath},
    store::Direction,
};

/// Every path that has a row, in the order of the rows, with what it refers to.
#[derive(Default)]
pub(super) struct Graph {
    rows: Vec<Row>,
    /// What the first row refers to, then the second, and so on.
    references: Vec<u32>,
}

struct Row {
    number: u32,
    /// Where its references end.
    end: u32,
}

impl Graph {
    /// Reads all rows of a tree, and numbers whatever is not in `texts` yet.
    ///
    /// This thread reads them while another one gives them numbers.
    pub(super) fn read<V: View>(
        tree: &Tree<StoreDefinition, StorePath, V>,
        texts: &mut Texts,
    ) -> Result<Self, ClosureError> {
        let mut graph = Self::default();
        let mut query = tree.iter();
        behind(
            |outlet| {
                let mut batch = Batch::new();
                while query
                    .next_fields(|fields| batch.push(fields))
                    .map_err(ClosureError::from)?
                    .is_some()
                {
                    if batch.is_full() {
                        let bytes = batch.bytes();
                        outlet.push(std::mem::replace(&mut batch, Batch::new()), bytes)?;
                    }
                }
                let bytes = batch.bytes();
                outlet.push(batch, bytes)
            },
            |batch| graph.push(&batch, texts).ok_or(ClosureError::TooMany),
        )?;
        Ok(graph)
    }

    /// Adds rows, or returns nothing where there is no room.
    fn push(&mut self, batch: &Batch, texts: &mut Texts) -> Option<()> {
        let mut numbers = texts.insert_all(batch.texts())?.into_iter();
        for references in batch.references() {
            let number = numbers.next()?;
            self.references.extend(numbers.by_ref().take(references));
            let end = u32::try_from(self.references.len()).ok()?;
            self.rows.push(Row { number, end });
        }
        Some(())
    }

    /// Yields the numbers of the rows, by their texts.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().map(|row| row.number)
    }

    /// Yields all references: from whom to whom.
    fn edges(&self) -> impl Iterator<Item = (u32, u32)> {
        let mut start = 0;
        self.rows.iter().flat_map(move |row| {
            let references = self.references.get(index(start)..index(row.end));
            start = row.end;
            let references = references.unwrap_or_default().iter();
            references.map(move |reference| (row.number, *reference))
        })
    }

    /// Returns where each of so many numbers leads in a direction.
    pub(super) fn links(&self, count: u32, direction: Direction) -> Links {
        let turned = |(path, reference)| match direction {
            Direction::References => (path, reference),
            Direction::Referrers => (reference, path),
        };
        let mut ends = vec![0_u32; index(count)];
        for (from, _) in self.edges().map(turned) {
            if let Some(links) = ends.get_mut(index(from)) {
                *links += 1;
            }
        }
        // Where each number's links begin; filling them in moves it to where they end.
        let mut sum = 0;
        for end in &mut ends {
            let links = std::mem::replace(end, sum);
            sum += links;
        }
        let mut to = vec![0; self.references.len()];
        for (from, next) in self.edges().map(turned) {
            let Some(end) = ends.get_mut(index(from)) else {
                continue;
            };
            if let Some(link) = to.get_mut(index(*end)) {
                *link = next;
            }
            *end += 1;
        }
        Links { ends, to }
    }
}

/// Where numbers lead.
pub(super) struct Links {
    /// Where the links of each number end, and those of the next begin.
    ends: Vec<u32>,
    to: Vec<u32>,
}

impl Links {
    pub(super) fn of(&self, number: u32) -> &[u32] {
        let end = |at: usize| self.ends.get(at).map(|end| index(*end));
        let at = index(number);
        let start = at.checked_sub(1).and_then(end).unwrap_or(0);
        let links = end(at).and_then(|end| self.to.get(start..end));
        links.unwrap_or_default()
    }
}
