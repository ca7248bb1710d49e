//! Trees of files, by a blocking thread.

use std::{
    io::{self, BufRead, ErrorKind, Read, Write},
    panic,
    path::Path,
};

use ::tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    task::{JoinError, JoinHandle},
};

use crate::nar::{
    self, Decoder, PackError, PackOptions, ReadError, UnpackError, UnpackOptions, names,
};

/// How many chunks wait between the thread and the task.
const CHUNKS_MAX: usize = 4;

/// The most bytes of a chunk from the task to the thread.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Writes the archive of a file, a symlink or a directory to an asynchronous writer, and returns
/// its size.
///
/// Other than [`nar::pack`] it needs 1 MiB.
///
/// # Errors
/// Fails as [`nar::pack`] does, and when the runtime shuts down.
///
/// # Panics
/// Outside of a runtime of tokio.
pub async fn pack<W: AsyncWrite + Unpin>(
    path: impl AsRef<Path>,
    mut writer: W,
    options: &PackOptions,
) -> Result<u64, PackError> {
    let (sender, mut chunks) = mpsc::channel(CHUNKS_MAX);
    let (path, options) = (path.as_ref().to_owned(), *options);
    let packing = ::tokio::task::spawn_blocking(move || {
        nar::pack(path, ChunkWriter { chunks: sender }, &options)
    });
    while let Some(chunk) = chunks.recv().await {
        writer.write_all(&chunk).await.map_err(PackError::Write)?;
    }
    let size = joined(packing).await.map_err(PackError::Write)??;
    writer.flush().await.map_err(PackError::Write)?;
    Ok(size)
}

/// Makes a file, a symlink or a directory of an archive from an asynchronous reader, and returns
/// the archive's size.
///
/// It is as [`nar::unpack`]; the reader is left exactly after the archive too. When the future is
/// dropped, the thread removes what it made.
///
/// # Errors
/// Fails as [`nar::unpack`] does, and when the runtime shuts down.
///
/// # Panics
/// Outside of a runtime of tokio.
pub async fn unpack<R: AsyncBufRead + Unpin>(
    mut reader: R,
    destination: impl AsRef<Path>,
    options: &UnpackOptions,
) -> Result<u64, UnpackError> {
    let destination = destination.as_ref().to_owned();
    let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
    let unpacking = {
        let (destination, options) = (destination.clone(), *options);
        let reader = ChunkReader::new(chunks);
        ::tokio::task::spawn_blocking(move || nar::unpack(reader, destination, &options))
    };
    let mut decoder = Decoder::new(options.limits);
    let fed = feed(&mut reader, &mut decoder, sender).await;
    let path = || names::path(&destination, decoder.path());
    let read = |source| UnpackError::Read {
        path: path(),
        source,
    };
    let unpacked = joined(unpacking).await;
    match (fed, unpacked.map_err(ReadError::Io).map_err(read)?) {
        // The thread only knows that the archive was cut.
        (Err(source), Err(UnpackError::Read { path, .. })) => {
            Err(UnpackError::Read { path, source })
        }
        (Err(source), Ok(_)) => Err(read(source)),
        (_, unpacked) => unpacked,
    }
}

/// Hands the archive to the thread, and nothing after it.
async fn feed<R: AsyncBufRead + Unpin>(
    reader: &mut R,
    decoder: &mut Decoder,
    chunks: mpsc::Sender<Vec<u8>>,
) -> Result<(), ReadError> {
    while !decoder.is_complete() {
        let filled = match reader.fill_buf().await {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            filled => filled.map_err(ReadError::Io)?,
        };
        if filled.is_empty() {
            return decoder.finish().map_err(ReadError::Decode);
        }
        let chunk = filled.get(..CHUNK_BYTES_MAX).unwrap_or(filled);
        let mut input = chunk;
        while decoder
            .next(&mut input)
            .map_err(ReadError::Decode)?
            .is_some_and(|event| event != nar::Event::End)
        {}
        let taken = chunk.len() - input.len();
        let chunk = chunk.get(..taken).unwrap_or(chunk).to_vec();
        reader.consume(taken);
        if chunks.send(chunk).await.is_err() {
            // The thread ended, and says why.
            return Ok(());
        }
    }
    Ok(())
}

/// Waits for a thread, whose panic goes on here.
async fn joined<T>(thread: JoinHandle<T>) -> io::Result<T> {
    match thread.await.map_err(JoinError::try_into_panic) {
        Ok(result) => Ok(result),
        Err(Ok(cause)) => panic::resume_unwind(cause),
        Err(Err(cancelled)) => Err(io::Error::other(cancelled)),
    }
}

struct ChunkWriter {
    chunks: mpsc::Sender<Vec<u8>>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.chunks.blocking_send(bytes.to_vec());
        sent.map_err(|_| ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct ChunkReader {
    chunks: mpsc::Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    begin: usize,
}

impl ChunkReader {
    const fn new(chunks: mpsc::Receiver<Vec<u8>>) -> Self {
        Self {
            chunks,
            chunk: Vec::new(),
            begin: 0,
        }
    }
}

impl BufRead for ChunkReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.begin >= self.chunk.len() {
            let Some(chunk) = self.chunks.blocking_recv() else {
                return Ok(&[]);
            };
            self.chunk = chunk;
            self.begin = 0;
        }
        Ok(self.chunk.get(self.begin..).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.begin = self.begin.saturating_add(bytes);
    }
}

impl Read for ChunkReader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}
