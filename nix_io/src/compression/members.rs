//! Streams that lie one behind the other, read as one.

use std::io::{self, BufRead};

use super::{Compression, DecompressErrorKind, source::Source};

/// One stream: a gzip member, a zstd frame, an xz, bzip2 or brotli stream.
pub(super) trait Member<R>: Sized {
    const COMPRESSION: Compression;

    /// What is read of a stream before it is started.
    type Header;

    /// Looks at the start of a stream.
    fn header(source: &mut Source<R>) -> io::Result<Self::Header>;

    /// Takes a source that stands at the start of a stream.
    fn start(source: Source<R>, header: Self::Header) -> io::Result<Self>;

    /// Reads into `out`, which is not empty; nothing at the end of this stream, which it has checked.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize>;

    fn source_mut(&mut self) -> &mut Source<R>;

    /// Returns the source, which stands behind the stream.
    fn into_source(self) -> Source<R>;

    /// Consumes what the format allows behind a stream.
    fn skip_padding(_source: &mut Source<R>) -> io::Result<()> {
        Ok(())
    }
}

/// Reads all streams of a source.
pub(super) struct Members<M, R> {
    place: Place<M, R>,
    started: bool,
}

enum Place<M, R> {
    Between(Source<R>),
    Inside(M),
    /// Starting a stream failed and its source is gone with it.
    Lost,
}

impl<M: Member<R>, R: BufRead> Members<M, R> {
    pub(super) fn new(source: Source<R>) -> Self {
        Self {
            place: Place::Between(source),
            started: false,
        }
    }

    pub(super) fn source_mut(&mut self) -> Option<&mut Source<R>> {
        match &mut self.place {
            Place::Between(source) => Some(source),
            Place::Inside(member) => Some(member.source_mut()),
            Place::Lost => None,
        }
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let header = match &mut self.place {
                Place::Inside(member) => {
                    let len = member.read(out)?;
                    if len > 0 {
                        return Ok(len);
                    }
                    None
                }
                Place::Between(source) => {
                    if self.started {
                        M::skip_padding(source)?;
                    }
                    if !is_next::<M, R>(source, self.started)? {
                        return Ok(0);
                    }
                    self.started = true;
                    Some(M::header(source)?)
                }
                Place::Lost => return Err(DecompressErrorKind::Corrupt.into()),
            };
            self.place = match (std::mem::replace(&mut self.place, Place::Lost), header) {
                (Place::Inside(member), _) => Place::Between(member.into_source()),
                (Place::Between(source), Some(header)) => Place::Inside(M::start(source, header)?),
                (place, _) => place,
            };
        }
    }
}

/// Returns whether another stream begins here, and not the end of the input.
fn is_next<M: Member<R>, R: BufRead>(source: &mut Source<R>, started: bool) -> io::Result<bool> {
    let magic_bytes = M::COMPRESSION.magic_bytes();
    let head = source.peek(magic_bytes.max(1))?;
    let wrong = match (head, started) {
        ([], true) => return Ok(false),
        ([], false) => DecompressErrorKind::Truncated,
        // A format without a magic has one stream.
        (_, true) if magic_bytes == 0 => DecompressErrorKind::Trailing,
        (head, _) if M::COMPRESSION.begins(head) => return Ok(true),
        (_, true) => DecompressErrorKind::Trailing,
        (head, false) if head.len() < magic_bytes => DecompressErrorKind::Truncated,
        (_, false) => DecompressErrorKind::Format,
    };
    Err(wrong.into())
}
