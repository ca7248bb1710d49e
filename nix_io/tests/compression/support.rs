//! What the tests of compression share.

use std::io::{self, BufReader, Read, Write};

use nix_io::compression::{
    Compression, DecompressError, DecompressErrorKind, Level, Limits, compress, decompress,
};

/// Every compression but `none`.
pub(crate) const CODECS: [Compression; 5] = [
    Compression::Xz,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Gzip,
    Compression::Brotli,
];

/// Data with matches near and far, runs, text and noise.
pub(crate) fn sample(len: usize) -> Vec<u8> {
    let mut data = Vec::new();
    let mut state = 1_u32;
    while data.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = state >> 8;
        match noise % 4 {
            0 => data.extend(noise.to_le_bytes().repeat(3)),
            1 => data.extend(format!("/nix/store/{noise}-name ").bytes()),
            2 => data.resize(data.len() + noise as usize % 300, 0),
            _ => {
                let from = noise as usize % (data.len() + 1);
                let to = data.len().min(from + 40);
                data.extend_from_within(from..to);
            }
        }
    }
    data.truncate(len);
    data
}

/// The fastest level that compresses at all.
pub(crate) fn fastest(compression: Compression) -> Level {
    Level::Number(match compression {
        Compression::Gzip => 1,
        _ => *compression.levels().start(),
    })
}

pub(crate) fn packed(compression: Compression, data: &[u8]) -> Vec<u8> {
    packed_at(compression, fastest(compression), data)
}

pub(crate) fn packed_at(compression: Compression, level: Level, data: &[u8]) -> Vec<u8> {
    let mut writer = compress(compression, level, Vec::new()).expect("all codecs are built");
    writer.write_all(data).expect("to memory");
    writer.finish().expect("to memory")
}

pub(crate) fn unpacked(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    unpacked_by(compression, bytes, 64 << 10)
}

/// Decompresses out of a buffer of this size.
pub(crate) fn unpacked_by(
    compression: Compression,
    bytes: &[u8],
    buffer_bytes: usize,
) -> io::Result<Vec<u8>> {
    let reader = BufReader::with_capacity(buffer_bytes, bytes);
    let mut data = Vec::new();
    decompress(compression, reader, Limits::default())
        .expect("all codecs are built")
        .read_to_end(&mut data)?;
    Ok(data)
}

/// What is wrong with a stream, by an error that must have been its fault.
#[track_caller]
pub(crate) fn kind<T>(result: io::Result<T>) -> DecompressErrorKind {
    let Err(error) = result else {
        panic!("the stream was read")
    };
    let error = DecompressError::find(&error).unwrap_or_else(|| panic!("untyped: {error:?}"));
    error.kind()
}
