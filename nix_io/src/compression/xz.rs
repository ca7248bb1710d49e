//! xz streams.

use std::io::{self, BufRead, Read, Write};

use lzma_rust2::{XzOptions, XzReader, XzWriter};

use super::{
    Compression, DecompressErrorKind, XZ_DICTIONARY_BYTES_MAX, compressor::Encode, members::Member,
    source::Source,
};

/// What a decoder needs beside the dictionary, rounded up.
const OVERHEAD_KIB: u32 = 1 << 10;

const MEMORY_KIB_MAX: u32 = XZ_DICTIONARY_BYTES_MAX / 1024 + OVERHEAD_KIB;

impl<R: BufRead> Member<R> for XzReader<Source<R>> {
    const COMPRESSION: Compression = Compression::Xz;

    type Header = ();

    fn header(_source: &mut Source<R>) -> io::Result<()> {
        Ok(())
    }

    fn start(source: Source<R>, (): ()) -> io::Result<Self> {
        Ok(Self::new_mem_limit(source, false, MEMORY_KIB_MAX))
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Read::read(self, out).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => DecompressErrorKind::Window {
                max: XZ_DICTIONARY_BYTES_MAX.into(),
            }
            .into(),
            _ => error,
        })
    }

    fn source_mut(&mut self) -> &mut Source<R> {
        self.inner_mut()
    }

    fn into_source(self) -> Source<R> {
        self.into_inner()
    }

    /// Behind a stream may be zeros, in fours.
    fn skip_padding(source: &mut Source<R>) -> io::Result<()> {
        loop {
            match source.peek(4)? {
                [0, 0, 0, 0] => source.consume(4),
                [0, ..] => return Err(DecompressErrorKind::Trailing.into()),
                _ => return Ok(()),
            }
        }
    }
}

/// Starts a stream of one block, with CRC-64 as `xz` does.
pub(super) fn encoder(level: u32) -> io::Result<XzWriter<Vec<u8>>> {
    XzWriter::new(Vec::new(), XzOptions::with_preset(level))
}

impl Encode for XzWriter<Vec<u8>> {
    fn encode(&mut self, data: &[u8]) -> io::Result<()> {
        self.write_all(data)
    }

    fn output(&mut self) -> &mut Vec<u8> {
        self.inner_mut()
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<u8>> {
        (*self).finish()
    }
}
