//! Bytes as framed streams and as a sequence of values of the wire: cuts change nothing, and what is
//! read is written to the same bytes.

#![no_main]

use std::io::{BufReader, Read, Write};

use libfuzzer_sys::fuzz_target;
use nix_io::wire::{
    Decoder, Encoder, Frame, FrameDecoder, FramedReader, FramedWriter, WireError, WireLimits,
};

const LIMITS: WireLimits = WireLimits {
    string_bytes_max: 256,
    list_len_max: 64,
    list_bytes_max: 512,
    framed_bytes_max: 2048,
};

/// Takes a framed stream in pieces: its bytes, how many bytes it was, and whether it ended.
fn frames(bytes: &[u8], piece_len: usize) -> Result<(Vec<u8>, usize, bool), WireError> {
    let mut decoder = FrameDecoder::new(LIMITS);
    let mut found = Vec::new();
    let mut taken = 0;
    for mut piece in bytes.chunks(piece_len) {
        let len = piece.len();
        while let Some(frame) = decoder.next(&mut piece)? {
            match frame {
                Frame::Chunk(chunk) => found.extend_from_slice(chunk),
                Frame::End => return Ok((found, taken + len - piece.len(), true)),
            }
        }
        assert_eq!(piece, b"", "a starved decoder has taken all");
        taken += len;
    }
    Ok((found, taken, false))
}

fn check_frames(bytes: &[u8], piece_len: usize) {
    let whole = frames(bytes, bytes.len().max(1));
    assert_eq!(whole, frames(bytes, piece_len));

    let mut reader = FramedReader::new(BufReader::with_capacity(piece_len, bytes), LIMITS);
    let mut read = Vec::new();
    let result = reader.read_to_end(&mut read);
    let Ok((data, taken, true)) = whole else {
        assert!(result.is_err(), "a stream without an end has no reader");
        return;
    };
    result.expect("the decoder took it");
    assert_eq!(read, data);
    let (rest, skipped) = FramedReader::new(bytes, LIMITS).finish().expect("it ends");
    assert_eq!(rest, &bytes[taken..], "what follows stays");
    assert_eq!(skipped, data.len() as u64);

    let mut writer = FramedWriter::new(Vec::new(), piece_len);
    writer.write_all(&data).expect("memory takes everything");
    let written = writer.finish().expect("memory takes everything");
    assert_eq!(frames(&written, 3), Ok((data, written.len(), true)));
}

/// A value that was taken.
#[derive(Debug, PartialEq, Eq)]
enum Value {
    Word(u64),
    Bool(bool),
    String(Vec<u8>),
    Strings(Vec<Vec<u8>>),
}

fn value(decoder: &mut Decoder, kind: u8, input: &mut &[u8]) -> Result<Option<Value>, WireError> {
    Ok(match kind % 4 {
        0 => decoder.u64(input).map(Value::Word),
        1 => decoder.bool(input)?.map(Value::Bool),
        2 => decoder
            .string(input)?
            .map(|bytes| Value::String(bytes.to_vec())),
        _ => decoder.strings(input)?.map(Value::Strings),
    })
}

/// Takes values of the given kinds in pieces, and says how many bytes they were.
fn values(kinds: &[u8], bytes: &[u8], piece_len: usize) -> Result<(Vec<Value>, u64), WireError> {
    let mut decoder = Decoder::new(LIMITS);
    let mut found = Vec::new();
    let mut kinds = kinds.iter().copied();
    let mut kind = kinds.next();
    let mut end = 0;
    for mut piece in bytes.chunks(piece_len) {
        while let Some(wanted) = kind {
            let Some(value) = value(&mut decoder, wanted, &mut piece)? else {
                assert_eq!(piece, b"", "a starved decoder has taken all");
                break;
            };
            found.push(value);
            end = decoder.position();
            kind = kinds.next();
        }
    }
    Ok((found, end))
}

fn check_values(kinds: &[u8], bytes: &[u8], piece_len: usize) {
    let whole = values(kinds, bytes, bytes.len().max(1));
    assert_eq!(whole, values(kinds, bytes, piece_len));
    let Ok((found, end)) = whole else { return };
    let mut written = Vec::new();
    let mut encoder = Encoder::new(&mut written);
    for value in &found {
        match value {
            Value::Word(word) => encoder.u64(*word),
            Value::Bool(truth) => encoder.bool(*truth),
            Value::String(string) => encoder.string(string),
            Value::Strings(strings) => encoder.strings(strings),
        };
    }
    assert_eq!(written.len() as u64, end);
    assert!(bytes.starts_with(&written));
}

fuzz_target!(|input: &[u8]| {
    let Some((head, bytes)) = input.split_first_chunk::<4>() else {
        return;
    };
    let [piece_len, kinds @ ..] = head;
    let piece_len = usize::from(piece_len & 0x1f).max(1);
    check_frames(bytes, piece_len);
    check_values(kinds, bytes, piece_len);
});
