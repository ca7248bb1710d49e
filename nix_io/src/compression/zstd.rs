//! zstd frames: their headers and skippable frames, before a library decodes the others.

#[cfg(feature = "zstd-c")]
mod native;
#[cfg(not(feature = "zstd-c"))]
mod pure;

use std::io::{self, BufRead};

pub(super) use self::library::Encoder;
use self::library::Frame;
#[cfg(feature = "zstd-c")]
use self::native as library;
#[cfg(not(feature = "zstd-c"))]
use self::pure as library;
use super::{
    Compression, DecompressErrorKind, ZSTD_WINDOW_BYTES_MAX, members::Member, source::Source,
};

/// The longest header of a frame: magic, descriptor, window, dictionary and content size.
const HEADER_BYTES_MAX: usize = 4 + 1 + 1 + 4 + 8;

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// A frame without data, of this length behind its header.
    Skippable(u32),
    /// A frame whose content has this size, where it says it.
    Data(Option<u64>),
}

impl Header {
    /// Parses the start of a frame: [`HEADER_BYTES_MAX`] bytes or all that are left.
    fn parse(bytes: &[u8]) -> Result<Self, DecompressErrorKind> {
        let mut fields = Fields(bytes);
        if fields.take(4)? != 0xfd2f_b528 {
            let len = u32::try_from(fields.take(4)?).expect("four bytes");
            return Ok(Self::Skippable(len));
        }
        let descriptor = fields.take(1)?;
        if descriptor & 0b0000_1000 != 0 {
            return Err(DecompressErrorKind::Corrupt);
        }
        let is_single_segment = descriptor & 0b0010_0000 != 0;
        let window = if is_single_segment {
            None
        } else {
            let field = fields.take(1)?;
            let base = 1_u64 << (10 + (field >> 3));
            Some(base + base / 8 * (field & 7))
        };
        let dictionary_bytes = match descriptor & 0b11 {
            3 => 4,
            bits => bits,
        };
        fields.take(dictionary_bytes)?;
        let content = match (descriptor >> 6, is_single_segment) {
            (0, false) => None,
            (0, true) => Some(fields.take(1)?),
            (1, _) => Some(fields.take(2)? + 256),
            (2, _) => Some(fields.take(4)?),
            _ => Some(fields.take(8)?),
        };
        if window.or(content).unwrap_or(0) > ZSTD_WINDOW_BYTES_MAX {
            return Err(DecompressErrorKind::Window {
                max: ZSTD_WINDOW_BYTES_MAX,
            });
        }
        Ok(Self::Data(content))
    }
}

/// Little-endian numbers, one behind the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take(&mut self, len: u64) -> Result<u64, DecompressErrorKind> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let Some((field, rest)) = self.0.split_at_checked(len) else {
            return Err(DecompressErrorKind::Truncated);
        };
        self.0 = rest;
        let value = field.iter().rev();
        Ok(value.fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

/// Reads one frame.
pub(super) enum Zstd<R> {
    Skippable { source: Source<R>, left: u64 },
    Data(Box<Content<R>>),
}

/// A frame, and how much of it is still to come, where its header says it.
pub(super) struct Content<R> {
    frame: Frame<R>,
    left: Option<u64>,
}

impl<R: BufRead> Member<R> for Zstd<R> {
    const COMPRESSION: Compression = Compression::Zstd;

    type Header = Header;

    fn header(source: &mut Source<R>) -> io::Result<Header> {
        Ok(Header::parse(source.peek(HEADER_BYTES_MAX)?)?)
    }

    fn start(source: Source<R>, header: Header) -> io::Result<Self> {
        match header {
            Header::Skippable(len) => {
                const HEADER_BYTES: u64 = 8;
                let left = HEADER_BYTES + u64::from(len);
                Ok(Self::Skippable { source, left })
            }
            Header::Data(left) => {
                let frame = Frame::start(source)?;
                Ok(Self::Data(Box::new(Content { frame, left })))
            }
        }
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Skippable { source, left } => skip(source, left),
            Self::Data(data) => data.read(out),
        }
    }

    fn source_mut(&mut self) -> &mut Source<R> {
        match self {
            Self::Skippable { source, .. } => source,
            Self::Data(data) => data.frame.source_mut(),
        }
    }

    fn into_source(self) -> Source<R> {
        match self {
            Self::Skippable { source, .. } => source,
            Self::Data(data) => data.frame.into_source(),
        }
    }
}

impl<R: BufRead> Content<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.frame.read(out)?;
        if let Some(left) = &mut self.left {
            let is_end = len == 0 && *left == 0;
            match left.checked_sub(len as u64) {
                Some(rest) if len > 0 || is_end => *left = rest,
                _ => return Err(DecompressErrorKind::Corrupt.into()),
            }
        }
        Ok(len)
    }
}

/// Consumes `left` bytes; there is nothing to read in them.
fn skip<R: BufRead>(source: &mut Source<R>, left: &mut u64) -> io::Result<usize> {
    while *left > 0 {
        let len = source.fill_buf()?.len();
        if len == 0 {
            return Err(DecompressErrorKind::Truncated.into());
        }
        let len = usize::try_from(*left).map_or(len, |left| left.min(len));
        source.consume(len);
        *left -= len as u64;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_rfc_8878_lays_them_out() {
        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        let window = Err(DecompressErrorKind::Window { max: 128 << 20 });
        let cases: [(&[u8], _); 13] = [
            (&[0x00, 0x58], Ok(Header::Data(None))),
            (&[0x04, 0x87], Ok(Header::Data(None))),
            (&[0x04, 0x88], Ok(Header::Data(None))),
            (&[0x04, 0x89], window),
            (&[0x24, 7], Ok(Header::Data(Some(7)))),
            (&[0x64, 0, 1], Ok(Header::Data(Some(512)))),
            (&[0xa4, 0, 0, 0, 8], Ok(Header::Data(Some(128 << 20)))),
            (&[0xa4, 1, 0, 0, 8], window),
            (
                &[0xc0, 0x58, 1, 0, 0, 0, 0, 0, 0, 1],
                Ok(Header::Data(Some((1 << 56) + 1))),
            ),
            (&[0x21, 9, 7], Ok(Header::Data(Some(7)))),
            (&[0x23, 9, 9, 9, 9, 7], Ok(Header::Data(Some(7)))),
            (&[0x08, 0x58], Err(DecompressErrorKind::Corrupt)),
            (&[0x64, 0], Err(DecompressErrorKind::Truncated)),
        ];
        for (fields, expected) in cases {
            let header = [&magic[..], fields].concat();
            assert_eq!(Header::parse(&header), expected, "{fields:02x?}");
        }
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0];
        assert_eq!(Header::parse(&skippable), Ok(Header::Skippable(3)));
    }
}
