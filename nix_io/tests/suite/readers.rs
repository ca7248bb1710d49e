//! Readers over sources that return little, are interrupted, or fail.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use nix_io::{
    nar::{self, NarLimits},
    read::{BoundedReader, InputTooLong, TeeError, TeeReader, drain},
};

use crate::support::Tree;

/// Returns its bytes one by one, each after an interruption.
struct Slow<'a> {
    bytes: &'a [u8],
    is_interrupted: bool,
}

impl<'a> Slow<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let is_interrupted = false;
        Self {
            bytes,
            is_interrupted,
        }
    }
}

impl Read for Slow<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        self.bytes.by_ref().take(1).read(target)
    }
}

/// Takes so many bytes, then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_archive_is_read_through_interruptions_and_small_reads() {
    let archive = Tree::directory([(b"a", Tree::file(b"contents"))]).archive();
    for capacity in [1, 7, 1000] {
        let reader = BoundedReader::with_capacity(capacity, Slow::new(&archive));
        let mut copied = Vec::new();
        nar::copy(reader, &mut copied, NarLimits::default()).expect("an archive");
        assert_eq!(copied, archive);
        // A reader that tells of each interruption.
        let reader = BufReader::with_capacity(capacity, Slow::new(&archive));
        let mut reader = nar::Reader::new(reader, NarLimits::default());
        let size = reader.finish().expect("an archive");
        assert_eq!(size, archive.len() as u64);
        reader.expect_end_of_input().expect("nothing follows");
    }
}

#[test]
fn a_bounded_reader_hides_interruptions() {
    let mut reader = BoundedReader::new(Slow::new(b"x"));
    assert_eq!(reader.fill_buf().expect("no interruption"), b"x");
    reader.consume(1);
    assert_eq!(reader.fill_buf().expect("no interruption"), b"");
}

#[test]
fn what_is_buffered_counts_for_the_bound_and_what_was_taken_does_not() {
    let bounded = |max| {
        let mut reader = BoundedReader::with_capacity(4, &b"01234"[..]);
        assert_eq!(reader.fill_buf().expect("memory"), b"0123");
        reader.consume(1);
        let mut read = Vec::new();
        let end = reader.bytes_max(max).read_to_end(&mut read);
        (end.is_ok(), read)
    };
    assert_eq!(bounded(4), (true, b"1234".to_vec()));
    assert_eq!(bounded(3), (false, b"123".to_vec()));
}

#[test]
fn a_buffer_holds_no_more_than_its_capacity() {
    let mut reader = BoundedReader::with_capacity(4, &b"0123456789"[..]);
    assert_eq!(reader.fill_buf().expect("memory"), b"0123");
    reader.consume(3);
    assert_eq!(reader.fill_buf().expect("memory"), b"3");
    reader.consume(100);
    assert_eq!(reader.fill_buf().expect("memory"), b"4567");
}

#[test]
fn a_source_above_its_bound_is_an_error_and_not_the_end() {
    for max in 0..10 {
        let mut read = Vec::new();
        let mut reader = BoundedReader::with_capacity(3, &b"0123456789"[..]).bytes_max(max);
        let error = reader
            .read_to_end(&mut read)
            .expect_err("ten bytes are more");
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        assert_eq!(inner, Some(&InputTooLong { max }));
        assert!(read.len() as u64 <= max);
    }
    let mut read = Vec::new();
    let mut reader = BoundedReader::with_capacity(3, &b"0123456789"[..]).bytes_max(10);
    assert_eq!(
        reader
            .read_to_end(&mut read)
            .expect("ten bytes are allowed"),
        10
    );
}

#[test]
fn draining_survives_interruptions() {
    let mut reader = BoundedReader::with_capacity(2, Slow::new(b"some bytes"));
    assert_eq!(drain(&mut reader).expect("memory"), 10);
    assert_eq!(drain(&mut reader).expect("memory"), 0);
    let mut reader = BufReader::with_capacity(2, Slow::new(b"some bytes"));
    assert_eq!(drain(&mut reader).expect("memory"), 10);
}

#[test]
fn a_tee_shows_what_is_taken_and_nothing_that_is_only_lent() {
    let mut tee = TeeReader::new(&b"lent and taken"[..], Vec::new());
    assert_eq!(tee.fill_buf().expect("memory"), b"lent and taken");
    tee.consume(4);
    let (rest, seen) = tee.finish().expect("memory");
    assert_eq!((rest, &seen[..]), (&b" and taken"[..], &b"lent"[..]));
    let mut tee = TeeReader::new(&b"read"[..], Vec::new());
    let mut target = [0; 3];
    assert_eq!(tee.read(&mut target).expect("memory"), 3);
    let (rest, seen) = tee.finish().expect("memory");
    assert_eq!((rest, &target, &seen[..]), (&b"d"[..], b"rea", &b"rea"[..]));
}

#[test]
fn a_copy_says_that_its_writer_failed() {
    let archive = Tree::file(b"contents").archive();
    for room in 0..archive.len() {
        let error = nar::copy(&archive[..], Full(room), NarLimits::default());
        let nar::ReadError::Io(error) = error.expect_err("there is no room") else {
            panic!("the archive is right");
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.get_ref().is_some_and(|inner| inner.is::<TeeError>()));
    }
    assert!(nar::copy(&archive[..], Full(archive.len()), NarLimits::default()).is_ok());
}

#[test]
fn a_reader_waits_for_nothing_after_the_archive() {
    /// Fails the test when it is asked for more than it has.
    struct Open<'a>(&'a [u8]);
    impl Read for Open<'_> {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "a connection would block here");
            self.0.read(target)
        }
    }
    for tree in [
        Tree::file(b"x"),
        Tree::Link(b"x".to_vec()),
        Tree::directory([]),
    ] {
        let archive = tree.archive();
        let mut reader = nar::Reader::new(BoundedReader::new(Open(&archive)), NarLimits::default());
        assert_eq!(reader.finish().expect("an archive"), archive.len() as u64);
        assert_eq!(reader.next().expect("an archive"), nar::Event::End);
    }
}
