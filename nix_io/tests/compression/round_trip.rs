//! What was compressed is read back, however it is cut into pieces.

use std::io::{self, BufReader, Read, Write};

use nix_io::compression::{CompressError, Compression, Level, Limits, compress, decompress};
use proptest::{prelude::*, sample::select};

use crate::support::{fastest, packed, packed_at, sample, unpacked};

fn arb_data() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (any::<u8>(), 0..20_000_usize).prop_map(|(byte, len)| vec![byte; len]),
        (0..40_000_usize).prop_map(sample),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn data_is_read_back_in_pieces_of_any_size(
        compression in select(Compression::ALL.to_vec()),
        data in arb_data(),
        write_bytes in 1..5_000_usize,
        buffer_bytes in prop_oneof![1..4_usize, 1..5_000_usize],
        read_bytes in prop_oneof![1..4_usize, 1..200_000_usize],
    ) {
        let level = fastest(compression);
        let mut writer = compress(compression, level, Vec::new()).unwrap();
        for piece in data.chunks(write_bytes) {
            writer.write_all(piece).unwrap();
        }
        let file = writer.finish().unwrap();

        let source = BufReader::with_capacity(buffer_bytes, &file[..]);
        let mut reader = decompress(compression, source, Limits::default()).unwrap();
        let mut found = Vec::new();
        let mut buffer = vec![0; read_bytes];
        loop {
            let len = reader.read(&mut buffer).unwrap();
            if len == 0 {
                break;
            }
            found.extend_from_slice(&buffer[..len]);
        }
        prop_assert!(found == data);
        prop_assert_eq!(reader.output_bytes(), data.len() as u64);
        prop_assert_eq!(reader.input_bytes(), file.len() as u64);
        prop_assert_eq!(reader.read(&mut buffer).unwrap(), 0);
    }
}

#[test]
fn every_level_is_read_back_and_others_are_refused() {
    let data = sample(30_000);
    for compression in Compression::ALL {
        let levels = compression.levels();
        for level in levels.clone().map(Level::Number).chain([Level::Default]) {
            let file = packed_at(compression, level, &data);
            assert!(
                unpacked(compression, &file).unwrap() == data,
                "{compression} {level:?}"
            );
        }
        let level = levels.end() + 1;
        let refused = compress(compression, Level::Number(level), Vec::new());
        let expected = CompressError::Level {
            compression,
            level,
            lowest: *levels.start(),
            highest: *levels.end(),
        };
        assert_eq!(refused.unwrap_err(), expected);
    }
}

#[test]
fn equal_data_gives_equal_bytes() {
    let data = sample(100_000);
    for compression in Compression::ALL {
        let file = packed(compression, &data);
        assert!(packed(compression, &data) == file);
        let mut slow = compress(compression, fastest(compression), Vec::new()).unwrap();
        for piece in data.chunks(65_536) {
            slow.write_all(piece).unwrap();
            slow.flush().unwrap();
        }
        assert!(slow.finish().unwrap() == file, "{compression}");
    }
}

#[test]
fn compressed_data_is_smaller_and_told_by_its_content() {
    let data = sample(200_000);
    for compression in Compression::ALL {
        let file = packed(compression, &data);
        let head = file.get(..Compression::MAGIC_BYTES_MAX).unwrap();
        match compression {
            Compression::None => assert!(file == data),
            Compression::Brotli => assert!(file.len() < data.len() / 2),
            _ => {
                assert!(file.len() < data.len() / 2, "{compression}");
                assert_eq!(Compression::detect(head), Some(compression));
            }
        }
    }
}

/// Takes some bytes, then fails.
struct Full {
    room: usize,
}

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = data.len().min(self.room).min(7);
        self.room -= len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_writer_is_passed_on_at_every_byte() {
    let data = sample(3_000);
    for compression in Compression::ALL {
        let len = packed(compression, &data).len();
        let write = |room| {
            let mut writer = compress(compression, fastest(compression), Full { room }).unwrap();
            writer.write_all(&data)?;
            writer.flush()?;
            writer.finish().map(|full| full.room)
        };
        for room in (0..len).step_by(11).chain([len - 1]) {
            let error = write(room).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{compression}");
        }
        assert_eq!(write(len).unwrap(), 0);
    }
}
