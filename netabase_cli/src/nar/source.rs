//! The archive that a command reads: a file or standard input, plain or compressed.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
};

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use nix_io::compression::{Compression, Limits, decompress};

use crate::{
    error::{Error as CommandError, Result},
    nar::Error,
};

/// How many compressed bytes are read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// How an archive that is read is compressed.
#[derive(Debug, Args)]
pub(super) struct CompressionArgs {
    /// How the archive is compressed; otherwise told by its first bytes, which do not show brotli
    #[arg(long, value_name = "NAME", value_parser = compression_parser())]
    compression: Option<Compression>,
    /// Accept an archive that is more than 1,000 times as large as its compressed form
    #[arg(long)]
    any_ratio: bool,
}

/// Returns the parser of the names that Nix gives to compressions.
pub(super) fn compression_parser() -> impl TypedValueParser<Value = Compression> {
    PossibleValuesParser::new(Compression::ALL.map(Compression::name))
        .try_map(|name| name.parse::<Compression>())
}

impl CompressionArgs {
    /// Opens a file, or standard input for `-`, and returns what it holds, decompressed.
    pub(super) fn open(&self, path: &Path) -> Result<Box<dyn Read>> {
        let error = |source| CommandError::OpenInput {
            path: path.to_owned(),
            source,
        };
        let raw: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(path).map_err(error)?;
            if file.metadata().map_err(error)?.is_dir() {
                return Err(error(io::ErrorKind::IsADirectory.into()));
            }
            Box::new(file)
        };
        let (compression, raw) = self.detect(raw).map_err(error)?;
        if compression == Compression::None {
            return Ok(raw);
        }
        let raw = BufReader::with_capacity(BUFFER_BYTES, raw);
        let archive = decompress(compression, raw, self.limits());
        let archive = archive.map_err(|source| Error::NotBuilt {
            input: path.to_owned(),
            source,
        })?;
        Ok(Box::new(archive))
    }

    fn detect(&self, mut raw: Box<dyn Read>) -> io::Result<(Compression, Box<dyn Read>)> {
        if let Some(compression) = self.compression {
            return Ok((compression, raw));
        }
        let mut head = Vec::new();
        let head_bytes = Compression::MAGIC_BYTES_MAX as u64;
        raw.by_ref().take(head_bytes).read_to_end(&mut head)?;
        let compression = Compression::detect(&head).unwrap_or(Compression::None);
        Ok((compression, Box::new(Cursor::new(head).chain(raw))))
    }

    fn limits(&self) -> Limits {
        if self.any_ratio {
            Limits::NONE
        } else {
            Limits::default()
        }
    }
}
