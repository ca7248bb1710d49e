//! How the messages of a transfer are read from streams and written to them.

use std::io;

use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};

use super::{
    buffers::Buffers,
    transfer::{
        DOWNLOAD_RESPONSE_BYTES_MAX, MessageError, PROTOCOL, REQUEST_BYTES_MAX, Request, Response,
    },
};

/// For how many bytes of a message memory is taken before any of them has come.
const FIRST_BYTES: usize = 4096;

/// Reads and writes the messages of [`transfer`](super::transfer), one to each direction of a
/// stream, which ends where the message does.
///
/// Of a stream no more is read than a message may have and one byte, which tells that it has more.
/// Nobody can announce a length: memory for more than 4 KiB is taken once so much has come.
/// Responses may have [`DOWNLOAD_RESPONSE_BYTES_MAX`] bytes, since nothing asks for more. How long a
/// message may take is the timeout of the request-response behaviour that the codec belongs to.
///
/// What is no message is an error of the kind [`InvalidData`](io::ErrorKind::InvalidData), whose
/// source is a [`MessageError`].
///
/// Clones use the memory of messages together, again and again.
#[derive(Debug, Clone, Default)]
pub struct BlobCodec {
    pub(super) buffers: Buffers,
}

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
        let bytes = read_at_most(io, REQUEST_BYTES_MAX, &self.buffers).await?;
        Request::decode(&bytes).map_err(invalid)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut kind = [0];
        if io.read(&mut kind).await? == 0 {
            return Err(invalid(MessageError::Truncated("kind")));
        }
        let [kind] = kind;
        // A proof stays in the memory that it is read to.
        let rest = read_at_most(io, DOWNLOAD_RESPONSE_BYTES_MAX - 1, &self.buffers).await?;
        Response::from_parts(kind, rest).map_err(invalid)
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
        io.write_all(&request.encode()).await?;
        io.close().await
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
        let (head, proof) = response.into_parts();
        io.write_all(&head).await?;
        io.write_all(&proof).await?;
        if !proof.is_empty() {
            self.buffers.put(proof);
        }
        io.close().await
    }
}

/// Reads to the end of a stream, and fails as soon as there are more than `limit` bytes.
///
/// Memory is taken for [`FIRST_BYTES`], and for all that there may be once those have come.
async fn read_at_most<T>(io: &mut T, limit: usize, buffers: &Buffers) -> io::Result<Vec<u8>>
where
    T: AsyncRead + Unpin + Send,
{
    let mut bytes = vec![0; limit.saturating_add(1).min(FIRST_BYTES)];
    let mut length = 0;
    loop {
        let read = match bytes.get_mut(length..) {
            Some(rest) if !rest.is_empty() => io.read(rest).await?,
            _ => 0,
        };
        length += read;
        if length > limit {
            let bytes = length;
            return Err(invalid(MessageError::TooLarge { bytes, limit }));
        }
        if read == 0 {
            bytes.truncate(length);
            return Ok(bytes);
        }
        if length == bytes.len() {
            let mut all = buffers.take(limit + 1);
            if let Some(begin) = all.get_mut(..length) {
                begin.copy_from_slice(&bytes);
            }
            bytes = all;
        }
    }
}

fn invalid(source: MessageError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, source)
}
