//! The asynchronous adapters do what the others do.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use nix_io::nar::{
    self, DecodeErrorKind, Event, NarLimits, PackError, PackOptions, UnpackError, UnpackOptions,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};

use crate::support::{Scratch, Seen, Tree, decode_whole};

fn sample() -> Tree {
    Tree::directory([
        (b"a", Tree::file(&[7; 1_000_000])),
        (b"b", Tree::directory([(b"c", Tree::Link(b"d".to_vec()))])),
    ])
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// Returns its bytes in sevens, each time after an interruption.
struct Interrupted<'a> {
    bytes: &'a [u8],
    is_interrupted: bool,
}

impl<'a> Interrupted<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let is_interrupted = false;
        Self {
            bytes,
            is_interrupted,
        }
    }
}

impl AsyncRead for Interrupted<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        target: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_interrupted = !self.is_interrupted;
        if self.is_interrupted {
            return Poll::Ready(Err(io::ErrorKind::Interrupted.into()));
        }
        let (taken, rest) = self.bytes.split_at(self.bytes.len().min(7));
        target.put_slice(taken);
        self.bytes = rest;
        Poll::Ready(Ok(()))
    }
}

/// A connection that was reset.
struct Reset;

impl AsyncRead for Reset {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

/// Takes nothing.
struct Full;

impl AsyncWrite for Full {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::StorageFull.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn events_are_those_of_the_decoder_and_the_rest_stays() {
    run(async {
        let mut bytes = sample().archive();
        let expected = decode_whole(&bytes).expect("an archive");
        bytes.extend(b"next");
        for capacity in [1, 13, 100_000] {
            let mut buffered = BufReader::with_capacity(capacity, &bytes[..]);
            let mut reader = nar::tokio::Reader::new(&mut buffered, NarLimits::default());
            let mut seen = Vec::new();
            loop {
                let event = reader.next().await.expect("an archive");
                Seen::push(&mut seen, event);
                if event == Event::End {
                    break;
                }
            }
            assert!(seen == expected);
            let mut rest = Vec::new();
            buffered.read_to_end(&mut rest).await.expect("memory");
            assert_eq!(rest, b"next");
        }
    });
}

#[test]
fn an_archive_is_read_and_unpacked_through_interruptions() {
    run(async {
        let archive = Tree::directory([(b"a", Tree::file(b"contents"))]).archive();
        let source = BufReader::new(Interrupted::new(&archive));
        let mut reader = nar::tokio::Reader::new(source, NarLimits::default());
        assert_eq!(reader.position(), 0);
        while reader.next().await.expect("an archive") != Event::End {}
        assert_eq!(reader.position(), archive.len() as u64);

        let scratch = Scratch::new();
        let source = BufReader::new(Interrupted::new(&archive));
        let unpacked =
            nar::tokio::unpack(source, scratch.path("tree"), &UnpackOptions::default()).await;
        assert_eq!(unpacked.expect("an archive"), archive.len() as u64);
    });
}

#[test]
fn a_source_that_fails_ends_the_asynchronous_reader() {
    let is_reset = |error: nar::ReadError| match error {
        nar::ReadError::Io(error) => error.kind() == io::ErrorKind::ConnectionReset,
        _ => false,
    };
    run(async {
        let mut reader = nar::tokio::Reader::new(BufReader::new(Reset), NarLimits::default());
        assert!(is_reset(reader.next().await.expect_err("it is reset")));
        let scratch = Scratch::new();
        let (source, path) = (BufReader::new(Reset), scratch.path("tree"));
        match nar::tokio::unpack(source, path, &UnpackOptions::default()).await {
            Err(UnpackError::Read { source, .. }) => assert!(is_reset(source)),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_archive_that_is_cut_is_an_error_to_the_asynchronous_reader() {
    run(async {
        let archive = Tree::directory([(b"a", Tree::file(b"contents"))]).archive();
        for end in 0..archive.len() {
            let mut reader = nar::tokio::Reader::new(&archive[..end], NarLimits::default());
            let error = loop {
                match reader.next().await {
                    Ok(event) => assert_ne!(event, Event::End),
                    Err(error) => break error,
                }
            };
            let nar::ReadError::Decode(error) = error else {
                panic!("{end}: {error}");
            };
            assert_eq!(error.kind, DecodeErrorKind::Truncated);
        }
    });
}

#[test]
fn a_tree_is_packed_and_unpacked_through_a_small_pipe() {
    run(async {
        let scratch = Scratch::new();
        sample().make(&scratch.path("made"));
        let (mut near, far) = tokio::io::duplex(1000);
        let packing = async {
            let size =
                nar::tokio::pack(scratch.path("made"), &mut near, &PackOptions::default()).await;
            near.write_all(b"next").await.expect("a pipe");
            drop(near);
            size.expect("a tree")
        };
        let mut far = BufReader::new(far);
        let unpacking = async {
            let options = UnpackOptions::default();
            let size = nar::tokio::unpack(&mut far, scratch.path("unpacked"), &options).await;
            let mut rest = Vec::new();
            far.read_to_end(&mut rest).await.expect("a pipe");
            assert_eq!(rest, b"next");
            size.expect("an archive")
        };
        let (sent, received) = tokio::join!(packing, unpacking);
        assert_eq!(sent, received);
        let mut again = Vec::new();
        nar::pack(
            scratch.path("unpacked"),
            &mut again,
            &PackOptions::default(),
        )
        .expect("a tree");
        assert!(again == sample().archive());
    });
}

#[test]
fn what_follows_the_archive_in_the_same_buffer_stays_there() {
    run(async {
        let scratch = Scratch::new();
        let mut bytes = Tree::file(b"contents").archive();
        bytes.extend(b"next");
        let mut rest = &bytes[..];
        let options = UnpackOptions::default();
        let size = nar::tokio::unpack(&mut rest, scratch.path("file"), &options).await;
        assert_eq!(size.expect("an archive"), bytes.len() as u64 - 4);
        assert_eq!(rest, b"next");
    });
}

#[test]
fn what_is_wrong_is_told_as_the_others_tell_it() {
    run(async {
        let scratch = Scratch::new();
        let mut archive = sample().archive();
        let last = archive.len() - 1;
        archive[last] = 1;
        let unpacked = nar::tokio::unpack(
            &archive[..],
            scratch.path("tree"),
            &UnpackOptions::default(),
        )
        .await;
        match unpacked {
            Err(UnpackError::Read { source, .. }) => {
                let error = source.decode().expect("the archive is wrong");
                let kind = DecodeErrorKind::Wire(nix_io::wire::WireErrorKind::Padding);
                assert_eq!((error.kind, error.position), (kind, last as u64));
            }
            other => panic!("{other:?}"),
        }
        assert!(!scratch.path("tree").exists());
        std::fs::write(scratch.path("exists"), "").expect("a file");
        let archive = sample().archive();
        let unpacked = nar::tokio::unpack(
            &archive[..],
            scratch.path("exists"),
            &UnpackOptions::default(),
        )
        .await;
        assert!(
            matches!(unpacked, Err(UnpackError::Exists { .. })),
            "{unpacked:?}"
        );
        let packed =
            nar::tokio::pack(scratch.path("nothing"), Vec::new(), &PackOptions::default()).await;
        assert!(matches!(packed, Err(PackError::Io { .. })), "{packed:?}");
        let packed = nar::tokio::pack(scratch.path("exists"), Full, &PackOptions::default()).await;
        assert!(matches!(packed, Err(PackError::Write(_))), "{packed:?}");
    });
}

#[test]
fn dropping_the_future_removes_what_was_unpacked() {
    run(async {
        let scratch = Scratch::new();
        let archive = sample().archive();
        let (mut near, far) = tokio::io::duplex(1 << 20);
        near.write_all(&archive[..800_000]).await.expect("a pipe");
        let options = UnpackOptions::default();
        let unpacking = nar::tokio::unpack(BufReader::new(far), scratch.path("tree"), &options);
        let waited = tokio::time::timeout(Duration::from_millis(100), unpacking).await;
        assert!(waited.is_err(), "the archive is not complete");
        // The thread notices in its own time; the runtime's end waits for it.
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while scratch.path("tree").exists() {
            assert!(std::time::Instant::now() < deadline, "it remains");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}
