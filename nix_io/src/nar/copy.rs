//! Archives that pass through.

use std::io::{BufRead, Write};

use super::{NarLimits, Reader, error::ReadError};
use crate::read::TeeReader;

/// Copies one archive to a writer, checking it, and returns its size.
///
/// It takes exactly the archive from the reader, as far as no error occurs. What was written before
/// an error is no archive. The writer is given small pieces between the contents of files.
///
/// # Errors
/// Fails when either side does, and when what is read is no archive or ends before it. An error of
/// the writer holds a [`TeeError`](crate::read::TeeError).
///
/// # Examples
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nix_io::nar::{self, Encoder, Event, NarLimits};
///
/// let mut bytes = Vec::new();
/// Encoder::new(NarLimits::default()).encode(Event::Symlink { target: b"a" }, &mut bytes)?;
/// let archive = bytes.clone();
/// bytes.extend(b"more");
///
/// let mut copied = Vec::new();
/// nar::copy(&bytes[..], &mut copied, NarLimits::default())?;
/// assert_eq!(copied, archive);
/// # Ok(())
/// # }
/// ```
pub fn copy<R: BufRead, W: Write>(
    reader: R,
    writer: W,
    limits: NarLimits,
) -> Result<u64, ReadError> {
    let mut tee = TeeReader::new(reader, writer);
    let size = Reader::new(&mut tee, limits).finish()?;
    tee.finish().map_err(ReadError::Io)?;
    Ok(size)
}
