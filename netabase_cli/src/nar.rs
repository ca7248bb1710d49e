//! `netabase nar`: archives made, unpacked, listed and hashed.

mod list;
mod pack;
mod source;
mod unpack;
mod whole;

pub(crate) use self::unpack::unpack_whole;

use std::{
    fmt,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use nix_core::hash::{Algorithm, HashFormat};
use nix_io::{
    compression::{CompressError, NotBuilt},
    nar::{ListingError, PackError, ReadError, UnpackError},
};

use crate::{
    error::{Error as CommandError, Result},
    hash,
};

/// The arguments of `nar`.
#[derive(Debug, Args)]
pub(crate) struct NarArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the archive of a file, a symlink or a folder
    ///
    /// The archive goes to standard output, which must not be a terminal, or to a file. Of metadata
    /// it holds the executable bit alone; symlinks are kept, not followed.
    #[command(after_help = "Example:\n  netabase nar pack ./src --compression xz -o src.nar.xz")]
    Pack(pack::PackArgs),
    /// Make a file, a symlink or a folder of an archive
    ///
    /// The archive is read from standard input or a file, and nothing may follow it. As in a Nix
    /// store everything becomes read-only (mode 0444 or 0555, `chmod -R u+w` undoes that) and gets
    /// the time 1. What was unpacked before an error is removed again, and nothing is ever written
    /// outside of the destination.
    #[command(after_help = "Example:\n  netabase nar unpack ./copy --input src.nar.xz")]
    Unpack(unpack::UnpackArgs),
    /// List what is in an archive
    ///
    /// A line an entry, as `nix nar ls -lR` prints it: type and mode, size, name, target. Bytes of
    /// names that are not to be printed, and backslashes, are escaped as in Rust: `\n`, `\u{7f}`,
    /// `\xff`. A folder at the root has no line of its own; anything else there is called `.`.
    #[command(after_help = "Example:\n  netabase nar list src.nar.xz --json > src.ls")]
    List(list::ListArgs),
    /// Print the hash and the size of the archive of a file, a symlink or a folder
    ///
    /// That is what a narinfo calls NarHash and NarSize: `sha256:`, base 32, a space, bytes.
    #[command(after_help = "Example:\n  netabase nar hash ./src")]
    Hash(NarHashArgs),
}

#[derive(Debug, Args)]
struct NarHashArgs {
    /// What to hash
    path: PathBuf,
}

/// What can go wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("standard output is a terminal: write the archive to a pipe, or to a file by -o")]
    Terminal,
    #[error("pack {}", path.display())]
    Pack { path: PathBuf, source: PackError },
    #[error(transparent)]
    Compress(#[from] CompressError),
    #[error(transparent)]
    Unpack(UnpackError),
    #[error("{}", named(input))]
    UnpackInput { input: PathBuf, source: UnpackError },
    #[error("{}", named(input))]
    Read { input: PathBuf, source: ReadError },
    #[error("{}", named(input))]
    NotBuilt { input: PathBuf, source: NotBuilt },
    #[error("{}: list it as JSON", named(input))]
    List {
        input: PathBuf,
        source: ListingError,
    },
    #[error("write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Does what the arguments say.
pub(crate) fn run(args: &NarArgs, out: &mut dyn Write) -> Result<()> {
    match &args.what {
        What::Pack(args) => pack::run(args, out),
        What::Unpack(args) => unpack::run(args),
        What::List(args) => list::run(args, out),
        What::Hash(args) => {
            let (hash, size) = hash::of_path(&args.path, Algorithm::Sha256)?;
            let hash = hash.to_text(HashFormat::Nix32);
            writeln!(out, "{hash} {size}").map_err(CommandError::Output)
        }
    }
}

/// Returns what an input is called in an error.
fn named(input: &Path) -> impl fmt::Display {
    match input.to_str() {
        Some("-") => Path::new("standard input").display(),
        _ => input.display(),
    }
}
