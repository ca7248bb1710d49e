//! `netabase export`: writes a store as what others read.

use std::{io::Write, path::PathBuf, time::Instant};

use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use netabase_store::{Store, backends::Backend};
use nix_store::{
    StoreDir,
    db::models::StoreDefinition,
    nix_db::{ExportOptions, ExportReport, NixSchema, export},
};

use crate::{
    engine::{EngineArg, Mode, Task, with_store},
    error::{Error, Result},
    import::input::counter,
};

/// The arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write Nix's own database, db.sqlite
    ///
    /// Makes a new database with all paths and realisations, and the files `schema` and `ca-schema`
    /// beside it as Nix has them. It must not exist; it is there whole or not at all. Each reference
    /// must be in the store.
    NixDb(NixDbArgs),
}

#[derive(Debug, Args)]
struct NixDbArgs {
    /// The database to make, named db.sqlite where Nix is to find it
    output: PathBuf,
    /// The store to read
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The engine of the store, which says itself what it is
    #[arg(long)]
    engine: Option<EngineArg>,
    /// The folder that all paths of the store lie in
    #[arg(long, value_name = "DIR", default_value = "/nix/store", value_parser = StoreDir::new)]
    store_dir: StoreDir,
    /// The folder that the objects lie in: derivations that the store does not have are read there
    #[arg(long, value_name = "DIR")]
    objects: Option<PathBuf>,
    /// A release of Nix that lays out its database so; each opens those of the others
    #[arg(long, value_enum, default_value = "2.8")]
    schema: SchemaArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaArg {
    /// Up to 2.24
    #[value(name = "2.8")]
    V2_8,
    /// Up to 2.34
    #[value(name = "2.34")]
    V2_34,
    /// Since 2.35
    #[value(name = "2.35")]
    V2_35,
}

impl SchemaArg {
    const fn schema(self) -> NixSchema {
        match self {
            Self::V2_8 => NixSchema::V2_8,
            Self::V2_34 => NixSchema::V2_34,
            Self::V2_35 => NixSchema::V2_35,
        }
    }
}

/// Does what the arguments say.
pub(crate) fn run(args: ExportArgs, out: &mut dyn Write) -> Result<()> {
    match args.what {
        What::NixDb(args) => nix_db(&args, out),
    }
}

fn nix_db(args: &NixDbArgs, out: &mut dyn Write) -> Result<()> {
    let start = Instant::now();
    let task = Export {
        args,
        bar: counter(),
    };
    let report = with_store(&args.db, args.engine, Mode::Read, task)?;
    let (to, time) = (args.output.display(), start.elapsed().as_secs_f64());
    let printed = writeln!(out, "{} to {to} in {time:.1} s", summary(&report));
    printed.map_err(Error::Output)
}

fn summary(report: &ExportReport) -> String {
    let mut text = format!(
        "exported {} paths with {} references, {} outputs and {} realisations",
        report.paths, report.references, report.outputs, report.realisations,
    );
    if report.derivations_unknown > 0 {
        let unknown = report.derivations_unknown;
        text.push_str(&format!(" ({unknown} derivations without their outputs)"));
    }
    text
}

struct Export<'a> {
    args: &'a NixDbArgs,
    bar: ProgressBar,
}

impl Task for Export<'_> {
    type Output = ExportReport;

    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<ExportReport> {
        let options = ExportOptions {
            store_dir: self.args.store_dir.clone(),
            schema: self.args.schema.schema(),
            real_store_dir: self.args.objects.clone(),
        };
        let done = export(store, &self.args.output, &options, &mut |report| {
            self.bar.set_position(report.paths);
        });
        self.bar.finish_and_clear();
        Ok(done?)
    }
}
