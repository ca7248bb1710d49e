//! The same for asynchronous streams.
//!
//! Files are read and written by blocking threads of the runtime, which exchange a bounded number
//! of chunks with the task. Dropping a future of [`pack`] or [`unpack`] ends the thread, and what
//! was unpacked by then is removed, unless the archive was complete.

use std::io::ErrorKind;

use ::tokio::io::{AsyncBufRead, AsyncBufReadExt};

use super::{
    NarLimits,
    decode::{Decoder, Step},
    error::ReadError,
    event::Event,
};

#[cfg(unix)]
mod files;

#[cfg(unix)]
pub use self::files::{pack, unpack};

/// Reads the events of an archive from an asynchronous reader.
///
/// It is as the other [`Reader`](super::Reader): contents are lent from the reader's buffer, and it
/// takes exactly the archive.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{self, Encoder, Event, NarLimits};
///
/// let mut bytes = Vec::new();
/// Encoder::new(NarLimits::default()).encode(Event::Symlink { target: b"a" }, &mut bytes)?;
/// let mut reader = nar::tokio::Reader::new(&bytes[..], NarLimits::default());
/// assert_eq!(reader.next().await?, Event::Symlink { target: b"a" });
/// assert_eq!(reader.next().await?, Event::End);
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

impl<R: AsyncBufRead + Unpin> Reader<R> {
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
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// Fails when the reader does, and when what it returns is no archive or ends before it.
    pub async fn next(&mut self) -> Result<Event<'_>, ReadError> {
        let step = self.step().await?;
        let mut contents = &[][..];
        if let Step::Contents(length) = step {
            // No bytes are read: the step found that many in the buffer.
            let filled = self.reader.fill_buf().await.map_err(ReadError::Io)?;
            contents = filled.get(..length).unwrap_or(filled);
        }
        Ok(self.decoder.event(step, contents))
    }

    /// Returns how many bytes of the archive were taken.
    pub const fn position(&self) -> u64 {
        self.decoder.position()
    }

    /// Returns the names that lead from the root to the node at hand.
    pub fn path(&self) -> impl Iterator<Item = &[u8]> {
        self.decoder.path()
    }

    async fn step(&mut self) -> Result<Step, ReadError> {
        self.reader.consume(std::mem::take(&mut self.lent));
        if self.decoder.is_complete() {
            return Ok(Step::End);
        }
        loop {
            let mut input = match self.reader.fill_buf().await {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                filled => filled.map_err(ReadError::Io)?,
            };
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
