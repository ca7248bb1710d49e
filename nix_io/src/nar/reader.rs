//! Events from a reader.

use std::io::{self, BufRead, ErrorKind};

use super::{
    NarLimits,
    decode::{Decoder, Step},
    error::{DecodeError, DecodeErrorKind, ReadError},
    event::Event,
};

/// Reads the events of an archive.
///
/// Contents are lent from the reader's buffer. It takes exactly the archive, and does not wait for
/// anything after it: the next message of a connection stays in the reader.
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{Encoder, Event, NarLimits, Reader};
///
/// let mut bytes = Vec::new();
/// Encoder::new(NarLimits::default()).encode(Event::Symlink { target: b"a" }, &mut bytes)?;
/// bytes.extend(b"more");
///
/// let mut rest = &bytes[..];
/// let mut reader = Reader::new(&mut rest, NarLimits::default());
/// assert_eq!(reader.next()?, Event::Symlink { target: b"a" });
/// assert_eq!(reader.next()?, Event::End);
/// assert_eq!(rest, b"more");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    reader: R,
    decoder: Decoder,
    /// How many bytes of the reader's buffer are contents that were lent by the last event.
    lent: usize,
}

impl<R: BufRead> Reader<R> {
    /// Returns a reader of the archive that begins here.
    pub fn new(reader: R, limits: NarLimits) -> Self {
        Self {
            reader,
            decoder: Decoder::new(limits),
            lent: 0,
        }
    }

    /// Returns the next event; once that was [`Event::End`], always that.
    ///
    /// # Errors
    /// Fails when the reader does, and when what it returns is no archive or ends before it.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend its items"
    )]
    pub fn next(&mut self) -> Result<Event<'_>, ReadError> {
        let step = self.step()?;
        let mut contents = &[][..];
        if let Step::Contents(length) = step {
            // No bytes are read: the step found that many in the buffer.
            let filled = self.reader.fill_buf().map_err(ReadError::Io)?;
            contents = filled.get(..length).unwrap_or(filled);
        }
        Ok(self.decoder.event(step, contents))
    }

    /// Reads on to the end of the archive and returns its size.
    ///
    /// # Errors
    /// Fails as [`next`](Self::next) does.
    pub fn finish(&mut self) -> Result<u64, ReadError> {
        while !matches!(self.step()?, Step::End) {}
        Ok(self.decoder.position())
    }

    /// Confirms that the archive was complete and nothing follows it.
    ///
    /// # Errors
    /// Fails when the reader does, before the end of the archive, and when something follows.
    pub fn expect_end_of_input(&mut self) -> Result<(), ReadError> {
        self.decoder.finish().map_err(ReadError::Decode)?;
        let filled = fill(&mut self.reader).map_err(ReadError::Io)?;
        if filled.is_empty() {
            return Ok(());
        }
        Err(ReadError::Decode(DecodeError {
            kind: DecodeErrorKind::Trailing,
            position: self.decoder.position(),
        }))
    }

    /// Returns how many bytes of the archive were taken.
    pub const fn position(&self) -> u64 {
        self.decoder.position()
    }

    /// Returns the names that lead from the root to the node at hand.
    pub fn path(&self) -> impl Iterator<Item = &[u8]> {
        self.decoder.path()
    }

    /// Reads up to the next event; contents stay in the reader until the next call.
    fn step(&mut self) -> Result<Step, ReadError> {
        self.reader.consume(std::mem::take(&mut self.lent));
        if self.decoder.is_complete() {
            return Ok(Step::End);
        }
        loop {
            let mut input = fill(&mut self.reader).map_err(ReadError::Io)?;
            let filled = input.len();
            let advanced = self.decoder.advance(&mut input);
            let taken = filled - input.len();
            self.reader.consume(taken);
            match advanced.map_err(ReadError::Decode)? {
                Some(step) => {
                    if let Step::Contents(length) = step {
                        self.lent = length;
                    }
                    return Ok(step);
                }
                None if filled == 0 => self.decoder.finish().map_err(ReadError::Decode)?,
                None => {}
            }
        }
    }
}

/// Returns what a reader has buffered, as [`BufRead::fill_buf`] does, but not for a signal.
fn fill<R: BufRead + ?Sized>(reader: &mut R) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
        }
    }
    // No bytes are read: the buffer is not empty.
    reader.fill_buf()
}
