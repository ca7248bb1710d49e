//! `netabase store add` and `add-fixed`

use std::{
    collections::BTreeSet,
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    hash::Algorithm,
    store_path::{StoreDir, StorePath, StorePathName},
};
use nix_store::store::ReadStore;

use crate::{
    error::{Error, Result},
    hash::Type,
    store::place::TargetPlace,
};

/// The arguments of `store add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// What to add
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The name of the object, where it is another than that of the file
    #[arg(long)]
    name: Option<String>,
    /// What is hashed: the archive of a file or folder, or the contents of a file
    #[arg(long, value_name = "MODE", default_value = "nar")]
    mode: Mode,
    /// The hash function
    #[arg(long, value_name = "TYPE", default_value = "sha256")]
    hash_algo: Type,
    #[command(flatten)]
    references: References,
    #[command(flatten)]
    place: TargetPlace,
}

/// The arguments of `store add-fixed`.
#[derive(Debug, Args)]
pub(super) struct AddFixedArgs {
    /// The hash function
    #[arg(value_name = "TYPE")]
    function: Type,
    /// What to add
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Hash the archive of a file or folder instead of the contents of a file
    #[arg(long)]
    recursive: bool,
    #[command(flatten)]
    references: References,
    #[command(flatten)]
    place: TargetPlace,
}

/// What an object refers to.
#[derive(Debug, Args)]
struct References {
    /// Look in what is added for the store's valid paths, by their 32 characters of hash, and let it
    /// refer to those that occur: its own path follows from them too. Only archives hashed by sha256
    /// and texts can have references
    #[arg(long)]
    scan: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// The archive of any file or folder
    Nar,
    /// The contents of a file; whether it is executable stays as it is, and the path does not say it
    Flat,
    /// The contents of a file, as `builtins.toFile` has them
    Text,
}

/// Adds objects and prints their paths.
pub(super) fn add(args: &AddArgs, out: &mut dyn Write) -> Result<()> {
    let method = match args.mode {
        Mode::Nar => ContentAddressMethod::Nar,
        Mode::Flat => ContentAddressMethod::Flat,
        Mode::Text => ContentAddressMethod::Text,
    };
    let how = MethodAlgorithm::new(method, args.hash_algo.into())?;
    if args.name.is_some() && args.files.len() > 1 {
        return Err(Error::NameOfMany);
    }
    let names = names_of(&args.files, args.name.as_deref())?;
    add_all(&args.place, &args.files, &names, &args.references, how, out)
}

/// Adds objects of fixed content and prints their paths.
pub(super) fn add_fixed(args: &AddFixedArgs, out: &mut dyn Write) -> Result<()> {
    let method = if args.recursive {
        ContentAddressMethod::Nar
    } else {
        ContentAddressMethod::Flat
    };
    let how = MethodAlgorithm::new(method, Algorithm::from(args.function))?;
    let names = names_of(&args.files, None)?;
    add_all(&args.place, &args.files, &names, &args.references, how, out)
}

fn add_all(
    place: &TargetPlace,
    files: &[PathBuf],
    names: &[StorePathName],
    references: &References,
    how: MethodAlgorithm,
    out: &mut dyn Write,
) -> Result<()> {
    place.add(|store| {
        let mut candidates = if references.scan {
            store.valid_paths()?
        } else {
            BTreeSet::new()
        };
        let mut print = Printer::new(store.store_dir(), out);
        let mut batch = store.batch();
        let mut add = || {
            for (file, name) in files.iter().zip(names) {
                let path = batch.add_path_scanned(file, name, how, &candidates)?;
                if references.scan {
                    candidates.insert(path);
                }
                batch.commit_when_due(&mut |_, info| print.path(&info.path))?;
                print.check()?;
            }
            Ok(())
        };
        let added = add();
        // Those before one that fails stay.
        batch.commit(&mut |_, info| print.path(&info.path))?;
        print.check()?;
        added
    })
}

/// Prints paths of a store until that fails.
struct Printer<'o> {
    dir: &'o StoreDir,
    out: &'o mut dyn Write,
    printed: io::Result<()>,
}

impl<'o> Printer<'o> {
    fn new(dir: &'o StoreDir, out: &'o mut dyn Write) -> Self {
        let printed = Ok(());
        Self { dir, out, printed }
    }

    fn path(&mut self, path: &StorePath) {
        if self.printed.is_ok() {
            self.printed = writeln!(self.out, "{}", self.dir.display(path));
        }
    }

    /// Fails once, where printing did.
    fn check(&mut self) -> Result<()> {
        mem::replace(&mut self.printed, Ok(())).map_err(Error::Output)
    }
}

/// Returns the names of the objects: one that is none leaves no store behind.
fn names_of(files: &[PathBuf], name: Option<&str>) -> Result<Vec<StorePathName>> {
    files.iter().map(|file| name_of(file, name)).collect()
}

fn name_of(file: &Path, name: Option<&str>) -> Result<StorePathName> {
    let text = match name {
        Some(name) => name.to_owned(),
        None => {
            let whole = std::path::absolute(file).map_err(|source| Error::Look {
                path: file.to_owned(),
                source,
            })?;
            let name = whole.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        }
    };
    StorePathName::new(&text).map_err(|source| Error::ObjectName { name: text, source })
}
