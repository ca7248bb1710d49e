//! A stream that holds too much is refused early, and a reader's own errors are its own.

use std::{
    cell::RefCell,
    io::{self, BufReader, Read, Write},
    rc::Rc,
};

use nix_io::compression::{
    Compression, Compressor, DecompressError, DecompressErrorKind, Limits, compress, decompress,
};

use crate::support::{CODECS, fastest, kind, packed, sample};

const MIB: u64 = 1 << 20;

/// What may be read beyond a limit before it is noticed.
const SLACK: u64 = 128 << 10;

/// A compressed stream of many zeros, made while it is read.
struct Bomb {
    writer: Option<Compressor<Sink>>,
    left: u64,
    file: Sink,
}

#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Bomb {
    fn of(compression: Compression, len: u64) -> BufReader<Self> {
        let file = Sink::default();
        let writer =
            compress(compression, fastest(compression), file.clone()).expect("a level of it");
        BufReader::new(Self {
            writer: Some(writer),
            left: len,
            file,
        })
    }
}

impl Read for Bomb {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.file.0.borrow().is_empty() {
            let Some(mut writer) = self.writer.take() else {
                return Ok(0);
            };
            if self.left == 0 {
                writer.finish()?;
            } else {
                let len = self.left.min(64 << 10);
                self.left -= len;
                writer.write_all(&vec![0; len as usize])?;
                writer.flush()?;
                self.writer = Some(writer);
            }
        }
        let mut file = self.file.0.borrow_mut();
        let len = (&file[..]).read(out)?;
        file.drain(..len);
        Ok(len)
    }
}

/// Reads to the error and returns what was read until then and what is wrong.
fn refused(compression: Compression, limits: Limits) -> (u64, DecompressErrorKind) {
    let bomb = Bomb::of(compression, 10 << 30);
    let mut reader = decompress(compression, bomb, limits).expect("all are built");
    let result = io::copy(&mut reader, &mut io::sink());
    (reader.output_bytes(), kind(result))
}

#[test]
fn ten_gibibytes_of_zeros_are_refused_by_their_ratio() {
    let limits = Limits {
        ratio_max: 100,
        ratio_floor_bytes: MIB,
        ..Limits::default()
    };
    for compression in CODECS {
        let (read, kind) = refused(compression, limits);
        assert_eq!(
            kind,
            DecompressErrorKind::Ratio { max: 100 },
            "{compression}"
        );
        // What is consumed before anything is read may pay for some more.
        assert!(read < 64 * MIB, "{compression}: {read}");
        assert!(read > MIB - SLACK, "{compression}: {read}");
    }
}

#[test]
fn ten_gibibytes_of_zeros_are_refused_at_the_declared_size() {
    for compression in Compression::ALL {
        let limits = Limits {
            output_bytes_max: MIB + 1,
            ..Limits::default()
        };
        let found = refused(compression, limits);
        let expected = DecompressErrorKind::Output { max: MIB + 1 };
        assert_eq!(found, (MIB + 1, expected), "{compression}");
    }
}

#[test]
fn the_limit_of_the_output_is_exact() {
    let data = sample(5_000);
    for compression in Compression::ALL {
        let file = packed(compression, &data);
        for (max, is_read) in [(5_000, true), (4_999, false), (1, false), (0, false)] {
            let limits = Limits {
                output_bytes_max: max,
                ..Limits::NONE
            };
            let mut reader = decompress(compression, &file[..], limits).unwrap();
            let mut found = Vec::new();
            let result = reader.read_to_end(&mut found);
            assert!(data.starts_with(&found));
            assert_eq!(found.len() as u64, max, "{compression}");
            match result {
                Ok(_) => assert!(is_read),
                error => assert_eq!(kind(error), DecompressErrorKind::Output { max }),
            }
        }
        let empty = packed(compression, b"");
        let limits = Limits {
            output_bytes_max: 0,
            ..Limits::NONE
        };
        let mut reader = decompress(compression, &empty[..], limits).unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn small_data_may_have_any_ratio() {
    let zeros = vec![0; 1 << 20];
    let limits = Limits {
        ratio_max: 2,
        ratio_floor_bytes: MIB,
        ..Limits::default()
    };
    for compression in CODECS {
        let file = packed(compression, &zeros);
        let mut reader = decompress(compression, &file[..], limits).unwrap();
        let len = io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(len, MIB, "{compression}");
    }
}

/// Fails in the middle, after interruptions, which are none of a reader's business.
struct Broken<'a> {
    file: &'a [u8],
    interrupted: bool,
}

impl Read for Broken<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.file.is_empty() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "pulled"));
        }
        let out = out.get_mut(..1).unwrap_or_default();
        self.file.read(out)
    }
}

#[test]
fn an_error_of_the_reader_is_passed_on_as_it_is() {
    let data = sample(2_000);
    for compression in Compression::ALL {
        let file = packed(compression, &data);
        for len in (0..file.len()).step_by(13) {
            let source = Broken {
                file: &file[..len],
                interrupted: false,
            };
            let mut reader = decompress(compression, BufReader::new(source), Limits::NONE).unwrap();
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            assert_eq!(error.to_string(), "pulled", "{compression}");
            let again = reader.read(&mut [0]).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn an_error_says_what_where_and_stays() {
    let file = packed(Compression::Gzip, b"data");
    let cut = &file[..file.len() - 1];
    let mut reader = decompress(Compression::Gzip, cut, Limits::NONE).unwrap();
    for _ in 0..3 {
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let expected = format!("decompress gzip at byte {}: the stream is cut", cut.len());
        assert_eq!(error.to_string(), expected);
        let found = DecompressError::find(&error).unwrap();
        assert_eq!(found.position(), cut.len() as u64);
        assert_eq!(found.compression(), Compression::Gzip);
    }
}
