//! libp2p's request-response alone: bytes from memory to memory.

use std::{io, time::Instant};

use libp2p::{
    Multiaddr, StreamProtocol, Swarm, SwarmBuilder,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt},
    noise,
    request_response::{self, Event, Message, ProtocolSupport},
    swarm::SwarmEvent,
    tcp, yamux,
};
use nix_remote::peers::transfer::{GROUP_BYTES, REQUEST_GROUPS_MAX, REQUESTS_MAX};

/// How many bytes a short response has. Shorter ones are slower.
pub(super) const SHORT: usize = 128 << 10;

/// How many bytes a long one has: as many as the longest of a node.
pub(super) const LONG: usize = REQUEST_GROUPS_MAX as usize * GROUP_BYTES as usize;

/// As many requests as a download has in flight.
const IN_FLIGHT: usize = REQUESTS_MAX;

/// Knows how long responses are, so that their memory is taken once.
#[derive(Clone)]
struct Bytes(usize);

impl request_response::Codec for Bytes {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, 0).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        // One byte more, so that the end is found without more memory.
        read(io, self.0 + 1).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &bytes).await
    }
}

async fn read<T: AsyncRead + Unpin + Send>(io: &mut T, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    io.take(2 << 20).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.close().await
}

fn swarm(response_bytes: usize) -> Swarm<request_response::Behaviour<Bytes>> {
    let builder = SwarmBuilder::with_new_identity().with_tokio();
    let builder = builder.with_tcp(
        tcp::Config::default().nodelay(true),
        noise::Config::new,
        yamux::Config::default,
    );
    let builder = builder.unwrap().with_behaviour(|_| {
        let protocols = [(StreamProtocol::new("/bench/1"), ProtocolSupport::Full)];
        request_response::Behaviour::with_codec(
            Bytes(response_bytes),
            protocols,
            Default::default(),
        )
    });
    builder.unwrap().build()
}

/// Returns how many bytes a second arrive in responses of that size.
pub(super) async fn throughput(bytes: usize, response_bytes: usize) -> f64 {
    let mut server = swarm(response_bytes);
    let listen = "/ip4/127.0.0.1/tcp/0".parse().unwrap();
    server.listen_on(listen).unwrap();
    let address: Multiaddr = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = server.select_next_some().await {
            break address;
        }
    };
    let to = *server.local_peer_id();
    let serving = tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(Event::Message {
                message:
                    Message::Request {
                        request, channel, ..
                    },
                ..
            }) = server.select_next_some().await
            {
                let bytes = vec![request[0]; response_bytes];
                let sent = server.behaviour_mut().send_response(channel, bytes);
                assert!(sent.is_ok());
            }
        }
    });
    let mut client = swarm(response_bytes);
    client.add_peer_address(to, address);
    let count = bytes / response_bytes;
    let (mut asked, mut received) = (0, 0);
    let begun = Instant::now();
    while received < count {
        while asked < count && asked - received < IN_FLIGHT {
            let request = vec![asked as u8; 40];
            client.behaviour_mut().send_request(&to, request);
            asked += 1;
        }
        match client.select_next_some().await {
            SwarmEvent::Behaviour(Event::Message {
                message: Message::Response { response, .. },
                ..
            }) => {
                assert_eq!(response.len(), response_bytes);
                received += 1;
            }
            SwarmEvent::Behaviour(Event::OutboundFailure { error, .. }) => panic!("{error}"),
            _ => {}
        }
    }
    let took = begun.elapsed().as_secs_f64();
    serving.abort();
    (count * response_bytes) as f64 / took
}
