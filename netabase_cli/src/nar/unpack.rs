//! `netabase nar unpack`

use std::path::PathBuf;

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
    let options = UnpackOptions::default();
    let archive = args.compression.open(&args.input)?;
    let archive = WholeArchive::new(archive, options.limits);
    unpack(archive, &args.destination, &options).map_err(|source| match source {
        UnpackError::Read { .. } => {
            let input = args.input.clone();
            Error::UnpackInput { input, source }
        }
        source => Error::Unpack(source),
    })?;
    Ok(())
}
