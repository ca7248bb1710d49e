//! `netabase query`: what a store knows about a path.

pub(crate) mod closure;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use netabase_store::{Store, backends::Backend};
use nix_store::{
    db::models::{StoreDefinition, StorePath},
    path_info,
};
use serde_json::{Value, json};

use crate::{
    engine::{EngineArg, Mode, Task, with_store},
    error::{Error, Result},
    query::closure::Paths,
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
}

#[derive(Debug, Args)]
struct PathArgs {
    /// The path: in full, its base name, or the base name's 32 characters of hash
    path: String,
    /// The store to ask
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// The engine of the store, which says itself what it is
    #[arg(long)]
    engine: Option<EngineArg>,
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
    };
    let task = Ask { kind, args: &args };
    let answer = with_store(&args.db, args.engine, Mode::Read, task)?;
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
}

struct Ask<'a> {
    kind: Kind,
    args: &'a PathArgs,
}

impl Task for Ask<'_> {
    type Output = Answer;

    fn run<B: Backend>(self, store: &Store<StoreDefinition, B>) -> Result<Answer> {
        let txn = store.begin_read()?;
        let paths = Paths {
            tree: txn.open_tree::<StorePath>(),
            db: &self.args.db,
        };
        let path = paths.find(&self.args.path)?;
        Ok(match self.kind {
            Kind::Info => Answer::Info(Box::new(path)),
            Kind::References => Answer::Paths(path.references),
            Kind::Referrers => Answer::Paths(paths.referrers(&path.path)?),
            Kind::Requisites => Answer::Paths(paths.requisites(path)?),
            Kind::ReferrersClosure => Answer::Paths(paths.referrers_closure(path.path)?),
            Kind::Deriver => Answer::Deriver(path.deriver),
        })
    }
}

enum Answer {
    Info(Box<StorePath>),
    Paths(Vec<String>),
    Deriver(Option<String>),
}

impl Answer {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Info(path) => print_info(path, out),
            Self::Paths(paths) => paths.iter().try_for_each(|path| writeln!(out, "{path}")),
            Self::Deriver(deriver) => {
                writeln!(out, "{}", deriver.as_deref().unwrap_or("unknown-deriver"))
            }
        }
    }

    fn print_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let value: Value = match self {
            Self::Info(path) => json!({ path.path.clone(): path_info::to_json(path) }),
            Self::Paths(paths) => json!(paths),
            Self::Deriver(deriver) => json!(deriver),
        };
        writeln!(out, "{value}")
    }
}

fn print_info(path: &StorePath, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |name: &str, text: &str| writeln!(out, "{name:<16}{text}");
    line("path", &path.path)?;
    line("nar hash", &path.nar_hash)?;
    line("nar size", &path.nar_size.to_string())?;
    if path.registration_time != 0 {
        line("registered", &path.registration_time.to_string())?;
    }
    path.deriver
        .iter()
        .try_for_each(|deriver| line("deriver", deriver))?;
    path.references
        .iter()
        .try_for_each(|reference| line("reference", reference))?;
    path.signatures
        .iter()
        .try_for_each(|signature| line("signature", signature))?;
    path.content_address
        .iter()
        .try_for_each(|address| line("content address", address))?;
    line("ultimate", if path.ultimate { "yes" } else { "no" })
}
