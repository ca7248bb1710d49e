//! Metrics for Prometheus, over HTTP.
//!
//! They are made anew whenever somebody asks, from what the node says of itself, so nothing is
//! counted twice.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use netabase_store::records::Reason;
use nix_remote::peers::node::Status;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{PeerError, answer::Answering};

/// How many connections there are at a time; others wait.
const CONNECTIONS_MAX: usize = 32;

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take in all.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes of a request are read; it has no body that counts.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// How long to wait where the system has no more connections.
const PAUSE: Duration = Duration::from_millis(100);

/// The form of the answer.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a metric has beside its value: how it is called, and what that means.
type Name = (&'static str, &'static str);

type Label = [(&'static str, &'static str); 1];

/// Listens on an address; returns the one that it has become.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), PeerError> {
    let error = |source| PeerError::Metrics { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

/// Answers until it is dropped, which ends all connections.
pub(super) async fn serve(listener: TcpListener, answering: Arc<Answering>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answering = Arc::clone(&answering);
                connections.spawn(async move {
                    let _place = place;
                    // Who takes too long is told nothing.
                    let _ = timeout(CONNECTION_TIMEOUT, talk(stream, &answering)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "nobody can connect for metrics");
                sleep(PAUSE).await;
            }
        }
    }
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
    let text = text(&status).map_err(io::Error::other)?;
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

/// Returns the metrics of a node.
fn text(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("netabase_peer");
    transfers(&mut registry, status);
    peers(&mut registry, status);
    records(&mut registry, status);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn transfers(registry: &mut Registry, status: &Status) {
    let totals = &status.totals;
    let now = |count: fn(&nix_remote::peers::transfer::Counts) -> u64| {
        let active = status.downloads.iter();
        active.map(|download| count(&download.counts)).sum::<u64>()
    };
    let verified = totals.verified_bytes + now(|counts| counts.verified_bytes);
    let wasted = totals.wasted_bytes + now(|counts| counts.wasted_bytes + counts.late_bytes);
    for (name, value) in [
        (
            (
                "verified",
                "Bytes of archives that peers sent and that were verified",
            ),
            verified,
        ),
        (("wasted", "Bytes that peers sent in vain"), wasted),
        (
            (
                "served",
                "Bytes of archives and their proofs that peers were sent",
            ),
            totals.served_bytes,
        ),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        registry.register_with_unit(name.0, name.1, Unit::Bytes, counter);
    }
    gauge(
        registry,
        ("downloads_active", "Archives that are being downloaded"),
        status.downloads.len(),
    );
    counters(
        registry,
        ("downloads", "Downloads that have ended, by result"),
        "result",
        [
            ("done", totals.downloads_done),
            ("failed", totals.downloads_failed),
        ],
    );
    gauge(
        registry,
        ("archives_shared", "Archives that peers may have"),
        status.shared,
    );
}

fn peers(registry: &mut Registry, status: &Status) {
    gauge(
        registry,
        ("connected_peers", "Peers with a connection"),
        status.connected.len(),
    );
    gauge(
        registry,
        ("known_peers", "Peers whose addresses are kept"),
        status.known_peers,
    );
    gauge(
        registry,
        ("banned_peers", "Peers that are not spoken with"),
        status.banned_peers,
    );
    gauge(
        registry,
        ("lookups_active", "Paths that are being looked up"),
        status.lookups,
    );
    let totals = &status.totals;
    counters(
        registry,
        ("lookups", "Lookups that have ended, by result"),
        "result",
        [
            ("found", totals.lookups_found),
            ("absent", totals.lookups_absent),
            ("unanswered", totals.lookups_unanswered),
        ],
    );
}

fn records(registry: &mut Registry, status: &Status) {
    gauge(
        registry,
        (
            "records",
            "Records that are kept, one's own and those of others",
        ),
        status.records,
    );
    let own = &status.republish;
    counters(
        registry,
        (
            "announcements",
            "Own announcements that were sent out, by result",
        ),
        "result",
        [
            ("succeeded", own.succeeded),
            ("failed", own.failed),
            ("skipped", own.skipped),
        ],
    );
    gauge(
        registry,
        (
            "announcements_active",
            "Own announcements that are being sent out",
        ),
        own.in_flight,
    );
    gauge(
        registry,
        (
            "announcements_overdue",
            "Own announcements that are overdue, up to 10,000",
        ),
        own.behind,
    );
    let inbound = &status.inbound;
    counters(
        registry,
        (
            "inbound_records",
            "Records of others, by what became of them",
        ),
        "result",
        [
            ("accepted", inbound.accepted),
            ("refused", inbound.refused_total()),
            ("not_stored", inbound.not_stored),
            ("dropped", inbound.dropped),
        ],
    );
    counters(
        registry,
        (
            "inbound_records_refused",
            "Records of others that were refused, by reason",
        ),
        "reason",
        Reason::ALL.map(|reason| (reason_name(reason), inbound.refused(reason))),
    );
}

fn gauge(registry: &mut Registry, name: Name, value: usize) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name.0, name.1, gauge);
}

fn counters<const N: usize>(
    registry: &mut Registry,
    name: Name,
    label: &'static str,
    values: [(&'static str, u64); N],
) {
    let family = Family::<Label, Counter>::default();
    for (name, value) in values {
        family.get_or_create(&[(label, name)]).inc_by(value);
    }
    registry.register(name.0, name.1, family);
}

const fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::EmptyKey => "empty_key",
        Reason::KeyTooLong => "key_too_long",
        Reason::UnknownNamespace => "unknown_namespace",
        Reason::EmptyValue => "empty_value",
        Reason::ValueTooLarge => "value_too_large",
        Reason::OtherKey => "other_key",
        Reason::Older => "older",
        Reason::Invalid => "invalid",
        Reason::Panicked => "panicked",
        _ => "other",
    }
}
