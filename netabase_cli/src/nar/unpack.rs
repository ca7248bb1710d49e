//! `netabase nar unpack`

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use nix_io::nar::{UnpackError, UnpackOptions, unpack};

use crate::{
    error::Result,
    nar::{Error, source::CompressionArgs, whole::WholeArchive},
};

/// The arguments of `nar unpack`.
#[derive(Debug, Args)]
pub(super) struct UnpackArgs {
    /// What to make; nothing may be there yet
    #[arg(value_name = "DIR")]
    destination: PathBuf,
    /// The archive; `-` for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    input: PathBuf,
    #[command(flatten)]
    compression: CompressionArgs,
}

/// Unpacks an archive.
pub(super) fn run(args: &UnpackArgs) -> Result<()> {
    let archive = args.compression.open(&args.input)?;
    unpack_whole(archive, &args.input, &args.destination)
}

/// Unpacks an archive, which nothing may follow; `input` is where it comes from.
pub(crate) fn unpack_whole(archive: impl Read, input: &Path, destination: &Path) -> Result<()> {
    let options = UnpackOptions::default();
    let archive = WholeArchive::new(archive, options.limits);
    unpack(archive, destination, &options).map_err(|source| match source {
        UnpackError::Read { .. } => {
            let input = input.to_owned();
            Error::UnpackInput { input, source }
        }
        source => Error::Unpack(source),
    })?;
    Ok(())
}
