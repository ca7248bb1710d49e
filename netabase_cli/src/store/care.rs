//! `netabase store optimise` and `verify`

use std::io::Write;

use clap::Args;
use nix_core::store_path::StorePath;
use nix_store::{
    local::{LocalReference, LocalStore},
    optimise::{self, OptimiseOptions},
    store::ReadStore,
    verify::{self, Problem, VerifyOptions, VerifyReport},
};

use crate::{
    error::{Error, Result, with_causes},
    key::trusted_keys,
    store::{
        place::{StorePlace, open},
        progress::bar,
    },
};

/// The arguments of `store optimise`.
#[derive(Debug, Args)]
pub(super) struct OptimiseArgs {
    /// The smallest file to link; Nix links all
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    min_bytes: u64,
    #[command(flatten)]
    place: StorePlace,
}

/// The arguments of `store verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Read every object and compare it with its registered size and hash
    #[arg(long)]
    check_contents: bool,
    /// Demand of each object that was neither built here nor is content-addressed a signature of
    /// this key, `name:base64`; may be given several times
    #[arg(long, value_name = "KEY")]
    trusted_key: Vec<String>,
    /// Replace objects that are damaged or missing by those of another store
    #[arg(long, requires = "from")]
    repair: bool,
    /// The store to repair from
    #[arg(long, value_name = "STORE", value_parser = LocalReference::parse)]
    from: Option<LocalReference>,
    #[command(flatten)]
    place: StorePlace,
}

/// Links equal files and says what that saved.
pub(super) fn optimise(args: &OptimiseArgs, out: &mut dyn Write) -> Result<()> {
    let store = args.place.open()?;
    let options = OptimiseOptions {
        bytes_min: args.min_bytes,
        ..OptimiseOptions::default()
    };
    let bar = bar();
    let done = optimise::optimise(&store, &options, &mut |progress| {
        bar.set_length(progress.objects_total);
        bar.set_position(progress.report.objects);
    });
    bar.finish_and_clear();
    let report = done?;
    writeln!(
        out,
        "{} bytes freed by hard-linking {} files ({} of {} were shared before)",
        report.bytes_saved, report.linked, report.linked_before, report.files
    )
    .map_err(Error::Output)
}

/// Compares the database with the files, and prints every problem on a line.
pub(super) fn verify(args: &VerifyArgs, out: &mut dyn Write) -> Result<()> {
    let store = if args.repair {
        args.place.open()?
    } else {
        args.place.read()?
    };
    let mut report = check(&store, args)?;
    if let (true, Some(from)) = (args.repair, &args.from) {
        let from = open(from, true)?;
        let repaired = repair(&store, &from, &report, out)?;
        report
            .problems
            .retain(|problem| !is_mended(problem, &repaired));
    }
    let mut problems = 0_u64;
    for problem in &report.problems {
        problems += u64::from(!matches!(problem, Problem::Leftover { .. }));
        writeln!(out, "{}", with_causes(problem)).map_err(Error::Output)?;
    }
    writeln!(
        out,
        "{} objects checked, {} bytes read, {problems} problems",
        report.checked, report.bytes
    )
    .map_err(Error::Output)?;
    if problems == 0 {
        return Ok(());
    }
    let path = store.layout().real_store_dir.clone();
    out.flush().map_err(Error::Output)?;
    Err(Error::Unsound { db: path, problems })
}

fn check(store: &LocalStore, args: &VerifyArgs) -> Result<VerifyReport> {
    let keys = match args.trusted_key.as_slice() {
        [] => None,
        keys => Some(trusted_keys(keys)?),
    };
    let options = VerifyOptions {
        check_contents: args.check_contents,
        trusted_keys: keys,
        ..VerifyOptions::default()
    };
    let bar = bar();
    let done = verify::verify(store, &options, &mut |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.checked);
    });
    bar.finish_and_clear();
    Ok(done?)
}

fn repair(
    store: &LocalStore,
    from: &LocalStore,
    report: &VerifyReport,
    out: &mut dyn Write,
) -> Result<Vec<StorePath>> {
    let damaged = report
        .problems
        .iter()
        .filter(|problem| problem.needs_repair());
    let mut repaired = Vec::new();
    for path in damaged.filter_map(Problem::path) {
        match verify::repair(store, path, from) {
            Ok(()) => {
                let path = store.store_dir().display(path);
                writeln!(out, "repaired {path}").map_err(Error::Output)?;
            }
            Err(error) => {
                let error = with_causes(&error);
                writeln!(out, "not repaired: {error}").map_err(Error::Output)?;
                continue;
            }
        }
        repaired.push(path.clone());
    }
    Ok(repaired)
}

/// Returns whether a problem is one of files that were replaced.
fn is_mended(problem: &Problem, repaired: &[StorePath]) -> bool {
    let is_of_files = problem.needs_repair() || matches!(problem, Problem::Metadata { .. });
    is_of_files && problem.path().is_some_and(|path| repaired.contains(path))
}
