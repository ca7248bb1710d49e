//! bzip2 streams.

use std::io::{self, BufRead, Read, Write};

use bzip2::{bufread::BzDecoder, write::BzEncoder};

use super::{Compression, compressor::Encode, members::Member, source::Source};

impl<R: BufRead> Member<R> for BzDecoder<Source<R>> {
    const COMPRESSION: Compression = Compression::Bzip2;

    type Header = ();

    fn header(_source: &mut Source<R>) -> io::Result<()> {
        Ok(())
    }

    fn start(source: Source<R>, (): ()) -> io::Result<Self> {
        Ok(Self::new(source))
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Read::read(self, out)
    }

    fn source_mut(&mut self) -> &mut Source<R> {
        self.get_mut()
    }

    fn into_source(self) -> Source<R> {
        self.into_inner()
    }
}

/// Starts a stream with blocks of `level` times 100,000 bytes.
pub(super) fn encoder(level: u32) -> BzEncoder<Vec<u8>> {
    BzEncoder::new(Vec::new(), bzip2::Compression::new(level))
}

impl Encode for BzEncoder<Vec<u8>> {
    fn encode(&mut self, data: &[u8]) -> io::Result<()> {
        self.write_all(data)
    }

    fn output(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<u8>> {
        (*self).finish()
    }
}
