//! gzip members.

use std::io::{self, BufRead, Read, Write};

use flate2::{bufread::GzDecoder, write::GzEncoder};

use super::{Compression, compressor::Encode, members::Member, source::Source};

impl<R: BufRead> Member<R> for GzDecoder<Source<R>> {
    const COMPRESSION: Compression = Compression::Gzip;

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

/// Starts a member without a name or a time, so that equal data gives equal bytes.
pub(super) fn encoder(level: u32) -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), flate2::Compression::new(level))
}

impl Encode for GzEncoder<Vec<u8>> {
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
