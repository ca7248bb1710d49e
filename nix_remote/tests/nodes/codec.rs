//! Messages on streams.

use std::io::{self, ErrorKind};

use libp2p::{
    futures::io::{Cursor, repeat},
    request_response::Codec,
};
use nix_remote::peers::{
    codec::{BlobCodec, blob_protocol},
    transfer::{GroupRange, GroupSet, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response},
};

fn requests() -> [Request; 2] {
    let root = [7; 32];
    let range = GroupRange::new(3, 4).unwrap();
    [Request::Have { root }, Request::Get { root, range }]
}

fn responses() -> [Response; 5] {
    let mut held = GroupSet::new(3);
    held.insert(1);
    [
        Response::Unknown,
        Response::Busy { retry_after_ms: 50 },
        Response::Complete { size: 150_000 },
        Response::Partial {
            size: 150_000,
            held,
        },
        Response::Proof(vec![1; RESPONSE_BYTES_MAX - 1]),
    ]
}

async fn read_request(bytes: &[u8]) -> io::Result<Request> {
    let mut stream = Cursor::new(bytes);
    BlobCodec::default()
        .read_request(&blob_protocol(), &mut stream)
        .await
}

async fn read_response(bytes: &[u8]) -> io::Result<Response> {
    let mut stream = Cursor::new(bytes);
    BlobCodec::default()
        .read_response(&blob_protocol(), &mut stream)
        .await
}

async fn written_request(request: Request) -> Vec<u8> {
    let (mut codec, mut stream) = (BlobCodec::default(), Cursor::new(Vec::new()));
    let protocol = blob_protocol();
    let written = codec.write_request(&protocol, &mut stream, request);
    written.await.unwrap();
    stream.into_inner()
}

async fn written_response(response: Response) -> Vec<u8> {
    let (mut codec, mut stream) = (BlobCodec::default(), Cursor::new(Vec::new()));
    let protocol = blob_protocol();
    let written = codec.write_response(&protocol, &mut stream, response);
    written.await.unwrap();
    stream.into_inner()
}

fn is_malformed<T>(result: &io::Result<T>) -> bool {
    result
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::InvalidData)
}

#[tokio::test]
async fn what_is_written_is_read() {
    for request in requests() {
        let bytes = written_request(request).await;
        let read = read_request(&bytes).await.unwrap();
        assert_eq!(read, request);
    }
    for response in responses() {
        let bytes = written_response(response.clone()).await;
        let read = read_response(&bytes).await.unwrap();
        assert_eq!(read, response);
    }
}

#[tokio::test]
async fn a_message_that_is_cut_short_is_refused() {
    for request in requests() {
        let bytes = request.encode();
        for length in 0..bytes.len() {
            let read = read_request(bytes.get(..length).unwrap()).await;
            assert!(is_malformed(&read), "{length} bytes of {request:?}");
        }
    }
    for response in responses() {
        let bytes = response.encode();
        // Any byte of a proof may be its last one, but not the first byte of the message.
        let is_proof = matches!(response, Response::Proof(_));
        let lengths = if is_proof { 0..2 } else { 0..bytes.len() };
        for length in lengths {
            let read = read_response(bytes.get(..length).unwrap()).await;
            assert!(is_malformed(&read), "{length} bytes of {response:?}");
        }
    }
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused() {
    for request in requests() {
        let read = read_request(&[request.encode(), vec![0]].concat()).await;
        assert!(is_malformed(&read));
    }
    let longest = Response::Proof(vec![1; RESPONSE_BYTES_MAX - 1]);
    let longer = [longest.encode(), vec![1]].concat();
    assert!(is_malformed(&read_response(&longer).await));
}

#[tokio::test]
async fn a_stream_without_an_end_is_not_read_for_longer_than_a_message() {
    let mut endless = repeat(4);
    let read = BlobCodec::default()
        .read_request(&blob_protocol(), &mut endless)
        .await;
    assert!(is_malformed(&read));
    let read = BlobCodec::default()
        .read_response(&blob_protocol(), &mut endless)
        .await;
    assert!(is_malformed(&read));

    let bytes = vec![4; RESPONSE_BYTES_MAX + 10_000];
    let mut stream = Cursor::new(&bytes[..]);
    let read = BlobCodec::default()
        .read_request(&blob_protocol(), &mut stream)
        .await;
    assert!(is_malformed(&read));
    assert_eq!(
        stream.position(),
        u64::try_from(REQUEST_BYTES_MAX).unwrap() + 1
    );
}
