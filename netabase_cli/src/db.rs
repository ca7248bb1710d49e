//! `netabase db`: looks after a store of any definition, by what the store says about itself.

mod dump;
mod info;
mod json;
mod load;
mod parse;
mod recover;
mod typed;

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
#[cfg(feature = "sled")]
use netabase_store::backends::sled::SledBackend;
use netabase_store::{
    RawStore, Verify,
    backends::{Engine, OpenBackend, redb::RedbBackend},
};
use serde_json::json;

use crate::{
    engine::{EngineArg, engine_of, options},
    error::{Error, Result},
};

/// The arguments of `db`.
#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what a store says about itself, and how much it holds
    Info(ReportArgs),
    /// Print every record as a line of JSON, sorted by model and key
    ///
    /// The first line is the schema. Integers beyond 53 bits are strings, bytes are hexadecimal, and
    /// so are fields that only their own serde implementation reads.
    Dump(FileArgs),
    /// Write what `dump` printed to a new store
    Load(LoadArgs),
    /// Check every record and every index; the exit status is 1 when something is wrong
    ///
    /// A redb file is opened for writing, so that the engine checks its own pages too; one that can
    /// only be read is checked without that.
    Verify(ReportArgs),
    /// Build every index anew from its records
    ///
    /// An index that a function of a program computes is rebuilt when that program opens the store.
    RebuildIndexes(FileArgs),
    /// Write what can be read of a damaged store to a new one; the exit status is 1 when not all can
    ///
    /// The damaged store is not written to. Records are taken where their checksums say that they were
    /// written, and indexes are built anew.
    Recover(recover::RecoverArgs),
    /// Copy a store, also to another engine
    Copy(CopyArgs),
    /// Make a store as small as its data
    Compact(FileArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The store
    file: PathBuf,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// The store
    file: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// The store to write, where nothing may be yet
    file: PathBuf,
    /// The dump, plain or compressed by gzip, xz, zstd or bzip2; `-` for standard input
    #[arg(default_value = "-")]
    input: PathBuf,
    /// The engine of the new store
    #[arg(long, default_value = "redb")]
    engine: EngineArg,
}

#[derive(Debug, Args)]
struct CopyArgs {
    /// The store to copy
    source: PathBuf,
    /// The copy, where nothing may be yet
    target: PathBuf,
    /// The engine of the copy; that of the source where it is not given
    #[arg(long)]
    engine: Option<EngineArg>,
}

/// Calls a function with the backend of an engine.
macro_rules! on_engine {
    ($engine:expr, $function:ident($($argument:expr),*)) => {
        match $engine {
            EngineArg::Redb => $function::<RedbBackend>($($argument),*),
            #[cfg(feature = "sled")]
            EngineArg::Sled => $function::<SledBackend>($($argument),*),
        }
    };
}

/// Does what the arguments say.
pub(crate) fn run(args: DbArgs, out: &mut dyn Write) -> Result<()> {
    match args.action {
        Action::Info(args) => on_engine!(engine_of(&args.file)?, info(&args, out)),
        Action::Dump(args) => on_engine!(engine_of(&args.file)?, dump(&args.file, out)),
        Action::Load(args) => on_engine!(args.engine, load(&args, out)),
        Action::Verify(args) => on_engine!(engine_of(&args.file)?, verify(&args, out)),
        Action::RebuildIndexes(args) => {
            on_engine!(engine_of(&args.file)?, rebuild(&args.file, out))
        }
        Action::Recover(args) => recover::run(&args, out),
        Action::Copy(args) => on_engine!(engine_of(&args.source)?, copy(&args, out)),
        Action::Compact(args) => {
            on_engine!(engine_to_compact(&args.file)?, compact(&args.file, out))
        }
    }
}

fn info<B: OpenBackend>(args: &ReportArgs, out: &mut dyn Write) -> Result<()> {
    let store = open_to_read::<B>(&args.file)?;
    let info = info::Info::of(&store, B::ENGINE, &args.file, bytes_of(&args.file)?)?;
    let printed = if args.json {
        info.print_json(out)
    } else {
        info.print(out)
    };
    printed.map_err(Error::Output)
}

fn dump<B: OpenBackend>(path: &Path, out: &mut dyn Write) -> Result<()> {
    dump::dump(&open_to_read::<B>(path)?, out)
}

fn load<B: OpenBackend>(args: &LoadArgs, out: &mut dyn Write) -> Result<()> {
    let records = load::load::<B>(&args.file, &args.input)?;
    let file = args.file.display();
    writeln!(out, "loaded {records} records into {file}").map_err(Error::Output)
}

fn verify<B: OpenBackend>(args: &ReportArgs, out: &mut dyn Write) -> Result<()> {
    let report = open_to_verify::<B>(&args.file)?.verify()?;
    let db = args.file.clone();
    let print = |out: &mut dyn Write| {
        if args.json {
            let report = json!({
                "sound": report.is_sound(),
                "records": report.records,
                "entries": report.entries,
                "problemCount": report.problem_count,
                "problems": report.problems,
            });
            return writeln!(out, "{report}");
        }
        report
            .problems
            .iter()
            .try_for_each(|problem| writeln!(out, "{problem}"))?;
        let more = report
            .problem_count
            .saturating_sub(report.problems.len() as u64);
        if more > 0 {
            writeln!(out, "and {more} more")?;
        }
        if report.is_sound() {
            let (records, entries) = (report.records, report.entries);
            writeln!(
                out,
                "{} is sound: {records} records, {entries} index entries",
                db.display()
            )?;
        }
        Ok(())
    };
    print(out).map_err(Error::Output)?;
    if report.is_sound() {
        return Ok(());
    }
    out.flush().map_err(Error::Output)?;
    Err(Error::Unsound {
        db: args.file.clone(),
        problems: report.problem_count,
    })
}

fn rebuild<B: OpenBackend>(path: &Path, out: &mut dyn Write) -> Result<()> {
    let mut store = RawStore::<B>::open(path, &options())?;
    let waiting = store.rebuild_indexes()?;
    let print = |out: &mut dyn Write| {
        writeln!(out, "rebuilt the indexes of {}", path.display())?;
        waiting.iter().try_for_each(|table| {
            writeln!(
                out,
                "{table} is computed: the next program that opens the store rebuilds it"
            )
        })
    };
    print(out).map_err(Error::Output)
}

fn copy<B: OpenBackend>(args: &CopyArgs, out: &mut dyn Write) -> Result<()> {
    let store = open_to_read::<B>(&args.source)?;
    match args.engine {
        None => store.copy_to_engine::<B>(&args.target)?,
        Some(EngineArg::Redb) => store.copy_to_engine::<RedbBackend>(&args.target)?,
        #[cfg(feature = "sled")]
        Some(EngineArg::Sled) => store.copy_to_engine::<SledBackend>(&args.target)?,
    }
    let (source, target) = (args.source.display(), args.target.display());
    writeln!(out, "copied {source} to {target}").map_err(Error::Output)
}

fn compact<B: OpenBackend>(path: &Path, out: &mut dyn Write) -> Result<()> {
    let before = if path.exists() {
        bytes_of(path)?
    } else {
        bytes_of(&old_of(path))?
    };
    RawStore::<B>::compact(path)?;
    let after = bytes_of(path)?;
    writeln!(
        out,
        "{}: {before} bytes before, {after} bytes after",
        path.display()
    )
    .map_err(Error::Output)
}

/// Returns the engine of the store, or of the one that a call before was about to replace.
fn engine_to_compact(path: &Path) -> Result<EngineArg> {
    match engine_of(path) {
        Err(Error::Store(error)) if error.is_not_found() => {
            engine_of(&old_of(path)).map_err(|_| Error::Store(error))
        }
        found => found,
    }
}

/// Returns where a folder is moved to while another takes its place.
fn old_of(path: &Path) -> PathBuf {
    let mut old = path.as_os_str().to_owned();
    old.push(".old");
    old.into()
}

/// Opens a store for reading only, where its engine can.
fn open_to_read<B: OpenBackend>(path: &Path) -> Result<RawStore<B>> {
    Ok(RawStore::open(
        path,
        &options().read_only(B::ENGINE == Engine::Redb),
    )?)
}

/// Opens a store and has its engine check the file, for which redb has to be able to write to it.
fn open_to_verify<B: OpenBackend>(path: &Path) -> Result<RawStore<B>> {
    match RawStore::open(path, &options().verify(Verify::Always)) {
        Err(error) if error.is_read_only() => open_to_read(path),
        opened => Ok(opened?),
    }
}

/// Returns how much room the file, or all files of the folder, take.
fn bytes_of(path: &Path) -> Result<u64> {
    let walk = |path: &Path| -> io::Result<u64> {
        let mut folders = vec![path.to_owned()];
        let mut bytes = 0;
        while let Some(path) = folders.pop() {
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                for entry in fs::read_dir(&path)? {
                    folders.push(entry?.path());
                }
            } else {
                bytes += metadata.len();
            }
        }
        Ok(bytes)
    };
    walk(path).map_err(|source| Error::Look {
        path: path.to_owned(),
        source,
    })
}
