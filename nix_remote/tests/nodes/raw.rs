//! What stands on streams, whether or not it is a message.

use std::{future::pending, io, time::Duration};

use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};
use tokio::time::sleep;

/// More than any message has.
const READ_BYTES_MAX: u64 = 4 << 20;

/// How often a slow peer sends something, in a second.
const PER_SECOND: usize = 10;

/// What is sent as a request.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    /// Bytes and the end of the stream.
    Whole(Vec<u8>),
    /// Bytes, and then nothing, not even the end.
    Open(Vec<u8>),
    /// Bytes and the end of the stream, of which no answer is ever read.
    Unread(Vec<u8>),
}

/// What is sent as a response.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Bytes and the end of the stream.
    Bytes(Vec<u8>),
    /// The same, slowly.
    Slowly {
        bytes: Vec<u8>,
        bytes_per_second: usize,
    },
    /// Bytes, and zeros without an end.
    Endless(Vec<u8>),
    /// Nothing, not even the end of the stream.
    Nothing,
    /// No more of anything: the peer is gone.
    Die,
}

/// Reads and writes them. Each stream has one of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawCodec {
    is_unread: bool,
}

impl Wire {
    pub(crate) fn bytes(&self) -> &[u8] {
        let (Self::Whole(bytes) | Self::Open(bytes) | Self::Unread(bytes)) = self;
        bytes
    }
}

impl request_response::Codec for RawCodec {
    type Protocol = StreamProtocol;
    type Request = Wire;
    type Response = Reply;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Wire>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await.map(Wire::Whole)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Reply>
    where
        T: AsyncRead + Unpin + Send,
    {
        if self.is_unread {
            pending::<()>().await;
        }
        read(io).await.map(Reply::Bytes)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Wire,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(request.bytes()).await?;
        match request {
            Wire::Whole(_) => io.close().await,
            Wire::Unread(_) => {
                self.is_unread = true;
                io.close().await
            }
            Wire::Open(_) => {
                io.flush().await?;
                pending().await
            }
        }
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        reply: Reply,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match reply {
            Reply::Bytes(bytes) => io.write_all(&bytes).await?,
            Reply::Slowly {
                bytes,
                bytes_per_second,
            } => {
                for piece in bytes.chunks(bytes_per_second.div_ceil(PER_SECOND)) {
                    io.write_all(piece).await?;
                    io.flush().await?;
                    sleep(Duration::from_secs(1) / 10).await;
                }
            }
            Reply::Endless(bytes) => {
                io.write_all(&bytes).await?;
                loop {
                    io.write_all(&[0; 16 * 1024]).await?;
                }
            }
            Reply::Nothing | Reply::Die => pending().await,
        }
        io.close().await
    }
}

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io.take(READ_BYTES_MAX).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
