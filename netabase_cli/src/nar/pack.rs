//! `netabase nar pack`

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use nix_io::{
    compression::{Compression, Level, compress},
    nar::{PackError, PackOptions, pack},
};

use crate::{
    error::{Error as CommandError, Result},
    nar::{Error, source::compression_parser},
};

/// The arguments of `nar pack`.
#[derive(Debug, Args)]
pub(super) struct PackArgs {
    /// What to pack
    path: PathBuf,
    /// The file to write, which comes to be when it is complete; otherwise standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to compress the archive
    #[arg(long, value_name = "NAME", default_value = "none", value_parser = compression_parser())]
    compression: Compression,
}

/// Packs a tree.
pub(super) fn run(args: &PackArgs, out: &mut dyn Write) -> Result<()> {
    match &args.output {
        None if io::stdout().is_terminal() => Err(Error::Terminal.into()),
        None => write(args, out, CommandError::Output),
        Some(path) if fs::metadata(path).is_ok_and(|found| !found.is_file()) => {
            let error = |source| write_error(path, source);
            write(args, File::create(path).map_err(error)?, error)
        }
        Some(path) => write_file(args, path),
    }
}

/// Writes a file beside its destination first, so that no half of an archive has its name.
fn write_file(args: &PackArgs, path: &Path) -> Result<()> {
    let error = |source| write_error(path, source);
    // What a symlink leads to is replaced, not the symlink.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename);
    let mut unfinished = OsString::from(".");
    unfinished.push(name.map_err(|kind| error(kind.into()))?);
    unfinished.push(format!(".{}.tmp", std::process::id()));
    let unfinished = target.with_file_name(unfinished);
    let file = File::create_new(&unfinished).map_err(error)?;
    let done =
        write(args, file, error).and_then(|()| fs::rename(&unfinished, &target).map_err(error));
    if done.is_err() {
        // The first error says more than one about removing what it left.
        let _ = fs::remove_file(&unfinished);
    }
    done
}

fn write_error(path: &Path, source: io::Error) -> CommandError {
    let path = path.to_owned();
    Error::Write { path, source }.into()
}

fn write<W: Write>(
    args: &PackArgs,
    mut writer: W,
    error: impl Fn(io::Error) -> CommandError,
) -> Result<()> {
    let options = PackOptions::default();
    let failed = |source| match source {
        PackError::Write(source) => error(source),
        source => {
            let path = args.path.clone();
            Error::Pack { path, source }.into()
        }
    };
    if args.compression == Compression::None {
        pack(&args.path, &mut writer, &options).map_err(failed)?;
    } else {
        let writer = compress(args.compression, Level::Default, &mut writer);
        let mut writer = writer.map_err(Error::Compress)?;
        pack(&args.path, &mut writer, &options).map_err(failed)?;
        writer.finish().map_err(&error)?;
    }
    writer.flush().map_err(error)
}
