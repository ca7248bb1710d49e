//! `netabase store copy`

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufReader, Write},
};

use clap::Args;
use nix_core::{graph::PathGraph, path_info::PathInfo, store_path::StorePath};
use nix_io::nar::PackError;
use nix_store::{
    local::{Batch, LocalReference, LocalStore},
    optimise::{LinkOptions, link_or_copy},
    store::{Added, Direction, Error as StoreError, ReadStore},
};

use crate::{
    error::{Error, Result},
    store::place::{Adding, StorePlace, find},
};

/// How many bytes of an archive wait between the stores.
const PIPE_BYTES: usize = 128 << 10;

/// The arguments of `store copy`.
#[derive(Debug, Args)]
pub(super) struct CopyArgs {
    /// The objects: paths, base names, or the base names' 32 characters of hash
    #[arg(required_unless_present = "all", value_name = "PATH")]
    paths: Vec<String>,
    /// Copy every object of the store
    #[arg(long, conflicts_with = "paths")]
    all: bool,
    /// The store to copy into, which is made where there is none
    #[arg(long, value_name = "STORE", value_parser = LocalReference::parse)]
    to: LocalReference,
    /// Share files with those of the first store instead of copying them, where that is possible
    #[arg(long)]
    link: bool,
    #[command(flatten)]
    adding: Adding,
    #[command(flatten)]
    place: StorePlace,
}

/// Copies objects, each after what it refers to.
pub(super) fn run(args: &CopyArgs, out: &mut dyn Write) -> Result<()> {
    let from = args.place.read()?;
    let wanted = if args.all {
        from.valid_paths()?
    } else {
        let found = args.paths.iter().map(|text| find(&from, text));
        from.closure(&found.collect::<Result<_>>()?, Direction::References)?
    };
    let (total, link) = (wanted.len() as u64, args.link);
    let line = args.adding.add_to(&args.to, |to| {
        let infos = missing(&from, to, &wanted)?;
        if link {
            link_all(&from, to, &infos, total)
        } else {
            copy_all(&from, to, infos, total)
        }
    })?;
    writeln!(out, "{line}").map_err(Error::Output)
}

/// Returns what is known of the paths that a store lacks, each after what it refers to.
fn missing(
    from: &LocalStore,
    to: &LocalStore,
    wanted: &BTreeSet<StorePath>,
) -> Result<Vec<PathInfo>> {
    let mut infos = BTreeMap::new();
    for path in wanted {
        if let Some(info) = from.path_info(path)?
            && !to.is_valid(path)?
        {
            infos.insert(path.clone(), info);
        }
    }
    let edges = infos
        .iter()
        .map(|(path, info)| (path.clone(), info.references.clone()));
    let graph = PathGraph::new(edges)?;
    let mut order: Vec<StorePath> = graph.topological_order()?;
    order.reverse();
    let in_order = order.iter().filter_map(|path| infos.remove(path));
    Ok(in_order.collect())
}

fn copy_all(
    from: &LocalStore,
    to: &LocalStore,
    infos: Vec<PathInfo>,
    total: u64,
) -> Result<String> {
    let (mut copied, mut bytes) = (0, 0);
    let mut count = |added, info: PathInfo| {
        if added == Added::New {
            copied += 1;
            bytes += info.nar_size;
        }
    };
    let mut batch = to.batch();
    let read = || {
        for info in infos {
            copy(from, &mut batch, info)?;
            batch.commit_when_due(&mut count)?;
        }
        Ok(())
    };
    let read: Result<()> = read();
    // Those before one that fails stay.
    batch.commit(&mut count)?;
    read?;
    let present = total - copied;
    Ok(format!(
        "copied {copied} paths, {bytes} bytes of archives; {present} were there"
    ))
}

/// Makes objects whose files are those of the other store.
fn link_all(from: &LocalStore, to: &LocalStore, infos: &[PathInfo], total: u64) -> Result<String> {
    let (mut new, mut files) = (0, [0; 3]);
    let (mut shared, mut copied) = (0, 0);
    for info in infos {
        let report = link_or_copy(from, to, &info.path, LinkOptions::default())?;
        new += u64::from(report.added == Added::New);
        let done = [
            report.files_linked,
            report.files_cloned,
            report.files_copied,
        ];
        for (sum, count) in files.iter_mut().zip(done) {
            *sum += count;
        }
        shared += report.bytes_shared;
        copied += report.bytes_copied;
    }
    let ([linked, cloned, written], present) = (files, total - new);
    Ok(format!(
        "linked {new} paths: {linked} files by hard links and {cloned} by their blocks, {shared} bytes \
         shared; {written} files copied, {copied} bytes; {present} were there"
    ))
}

/// Adds one object to a batch.
fn copy(from: &LocalStore, batch: &mut Batch<'_>, mut info: PathInfo) -> Result<()> {
    // It was not built in the store that it goes to.
    info.ultimate = false;
    let path = &info.path;
    let (reader, mut writer) = std::io::pipe().map_err(Error::Pipe)?;
    std::thread::scope(|scope| {
        // The reading end closes with its reader, so that the writer ends too.
        let source = scope.spawn(move || from.write_nar(path, &mut writer));
        let added = {
            let mut reader = BufReader::with_capacity(PIPE_BYTES, reader);
            batch.add_nar(&info, &mut reader)
        };
        let written = source.join().map_err(|_| Error::Bug {
            message: "writing an archive panicked".to_owned(),
        })?;
        match added {
            Ok(_) => Ok(written.map(drop)?),
            // Why the archive ended early says more than that it did.
            Err(error) => Err(match written {
                Err(cause) if !is_write(&cause) => cause.into(),
                _ => error.into(),
            }),
        }
    })
}

/// Returns whether an archive was not read to its end, rather than not written.
fn is_write(error: &StoreError) -> bool {
    let StoreError::Pack { source, .. } = error else {
        return false;
    };
    matches!(source, PackError::Write(_))
}
