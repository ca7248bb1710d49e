//! A brotli stream.

use std::io::{self, BufRead};

use brotli::{
    BrotliDecompressStream, BrotliResult, BrotliState,
    enc::{
        StandardAlloc,
        encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct},
    },
};

use super::{
    Compression, DecompressErrorKind, compressor::Encode, members::Member, source::Source,
};

/// The base-two logarithm of the window that is written, the largest that every decoder reads.
const WINDOW_LOG: u32 = 24;

/// How much the encoder hands out at once.
const OUTPUT_BYTES: usize = 16 << 10;

/// Reads a stream, with the windows of RFC 7932: 16 MiB at most.
pub(super) struct Brotli<R> {
    source: Source<R>,
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl<R: BufRead> Member<R> for Brotli<R> {
    const COMPRESSION: Compression = Compression::Brotli;

    type Header = ();

    fn header(_source: &mut Source<R>) -> io::Result<()> {
        Ok(())
    }

    fn start(source: Source<R>, (): ()) -> io::Result<Self> {
        let alloc = StandardAlloc::default;
        Ok(Self {
            source,
            state: BrotliState::new_strict(alloc(), alloc(), alloc()),
            ended: false,
        })
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            let input = self.source.fill_buf()?;
            let (mut input_left, mut consumed, cut) = (input.len(), 0, input.is_empty());
            let (mut room, mut written, mut total) = (out.len(), 0, 0);
            let result = BrotliDecompressStream(
                &mut input_left,
                &mut consumed,
                input,
                &mut room,
                &mut written,
                out,
                &mut total,
                &mut self.state,
            );
            self.source.consume(consumed);
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::ResultFailure => return Err(DecompressErrorKind::Corrupt.into()),
                BrotliResult::NeedsMoreInput if cut && written == 0 => {
                    return Err(DecompressErrorKind::Truncated.into());
                }
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }

    fn source_mut(&mut self) -> &mut Source<R> {
        &mut self.source
    }

    fn into_source(self) -> Source<R> {
        self.source
    }
}

/// Writes a stream.
pub(super) struct Encoder {
    state: BrotliEncoderStateStruct<StandardAlloc>,
    output: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(level: u32) -> Self {
        let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, level);
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, WINDOW_LOG);
        Self {
            state,
            output: Vec::new(),
        }
    }

    /// Feeds all of `data`, and hands out what is done by then.
    fn run(&mut self, operation: BrotliEncoderOperation, data: &[u8]) -> io::Result<()> {
        let (mut left, mut consumed) = (data.len(), 0);
        let mut piece = [0; OUTPUT_BYTES];
        loop {
            let (mut room, mut written) = (piece.len(), 0);
            let is_done = self.state.compress_stream(
                operation,
                &mut left,
                data,
                &mut consumed,
                &mut room,
                &mut piece,
                &mut written,
                &mut None,
                &mut |_, _, _, _| (),
            );
            self.output.extend(piece.iter().take(written));
            if !is_done {
                return Err(io::Error::other("the brotli encoder failed"));
            }
            if left == 0 && !self.state.has_more_output() {
                return Ok(());
            }
        }
    }
}

impl Encode for Encoder {
    fn encode(&mut self, data: &[u8]) -> io::Result<()> {
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_PROCESS, data)
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    fn finish(mut self: Box<Self>) -> io::Result<Vec<u8>> {
        while !self.state.is_finished() {
            self.run(BrotliEncoderOperation::BROTLI_OPERATION_FINISH, &[])?;
        }
        Ok(self.output)
    }
}
