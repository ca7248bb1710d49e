//! `netabase store gc`, `delete` and `add-root`

use std::{collections::BTreeSet, io::Write, path::PathBuf};

use clap::Args;
use nix_core::store_path::StorePath;
use nix_store::{
    gc::{self, GcOptions, GcProgress, NoRoot},
    local::LocalStore,
    store::ReadStore,
};

use crate::{
    error::{Error, Result, one_line},
    store::{
        place::{StorePlace, find, named},
        progress::bar,
    },
};

/// The arguments of `store add-root`.
#[derive(Debug, Args)]
pub(super) struct AddRootArgs {
    /// The symlink to make, as `result` is one; removing it lets the object go again
    link: PathBuf,
    /// The object: its path, base name, or the base name's 32 characters of hash
    path: String,
    #[command(flatten)]
    place: StorePlace,
}

/// The arguments of `store delete`.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The objects: paths or base names
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Delete them also where a root leads to them; what other objects refer to stays in any case
    #[arg(long)]
    ignore_liveness: bool,
    #[command(flatten)]
    place: StorePlace,
}

/// The arguments of `store gc`.
#[derive(Debug, Args)]
pub(super) struct GcArgs {
    /// Print the roots, `link -> path`, and delete nothing
    #[arg(long, conflicts_with_all = ["print_live", "print_dead"])]
    print_roots: bool,
    /// Print what would stay, and delete nothing
    #[arg(long, conflicts_with = "print_dead")]
    print_live: bool,
    /// Print what would go, and delete nothing
    #[arg(long)]
    print_dead: bool,
    /// Stop once so many bytes have been freed
    #[arg(long, value_name = "BYTES")]
    max_freed: Option<u64>,
    /// Keep the outputs of derivations that are kept
    #[arg(long)]
    keep_outputs: bool,
    /// Let the derivations go by which what is kept was built
    #[arg(long)]
    no_keep_derivations: bool,
    /// Collect although Nix's own database lies beside the store's, and may know other objects
    #[arg(long)]
    beside_nix: bool,
    #[command(flatten)]
    place: StorePlace,
}

/// Makes a symlink that keeps an object.
pub(super) fn add_root(args: &AddRootArgs, out: &mut dyn Write) -> Result<()> {
    let store = args.place.open()?;
    let path = find(&store, &args.path)?;
    gc::add_link(&store, &args.link, &path)?;
    writeln!(out, "{}", args.link.display()).map_err(Error::Output)
}

/// Deletes objects that nothing needs.
pub(super) fn delete(args: &DeleteArgs, out: &mut dyn Write) -> Result<()> {
    let store = args.place.open()?;
    let paths = args.paths.iter().map(|text| named(&store, text));
    let paths: BTreeSet<StorePath> = paths.collect::<Result<_>>()?;
    let deleted = gc::delete(&store, &paths, args.ignore_liveness)?;
    freed(deleted.paths.len(), deleted.bytes, out)
}

/// Deletes what no root leads to, or says what that would be.
pub(super) fn gc(args: &GcArgs, out: &mut dyn Write) -> Result<()> {
    let options = GcOptions {
        keep_derivations: !args.no_keep_derivations,
        keep_outputs: args.keep_outputs,
        max_freed: args.max_freed,
        beside_nix: args.beside_nix,
        ..GcOptions::default()
    };
    if args.print_roots {
        return print_roots(&args.place.read()?, out);
    }
    if args.print_live {
        let store = args.place.read()?;
        return print(&store, &gc::live(&store, &options)?, out);
    }
    if args.print_dead {
        let store = args.place.read()?;
        return print(&store, &gc::dead(&store, &options)?, out);
    }
    let store = args.place.open()?;
    let bar = bar();
    let done = gc::collect(&store, &options, &mut |progress| match progress {
        GcProgress::Planned { dead, .. } => bar.set_length(*dead as u64),
        GcProgress::Deleted(_) => bar.inc(1),
        GcProgress::Freed { bytes, .. } => bar.set_message(format!("{bytes} bytes freed")),
        _ => {}
    });
    bar.finish_and_clear();
    let report = done?;
    freed(report.paths, report.bytes, out)
}

fn freed(paths: usize, bytes: u64, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{paths} store paths deleted, {bytes} bytes freed").map_err(Error::Output)
}

fn print_roots(store: &LocalStore, out: &mut dyn Write) -> Result<()> {
    let found = gc::find_roots(store)?;
    let dir = store.store_dir();
    for root in &found.roots {
        let (link, target) = (one_line(&root.link.to_string()), dir.display(&root.target));
        writeln!(out, "{link} -> {target}").map_err(Error::Output)?;
    }
    for other in &found.others {
        let line = match other {
            NoRoot::NotValid(link, path) => {
                format!("{link} -> {}, which is not valid", dir.display(path))
            }
            NoRoot::Stale(path) => format!("{}: leads nowhere", path.display()),
            NoRoot::Unreadable(path) => format!("{}: cannot be read", path.display()),
            _ => continue,
        };
        writeln!(out, "# {}", one_line(&line)).map_err(Error::Output)?;
    }
    Ok(())
}

fn print(store: &LocalStore, paths: &BTreeSet<StorePath>, out: &mut dyn Write) -> Result<()> {
    for path in paths {
        writeln!(out, "{}", store.store_dir().display(path)).map_err(Error::Output)?;
    }
    Ok(())
}
