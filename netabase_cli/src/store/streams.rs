//! `netabase store dump`, `restore`, `export` and `import`

use std::{
    io::{self, BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use nix_core::store_path::StorePath;
use nix_store::store::{Direction, Error as StoreError, ReadStore};

use crate::{
    error::{Error, Result},
    nar,
    store::place::{StorePlace, TargetPlace, find},
};

const BUFFER_BYTES: usize = 128 << 10;

/// The arguments of `store dump`.
#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// The object: its path, base name, or the base name's 32 characters of hash
    path: String,
    #[command(flatten)]
    place: StorePlace,
}

/// The arguments of `store restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// What to make; nothing may be there yet
    destination: PathBuf,
}

/// The arguments of `store export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The objects: paths, base names, or the base names' 32 characters of hash
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Export all that they refer to as well
    #[arg(long)]
    closure: bool,
    #[command(flatten)]
    place: StorePlace,
}

/// The arguments of `store import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    place: TargetPlace,
}

/// Writes the archive of an object.
pub(super) fn dump(args: &DumpArgs, out: &mut dyn Write) -> Result<()> {
    refuse_terminal()?;
    let store = args.place.read()?;
    let path = find(&store, &args.path)?;
    store.write_nar(&path, out).map_err(told)?;
    Ok(())
}

/// Unpacks an archive, which nothing may follow.
pub(super) fn restore(args: &RestoreArgs) -> Result<()> {
    nar::unpack_whole(io::stdin().lock(), Path::new("-"), &args.destination)
}

/// Writes objects, each after what it refers to.
pub(super) fn export(args: &ExportArgs, out: &mut dyn Write) -> Result<()> {
    refuse_terminal()?;
    let store = args.place.read()?;
    let found = args.paths.iter().map(|text| find(&store, text));
    let mut paths: Vec<StorePath> = found.collect::<Result<_>>()?;
    if args.closure {
        let all = store.closure(&paths.into_iter().collect(), Direction::References)?;
        paths = all.into_iter().collect();
    }
    store.export(&paths, out).map_err(told)
}

/// Adds the objects of a stream and prints their paths.
pub(super) fn import(args: &ImportArgs, out: &mut dyn Write) -> Result<()> {
    args.place.add(|store| {
        let mut stream = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
        for path in store.import(&mut stream)? {
            writeln!(out, "{}", store.store_dir().display(&path)).map_err(Error::Output)?;
        }
        Ok(())
    })
}

fn refuse_terminal() -> Result<()> {
    if io::stdout().is_terminal() {
        return Err(nar::Error::Terminal.into());
    }
    Ok(())
}

/// Tells a reader that has gone away from other errors.
fn told(error: StoreError) -> Error {
    match error {
        StoreError::Pack {
            source: nix_io::nar::PackError::Write(source),
            ..
        } => Error::Output(source),
        error => error.into(),
    }
}
