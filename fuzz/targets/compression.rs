//! Bytes as a compressed stream of each format: within the limits, the same however it is read, and
//! never a panic.

#![no_main]

use std::io::{BufReader, Read, Write};

use libfuzzer_sys::fuzz_target;
use nix_io::compression::{
    Compression, DecompressError, DecompressErrorKind, Level, Limits, compress, decompress,
};

const LIMITS: Limits = Limits {
    output_bytes_max: 48 << 10,
    ratio_max: 100,
    ratio_floor_bytes: 16 << 10,
};

/// Decompresses from a reader that lends `lent` bytes at a time, by reads of `wanted` bytes.
fn read(
    compression: Compression,
    bytes: &[u8],
    lent: usize,
    wanted: usize,
) -> (Vec<u8>, Option<DecompressErrorKind>) {
    let source = BufReader::with_capacity(lent, bytes);
    let mut stream = decompress(compression, source, LIMITS).expect("every codec is built");
    let mut found = Vec::new();
    let mut buffer = vec![0; wanted];
    loop {
        let len = match stream.read(&mut buffer) {
            Ok(0) => return (found, None),
            Ok(len) => len,
            Err(error) => {
                let error = DecompressError::find(&error).expect("the reader does not fail");
                assert_eq!(error.compression(), compression);
                assert!(stream.read(&mut buffer).is_err(), "errors stay");
                return (found, Some(error.kind()));
            }
        };
        found.extend_from_slice(&buffer[..len]);
        let output = found.len() as u64;
        assert_eq!(stream.output_bytes(), output);
        assert!(output <= LIMITS.output_bytes_max);
        let allowed = LIMITS.ratio_max * stream.input_bytes();
        assert!(output <= LIMITS.ratio_floor_bytes.max(allowed));
    }
}

/// Checks that data comes back out of a stream of the fastest level.
fn check_round_trip(compression: Compression, data: &[u8]) {
    let level = Level::Number(*compression.levels().start());
    let mut stream = compress(compression, level, Vec::new()).expect("it has the level");
    stream.write_all(data).expect("memory takes everything");
    let stream = stream.finish().expect("memory takes everything");
    let mut again = Vec::new();
    let mut reader = decompress(compression, &stream[..], Limits::NONE).expect("it is built");
    reader
        .read_to_end(&mut again)
        .expect("what is written is read");
    assert_eq!(again, data);
}

fuzz_target!(|input: &[u8]| {
    let Some((&kind, bytes)) = input.split_first() else {
        return;
    };
    let compression = Compression::ALL[usize::from(kind) % Compression::ALL.len()];
    let (whole, failed) = read(compression, bytes, 64 << 10, 64 << 10);
    let (cut, failed_cut) = read(compression, bytes, 7, 61);
    assert_eq!(
        failed.is_some(),
        failed_cut.is_some(),
        "{failed:?} {failed_cut:?}"
    );
    if failed.is_none() {
        assert_eq!(whole, cut);
    }
    if kind >= 0x80 {
        check_round_trip(compression, bytes);
    }
});
