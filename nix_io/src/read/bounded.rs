//! A buffer in front of a source, and a bound on what is taken from it.

use std::io::{self, BufRead, ErrorKind, Read};

/// What [`BoundedReader::new`] buffers.
const CAPACITY_BYTES: usize = 64 << 10;

/// A source that holds more bytes than a [`BoundedReader`] may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("input of more than {max} bytes")]
pub struct InputTooLong {
    /// How many bytes were allowed.
    pub max: u64,
}

/// Reads a source through a buffer of fixed size, and fails where it holds more than allowed.
///
/// Other than [`Take`](std::io::Take), it does not mistake the bound for the end: a source with
/// more bytes is an error of kind [`FileTooLarge`](ErrorKind::FileTooLarge) around an
/// [`InputTooLong`].
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::io::Read;
/// use nix_io::read::BoundedReader;
///
/// let mut text = String::new();
/// BoundedReader::new(&b"four"[..]).bytes_max(4).read_to_string(&mut text)?;
/// assert_eq!(text, "four");
/// let error = BoundedReader::new(&b"fifth"[..]).bytes_max(4).read_to_string(&mut text);
/// assert_eq!(error.unwrap_err().to_string(), "input of more than 4 bytes");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BoundedReader<R> {
    reader: R,
    buffer: Box<[u8]>,
    begin: usize,
    end: usize,
    /// How many bytes may still be taken from the source.
    left: u64,
    max: u64,
}

impl<R: Read> BoundedReader<R> {
    /// Returns a reader with a buffer of 64 KiB and no bound.
    pub fn new(reader: R) -> Self {
        Self::with_capacity(CAPACITY_BYTES, reader)
    }

    /// Returns a reader with a buffer of so many bytes, at least one, and no bound.
    pub fn with_capacity(bytes: usize, reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; bytes.max(1)].into(),
            begin: 0,
            end: 0,
            left: u64::MAX,
            max: u64::MAX,
        }
    }

    /// Lets the source hold at most so many bytes from here on.
    #[must_use]
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.max = bytes;
        self.left = bytes.saturating_sub((self.end - self.begin) as u64);
        self
    }

    /// Reads into the empty buffer.
    fn fill(&mut self) -> io::Result<()> {
        let count = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        let Some(left) = self.left.checked_sub(count as u64) else {
            let error = InputTooLong { max: self.max };
            return Err(io::Error::new(ErrorKind::FileTooLarge, error));
        };
        self.left = left;
        self.begin = 0;
        self.end = count;
        Ok(())
    }
}

impl<R: Read> BufRead for BoundedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.begin == self.end {
            self.fill()?;
        }
        Ok(self.buffer.get(self.begin..self.end).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.begin = self.begin.saturating_add(bytes).min(self.end);
    }
}

impl<R: Read> Read for BoundedReader<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}
