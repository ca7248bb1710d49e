//! Which peers send something, though their responses are not whole yet: they are slow and not silent.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    PeerId, StreamProtocol,
    futures::{AsyncRead, AsyncWrite},
    request_response::Codec,
};

use super::task::Task;
use crate::peers::{
    codec::{Arrival, BlobCodec},
    transfer::{Blob, GroupRange, Request, RequestId},
};

/// How often is looked at who has sent something.
const HEARD_EVERY: Duration = Duration::from_millis(250);

/// Tells that bytes of a response have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<AtomicBool>);

/// A request, for groups of which blob it is, and who is told that bytes of its response come.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) groups: Option<(Blob, GroupRange)>,
    pub(super) heard: Heard,
}

/// A request of a download that is in flight.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) root: [u8; 32],
    pub(super) peer: PeerId,
    pub(super) id: RequestId,
    pub(super) heard: Heard,
}

/// A [`BlobCodec`] that tells when bytes of responses come, and verifies groups as they do. Each stream
/// has one of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct HearingCodec {
    pub(super) inner: BlobCodec,
    /// Both of the request that was written.
    groups: Option<(Blob, GroupRange)>,
    heard: Heard,
}

impl Heard {
    fn tell(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether bytes have come since the last time.
    fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed)
    }
}

impl Task {
    /// Tells downloads of responses that are coming.
    pub(super) fn hear(&mut self) {
        let now = self.now();
        if now < self.hears_at {
            return;
        }
        self.hears_at = now + HEARD_EVERY;
        for sent in self.requests.values().filter(|sent| sent.heard.take()) {
            let fetching = &mut self.fetching;
            fetching.on_bytes(&sent.root, &sent.peer, sent.id, now);
        }
    }
}

impl Codec for HearingCodec {
    type Protocol = StreamProtocol;
    type Request = Asked;
    type Response = Arrival;

    async fn read_request<T>(&mut self, protocol: &StreamProtocol, io: &mut T) -> io::Result<Asked>
    where
        T: AsyncRead + Unpin + Send,
    {
        let request = self.inner.read_request(protocol, io).await?;
        Ok(Asked {
            request,
            groups: None,
            heard: Heard::default(),
        })
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Arrival>
    where
        T: AsyncRead + Unpin + Send,
    {
        let heard = &self.heard;
        let mut io = Hearing { io, heard };
        self.inner.read_answer(self.groups, &mut io).await
    }

    async fn write_request<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
        asked: Asked,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        (self.groups, self.heard) = (asked.groups, asked.heard);
        self.inner.write_request(protocol, io, asked.request).await
    }

    async fn write_response<T>(
        &mut self,
        protocol: &StreamProtocol,
        io: &mut T,
        response: Arrival,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let response = response.into_response();
        self.inner.write_response(protocol, io, response).await
    }
}

/// Reads a response, and tells of each byte.
struct Hearing<'a, T> {
    io: &'a mut T,
    heard: &'a Heard,
}

impl<T: AsyncRead + Unpin> AsyncRead for Hearing<'_, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut *self.io).poll_read(context, into);
        if matches!(read, Poll::Ready(Ok(1..))) {
            self.heard.tell();
        }
        read
    }
}
