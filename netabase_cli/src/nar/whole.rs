//! A reader of one archive that is the whole input.

use std::io::{self, BufRead, ErrorKind, Read};

use nix_io::nar::{DecodeError, DecodeErrorKind, Decoder, Event, NarLimits};

/// How many bytes are read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Reads an archive and fails, before it lends the end of the archive, when more input follows.
///
/// So whoever unpacks it fails while it still can remove what it made. The error holds a
/// [`DecodeError`]. Input that is no archive is passed on, for the one who reads it to refuse.
pub(super) struct WholeArchive<R> {
    reader: R,
    buffer: Box<[u8]>,
    begin: usize,
    end: usize,
    /// Follows the archive to its end; nothing once that is known, or there is none.
    ahead: Option<Decoder>,
}

impl<R: Read> WholeArchive<R> {
    pub(super) fn new(reader: R, limits: NarLimits) -> Self {
        Self {
            reader,
            buffer: vec![0; BUFFER_BYTES].into(),
            begin: 0,
            end: 0,
            ahead: Some(Decoder::new(limits)),
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        (self.begin, self.end) = (0, 0);
        let read = read_some(&mut self.reader, &mut self.buffer)?;
        let taken = self.buffer.get(..read).unwrap_or_default();
        if let Some(rest) = look(&mut self.ahead, taken) {
            let position = rest.position;
            if rest.bytes > 0 || read_some(&mut self.reader, &mut [0])? > 0 {
                let kind = DecodeErrorKind::Trailing;
                let error = DecodeError { kind, position };
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        }
        self.end = read;
        Ok(())
    }
}

/// What follows an archive in a buffer.
struct Rest {
    /// Where the archive ended.
    position: u64,
    bytes: usize,
}

/// Follows the archive through the next bytes; returns what is behind it once it ends in them.
fn look(ahead: &mut Option<Decoder>, mut bytes: &[u8]) -> Option<Rest> {
    let decoder = ahead.as_mut()?;
    let rest = loop {
        match decoder.next(&mut bytes) {
            Ok(Some(Event::End)) => {
                break Some(Rest {
                    position: decoder.position(),
                    bytes: bytes.len(),
                });
            }
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(_) => break None,
        }
    };
    *ahead = None;
    rest
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

impl<R: Read> Read for WholeArchive<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(target)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for WholeArchive<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.begin == self.end {
            self.refill()?;
        }
        Ok(self.buffer.get(self.begin..self.end).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.begin = self.end.min(self.begin.saturating_add(bytes));
    }
}

#[cfg(test)]
mod tests {
    use nix_io::nar::Encoder;

    use super::*;

    /// An archive of a file with so many bytes.
    fn archive(size: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(NarLimits::default());
        let regular = Event::Regular {
            executable: false,
            size: size as u64,
            offset: 0,
        };
        encoder.encode(regular, &mut bytes).unwrap();
        if size > 0 {
            let contents = vec![b'x'; size];
            encoder
                .encode(Event::Contents(&contents), &mut bytes)
                .unwrap();
        }
        encoder.encode(Event::RegularEnd, &mut bytes).unwrap();
        encoder.finish().unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut all = Vec::new();
        let mut reader = WholeArchive::new(bytes, NarLimits::default());
        match reader.read_to_end(&mut all) {
            Ok(_) => Ok(all),
            Err(error) => Err(*error.get_ref().unwrap().downcast_ref().unwrap()),
        }
    }

    #[test]
    fn what_follows_an_archive_is_refused_wherever_the_buffer_ends() {
        let overhead = archive(0).len();
        for size in [0, 1, 1 << 17]
            .into_iter()
            .chain((0..4).map(|words| BUFFER_BYTES - overhead + 8 * words - 16))
        {
            let mut bytes = archive(size);
            assert_eq!(read(&bytes).as_deref(), Ok(&bytes[..]), "{size}");
            let position = bytes.len() as u64;
            bytes.push(0);
            let kind = DecodeErrorKind::Trailing;
            assert_eq!(read(&bytes), Err(DecodeError { kind, position }), "{size}");
        }
    }

    #[test]
    fn what_is_no_archive_is_passed_on() {
        let cut = &archive(100)[..150];
        let bytes = vec![b'x'; 3 * BUFFER_BYTES];
        for bytes in [&b""[..], b"no archive", cut, &bytes] {
            assert_eq!(read(bytes).as_deref(), Ok(bytes));
        }
    }
}
