//! zstd in Rust alone.

use std::io::{self, BufRead, Read};

use ruzstd::{
    decoding::{BlockDecodingStrategy, FrameDecoder, errors::FrameDecoderError},
    encoding::{self, CompressionLevel},
};

use crate::compression::{DecompressErrorKind, compressor::Encode, source::Source};

/// How much data one frame that is written holds.
const FRAME_BYTES: usize = 1 << 20;

/// A frame that holds data.
pub(super) struct Frame<R> {
    source: Source<R>,
    decoder: FrameDecoder,
    is_begun: bool,
}

impl<R: BufRead> Frame<R> {
    #[expect(clippy::unnecessary_wraps, reason = "the C library can fail here")]
    pub(super) fn start(source: Source<R>) -> io::Result<Self> {
        Ok(Self {
            source,
            decoder: FrameDecoder::new(),
            is_begun: false,
        })
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.is_begun {
            self.decoder.reset(&mut self.source).map_err(invalid)?;
            self.is_begun = true;
        }
        while self.decoder.can_collect() == 0 {
            if self.decoder.is_finished() {
                return self.check();
            }
            let step = BlockDecodingStrategy::UptoBlocks(1);
            self.decoder
                .decode_blocks(&mut self.source, step)
                .map_err(invalid)?;
        }
        self.decoder.read(out)
    }

    /// Compares the checksums; there is nothing left to read.
    fn check(&self) -> io::Result<usize> {
        match self.decoder.get_checksum_from_data() {
            Some(sum) if self.decoder.get_calculated_checksum() != Some(sum) => {
                Err(DecompressErrorKind::Corrupt.into())
            }
            _ => Ok(0),
        }
    }

    pub(super) fn source_mut(&mut self) -> &mut Source<R> {
        &mut self.source
    }

    pub(super) fn into_source(self) -> Source<R> {
        self.source
    }
}

fn invalid(error: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Writes frames of [`FRAME_BYTES`], as the library compresses only what it has whole.
pub(in crate::compression) struct Encoder {
    data: Vec<u8>,
    output: Vec<u8>,
    is_empty: bool,
}

impl Encoder {
    #[expect(clippy::unnecessary_wraps, reason = "the C library can fail here")]
    pub(in crate::compression) fn new(_level: u32) -> io::Result<Self> {
        Ok(Self {
            data: Vec::new(),
            output: Vec::new(),
            is_empty: true,
        })
    }

    fn write_frame(&mut self) {
        let level = CompressionLevel::Fastest;
        encoding::compress(&*self.data, &mut self.output, level);
        self.data.clear();
        self.is_empty = false;
    }
}

impl Encode for Encoder {
    fn encode(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let room = FRAME_BYTES - self.data.len();
            let (now, later) = data.split_at_checked(room).unwrap_or((data, &[]));
            self.data.extend_from_slice(now);
            if self.data.len() == FRAME_BYTES {
                self.write_frame();
            }
            data = later;
        }
        Ok(())
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    fn finish(mut self: Box<Self>) -> io::Result<Vec<u8>> {
        if self.is_empty || !self.data.is_empty() {
            self.write_frame();
        }
        Ok(self.output)
    }
}
