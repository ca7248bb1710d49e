//! The socket for commands: who may use it, and what it bears.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
};

use serde_json::Value;

use crate::support::{PATIENCE, Place};

fn connect(socket: &str) -> BufReader<UnixStream> {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    BufReader::new(stream)
}

fn ask(stream: &mut BufReader<UnixStream>, request: &[u8]) -> Value {
    stream.get_mut().write_all(request).unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("a line of JSON")
}

#[test]
fn the_socket_answers_line_by_line_and_outlives_what_is_no_request() {
    let place = Place::new();
    let depot = place.path("depot");
    let node = place.run(&depot, &[]);
    let folder = format!("{depot}/nix/var/nix/netabase-peer");
    let socket = format!("{folder}/control");
    let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&socket)), (0o700, 0o600));

    let status = b"{\"version\":1,\"request\":\"status\"}\n";
    let mut stream = connect(&socket);
    for _ in 0..2 {
        assert_eq!(ask(&mut stream, status)["id"], node.status()["id"]);
    }
    for (request, kind) in [
        (&b"{\"version\":2,\"request\":\"status\"}\n"[..], "version"),
        (b"{\"version\":1,\"request\":\"dance\"}\n", "request"),
        (b"\0\xff\n", "request"),
        (
            b"{\"version\":1,\"request\":\"find\",\"path\":\"/etc/passwd\"}\n",
            "path",
        ),
        (
            b"{\"version\":1,\"request\":\"findOutput\",\"output\":\"passwd^\"}\n",
            "output",
        ),
        (&[b'['; 1 << 20], "request"),
    ] {
        let answer = ask(&mut connect(&socket), request);
        assert_eq!(
            (&answer["answer"], &answer["kind"]),
            (&"refused".into(), &kind.into())
        );
    }
    // Connections that say nothing leave room for one that does.
    let id = node.status()["id"].clone();
    let _silent: Vec<_> = (0..40).map(|_| connect(&socket)).collect();
    assert_eq!(ask(&mut connect(&socket), status)["id"], id);
    node.terminate();
}
