//! The wire's primitives, against Nix's vectors and hostile bytes.

use std::io::{BufRead, Read, Write};

use nix_io::wire::{
    Decoder, Encoder, Frame, FrameDecoder, FramedReader, FramedWriter, WireError, WireErrorKind,
    WireLimits,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::shared;

/// Writes strings, lists of them and lists of lists, as a test vector's JSON holds them.
fn encode(value: &Value, encoder: &mut Encoder<'_>) {
    match value {
        Value::String(text) => drop(encoder.string(text.as_bytes())),
        Value::Array(values) => {
            encoder.list_len(values.len());
            for value in values {
                encode(value, encoder);
            }
        }
        other => panic!("{other} has no generic form"),
    }
}

/// Reads what JSON says, of the same types.
fn decode(like: &Value, decoder: &mut Decoder, input: &mut &[u8]) -> Value {
    match like {
        Value::String(_) => {
            let string = decoder.string(input).expect("a string").expect("all of it");
            Value::from(std::str::from_utf8(string).expect("text"))
        }
        Value::Array(values) => {
            let length = decoder
                .list_len(input)
                .expect("a list")
                .expect("its length");
            assert_eq!(length, values.len());
            values
                .iter()
                .map(|like| decode(like, decoder, input))
                .collect()
        }
        other => panic!("{other} has no generic form"),
    }
}

#[test]
fn vectors_of_nix_are_read_and_written() {
    let mut count = 0;
    for protocol in ["common-protocol", "worker-protocol", "serve-protocol"] {
        for stem in ["string", "set"] {
            let name = format!("conformance/nix/libstore/{protocol}/{stem}");
            let Some(bytes) = shared(&format!("{name}.bin")) else {
                return;
            };
            let Some(json) = shared(&format!("{name}.json")) else {
                return;
            };
            let bytes = std::fs::read(bytes).expect("a file");
            let json: Value =
                serde_json::from_slice(&std::fs::read(json).expect("a file")).expect("JSON");
            let values = json.as_array().expect("a tuple");
            let mut input = &bytes[..];
            let mut decoder = Decoder::new(WireLimits::default());
            let mut written = Vec::new();
            for value in values {
                assert_eq!(&decode(value, &mut decoder, &mut input), value);
                encode(value, &mut Encoder::new(&mut written));
            }
            assert_eq!((input, decoder.position()), (&[][..], bytes.len() as u64));
            assert_eq!(written, bytes, "{name}");
            count += values.len();
        }
    }
    assert_eq!(count, 3 * (5 + 4));
}

/// Reads as many values as the function finds, from input in chunks of a size.
fn in_chunks<T>(
    bytes: &[u8],
    size: usize,
    mut next: impl FnMut(&mut Decoder, &mut &[u8]) -> Result<Option<T>, WireError>,
) -> (Vec<T>, Result<(), WireError>) {
    let mut decoder = Decoder::new(WireLimits::default());
    let mut found = Vec::new();
    for mut chunk in bytes.chunks(size) {
        while let Some(value) = next(&mut decoder, &mut chunk).expect("a value") {
            found.push(value);
            if chunk.is_empty() {
                break;
            }
        }
    }
    (found, decoder.finish())
}

#[test]
fn vectors_of_nix_mean_the_same_byte_by_byte_and_are_missed_where_they_are_cut() {
    for protocol in ["common-protocol", "worker-protocol", "serve-protocol"] {
        let folder = format!("conformance/nix/libstore/{protocol}");
        let Some(strings) = shared(&format!("{folder}/string.bin")) else {
            return;
        };
        let bytes = std::fs::read(strings).expect("a file");
        let string = |decoder: &mut Decoder, input: &mut &[u8]| {
            decoder
                .string(input)
                .map(|string| string.map(<[u8]>::to_vec))
        };
        let (whole, end) = in_chunks(&bytes, bytes.len(), string);
        assert_eq!((whole.len(), end), (5, Ok(())));
        for size in [1, 3, 8] {
            assert_eq!(in_chunks(&bytes, size, string), (whole.clone(), Ok(())));
        }
        for cut in 0..bytes.len() {
            let (found, end) = in_chunks(&bytes[..cut], 1, string);
            assert_eq!(found, whole[..found.len()]);
            let begins = |count: usize| {
                let padded = |string: &Vec<u8>| 8 + string.len().next_multiple_of(8);
                whole[..count].iter().map(padded).sum::<usize>()
            };
            assert_eq!(end.is_ok(), begins(found.len()) == cut, "{protocol} {cut}");
        }
        let sets = shared(&format!("{folder}/set.bin")).expect("it lies beside");
        let bytes = std::fs::read(sets).expect("a file");
        // The last one is a set of sets, whose size and members look like sets too.
        let lists = |decoder: &mut Decoder, input: &mut &[u8]| decoder.strings(input);
        let bytes = &bytes[..8 + 16 + (8 + 8 + 16 + 16)];
        let (whole, end) = in_chunks(bytes, bytes.len(), lists);
        assert_eq!(end, Ok(()));
        let expected: [&[&[u8]]; 3] = [&[], &[b""], &[b"", b"bar", b"foo"]];
        assert_eq!(whole, expected);
        assert_eq!(in_chunks(bytes, 1, lists).0, whole);
    }
}

#[test]
fn integers_of_nix_are_read() {
    let Some(path) = shared("conformance/nix/libstore/worker-protocol/build-mode.bin") else {
        return;
    };
    let bytes = std::fs::read(path).expect("a file");
    let mut input = &bytes[..];
    let mut decoder = Decoder::new(WireLimits::default());
    let modes: Vec<_> = std::iter::from_fn(|| decoder.u64(&mut input)).collect();
    assert_eq!(modes, [0, 1, 2]);
}

#[test]
fn every_string_of_the_padding_s_lengths_is_read_back() {
    for length in 0..=17 {
        let string = vec![b'x'; length];
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes).string(&string);
        assert_eq!(bytes.len(), 8 + length.div_ceil(8) * 8);
        let mut decoder = Decoder::new(WireLimits::default());
        assert_eq!(decoder.string(&mut &bytes[..]), Ok(Some(&string[..])));
        for end in 0..bytes.len() {
            let mut decoder = Decoder::new(WireLimits::default());
            assert_eq!(decoder.string(&mut &bytes[..end]), Ok(None));
            let finished = decoder.finish().map_err(|error| error.kind);
            let expected = if end == 0 {
                Ok(())
            } else {
                Err(WireErrorKind::Truncated)
            };
            assert_eq!(finished, expected);
        }
    }
}

#[test]
fn each_byte_of_padding_has_to_be_zero() {
    for length in 1..8 {
        let mut bytes = 5_u64.to_le_bytes().to_vec();
        Encoder::new(&mut bytes).string(&vec![b'x'; length]);
        for at in 16 + length..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] = 1;
            let expected = Err(WireError {
                kind: WireErrorKind::Padding,
                position: at as u64,
            });
            let mut decoder = Decoder::new(WireLimits::default());
            let mut input = &bytes[..];
            assert_eq!(decoder.u64(&mut input), Some(5));
            assert_eq!(decoder.string(&mut input), expected);
            let mut decoder = Decoder::new(WireLimits::default());
            assert_eq!(decoder.u64(&mut &bytes[..8]), Some(5));
            let mut last = Ok(false);
            for byte in bytes[8..].chunks(1) {
                last = decoder.string(&mut &*byte).map(|string| string.is_some());
            }
            assert_eq!(last, expected.map(|_: Option<&[u8]>| true));
        }
    }
}

#[test]
fn truth_is_zero_or_one() {
    for (value, expected) in [
        (0_u64, Some(false)),
        (1, Some(true)),
        (2, None),
        (1 << 32, None),
    ] {
        let mut decoder = Decoder::new(WireLimits::default());
        let read = decoder.bool(&mut &value.to_le_bytes()[..]);
        let kind = WireErrorKind::Bool(value);
        assert_eq!(
            read,
            expected.map(Some).ok_or(WireError { kind, position: 0 })
        );
    }
}

#[test]
fn lengths_above_the_limits_are_refused_before_their_bytes() {
    let limits = WireLimits {
        string_bytes_max: 3,
        list_len_max: 2,
        list_bytes_max: 4,
        ..WireLimits::default()
    };
    for length in [4, 1 << 40, 1 << 63, u64::MAX] {
        let word = length.to_le_bytes();
        let string = Decoder::new(limits).string(&mut &word[..]).map(|_| ());
        let kind = WireErrorKind::StringTooLong { length, max: 3 };
        assert_eq!(string, Err(WireError { kind, position: 0 }));
        let list = Decoder::new(limits).strings(&mut &word[..]).map(|_| ());
        let kind = WireErrorKind::ListTooLong { length, max: 2 };
        assert_eq!(list, Err(WireError { kind, position: 0 }));
    }
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes).strings(&["abc", "de"]);
    let kind = WireErrorKind::ListTooLarge { length: 5, max: 4 };
    let read = Decoder::new(limits).strings(&mut &bytes[..]);
    assert_eq!(read, Err(WireError { kind, position: 24 }));
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes).strings(&["abc", "d"]);
    let read = Decoder::new(limits).strings(&mut &bytes[..]);
    assert_eq!(read, Ok(Some(vec![b"abc".to_vec(), b"d".to_vec()])));
}

#[test]
fn a_huge_list_costs_nothing_before_its_elements() {
    let mut decoder = Decoder::new(WireLimits {
        list_len_max: usize::MAX,
        ..WireLimits::default()
    });
    assert_eq!(
        decoder.strings(&mut &(1_u64 << 60).to_le_bytes()[..]),
        Ok(None)
    );
}

#[test]
fn frames_above_the_limit_are_refused_and_lengths_do_not_overflow() {
    let limits = WireLimits {
        framed_bytes_max: 10,
        ..WireLimits::default()
    };
    for second in [5, u64::MAX] {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes).frame(b"sixsix").u64(second);
        let mut decoder = FrameDecoder::new(limits);
        let mut input = &bytes[..];
        assert_eq!(decoder.next(&mut input), Ok(Some(Frame::Chunk(b"sixsix"))));
        let length = second.saturating_add(6);
        let kind = WireErrorKind::FramedTooLong { length, max: 10 };
        assert_eq!(
            decoder.next(&mut input),
            Err(WireError { kind, position: 14 })
        );
    }
}

#[test]
fn a_framed_reader_leaves_what_follows_and_skips_what_was_not_read() {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes)
        .frame(b"hello")
        .frame(b", world")
        .frames_end()
        .string(b"next");
    for read in 0..=12 {
        let mut framed = FramedReader::new(&bytes[..], WireLimits::default());
        let mut begin = vec![0; read];
        framed
            .read_exact(&mut begin)
            .expect("so many bytes are framed");
        assert_eq!(begin, b"hello, world"[..read]);
        let (mut rest, skipped) = framed.finish().expect("the stream is complete");
        assert_eq!(skipped, 12 - read as u64);
        let mut decoder = Decoder::new(WireLimits::default());
        assert_eq!(decoder.string(&mut rest), Ok(Some(&b"next"[..])));
    }
}

#[test]
fn a_framed_reader_lends_no_more_than_the_frame() {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes)
        .frame(b"ab")
        .frame(b"c")
        .frames_end();
    let mut framed = FramedReader::new(&bytes[..], WireLimits::default());
    assert_eq!(framed.fill_buf().expect("a frame"), b"ab");
    framed.consume(1);
    assert_eq!(framed.fill_buf().expect("a frame"), b"b");
    framed.consume(1);
    assert_eq!(framed.fill_buf().expect("a frame"), b"c");
    framed.consume(1);
    assert_eq!(framed.fill_buf().expect("the end"), b"");
}

#[test]
fn a_framed_stream_that_is_cut_is_an_error() {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes).frame(b"hello").frames_end();
    for end in 0..bytes.len() {
        let framed = FramedReader::new(&bytes[..end], WireLimits::default());
        let error = framed.finish().expect_err("it is cut");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn an_empty_chunk_does_not_end_a_framed_stream() {
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes).frame(b"").frame(b"a").frames_end();
    let mut text = String::new();
    FramedReader::new(&bytes[..], WireLimits::default())
        .read_to_string(&mut text)
        .expect("frames");
    assert_eq!(text, "a");
    let mut writer = FramedWriter::new(Vec::new(), 4);
    writer.flush().expect("memory");
    writer.write_all(b"").expect("memory");
    let bytes = writer.finish().expect("memory");
    assert_eq!(bytes, [0; 8]);
}

#[test]
fn chunks_are_filled_up_to_their_size_or_a_flush() {
    let mut writer = FramedWriter::new(Vec::new(), 4);
    for text in [&b"ab"[..], b"cdefg"] {
        writer.write_all(text).expect("memory");
    }
    writer.flush().expect("memory");
    writer.write_all(b"h").expect("memory");
    let mut expected = Vec::new();
    Encoder::new(&mut expected)
        .frame(b"abcd")
        .frame(b"efg")
        .frame(b"h")
        .frames_end();
    assert_eq!(writer.finish().expect("memory"), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_are_read_back_however_they_are_cut(
        number in any::<u64>(),
        truth in any::<bool>(),
        strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        size in 1..50_usize,
    ) {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes).u64(number).bool(truth).strings(&strings);
        let mut chunks = bytes.chunks(size);
        let mut input = &[][..];
        let mut decoder = Decoder::new(WireLimits::default());
        macro_rules! read {
            ($read:expr) => {
                loop {
                    if let Some(value) = $read {
                        break value;
                    }
                    assert!(input.is_empty());
                    input = chunks.next().expect("there is more");
                }
            };
        }
        prop_assert_eq!(read!(decoder.u64(&mut input)), number);
        prop_assert_eq!(read!(decoder.bool(&mut input).expect("a truth value")), truth);
        prop_assert_eq!(read!(decoder.strings(&mut input).expect("a list")), strings);
        prop_assert_eq!(decoder.position(), bytes.len() as u64);
        prop_assert!(decoder.finish().is_ok());
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), size in 1..9_usize) {
        let mut strings = Decoder::new(WireLimits::default());
        let mut frames = FrameDecoder::new(WireLimits::default());
        for chunk in bytes.chunks(size) {
            if strings.strings(&mut &*chunk).is_err() {
                break;
            }
        }
        for chunk in bytes.chunks(size) {
            let mut input = chunk;
            while let Ok(Some(Frame::Chunk(_))) = frames.next(&mut input) {}
        }
    }

    #[test]
    fn a_framed_stream_holds_what_was_written(
        writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..10),
        capacity in 1..20_usize,
    ) {
        let mut writer = FramedWriter::new(Vec::new(), capacity);
        for bytes in &writes {
            writer.write_all(bytes).expect("memory");
        }
        let framed = writer.finish().expect("memory");
        let mut read = Vec::new();
        let mut reader = FramedReader::new(&framed[..], WireLimits::default());
        reader.read_to_end(&mut read).expect("frames");
        prop_assert_eq!(&read, &writes.concat());
        let mut decoder = FrameDecoder::new(WireLimits::default());
        let mut chunks = Vec::new();
        'all: for chunk in framed.chunks(3) {
            let mut input = chunk;
            while let Some(frame) = decoder.next(&mut input).expect("frames") {
                match frame {
                    Frame::Chunk(bytes) => chunks.extend_from_slice(bytes),
                    Frame::End => break 'all,
                }
            }
        }
        prop_assert_eq!(chunks, writes.concat());
    }
}
