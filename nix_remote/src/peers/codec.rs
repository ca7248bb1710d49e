//! How the messages of a transfer are read from streams and written to them.

use std::io;

use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};

use super::transfer::{
    DOWNLOAD_RESPONSE_BYTES_MAX, MessageError, PROTOCOL, REQUEST_BYTES_MAX, Request, Response,
};

/// Reads and writes the messages of [`transfer`](super::transfer), one to each direction of a
/// stream, which ends where the message does.
///
/// Of a stream no more is read than a message may have and one byte, which tells that it has more,
/// and memory grows with what arrives: nobody can announce a length. Responses may have
/// [`DOWNLOAD_RESPONSE_BYTES_MAX`] bytes, since nothing asks for more. How long a message may take is
/// the timeout of the request-response behaviour that the codec belongs to.
///
/// What is no message is an error of the kind [`InvalidData`](io::ErrorKind::InvalidData), whose
/// source is a [`MessageError`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobCodec;

/// Returns the protocol that the codec is of, for the behaviour that it belongs to.
#[must_use]
pub const fn blob_protocol() -> StreamProtocol {
    StreamProtocol::new(PROTOCOL)
}

impl request_response::Codec for BlobCodec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_at_most(io, REQUEST_BYTES_MAX).await?;
        Request::decode(&bytes).map_err(invalid)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_at_most(io, DOWNLOAD_RESPONSE_BYTES_MAX).await?;
        Response::decode(bytes).map_err(invalid)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &request.encode()).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &response.encode()).await
    }
}

/// Reads to the end of a stream, and fails as soon as there are more than `limit` bytes.
async fn read_at_most<T>(io: &mut T, limit: usize) -> io::Result<Vec<u8>>
where
    T: AsyncRead + Unpin + Send,
{
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    io.take(most).read_to_end(&mut bytes).await?;
    if bytes.len() > limit {
        let bytes = bytes.len();
        return Err(invalid(MessageError::TooLarge { bytes, limit }));
    }
    Ok(bytes)
}

/// Writes a message and ends the stream's direction.
async fn write<T>(io: &mut T, bytes: &[u8]) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
{
    io.write_all(bytes).await?;
    io.close().await
}

fn invalid(source: MessageError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, source)
}
