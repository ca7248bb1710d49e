//! Showing what passes.

use std::io::{self, BufRead, Read, Write};

/// A writer that cannot take what a [`TeeReader`] read.
#[derive(Debug, thiserror::Error)]
#[error("write what was read")]
pub struct TeeError(#[source] io::Error);

/// Reads from a reader and writes all that is taken to a writer, such as a hasher or a file.
///
/// Bytes that were lent but not taken are not written. An error of the writer is returned by the
/// next call that reads, or by [`finish`](Self::finish), and holds a [`TeeError`].
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::io::Read;
/// use nix_io::read::TeeReader;
///
/// let mut tee = TeeReader::new(&b"hello world"[..], Vec::new());
/// tee.read_exact(&mut [0; 5])?;
/// let (rest, seen) = tee.finish()?;
/// assert_eq!((rest, &seen[..]), (&b" world"[..], &b"hello"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TeeReader<R, W> {
    reader: R,
    writer: W,
    failed: Option<io::Error>,
}

impl<R: BufRead, W: Write> TeeReader<R, W> {
    /// Returns a reader of `reader` that writes to `writer`.
    pub const fn new(reader: R, writer: W) -> Self {
        Self {
            reader,
            writer,
            failed: None,
        }
    }

    /// Returns both ends.
    ///
    /// # Errors
    /// Fails when the writer did.
    pub fn finish(mut self) -> io::Result<(R, W)> {
        self.check()?;
        Ok((self.reader, self.writer))
    }

    fn check(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn show(&mut self, bytes: usize) -> io::Result<()> {
        let filled = self.reader.fill_buf()?;
        let written = self.writer.write_all(filled.get(..bytes).unwrap_or(filled));
        written.map_err(|error| io::Error::new(error.kind(), TeeError(error)))
    }
}

impl<R: BufRead, W: Write> BufRead for TeeReader<R, W> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.reader.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        if let Err(error) = self.show(bytes) {
            self.failed.get_or_insert(error);
        }
        self.reader.consume(bytes);
    }
}

impl<R: BufRead, W: Write> Read for TeeReader<R, W> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}
