//! The reader of a compressed stream, whatever its format.

use std::io::{self, BufRead, Read};

use super::{
    Compression, DecompressError, DecompressErrorKind, Limits, NotBuilt, codec::Codec,
    source::Source,
};

/// How much is decompressed before the limits are looked at again.
const READ_BYTES_MAX: usize = 128 << 10;

/// Reads a compressed stream: what it holds, decompressed, within the limits.
///
/// The reader is read to its end, as nothing may stand behind the stream; bound it first where it
/// is a part of something else. A reader that hands out large buffers is read in place: for a file
/// use a [`BufReader`](io::BufReader) of 64 KiB.
///
/// Memory, beside the reader's own: xz up to [`XZ_DICTIONARY_BYTES_MAX`](super::XZ_DICTIONARY_BYTES_MAX)
/// and zstd up to [`ZSTD_WINDOW_BYTES_MAX`](super::ZSTD_WINDOW_BYTES_MAX), growing with what was
/// decompressed; brotli up to 16 MiB, bzip2 4 MiB, gzip 64 KiB, each with small tables.
///
/// # Errors
/// [`NotBuilt`] where this build has no such codec. Reading returns [`io::Error`]s: those of `reader`
/// as they are, and a [`DecompressError`] inside one where the stream is at fault. What was read
/// until then is no proof of the rest: a checksum stands at the end.
///
/// # Examples
/// ```
/// use std::io::{Read, Write};
/// use nix_io::compression::{Compression, Level, Limits, compress, decompress};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compression = if Compression::Xz.is_built() { Compression::Xz } else { Compression::None };
/// let mut file = compress(compression, Level::Default, Vec::new())?;
/// file.write_all(b"an archive")?;
/// let file = file.finish()?;
///
/// let mut text = String::new();
/// decompress(compression, &file[..], Limits::default())?.read_to_string(&mut text)?;
/// assert_eq!(text, "an archive");
/// # Ok(())
/// # }
/// ```
pub fn decompress<R: BufRead>(
    compression: Compression,
    reader: R,
    limits: Limits,
) -> Result<Decompressor<R>, NotBuilt> {
    Ok(Decompressor {
        codec: Codec::new(compression, Source::new(reader))?,
        compression,
        limits,
        output_bytes: 0,
        failed: None,
    })
}

/// The reader that [`decompress`] returns.
///
/// After an error it returns errors of the same kind.
pub struct Decompressor<R: BufRead> {
    codec: Codec<R>,
    compression: Compression,
    limits: Limits,
    output_bytes: u64,
    failed: Option<Failure>,
}

/// How reading ended, so that it does not go on.
#[derive(Clone, Copy)]
enum Failure {
    Stream(DecompressErrorKind, u64),
    Reader(io::ErrorKind),
}

impl<R: BufRead> Decompressor<R> {
    /// Returns how the stream is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Returns how many bytes were read out of it.
    #[must_use]
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// Returns how many compressed bytes were consumed.
    #[must_use]
    pub fn input_bytes(&mut self) -> u64 {
        self.codec
            .source_mut()
            .map_or(0, |source| source.position())
    }

    /// How many bytes of a buffer may be filled; one more than the limit shows that it is exceeded.
    fn room(&self, len: usize) -> usize {
        let left = self.limits.output_bytes_max - self.output_bytes;
        let left = usize::try_from(left.max(1)).unwrap_or(usize::MAX);
        len.min(left).min(READ_BYTES_MAX)
    }

    fn count(&mut self, len: usize) -> io::Result<usize> {
        let output = self.output_bytes.saturating_add(len as u64);
        let max = self.limits.output_bytes_max;
        if output > max {
            return Err(DecompressErrorKind::Output { max }.into());
        }
        let input = self.input_bytes();
        if self.limits.is_ratio_too_high(input, output) {
            let max = self.limits.ratio_max;
            return Err(DecompressErrorKind::Ratio { max }.into());
        }
        self.output_bytes = output;
        Ok(len)
    }

    /// Tells whose fault an error is, and remembers it.
    fn fail(&mut self, error: io::Error) -> io::Error {
        let mut is_starved = false;
        let mut position = 0;
        if let Some(source) = self.codec.source_mut() {
            if let Some(cause) = source.take_error() {
                self.failed = Some(Failure::Reader(cause.kind()));
                return cause;
            }
            is_starved = source.is_starved();
            position = source.position();
        }
        let known = error.get_ref().and_then(|cause| cause.downcast_ref());
        let (kind, cause) = match known {
            Some(kind) => (*kind, None),
            None if is_starved => (DecompressErrorKind::Truncated, None),
            None => (DecompressErrorKind::Corrupt, Some(error)),
        };
        self.failed = Some(Failure::Stream(kind, position));
        DecompressError::new(self.compression, position, kind, cause).into()
    }
}

impl<R: BufRead> Read for Decompressor<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.failed {
            Some(Failure::Reader(kind)) => return Err(kind.into()),
            Some(Failure::Stream(kind, position)) => {
                return Err(DecompressError::new(self.compression, position, kind, None).into());
            }
            None => {}
        }
        let room = self.room(out.len());
        let out = out.get_mut(..room).unwrap_or_default();
        if out.is_empty() {
            return Ok(0);
        }
        let len = self.codec.read(out).and_then(|len| self.count(len));
        len.map_err(|error| self.fail(error))
    }
}

impl<R: BufRead> std::fmt::Debug for Decompressor<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor")
            .field("compression", &self.compression)
            .field("limits", &self.limits)
            .field("output_bytes", &self.output_bytes)
            .finish_non_exhaustive()
    }
}
