//! `netabase key sign`: adds signatures to the paths of a store.

use std::{io::Write, path::Path};

use netabase_store::{Store, Tree, View, backends::Backend};
use nix_core::{signature::SecretKey, store_path::StoreDir};
use nix_store::db::models::{StoreDefinition, StorePath};

use crate::{
    engine::{Mode, Task, with_store},
    error::{Error, Result},
    key::{KeyError, SignArgs, lanes::in_order, secret},
    query::closure::Paths,
};

/// How many paths one transaction stores at most.
const BATCH_PATHS_MAX: usize = 1024;

/// Signs the paths that the arguments name.
pub(super) fn run(args: &SignArgs, out: &mut dyn Write) -> Result<()> {
    let key = secret::read(&args.key_file)?;
    let store = &args.store;
    let task = Sign { args, key: &key };
    let counts = with_store(&store.db, store.engine, Mode::Write, task)?;
    let (name, paths, new) = (key.name(), counts.paths, counts.new);
    writeln!(out, "signed {paths} paths by {name} ({new} new)").map_err(Error::Output)
}

/// Returns the rows that the texts name, or all where there is no text.
pub(super) fn rows<'a, V: View + 'a>(
    tree: Tree<StoreDefinition, StorePath, V>,
    texts: &'a [String],
    db: &'a Path,
) -> Result<Box<dyn Iterator<Item = Result<StorePath>> + 'a>> {
    if texts.is_empty() {
        let rows = tree.iter().values();
        return Ok(Box::new(rows.map(|row| row.map_err(Error::Store))));
    }
    let paths = Paths { tree, db };
    Ok(Box::new(texts.iter().map(move |text| paths.find(text))))
}

struct Sign<'a> {
    args: &'a SignArgs,
    key: &'a SecretKey,
}

#[derive(Debug, Default)]
struct Counts {
    paths: u64,
    new: u64,
}

impl Task for Sign<'_> {
    type Output = Counts;

    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<Counts> {
        let dir = &self.args.store.store_dir;
        let txn = store.begin_read()?;
        let tree = txn.open_tree::<StorePath>();
        let rows = rows(tree, &self.args.paths, &self.args.store.db)?;
        let mut counts = Counts::default();
        let mut batch = Vec::new();
        let signed_rows = store.open_tree::<StorePath>();
        in_order(
            rows,
            |row| sign(row, dir, self.key),
            |signed| {
                counts.paths += 1;
                if let Some(row) = signed? {
                    counts.new += 1;
                    batch.push(row);
                }
                if batch.len() == BATCH_PATHS_MAX {
                    signed_rows.put_many(std::mem::take(&mut batch))?;
                }
                Ok(())
            },
        )?;
        signed_rows.put_many(batch)?;
        Ok(counts)
    }
}

/// Returns the row with a signature by the key, or nothing where it has it already.
fn sign(row: StorePath, dir: &StoreDir, key: &SecretKey) -> Result<Option<StorePath>> {
    let path = row.path.clone();
    let info = row.to_path_info(dir);
    let mut info = info.map_err(|source| KeyError::Row {
        path: path.clone(),
        source,
    })?;
    let is_new = info.sign(dir, key);
    let is_new = is_new.map_err(|source| KeyError::Sign { path, source })?;
    Ok(is_new.then(|| StorePath::from_path_info(dir, &info)))
}
