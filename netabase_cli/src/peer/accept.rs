//! Takes connections, so many at a time.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};

/// How long to wait where the system has no more connections.
const PAUSE: Duration = Duration::from_millis(100);

/// What connections come from.
pub(super) trait Listener {
    type Stream;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        Ok(Self::accept(self).await?.0)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(Self::accept(self).await?.0)
    }
}

/// Talks with at most `connections_max` at a time, the others wait; until it is dropped, which ends
/// all of them.
pub(super) async fn serve<L: Listener, T: Future<Output = ()> + Send + 'static>(
    listener: L,
    what: &'static str,
    connections_max: usize,
    talk: impl Fn(L::Stream) -> T,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match Listener::accept(&listener).await {
            Ok(stream) => {
                let talking = talk(stream);
                connections.spawn(async move {
                    let _place = place;
                    talking.await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, what, "a connection cannot be taken");
                sleep(PAUSE).await;
            }
        }
    }
}
