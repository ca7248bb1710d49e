//! How the messages of a transfer are read from streams and written to them.

use std::io;

use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};

use super::{
    buffers::{Buffers, Growing},
    transfer::{
        Blob, GroupRange, HOLDING_BYTES_MAX, MessageError, PROTOCOL, REQUEST_BYTES_MAX,
        RESPONSE_BYTES_MAX, Received, Receiving, Request, Response, is_proof,
    },
};

/// Reads and writes the messages of [`transfer`](super::transfer), one to each direction of a
/// stream, which ends where the message does.
///
/// Of a stream no more is read than a message may have and one byte, which tells that it has more.
/// Nobody can announce a length: memory for more than 4 KiB is taken once so much has come. How long a
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

/// What a peer answered.
#[derive(Debug)]
pub(super) enum Arrival {
    /// Something that is no groups.
    Message(Response),
    /// Groups, verified as they came.
    Groups(Received),
}

impl Arrival {
    /// Returns it as it was sent.
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Message(response) => response,
            Self::Groups(received) => Response::Proof(received.into_proof()),
        }
    }
}

/// Returns the protocol that the codec is of, for the behaviour that it belongs to.
#[must_use]
pub const fn blob_protocol() -> StreamProtocol {
    StreamProtocol::new(PROTOCOL)
}

impl BlobCodec {
    /// Reads the response to a request: for these groups of a blob, or for what the peer has.
    pub(super) async fn read_answer<T>(
        &self,
        asked: Option<(Blob, GroupRange)>,
        io: &mut T,
    ) -> io::Result<Arrival>
    where
        T: AsyncRead + Unpin + Send,
    {
        let kind = read_kind(io).await?;
        match asked {
            Some((blob, range)) if is_proof(kind) => {
                let receiving = Receiving::with_memory(&blob, range, self.buffers.clone());
                let receiving = receiving.map_err(io::Error::other)?;
                receive(io, receiving).await.map(Arrival::Groups)
            }
            None if is_proof(kind) => Err(invalid(MessageError::UnaskedGroups)),
            _ => {
                let rest = read_at_most(io, HOLDING_BYTES_MAX - 1, &self.buffers).await?;
                let response = Response::from_parts(kind, rest).map_err(invalid)?;
                Ok(Arrival::Message(response))
            }
        }
    }
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
        let kind = read_kind(io).await?;
        // A proof stays in the memory that it is read to.
        let rest = read_at_most(io, RESPONSE_BYTES_MAX - 1, &self.buffers).await?;
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

async fn read_kind<T>(io: &mut T) -> io::Result<u8>
where
    T: AsyncRead + Unpin + Send,
{
    let mut kind = [0];
    match io.read(&mut kind).await? {
        0 => Err(invalid(MessageError::Truncated("kind"))),
        _ => Ok(kind[0]),
    }
}

/// Reads groups to the end of a stream, or to the first that is not proven.
async fn receive<T>(io: &mut T, mut receiving: Receiving) -> io::Result<Received>
where
    T: AsyncRead + Unpin + Send,
{
    loop {
        let space = receiving.space();
        let read = match space.is_empty() {
            true => 0,
            false => io.read(space).await?,
        };
        if read == 0 {
            return Ok(receiving.finish());
        }
        receiving.arrived(read);
    }
}

/// Reads to the end of a stream, and fails as soon as there are more than `limit` bytes.
async fn read_at_most<T>(io: &mut T, limit: usize, buffers: &Buffers) -> io::Result<Vec<u8>>
where
    T: AsyncRead + Unpin + Send,
{
    let mut bytes = Growing::new(limit + 1, buffers.clone());
    loop {
        match io.read(bytes.space()).await? {
            0 => return Ok(bytes.into_bytes()),
            read => bytes.arrived(read),
        }
        let bytes = bytes.bytes().len();
        if bytes > limit {
            return Err(invalid(MessageError::TooLarge { bytes, limit }));
        }
    }
}

fn invalid(source: MessageError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, source)
}
