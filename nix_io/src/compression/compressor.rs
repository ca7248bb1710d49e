//! The writer of a compressed stream, whatever its format.

use std::{
    fmt,
    io::{self, Write},
};

use super::{CompressError, Compression, NotBuilt};

/// How much is compressed before what came of it is handed on.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// How hard a stream is compressed.
///
/// The higher the level, the smaller the stream and the slower its making. Writing xz takes memory
/// too: 94 MiB at its default, 674 MiB at level 9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// What the tool of the format does by default (xz and gzip 6, bzip2 9, zstd 3), or, where that
    /// is much slower than its gain is worth (brotli), 5. zstd without the feature `zstd-c`: 1.
    #[default]
    Default,
    /// A level of the format, one of [`Compression::levels`].
    Number(u32),
}

impl Level {
    fn number(self, compression: Compression) -> Result<u32, CompressError> {
        let levels = compression.levels();
        let level = match (self, compression) {
            (Self::Number(level), _) => level,
            (Self::Default, Compression::None) => 0,
            (Self::Default, Compression::Xz | Compression::Gzip) => 6,
            (Self::Default, Compression::Zstd) => 3.min(*levels.end()),
            (Self::Default, Compression::Bzip2) => 9,
            (Self::Default, Compression::Brotli) => 5,
        };
        if levels.contains(&level) {
            return Ok(level);
        }
        Err(CompressError::Level {
            compression,
            level,
            lowest: *levels.start(),
            highest: *levels.end(),
        })
    }
}

/// Writes a compressed stream: what is written to it, compressed, goes to `writer`.
///
/// Equal data at an equal level gives equal bytes with the same version of this program.
///
/// # Errors
/// [`CompressError`] where this build has no such codec, or the codec no such level.
///
/// # Examples
/// ```
/// use std::io::Write;
/// use nix_io::compression::{Compression, Level, compress};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut file = compress(Compression::None, Level::Default, Vec::new())?;
/// file.write_all(b"an archive")?;
/// assert_eq!(file.finish()?, b"an archive");
/// # Ok(())
/// # }
/// ```
pub fn compress<W: Write>(
    compression: Compression,
    level: Level,
    writer: W,
) -> Result<Compressor<W>, CompressError> {
    if !compression.is_built() {
        return Err(NotBuilt { compression }.into());
    }
    let level = level.number(compression)?;
    Ok(Compressor {
        stage: Stage::Ready(compression, level),
        written: 0,
        writer,
    })
}

/// The writer that [`compress`] returns.
///
/// [`Compressor::finish`] ends the stream. One that is dropped without it, as after an error, is cut
/// and no reader takes it for whole. `flush` hands on what is compressed by then and does not end a
/// block for it, so it does not make the stream longer.
#[must_use = "a stream that is not finished is cut"]
pub struct Compressor<W> {
    stage: Stage,
    /// How much of the encoder's output is written.
    written: usize,
    writer: W,
}

enum Stage {
    /// Nothing was compressed yet.
    Ready(Compression, u32),
    Running(Box<dyn Encode + Send>),
    Failed,
}

/// A codec's encoder, which writes to memory.
pub(super) trait Encode {
    fn encode(&mut self, data: &[u8]) -> io::Result<()>;

    /// What the encoder wrote, to be taken.
    fn output(&mut self) -> &mut Vec<u8>;

    /// Ends the stream and returns what is left of it.
    fn finish(self: Box<Self>) -> io::Result<Vec<u8>>;
}

impl<W: Write> Compressor<W> {
    /// Ends the stream, writes the rest of it and returns the writer, which is not flushed.
    ///
    /// # Errors
    /// Those of the writer; the stream is cut then.
    pub fn finish(mut self) -> io::Result<W> {
        self.hand_on()?;
        let rest = self.stage.take()?.finish()?;
        self.writer.write_all(&rest)?;
        Ok(self.writer)
    }

    /// Writes what is compressed.
    fn hand_on(&mut self) -> io::Result<()> {
        let Stage::Running(encoder) = &mut self.stage else {
            return Ok(());
        };
        let output = encoder.output();
        while let Some(rest) = output.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.writer.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.written += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        output.clear();
        self.written = 0;
        Ok(())
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.hand_on()?;
        let data = data.get(..WRITE_BYTES_MAX).unwrap_or(data);
        let mut encoder = self.stage.take()?;
        encoder.encode(data)?;
        self.stage = Stage::Running(encoder);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.writer.flush()
    }
}

impl<W> fmt::Debug for Compressor<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Stage {
    /// Takes the encoder, which is gone for good if it is not put back.
    fn take(&mut self) -> io::Result<Box<dyn Encode + Send>> {
        match std::mem::replace(self, Self::Failed) {
            Self::Ready(compression, level) => encoder(compression, level),
            Self::Running(encoder) => Ok(encoder),
            Self::Failed => Err(io::Error::other("the encoder failed before")),
        }
    }
}

fn encoder(compression: Compression, level: u32) -> io::Result<Box<dyn Encode + Send>> {
    Ok(match compression {
        #[cfg(feature = "xz")]
        Compression::Xz => Box::new(super::xz::encoder(level)?),
        #[cfg(any(feature = "zstd", feature = "zstd-c"))]
        Compression::Zstd => Box::new(super::zstd::Encoder::new(level)?),
        #[cfg(feature = "bzip2")]
        Compression::Bzip2 => Box::new(super::bzip2::encoder(level)),
        #[cfg(feature = "gzip")]
        Compression::Gzip => Box::new(super::gzip::encoder(level)),
        #[cfg(feature = "brotli")]
        Compression::Brotli => Box::new(super::brotli::Encoder::new(level)),
        _ => {
            assert_eq!(level, 0, "a codec that is not built was refused before");
            Box::new(Vec::new())
        }
    })
}

impl Encode for Vec<u8> {
    fn encode(&mut self, data: &[u8]) -> io::Result<()> {
        self.extend_from_slice(data);
        Ok(())
    }

    fn output(&mut self) -> &mut Vec<u8> {
        self
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<u8>> {
        Ok(*self)
    }
}
