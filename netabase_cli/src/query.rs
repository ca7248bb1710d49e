//! `netabase query`: what a store knows about a path.

mod answer;
pub(crate) mod closure;
mod objects;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use netabase_store::{Store, backends::Backend};
use nix_store::{
    db::models::{Derivation, DerivationByOutputPathSecondaryKey, StoreDefinition, StorePath},
    local::LocalReference,
    store::Direction,
};

use crate::{
    engine::{EngineArg, Mode, Task, with_store},
    error::{Error, Result},
    query::{answer::Answer, closure::Paths},
    store::place,
};

/// The arguments of `query`.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// All that is known about the path
    Info(PathArgs),
    /// The paths that it refers to
    References(PathArgs),
    /// The paths that refer to it
    Referrers(PathArgs),
    /// The path and all that it refers to, directly or not
    Requisites(PathArgs),
    /// The path and all that refer to it, directly or not
    ReferrersClosure(PathArgs),
    /// The derivation that built it; `unknown-deriver` where that is not known
    Deriver(PathArgs),
    /// The valid derivations that have it as an output
    ValidDerivers(PathArgs),
    /// The outputs of a derivation
    Outputs(PathArgs),
}

#[derive(Debug, Args)]
struct PathArgs {
    /// The path: in full, its base name, or the base name's 32 characters of hash
    path: String,
    /// The database to ask, which `import` made
    #[arg(long, value_name = "FILE", required_unless_present = "store")]
    db: Option<PathBuf>,
    /// The engine of the database, which says itself what it is
    #[arg(long, requires = "db")]
    engine: Option<EngineArg>,
    /// The store of objects to ask instead: a folder, or `local?root=DIR`, ...
    #[arg(long, value_name = "STORE", conflicts_with = "db", value_parser = LocalReference::parse)]
    store: Option<LocalReference>,
    /// Answer in JSON: `info` as `nix path-info --json` does, a list as an array
    #[arg(long)]
    json: bool,
}

/// Answers a question, one path a line, sorted.
pub(crate) fn run(args: QueryArgs, out: &mut dyn Write) -> Result<()> {
    let (kind, args) = match args.question {
        Question::Info(args) => (Kind::Info, args),
        Question::References(args) => (Kind::References, args),
        Question::Referrers(args) => (Kind::Referrers, args),
        Question::Requisites(args) => (Kind::Requisites, args),
        Question::ReferrersClosure(args) => (Kind::ReferrersClosure, args),
        Question::Deriver(args) => (Kind::Deriver, args),
        Question::ValidDerivers(args) => (Kind::ValidDerivers, args),
        Question::Outputs(args) => (Kind::Outputs, args),
    };
    let answer = match (&args.store, &args.db) {
        (Some(store), _) => objects::ask(&place::open(store, true)?, kind, &args.path)?,
        (None, Some(db)) => {
            let path = &args.path;
            with_store(db, args.engine, Mode::Read, Ask { kind, path, db })?
        }
        (None, None) => return Err(Error::NoPlace),
    };
    let printed = if args.json {
        answer.print_json(out)
    } else {
        answer.print(out)
    };
    printed.map_err(Error::Output)
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Info,
    References,
    Referrers,
    Requisites,
    ReferrersClosure,
    Deriver,
    ValidDerivers,
    Outputs,
}

struct Ask<'a> {
    kind: Kind,
    path: &'a str,
    db: &'a Path,
}

impl Task for Ask<'_> {
    type Output = Answer;

    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<Answer> {
        let txn = store.begin_read()?;
        let paths = Paths {
            tree: txn.open_tree::<StorePath>(),
            db: self.db,
        };
        let path = paths.find(self.path)?;
        Ok(match self.kind {
            Kind::Info => Answer::Info(Box::new(path)),
            Kind::References => Answer::Paths(path.references),
            Kind::Referrers => Answer::Paths(paths.referrers(&path.path)?),
            Kind::Requisites => Answer::Closure(paths.closure(path.path, Direction::References)?),
            Kind::ReferrersClosure => {
                Answer::Closure(paths.closure(path.path, Direction::Referrers)?)
            }
            Kind::Deriver => Answer::Deriver(path.deriver),
            Kind::ValidDerivers => {
                let derivations = txn.open_tree::<Derivation>();
                let index = derivations.index::<DerivationByOutputPathSecondaryKey>();
                let found = index.get(path.path.as_str()).keys();
                Answer::Paths(found.map(|key| Ok(key?.0)).collect::<Result<_>>()?)
            }
            Kind::Outputs => {
                let derivation = txn.open_tree::<Derivation>().get(path.path.as_str())?;
                let not_stored = || Error::NoSuchDerivation {
                    path: path.path.clone(),
                    db: self.db.to_owned(),
                };
                let outputs = derivation.ok_or_else(not_stored)?.outputs.into_iter();
                Answer::Outputs(outputs.map(|output| (output.name, output.path)).collect())
            }
        })
    }
}
