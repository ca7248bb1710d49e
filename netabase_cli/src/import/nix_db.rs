//! `netabase import nix-db`: reads Nix's own database into a store.

use std::{cell::Cell, io::Write, path::PathBuf, time::Instant};

use clap::Args;
use indicatif::ProgressBar;
use netabase_store::{Store, backends::Backend};
use nix_store::{
    StoreDir,
    db::models::StoreDefinition,
    nix_db::{ImportOptions, ImportReport, NixDbAccess, NixDbError, NixDbOptions, StoreDb, import},
};

use crate::{
    engine::{EngineArg, Mode, Task, with_store},
    error::{Error, Result},
    import::{input::counter, stopped},
};

/// How many paths are looked at before a store is made.
const LOOK_PATHS: u32 = 1024;

#[derive(Debug, Args)]
pub(super) struct NixDbArgs {
    /// The database, such as /nix/var/nix/db/db.sqlite
    input: PathBuf,
    /// The store to write to, which is made where there is none
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The engine of the store; a new one is redb's, and an old one says itself what it is
    #[arg(long)]
    engine: Option<EngineArg>,
    /// The folder that all paths of the database lie in
    #[arg(long, value_name = "DIR", default_value = "/nix/store", value_parser = StoreDir::new)]
    store_dir: StoreDir,
    /// The folder that the objects lie in: derivations are read from there too
    #[arg(long, value_name = "DIR")]
    objects: Option<PathBuf>,
    /// Take the locks of a reader, for a database that Nix changes meanwhile
    #[arg(long)]
    live: bool,
}

pub(super) fn run(args: &NixDbArgs, out: &mut dyn Write) -> Result<()> {
    let start = Instant::now();
    let access = if args.live {
        NixDbAccess::ReadOnly
    } else {
        NixDbAccess::Auto
    };
    let options = NixDbOptions {
        access,
        store_dir: args.store_dir.clone(),
    };
    let input = StoreDb::open(&args.input, &options)?;
    // An input that is wrong from the start leaves no store behind.
    look(&input)?;
    let task = Import {
        input: &input,
        options: ImportOptions {
            real_store_dir: args.objects.clone(),
        },
        bar: counter(),
    };
    let report = with_store(&args.db, args.engine, Mode::Create, task)?;
    let (into, time) = (args.db.display(), start.elapsed().as_secs_f64());
    let printed = writeln!(out, "{} into {into} in {time:.1} s", summary(&report));
    printed.map_err(Error::Output)
}

fn summary(report: &ImportReport) -> String {
    let mut text = format!(
        "imported {} paths ({} new, {} updated, {} unchanged), {} realisations and {} derivations",
        report.paths(),
        report.new,
        report.updated,
        report.unchanged,
        report.realisations,
        report.derivations,
    );
    if report.derivations_missing + report.derivations_unfit > 0 {
        let (missing, unfit) = (report.derivations_missing, report.derivations_unfit);
        text.push_str(&format!(
            " ({missing} without a file, {unfit} that cannot be stored)"
        ));
    }
    text
}

/// Why the first look ended.
enum Looked {
    Enough,
    Wrong(NixDbError),
}

impl From<NixDbError> for Looked {
    fn from(error: NixDbError) -> Self {
        Self::Wrong(error)
    }
}

fn look(input: &StoreDb) -> Result<()> {
    let mut seen = 0;
    let looked = input.for_each_path(&mut |_| {
        seen += 1;
        if seen == LOOK_PATHS {
            Err(Looked::Enough)
        } else {
            Ok(())
        }
    });
    match looked {
        Err(Looked::Wrong(error)) => Err(error.into()),
        Ok(()) | Err(Looked::Enough) => Ok(()),
    }
}

struct Import<'a> {
    input: &'a StoreDb,
    options: ImportOptions,
    bar: ProgressBar,
}

impl Task for Import<'_> {
    type Output = ImportReport;

    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<ImportReport> {
        let stored = Cell::new(0);
        let done = import(self.input, store, &self.options, &mut |report| {
            stored.set(report.paths());
            self.bar.set_position(report.paths());
        });
        self.bar.finish_and_clear();
        done.map_err(|error| stopped(stored.get(), error.into()))
    }
}
