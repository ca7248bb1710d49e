//! `netabase import`: reads what Nix prints into a store.

pub(crate) mod input;
mod nix_db;

use std::{
    io::{BufRead, Write},
    path::PathBuf,
    time::Instant,
};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use netabase_store::{Store, backends::Backend};
use nix_store::{
    StoreDir,
    db::{
        PathCounts, load_paths,
        models::{StoreDefinition, StorePath},
    },
    path_info::Reader,
};

use crate::{
    engine::{EngineArg, Mode, Task, with_store},
    error::{Error, Result},
    import::{input::Input, nix_db::NixDbArgs},
};

/// How many paths are looked at before a store is made.
const LOOK_PATHS: usize = 1024;

/// Reads paths, whatever they come from.
type PathReader = Reader<Box<dyn BufRead + Send>>;

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
    /// import twice changes nothing. Paths are stored in batches of up to 65,536, each wholly or not
    /// at all.
    PathInfo(PathInfoArgs),
    /// Import Nix's own database, db.sqlite
    ///
    /// Takes the database of any Nix since 2.0 with its paths and the realisations of both kinds. It
    /// is read where it lies, without a lock and without changing anything, unless a journal beside it
    /// has changes that are not in it yet. Paths that are in the store already are replaced where they
    /// differ, so the same import twice changes nothing. Paths are stored in batches of up to 65,536,
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
    let mut reader = Reader::with_store_dir(input.text, args.store_dir.clone());
    // An input that is wrong from the start leaves no store behind.
    let first: Vec<_> = reader.by_ref().take(LOOK_PATHS).collect::<Result<_, _>>()?;
    let task = Import {
        first,
        reader: &mut reader,
        bar: bar.clone(),
    };
    let done = with_store(&args.db, args.engine, Mode::Create, task);
    bar.finish_and_clear();
    let counts = done?;
    let (into, time) = (args.db.display(), start.elapsed().as_secs_f64());
    let printed = writeln!(
        out,
        "imported {} paths ({} new, {} updated, {} unchanged; {} not valid) into {into} in {time:.1} s",
        counts.total(),
        counts.new,
        counts.updated,
        counts.unchanged,
        reader.invalid(),
    );
    printed.map_err(Error::Output)
}

struct Import<'r> {
    first: Vec<StorePath>,
    reader: &'r mut PathReader,
    bar: ProgressBar,
}

impl Task for Import<'_> {
    type Output = PathCounts;

    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<PathCounts> {
        let mut stored = 0;
        let rest = self.reader.map(|row| row.map_err(Error::from));
        let rows = self.first.into_iter().map(Ok).chain(rest);
        let done = load_paths(store, rows, &mut |counts| {
            stored = counts.total();
            self.bar.set_message(format!("{stored} paths"));
        });
        done.map_err(|error| stopped(stored, error))
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
