//! Metrics for Prometheus, over HTTP.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{PeerError, accept, answer::Answering, numbers};

/// How many connections there are at a time; others wait.
const CONNECTIONS_MAX: usize = 32;

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take in all.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes of a request are read; it has no body that counts.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// The form of the answer.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Listens on an address; returns the one that it has become.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), PeerError> {
    let error = |source| PeerError::Metrics { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

/// Answers until it is dropped, which ends all connections.
pub(super) async fn serve(listener: TcpListener, answering: Arc<Answering>) {
    accept::serve(listener, "for metrics", CONNECTIONS_MAX, |stream| {
        let answering = Arc::clone(&answering);
        async move {
            // Who takes too long is told nothing.
            let _ = timeout(CONNECTION_TIMEOUT, talk(stream, &answering)).await;
        }
    })
    .await;
}

async fn talk(stream: TcpStream, answering: &Answering) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(REQUEST_BYTES_MAX);
    let answer = service_fn(|request| answer(request, answering));
    let served = http.serve_connection(TokioIo::new(stream), answer).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a request for metrics failed");
    }
}

async fn answer(
    request: Request<Incoming>,
    answering: &Answering,
) -> Result<Response<Full<Bytes>>, io::Error> {
    if request.uri().path() != "/metrics" {
        return Ok(refusal(StatusCode::NOT_FOUND, "there is /metrics alone\n"));
    }
    if request.method() != Method::GET {
        return Ok(refusal(StatusCode::METHOD_NOT_ALLOWED, "metrics are got\n"));
    }
    let status = answering.node.status().await.map_err(io::Error::other)?;
    let text = numbers::text(&status).map_err(io::Error::other)?;
    let mut response = Response::new(Full::from(text));
    let form = hyper::header::HeaderValue::from_static(OPEN_METRICS);
    response.headers_mut().insert(CONTENT_TYPE, form);
    Ok(response)
}

fn refusal(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}
