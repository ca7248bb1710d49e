//! `netabase drv`: derivations shown, printed again, compared, the paths of their outputs computed,
//! and what a store recorded of its builds.

mod error;
mod files;
mod inputs;
mod target;

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use nix_core::{
    derivation::{Derivation, DerivationJson, DerivationModulo, JsonLayout, write_derivations},
    store_path::{StoreDir, StorePathName},
};
use nix_store::{drv_files::DrvFiles, local::StoreLayout};

pub(crate) use self::error::Error;
use self::{
    files::{DiffArgs, ListArgs, OutputsArgs},
    inputs::Inputs,
    target::{Target, read},
};
use crate::error::{Error as CommandError, Result};

/// The arguments of `drv`.
#[derive(Debug, Args)]
pub(crate) struct DrvArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print a derivation as JSON, as `nix derivation show` does
    ///
    /// The derivation stands in a map under its path; --bare leaves the map away. The path is what
    /// the name of the file says, or, where it says only a name, what follows from the contents.
    #[command(
        after_help = "Examples:\n  netabase drv show ./hello.drv --format v3\n  \
                            netabase drv show x0sj6ynccvc1a8kxr8fifnlf7qlxw6hd --store /mnt"
    )]
    Show(ShowArgs),
    /// Print a derivation as the ATerm that it is stored as
    ///
    /// What Nix wrote is printed byte for byte; what it would have written otherwise, such as lists in
    /// another order, as it would have. --check refuses the latter.
    #[command(after_help = "Example:\n  netabase drv print ./hello.drv | cmp - ./hello.drv")]
    Print(PrintArgs),
    /// Compute the paths of a derivation's outputs, one `name path` a line
    ///
    /// They follow from the derivation and, where it has any, its input derivations, which are read
    /// beside it or in --store; what the derivation says of its paths plays no part. `-` stands for
    /// a path that only a build can tell.
    #[command(after_help = "Example:\n  netabase drv paths ./hello.drv")]
    Paths(PathsArgs),
    /// List the derivation files of a store, one `build-hash name` a line
    ///
    /// They are what the store recorded of its builds, by build hash, beside the .drv objects of Nix.
    #[command(after_help = "Example:\n  netabase drv list --store /mnt")]
    List(ListArgs),
    /// Print what the builds of one build hash resulted in, one `output path hash size` a line
    ///
    /// When builds of the hash differed, every result is printed, each line with its number before
    /// it, the first one seen first.
    #[command(after_help = "Example:\n  netabase drv outputs 0mdqa9w1p6 --store /mnt --json")]
    Outputs(OutputsArgs),
    /// Print how two derivations differ, part by part
    ///
    /// Equal derivations print nothing.
    #[command(after_help = "Example:\n  netabase drv diff ./old.drv 0mdqa9w1p6 --store /mnt")]
    Diff(DiffArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// The version of the JSON: 4 is that of Nix 2.33 and later, 3 of 2.32, and that without a
    /// number of 2.8
    #[arg(long, default_value = "v4")]
    format: Format,
    /// Print the derivation alone, not a map from its path to it
    #[arg(long)]
    bare: bool,
}

#[derive(Debug, Args)]
struct PrintArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Fail, and say where, if what is printed differs from the file
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Args)]
struct PathsArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Fail where the derivation states other paths than the computed ones
    #[arg(long)]
    check: bool,
}

/// Which derivation.
#[derive(Debug, Args)]
struct TargetArgs {
    /// A file that ends in .drv (with --name any file); or, of a derivation in the store, the path,
    /// the base name, its 32 characters of hash, or the build hash or its first 6 characters or more
    #[arg(value_name = "FILE|BUILD-HASH")]
    derivation: OsString,
    #[command(flatten)]
    store: StoreArgs,
    /// The name of the derivation, without .drv; otherwise that of the file tells it
    #[arg(long)]
    name: Option<String>,
}

/// Where the store is.
#[derive(Debug, Args)]
struct StoreArgs {
    /// The root of the store, below which --store-dir lies, and its state in nix/var/nix; or the
    /// folder of that state itself; otherwise `/`
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The folder that all paths of the store begin with
    #[arg(long, value_name = "DIR", default_value = "/nix/store")]
    store_dir: String,
}

impl TargetArgs {
    fn find(&self) -> Result<(StoreDir, Target), Error> {
        let store_dir = self.store.store_dir()?;
        let target = self.target(&store_dir)?;
        Ok((store_dir, target))
    }

    fn target(&self, store_dir: &StoreDir) -> Result<Target, Error> {
        let Some(name) = &self.name else {
            return Target::find(&self.derivation, store_dir, &self.store);
        };
        let file = PathBuf::from(&self.derivation);
        match StorePathName::new(name) {
            Ok(name) => Ok(Target {
                file,
                path: None,
                name,
                found: None,
            }),
            Err(source) => Err(Error::Name { file, source }),
        }
    }
}

impl StoreArgs {
    fn store_dir(&self) -> Result<StoreDir, Error> {
        StoreDir::new(&self.store_dir).map_err(|source| Error::StoreDir {
            store_dir: self.store_dir.clone(),
            source,
        })
    }

    /// Returns where the store's objects lie on disk.
    fn folder(&self) -> PathBuf {
        match &self.store {
            None => PathBuf::from(&self.store_dir),
            Some(root) => root.join(self.store_dir.trim_start_matches('/')),
        }
    }

    /// Returns the derivation files of the store.
    fn files(&self, store_dir: &StoreDir) -> Result<DrvFiles, Error> {
        let root = self.store.as_deref().unwrap_or(Path::new("/"));
        let state_dir = match &self.store {
            Some(root) if root.join("drv").is_dir() => root.clone(),
            _ => StoreLayout::below(root, store_dir.clone()).state_dir,
        };
        Ok(DrvFiles::open(state_dir, store_dir.clone())?)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    V4,
    V3,
    Unversioned,
}

impl From<Format> for DerivationJson {
    fn from(format: Format) -> Self {
        match format {
            Format::V4 => Self::V4,
            Format::V3 => Self::V3,
            Format::Unversioned => Self::Unversioned,
        }
    }
}

/// Does what the arguments say.
pub(crate) fn run(args: &DrvArgs, out: &mut dyn Write) -> Result<()> {
    let text = match &args.what {
        What::Show(args) => show(args)?,
        What::Print(args) => print(args)?,
        What::Paths(args) => paths(args)?,
        What::List(args) => return files::list(args, out),
        What::Outputs(args) => files::outputs(args)?,
        What::Diff(args) => files::diff(args)?,
    };
    out.write_all(&text).map_err(CommandError::Output)
}

fn show(args: &ShowArgs) -> Result<Vec<u8>, Error> {
    let (store_dir, target) = args.target.find()?;
    let derivation = target.derivation(&store_dir)?;
    let format = args.format.into();
    let value = if args.bare {
        let value = derivation.to_json(&store_dir, format);
        value.map_err(|source| target.failed(source))?
    } else {
        let path = match &target.path {
            Some(path) => path.clone(),
            None => derivation
                .path(&store_dir)
                .map_err(|source| target.failed(source))?,
        };
        let value = write_derivations(&store_dir, format, [(&path, &derivation)]);
        value.map_err(|error| target.failed(error.source))?
    };
    Ok(JsonLayout::PRETTY.print(&value).into_bytes())
}

fn print(args: &PrintArgs) -> Result<Vec<u8>, Error> {
    let (store_dir, target) = args.target.find()?;
    let derivation = target.derivation(&store_dir)?;
    if args.check {
        let bytes = read(&target.file)?;
        let name = target.name.clone();
        Derivation::parse_canonical_aterm(&store_dir, name, &bytes)
            .map_err(|source| target.failed(source))?;
    }
    derivation
        .to_aterm(&store_dir)
        .map_err(|source| target.failed(source))
}

fn paths(args: &PathsArgs) -> Result<Vec<u8>, Error> {
    let (store_dir, target) = args.target.find()?;
    let derivation = target.derivation(&store_dir)?;
    let folder = match &args.target.store.store {
        None if target.found.is_none() => target.folder(),
        _ => args.target.store.folder(),
    };
    let inputs = Inputs {
        store_dir: &store_dir,
        folder: &folder,
    };
    let mut modulo = DerivationModulo::new(&store_dir, &inputs);
    let paths = derivation.output_paths(&mut modulo);
    let paths = paths.map_err(|source| target.failed(source))?;
    let mut text = String::new();
    for output in derivation.outputs.keys() {
        let path = paths.get(output).map(|path| store_dir.print(path));
        let path = path.as_deref().unwrap_or("-");
        text.extend([output.as_str(), " ", path, "\n"]);
    }
    if args.check {
        let checked = derivation.check(&mut modulo);
        checked.map_err(|source| target.failed(source))?;
    }
    Ok(text.into_bytes())
}
