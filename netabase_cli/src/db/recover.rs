//! What can be read of a damaged store, as a new one, and what was lost.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;
#[cfg(feature = "sled")]
use netabase_store::backends::sled::SledBackend;
use netabase_store::{
    DefinitionSchema, Description, RawStore, RecoveredModel, RecoveredRecordStore, Recovery,
    backends::{OpenBackend, redb::RedbBackend},
};
use serde_json::json;

use super::open_to_read;
use crate::{
    engine::{EngineArg, engine_of},
    error::{Error, Result},
};

/// What is said of counts of records and of rows.
const UNCERTAIN: &str = "may be older than what was lost, or removed";
const AMBIGUOUS: &str = "of these in several versions";
const UNREADABLE: &str = "in their place but damaged";

/// The arguments of `db recover`.
#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    /// The damaged store
    from: PathBuf,
    /// The new store, where nothing may be yet
    to: PathBuf,
    /// A sound store of the same definition, for when nothing in the damaged one says what it held
    #[arg(long, value_name = "STORE")]
    like: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RecoverArgs, out: &mut dyn Write) -> Result<()> {
    let like = args.like.as_deref().map(schema_of).transpose()?;
    let recovery = recover(args, like.as_ref())?;
    let printed = if args.json {
        print_json(&recovery, out)
    } else {
        print(&recovery, &args.to, out)
    };
    printed.and_then(|()| out.flush()).map_err(Error::Output)?;
    if recovery.is_whole() {
        return Ok(());
    }
    let (from, to) = (args.from.clone(), args.to.clone());
    Err(Error::NotWhole { from, to })
}

/// A damaged file need not begin as one of its engine does.
fn recover(args: &RecoverArgs, like: Option<&DefinitionSchema>) -> Result<Recovery> {
    #[cfg(feature = "sled")]
    if args.from.is_dir() {
        return Ok(RawStore::<SledBackend>::recover(
            &args.from, &args.to, like,
        )?);
    }
    Ok(RawStore::<RedbBackend>::recover(
        &args.from, &args.to, like,
    )?)
}

fn schema_of(path: &Path) -> Result<DefinitionSchema> {
    fn schema<B: OpenBackend>(path: &Path) -> Result<DefinitionSchema> {
        Ok(open_to_read::<B>(path)?.schema().clone())
    }
    match engine_of(path)? {
        EngineArg::Redb => schema::<RedbBackend>(path),
        #[cfg(feature = "sled")]
        EngineArg::Sled => schema::<SledBackend>(path),
    }
}

fn print(recovery: &Recovery, to: &Path, out: &mut dyn Write) -> io::Result<()> {
    let (records, to) = (recovery.records(), to.display());
    writeln!(out, "recovered {records} records to {to}")?;
    for model in &recovery.models {
        print_model(model, out)?;
    }
    if let Some(of) = &recovery.record_store {
        print_record_store(of, out)?;
    }
    if recovery.pages_unreadable > 0 {
        let pages = recovery.pages_unreadable;
        writeln!(out, "pages that cannot be read: {pages}")?;
    }
    if recovery.is_older {
        writeln!(
            out,
            "the last commit cannot be found: this is an earlier one"
        )?;
    }
    for table in &recovery.tables_left {
        writeln!(out, "the table {table} belongs to no model and was left")?;
    }
    match recovery.description {
        Description::Given => writeln!(
            out,
            "what the store says of its models is lost: as in --like"
        ),
        Description::Uncertain => {
            writeln!(
                out,
                "what the store says of its models may be that of an earlier program"
            )
        }
        _ => Ok(()),
    }
}

fn print_model(model: &RecoveredModel, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}: {}", model.name, model.records)?;
    print_expected(model.expected, "records", out)?;
    let counts = [
        (model.uncertain, UNCERTAIN),
        (model.ambiguous, AMBIGUOUS),
        (model.unreadable, UNREADABLE),
        (model.conflicts, "left out: their unique values are taken"),
    ];
    print_counts(&counts, out)
}

fn print_record_store(of: &RecoveredRecordStore, out: &mut dyn Write) -> io::Result<()> {
    let (records, keys, rows) = (of.records, of.provided_keys, of.rows);
    write!(
        out,
        "record store of Kademlia: {records} records, providers of {keys} keys; {rows}"
    )?;
    print_expected(of.expected, "rows", out)?;
    let counts = [
        (of.uncertain, UNCERTAIN),
        (of.ambiguous, AMBIGUOUS),
        (of.unreadable, UNREADABLE),
        (of.left_out, "left out: not of the last commit"),
    ];
    print_counts(&counts, out)?;
    if of.rows > 0 && !of.is_described {
        writeln!(out, "which node the record store was of is lost")?;
    }
    Ok(())
}

fn print_expected(expected: Option<u64>, what: &str, out: &mut dyn Write) -> io::Result<()> {
    match expected {
        Some(expected) => write!(out, " of {expected} {what}"),
        None => write!(out, " {what}, of it is not known how many"),
    }
}

fn print_counts(counts: &[(u64, &str)], out: &mut dyn Write) -> io::Result<()> {
    for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
        write!(out, "; {count} {what}")?;
    }
    writeln!(out)
}

fn print_json(recovery: &Recovery, out: &mut dyn Write) -> io::Result<()> {
    let models = recovery.models.iter().map(|model| {
        json!({
            "name": model.name,
            "records": model.records,
            "expected": model.expected,
            "lost": model.lost(),
            "uncertain": model.uncertain,
            "ambiguous": model.ambiguous,
            "unreadable": model.unreadable,
            "conflicts": model.conflicts,
        })
    });
    let record_store = recovery.record_store.as_ref().map(|of| {
        json!({
            "records": of.records,
            "providedKeys": of.provided_keys,
            "rows": of.rows,
            "expected": of.expected,
            "lost": of.lost(),
            "uncertain": of.uncertain,
            "ambiguous": of.ambiguous,
            "unreadable": of.unreadable,
            "leftOut": of.left_out,
            "described": of.is_described,
        })
    });
    let description = match recovery.description {
        Description::Given => "given",
        Description::Uncertain => "uncertain",
        _ => "found",
    };
    let report = json!({
        "whole": recovery.is_whole(),
        "records": recovery.records(),
        "models": models.collect::<Vec<_>>(),
        "recordStore": record_store,
        "description": description,
        "pagesUnreadable": recovery.pages_unreadable,
        "older": recovery.is_older,
        "tablesLeft": recovery.tables_left,
    });
    writeln!(out, "{report}")
}
