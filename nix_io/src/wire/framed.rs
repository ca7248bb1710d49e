//! Streams in frames: bytes whose length nobody knows when they begin.

use std::io::{self, BufRead, Read, Write};

use super::{Encoder, WireError, WireErrorKind, WireLimits, decode::Partial};
use crate::read::drain;

/// A part of a framed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Some of its bytes, at least one.
    Chunk(&'a [u8]),
    /// Its end; what follows in the input is no part of the stream.
    End,
}

/// Takes the bytes of a framed stream out of their frames.
///
/// Chunks are lent from the input: nothing is copied or kept, whatever length a frame announces.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), nix_io::wire::WireError> {
/// use nix_io::wire::{Encoder, Frame, FrameDecoder, WireLimits};
///
/// let mut bytes = Vec::new();
/// Encoder::new(&mut bytes).frame(b"hello").frames_end().u64(7);
/// let mut input = &bytes[..];
/// let mut decoder = FrameDecoder::new(WireLimits::default());
/// assert_eq!(decoder.next(&mut input)?, Some(Frame::Chunk(b"hello")));
/// assert_eq!(decoder.next(&mut input)?, Some(Frame::End));
/// assert_eq!(input, 7_u64.to_le_bytes());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct FrameDecoder {
    limits: WireLimits,
    lengths: Partial,
    announced: u64,
    /// The bytes of the frame that are still to come.
    missing: u64,
    is_ended: bool,
}

impl FrameDecoder {
    /// Returns a decoder that refuses streams above the limits.
    #[must_use]
    pub fn new(limits: WireLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes the next part, or nothing when all of `input` was taken without reaching one.
    ///
    /// Once the end was returned, nothing more is taken and every call returns it again.
    ///
    /// # Errors
    /// Fails when the stream is longer than allowed.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, WireError> {
        self.advance(input)?;
        if self.is_ended {
            return Ok(Some(Frame::End));
        }
        let length = self.within(input.len());
        match input.split_at_checked(length) {
            Some((chunk @ [_, ..], rest)) => {
                self.skip(length);
                *input = rest;
                Ok(Some(Frame::Chunk(chunk)))
            }
            _ => Ok(None),
        }
    }

    /// Takes the length of the next frame, where that is what comes next.
    fn advance(&mut self, input: &mut &[u8]) -> Result<(), WireError> {
        if self.missing > 0 || self.is_ended {
            return Ok(());
        }
        let Some(length) = self.lengths.word(input) else {
            return Ok(());
        };
        let announced = self.announced.saturating_add(length);
        let max = self.limits.framed_bytes_max;
        if announced > max {
            let length = announced;
            let kind = WireErrorKind::FramedTooLong { length, max };
            return Err(self.lengths.word_error(kind));
        }
        self.announced = announced;
        self.missing = length;
        self.is_ended = length == 0;
        Ok(())
    }

    /// Returns how many of so many bytes belong to the frame.
    fn within(&self, bytes: usize) -> usize {
        usize::try_from(self.missing).map_or(bytes, |missing| missing.min(bytes))
    }

    /// Counts bytes of the frame as taken.
    fn skip(&mut self, bytes: usize) {
        self.missing = self.missing.saturating_sub(bytes as u64);
        self.lengths.skip(bytes);
    }
}

/// Reads the bytes of a framed stream, lending them from the reader below.
///
/// It takes exactly the frames: what follows them stays in the reader below. A stream that was not
/// read to its end leaves the reader in the middle of it; [`finish`](Self::finish) skips the rest.
#[derive(Debug)]
pub struct FramedReader<R> {
    reader: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> FramedReader<R> {
    /// Returns a reader of the framed stream that begins here.
    pub fn new(reader: R, limits: WireLimits) -> Self {
        let decoder = FrameDecoder::new(limits);
        Self { reader, decoder }
    }

    /// Skips what was not read, up to the end of the stream, and returns the reader below and how
    /// many bytes were skipped.
    ///
    /// # Errors
    /// Fails when the reader below does, or the stream is cut or too long.
    pub fn finish(mut self) -> io::Result<(R, u64)> {
        let skipped = drain(&mut self)?;
        Ok((self.reader, skipped))
    }
}

impl<R: BufRead> BufRead for FramedReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.decoder.missing == 0 && !self.decoder.is_ended {
            let mut input = self.reader.fill_buf()?;
            let length = input.len();
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let advanced = self.decoder.advance(&mut input);
            let taken = length - input.len();
            self.reader.consume(taken);
            advanced.map_err(invalid)?;
        }
        if self.decoder.is_ended {
            return Ok(&[]);
        }
        let filled = self.reader.fill_buf()?;
        if filled.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(filled
            .get(..self.decoder.within(filled.len()))
            .unwrap_or(filled))
    }

    fn consume(&mut self, bytes: usize) {
        let bytes = self.decoder.within(bytes);
        self.decoder.skip(bytes);
        self.reader.consume(bytes);
    }
}

impl<R: BufRead> Read for FramedReader<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

/// Writes a framed stream, gathering small writes into frames of up to a capacity.
#[derive(Debug)]
pub struct FramedWriter<W> {
    writer: W,
    chunk: Vec<u8>,
    chunk_bytes_max: usize,
}

impl<W: Write> FramedWriter<W> {
    /// Returns a writer of frames of at most so many bytes.
    pub fn new(writer: W, chunk_bytes_max: usize) -> Self {
        Self {
            writer,
            chunk: Vec::new(),
            chunk_bytes_max: chunk_bytes_max.max(1),
        }
    }

    /// Ends the stream and returns the writer below.
    ///
    /// # Errors
    /// Fails when the writer below does.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_chunk()?;
        let mut end = Vec::new();
        Encoder::new(&mut end).frames_end();
        self.writer.write_all(&end)?;
        Ok(self.writer)
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut length = Vec::new();
        Encoder::new(&mut length).u64(self.chunk.len() as u64);
        self.writer.write_all(&length)?;
        self.writer.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for FramedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() >= self.chunk_bytes_max {
            self.write_chunk()?;
        }
        let room = self.chunk_bytes_max - self.chunk.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_chunk()?;
        self.writer.flush()
    }
}

fn invalid(error: WireError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
