//! Registering paths, with the rows that Nix itself would write.

use std::collections::{BTreeMap, BTreeSet};

use nix_core::{
    derivation::Derivation,
    graph::{Cycle, Graph, PathCycle},
    path_info::PathInfo,
    store_path::{References, StoreDir},
};
use rusqlite::{Transaction, TransactionBehavior, params};

use crate::store::{Direction, Error, Result};

use super::{
    StoreDb,
    error::{NixDbError, NixDbResult, SqliteContext},
    export::known_outputs,
    row::PathRow,
    snapshot::Snapshot,
};

/// A path to be registered.
#[derive(Clone, Copy, Debug)]
pub struct NewPath<'a> {
    /// What is known of it. A registration time of 0 stands for now.
    pub info: &'a PathInfo,
    /// What its file says, where it is a derivation; its outputs are found by this.
    pub derivation: Option<&'a Derivation>,
}

impl<'a> NewPath<'a> {
    /// Takes a path that is no derivation, or one whose outputs are not to be found.
    #[must_use]
    pub const fn new(info: &'a PathInfo) -> Self {
        Self {
            info,
            derivation: None,
        }
    }
}

impl StoreDb {
    /// Registers one path, as [`register_valid_paths`](Self::register_valid_paths) does.
    ///
    /// # Errors
    /// Fails as that does.
    pub fn register_valid_path(&self, path: &NewPath<'_>) -> Result<()> {
        self.register_valid_paths(&[*path])
    }

    /// Registers paths in one transaction: all of them, or none. They may refer to each other and to
    /// themselves. Of a path that is valid already hash, size, signatures and content address are
    /// replaced, its registration time and deriver are kept, and references are added, as Nix does.
    ///
    /// # Errors
    /// Fails when a reference is neither valid nor among them, when they form a circle, when a
    /// content address leads to another path, and when the database cannot be written.
    pub fn register_valid_paths(&self, paths: &[NewPath<'_>]) -> Result<()> {
        self.write(|snapshot| {
            let mut ids = Vec::with_capacity(paths.len());
            for path in paths {
                check_address(&self.store_dir, path.info)?;
                ids.push(snapshot.put_path(path.info)?);
            }
            for (path, (id, _)) in paths.iter().zip(&ids) {
                snapshot.put_references(path.info, *id)?;
                if let Some(derivation) = path.derivation {
                    snapshot.put_outputs(derivation, *id)?;
                }
            }
            // Only a path that was there before may have others leading to it.
            let is_any_old = ids.iter().any(|(_, is_old)| *is_old);
            let mut ids: BTreeSet<i64> = ids.into_iter().map(|(id, _)| id).collect();
            if is_any_old {
                ids = snapshot.closure_ids(ids, Direction::References)?;
            }
            snapshot.check_circles(&ids)
        })
    }

    /// Makes a change in a transaction: wholly or not at all.
    pub(super) fn write<T>(&self, change: impl FnOnce(&Snapshot<'_>) -> Result<T>) -> Result<T> {
        if !self.pool.is_writable() {
            return Err(Error::ReadOnly);
        }
        let lease = self.pool.lease()?;
        let txn = Transaction::new_unchecked(&lease, TransactionBehavior::Immediate);
        let snapshot = Snapshot {
            txn: txn.on("write", "ValidPaths")?,
            store_dir: &self.store_dir,
        };
        let done = change(&snapshot)?;
        snapshot.txn.commit().on("commit", "ValidPaths")?;
        Ok(done)
    }
}

impl Snapshot<'_> {
    pub(super) fn execute(
        &self,
        table: &'static str,
        text: &str,
        params: impl rusqlite::Params,
    ) -> NixDbResult<()> {
        let mut statement = self.txn.prepare_cached(text).on("write", table)?;
        statement.execute(params).on("write", table)?;
        Ok(())
    }

    /// Returns the number of the row, and whether it was there before.
    fn put_path(&self, info: &PathInfo) -> NixDbResult<(i64, bool)> {
        let row = PathRow::new(self.store_dir, info)?;
        let Some(id) = self.id(&info.path)? else {
            row.insert(&self.txn, None)?;
            return Ok((self.txn.last_insert_rowid(), false));
        };
        let text = "update ValidPaths set narSize = ?2, hash = ?3, ultimate = ?4, sigs = ?5, \
                    ca = ?6 where id = ?1";
        let (PathRow { hash, size, .. }, ultimate) = (&row, row.ultimate);
        let params = params![id, size, hash, ultimate, row.signatures, row.address];
        self.execute("ValidPaths", text, params)?;
        Ok((id, true))
    }

    fn put_references(&self, info: &PathInfo, id: i64) -> Result<()> {
        for reference in &info.references {
            let Some(to) = self.id(reference)? else {
                return Err(Error::ReferenceNotValid {
                    path: info.path.clone(),
                    reference: reference.clone(),
                });
            };
            let text = "insert or replace into Refs (referrer, reference) values (?1, ?2)";
            self.execute("Refs", text, [id, to])?;
        }
        Ok(())
    }

    fn put_outputs(&self, derivation: &Derivation, id: i64) -> Result<()> {
        for (name, path) in known_outputs(self.store_dir, derivation)? {
            let path = self.store_dir.print(&path);
            let text = "insert or replace into DerivationOutputs (drv, id, path) \
                        values (?1, ?2, ?3)";
            self.execute("DerivationOutputs", text, params![id, name.as_str(), path])?;
        }
        Ok(())
    }

    /// Checks that no path among the rows leads back to itself by way of another.
    fn check_circles(&self, ids: &BTreeSet<i64>) -> Result<()> {
        let nodes: BTreeMap<i64, u32> = ids.iter().copied().zip(0..).collect();
        let mut edges = Vec::new();
        for (id, node) in &nodes {
            let query = "select rowid, reference from Refs where referrer = ?1 order by reference";
            self.rows("Refs", query, [id], |row| {
                let to = nodes.get(&row.integer(1, "reference")?);
                let to = to.filter(|to| *to != node);
                edges.extend(to.map(|to| (*node, *to)));
                Ok(None::<()>)
            })?;
        }
        let path_of = |node: u32| {
            let id = usize::try_from(node).ok().and_then(|at| ids.iter().nth(at));
            self.path_of(id.copied().unwrap_or_default())
        };
        let graph = Graph::new(nodes.len(), &edges).map_err(NixDbError::from)?;
        match graph.topological_order() {
            Ok(_) => Ok(()),
            Err(Cycle(nodes)) => {
                let paths: NixDbResult<_> = nodes.into_iter().map(path_of).collect();
                Err(PathCycle(paths?).into())
            }
        }
    }
}

fn check_address(store_dir: &StoreDir, info: &PathInfo) -> Result<()> {
    let Some(address) = &info.content_address else {
        return Ok(());
    };
    let mut others = info.references.clone();
    let self_reference = others.remove(&info.path);
    let references = References {
        others,
        self_reference,
    };
    let computed = store_dir.fixed_path(&info.path.to_name(), address, &references);
    let computed = computed.map_err(|source| Error::Compute {
        name: info.path.name().to_owned(),
        source,
    })?;
    if computed == info.path {
        return Ok(());
    }
    let path = info.path.clone();
    Err(Error::OtherPath { path, computed })
}
