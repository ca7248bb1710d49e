//! zstd by its C library.

use std::io::{self, BufRead, Read, Write};

use zstd::stream::{read::Decoder, write};

use crate::compression::{compressor::Encode, source::Source};

/// The base-two logarithm of the largest window, which the header was checked for before.
const WINDOW_LOG_MAX: u32 = 27;
const _: () = assert!(crate::compression::ZSTD_WINDOW_BYTES_MAX == 1 << WINDOW_LOG_MAX);

/// A frame that holds data.
pub(super) struct Frame<R>(Decoder<'static, Source<R>>);

impl<R: BufRead> Frame<R> {
    pub(super) fn start(source: Source<R>) -> io::Result<Self> {
        let mut decoder = Decoder::with_buffer(source)?.single_frame();
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        Ok(Self(decoder))
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }

    pub(super) fn source_mut(&mut self) -> &mut Source<R> {
        self.0.get_mut()
    }

    pub(super) fn into_source(self) -> Source<R> {
        self.0.finish()
    }
}

/// Writes one frame with a checksum, as the `zstd` tool does.
pub(in crate::compression) struct Encoder(write::Encoder<'static, Vec<u8>>);

impl Encoder {
    pub(in crate::compression) fn new(level: u32) -> io::Result<Self> {
        let level = i32::try_from(level).map_err(io::Error::other)?;
        let mut encoder = write::Encoder::new(Vec::new(), level)?;
        encoder.include_checksum(true)?;
        Ok(Self(encoder))
    }
}

impl Encode for Encoder {
    fn encode(&mut self, data: &[u8]) -> io::Result<()> {
        self.0.write_all(data)
    }

    fn output(&mut self) -> &mut Vec<u8> {
        self.0.get_mut()
    }

    fn finish(self: Box<Self>) -> io::Result<Vec<u8>> {
        self.0.finish()
    }
}
