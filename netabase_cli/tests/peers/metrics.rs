//! Metrics over HTTP.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::support::{PATIENCE, Place, fetch_args, ok};

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn get(address: &str, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn value(metrics: &str, name: &str) -> u64 {
    let line = metrics
        .lines()
        .find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.expect(name).parse().expect("a number")
}

#[test]
fn metrics_count_what_was_served_and_survive_who_says_nothing() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let path = place.add(&depot, "text", 300_000);
    let node = place.announce(&depot, &[&path], &["--metrics", "127.0.0.1:0"]);
    ok(&fetch_args(&path, &other, &node));

    let status = node.status();
    let url = status["metrics"].as_str().unwrap();
    let address = url.strip_prefix("http://").unwrap();
    let address = address.strip_suffix("/metrics").unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = get(address, request);
    let (head, metrics) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/openmetrics-text"),
        "{head}"
    );
    assert!(metrics.ends_with("# EOF\n"));
    assert!(value(metrics, "netabase_peer_served_bytes_total") >= 300_000);
    assert_eq!(value(metrics, "netabase_peer_verified_bytes_total"), 0);
    assert_eq!(value(metrics, "netabase_peer_archives_shared"), 1);
    assert_eq!(
        value(
            metrics,
            "netabase_peer_inbound_records_refused_total{reason=\"invalid\"}"
        ),
        0
    );
    for reason in ["address", "limits", "peer"] {
        let name = format!("netabase_peer_connections_refused_total{{reason=\"{reason}\"}}");
        assert_eq!(value(metrics, &name), 0);
    }
    let types = metrics.lines().filter(|line| line.starts_with("# TYPE "));
    for name in types.map(|line| line.split(' ').nth(2).unwrap()) {
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name}");
    }

    assert!(get(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
    let post = "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    assert!(get(address, post).starts_with("HTTP/1.1 405 "));
    let long = format!(
        "GET /metrics HTTP/1.1\r\nx: {}\r\n\r\n",
        "y".repeat(64 << 10)
    );
    let mut stream = connect(address);
    // It may hang up before all is sent.
    let _ = stream.write_all(long.as_bytes());
    let silent: Vec<_> = (0..64).map(|_| connect(address)).collect();
    assert!(get(address, request).starts_with("HTTP/1.1 200 OK\r\n"));
    drop(silent);
    node.terminate();
}
