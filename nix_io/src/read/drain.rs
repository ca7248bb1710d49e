//! Skipping the rest of a stream.

use std::io::{self, BufRead, ErrorKind};

/// Skips a stream to its end and returns how many bytes were left.
///
/// Of a stream inside another, such as [`FramedReader`](crate::wire::FramedReader) or
/// [`Take`](std::io::Take), exactly the inner one is skipped.
///
/// # Errors
/// Fails when the reader does.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::io::Read;
///
/// let mut input = &b"inner and outer"[..];
/// assert_eq!(nix_io::read::drain(&mut input.by_ref().take(5))?, 5);
/// assert_eq!(input, b" and outer");
/// # Ok(())
/// # }
/// ```
pub fn drain<R: BufRead + ?Sized>(reader: &mut R) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let count = match reader.fill_buf() {
            Ok([]) => return Ok(skipped),
            Ok(filled) => filled.len(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        reader.consume(count);
        skipped += count as u64;
    }
}
