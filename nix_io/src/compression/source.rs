//! The compressed side of a decompressor: counts what is consumed and looks ahead.

use std::io::{self, BufRead, Read};

/// A reader below a codec.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: R,
    /// Bytes looked at before their turn.
    head: Vec<u8>,
    position: u64,
    ended: bool,
    starved: bool,
    error: Option<io::Error>,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            head: Vec::new(),
            position: 0,
            ended: false,
            starved: false,
            error: None,
        }
    }

    /// How many bytes were consumed.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Whether a codec asked for more than there is.
    pub(super) fn is_starved(&self) -> bool {
        self.starved
    }

    /// The error of the reader below, of which the codec saw only the kind.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Fills the buffer of the reader below, unless it has ended.
    fn fill(&mut self) -> io::Result<&[u8]> {
        while !self.ended {
            match self.inner.fill_buf() {
                Ok(bytes) => {
                    self.ended = bytes.is_empty();
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.error = Some(error);
                    return Err(kind.into());
                }
            }
        }
        if self.ended {
            return Ok(&[]);
        }
        self.inner.fill_buf()
    }

    /// Returns the next bytes without consuming them: `len`, or all that are left.
    #[cfg(any(
        feature = "brotli",
        feature = "bzip2",
        feature = "gzip",
        feature = "xz",
        feature = "zstd",
        feature = "zstd-c"
    ))]
    pub(super) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        while self.head.len() < len {
            let missing = len - self.head.len();
            let bytes = self.fill()?;
            if bytes.is_empty() {
                break;
            }
            let bytes = bytes.get(..missing).unwrap_or(bytes).to_vec();
            self.inner.consume(bytes.len());
            self.head.extend(bytes);
        }
        Ok(&self.head)
    }
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.head.is_empty() {
            return Ok(&self.head);
        }
        if self.fill()?.is_empty() {
            self.starved = true;
            return Ok(&[]);
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        if self.head.is_empty() {
            self.inner.consume(len);
        } else {
            self.head.drain(..len);
        }
        self.position += len as u64;
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.fill_buf()?.read(out)?;
        self.consume(len);
        Ok(len)
    }
}
