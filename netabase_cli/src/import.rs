//! `netabase import`: reads what Nix prints into a store.

pub(crate) mod input;
mod nix_db;

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use netabase_store::{Store, backends::Backend};
use nix_store::{
    StoreDir,
    db::models::{StoreDefinition, StorePath},
    path_info::Reader,
};

use crate::{
    engine::{EngineArg, Mode, Task, with_store},
    error::{Error, Result},
    import::{input::Input, nix_db::NixDbArgs},
};

/// How many paths one transaction stores at most.
const BATCH_PATHS_MAX: usize = 1024;

/// How many bytes of text one transaction stores, before the path that exceeds them.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// The arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Import what `nix path-info --json` prints
    ///
    /// Takes the output of every version of Nix: an array, a map, the wrappers of the versions 2 and
    /// 3, or JSON Lines; plain or compressed by gzip, xz, zstd or bzip2, which is told by the
    /// content. Paths that are in the store already are replaced where they differ, so the same
    /// import twice changes nothing. An input of up to 1,024 paths is stored in one transaction; a
    /// larger one in batches of that many, each stored wholly or not at all.
    PathInfo(PathInfoArgs),
    /// Import Nix's own database, db.sqlite
    ///
    /// Takes the database of any Nix since 2.0 with its paths and the realisations of both kinds. It
    /// is read where it lies, without a lock and without changing anything, unless a journal beside it
    /// has changes that are not in it yet. Paths that are in the store already are replaced where they
    /// differ, so the same import twice changes nothing. Paths are stored in batches of up to 8,192,
    /// each wholly or not at all.
    NixDb(NixDbArgs),
}

#[derive(Debug, Args)]
struct PathInfoArgs {
    /// The file to read; `-` for standard input
    input: PathBuf,
    /// The store to write to, which is made where there is none
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The engine of the store; a new one is redb's, and an old one says itself what it is
    #[arg(long)]
    engine: Option<EngineArg>,
    /// The folder that all paths of the input lie in
    #[arg(long, value_name = "DIR", default_value = "/nix/store", value_parser = StoreDir::new)]
    store_dir: StoreDir,
}

/// Does what the arguments say.
pub(crate) fn run(args: ImportArgs, out: &mut dyn Write) -> Result<()> {
    match args.what {
        What::PathInfo(args) => path_info(&args, out),
        What::NixDb(args) => nix_db::run(&args, out),
    }
}

fn path_info(args: &PathInfoArgs, out: &mut dyn Write) -> Result<()> {
    let start = Instant::now();
    let input = Input::open(&args.input)?;
    let bar = input.bar.clone();
    let mut source = Source {
        reader: Reader::with_store_dir(input.text, args.store_dir.clone()),
        next: None,
    };
    // An input that is wrong from the start leaves no store behind.
    let first = source.batch()?;
    let task = Import {
        source,
        first,
        bar: bar.clone(),
    };
    let done = with_store(&args.db, args.engine, Mode::Create, task);
    bar.finish_and_clear();
    let counts = done?;
    report(&counts, &args.db, start, out).map_err(Error::Output)
}

fn report(counts: &Counts, db: &Path, start: Instant, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "imported {} paths ({} new, {} updated, {} unchanged; {} not valid) into {} in {:.1} s",
        counts.stored(),
        counts.new,
        counts.updated,
        counts.unchanged,
        counts.invalid,
        db.display(),
        start.elapsed().as_secs_f64(),
    )
}

/// What became of the entries.
#[derive(Debug, Default)]
struct Counts {
    new: u64,
    updated: u64,
    unchanged: u64,
    invalid: u64,
}

impl Counts {
    fn stored(&self) -> u64 {
        self.new + self.updated + self.unchanged
    }
}

struct Import {
    source: Source,
    first: Vec<StorePath>,
    bar: ProgressBar,
}

impl Task for Import {
    type Output = Counts;

    fn run<B: Backend>(mut self, store: &Store<StoreDefinition, B>) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut batch = self.first;
        while !batch.is_empty() {
            let step = store_batch(store, batch, &mut counts);
            self.bar.set_message(format!("{} paths", counts.stored()));
            let next = step.and_then(|()| self.source.batch());
            batch = next.map_err(|error| stopped(counts.stored(), error))?;
        }
        counts.invalid = self.source.reader.invalid();
        Ok(counts)
    }
}

fn stopped(stored: u64, error: Error) -> Error {
    match stored {
        0 => error,
        stored => Error::Stopped {
            stored,
            source: Box::new(error),
        },
    }
}

/// Stores a batch in one transaction; `counts` changes only when that is committed.
fn store_batch<B: Backend>(
    store: &Store<StoreDefinition, B>,
    batch: Vec<StorePath>,
    counts: &mut Counts,
) -> Result<()> {
    let Counts {
        mut new,
        mut updated,
        mut unchanged,
        invalid,
    } = *counts;
    let txn = store.begin_write()?;
    let paths = txn.open_tree::<StorePath>();
    for path in batch {
        match paths.get(path.path.as_str())? {
            Some(known) if known == path => {
                unchanged += 1;
                continue;
            }
            Some(_) => updated += 1,
            None => new += 1,
        }
        paths.put(path)?;
    }
    txn.commit()?;
    *counts = Counts {
        new,
        updated,
        unchanged,
        invalid,
    };
    Ok(())
}

/// The paths of the input, batch by batch.
struct Source {
    reader: Reader<Box<dyn std::io::BufRead>>,
    /// The first path of the next batch.
    next: Option<StorePath>,
}

impl Source {
    fn batch(&mut self) -> Result<Vec<StorePath>> {
        let mut bytes = 0;
        let mut batch: Vec<StorePath> = self.next.take().into_iter().collect();
        while let Some(path) = self.reader.next().transpose()? {
            bytes += text_bytes(&path);
            if batch.len() == BATCH_PATHS_MAX || (bytes > BATCH_BYTES_MAX && !batch.is_empty()) {
                self.next = Some(path);
                break;
            }
            batch.push(path);
        }
        Ok(batch)
    }
}

fn text_bytes(path: &StorePath) -> usize {
    let lists = path.references.iter().chain(&path.signatures);
    path.path.len() + lists.map(String::len).sum::<usize>()
}
