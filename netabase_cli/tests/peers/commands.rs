//! What commands say of nodes, and how nodes begin and end.

use std::fs;

use crate::support::{Place, fetch_args, json, netabase, ok, refused, wait_for};

const UNKNOWN: &str = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo";

#[test]
fn a_node_says_how_it_is_and_what_is_announced() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let path = place.add(&depot, "text", 100_000);
    let node = place.announce(&depot, &[&path], &[]);
    let status = node.status();
    assert_eq!(status["shared"], 1);
    assert_eq!(status["listeners"][0], node.address);
    assert!(node.address.ends_with(status["id"].as_str().unwrap()));
    let text = ok(&["peer", "status", "--store", &depot]);
    assert!(
        text.contains(&format!("listens on {}\n", node.address)),
        "{text}"
    );
    assert!(text.contains("shares 1 archive; "), "{text}");

    let find = [
        "peer",
        "find",
        &path,
        "--store",
        &other,
        "--bootstrap",
        &node.address,
    ];
    let found = json(&[&find[..], &["--json"]].concat());
    assert_eq!(found["path"], path);
    assert_eq!(found["providers"][0], status["id"]);
    let info = json(&["query", "info", &path, "--store", &depot, "--json"]);
    let announced = &found["announcements"][0];
    assert_eq!(announced["narSize"], info[&path]["narSize"]);
    assert_eq!(announced["contentAddress"], info[&path]["ca"]);
    assert!(found["contradictions"].as_array().unwrap().is_empty());
    let text = ok(&find);
    assert!(
        text.starts_with(&format!("{path}\ncontent-addressed by ")),
        "{text}"
    );
    assert!(text.contains("1 peer has it:\n"), "{text}");
    // The second time its address is known.
    let known = ["peer", "find", &path, "--store", &other];
    assert_eq!(ok(&known), text);
    node.terminate();
}

#[test]
fn a_store_has_one_node_and_a_killed_one_leaves_nothing_in_the_way() {
    let place = Place::new();
    let depot = place.path("depot");
    let node = place.run(&depot, &[]);
    let again = [
        "peer",
        "run",
        "--store",
        &depot,
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
    ];
    let (out, error) = refused(&again);
    assert_eq!(out, "");
    let process = node.status()["process"].to_string();
    assert!(
        error.contains(&format!("runs for this store already, process {process}")),
        "{error}"
    );
    let first = node.status()["id"].clone();
    node.kill();
    let (_, error) = refused(&["peer", "status", "--store", &depot]);
    assert!(error.contains("no node runs for the store at "), "{error}");
    let node = place.run(&depot, &[]);
    assert_eq!(node.status()["id"], first);
    node.terminate();
}

#[test]
fn either_signal_ends_a_node_cleanly_and_it_leaves_no_socket() {
    for signal in ["INT", "TERM"] {
        let place = Place::new();
        let depot = place.path("depot");
        let node = place.run(&depot, &[]);
        let socket = format!("{depot}/nix/var/nix/netabase-peer/control");
        assert!(fs::exists(&socket).unwrap());
        node.signal(signal);
        assert_eq!(node.ended().code(), Some(0), "{signal}");
        assert!(!fs::exists(&socket).unwrap());
    }
}

#[test]
fn a_second_signal_ends_a_node_that_shuts_down_at_once_and_the_next_one_starts() {
    for signals in [["TERM", "INT"], ["INT", "TERM"]] {
        let place = Place::new();
        let depot = place.path("depot");
        let path = place.add(&depot, "text", 1000);
        let node = place.announce(&depot, &[&path], &[]);
        // While it is stopped both come, and it hears of both before it has shut down.
        node.signal("STOP");
        for signal in signals {
            node.signal(signal);
        }
        node.signal("CONT");
        assert_eq!(node.ended().code(), Some(1), "{signals:?}");
        let log = fs::read_to_string(format!("{depot}.log")).unwrap();
        assert!(
            log.contains("ended by a second signal, before all was on disk"),
            "{log}"
        );
        let node = place.announce(&depot, &[&path], &[]);
        assert_eq!(node.status()["shared"], 1);
        node.terminate();
    }
}

#[test]
fn without_peers_each_path_is_refused_with_what_can_be_done() {
    let place = Place::new();
    let depot = place.path("depot");
    let (out, error) = refused(&["peer", "fetch", UNKNOWN, "--store", &depot]);
    let reason = "no peer is known; give the address of one that runs by --bootstrap";
    assert!(out.starts_with(&format!("{UNKNOWN}: {reason}")), "{out}");
    assert!(
        error.starts_with("netabase: 1 path cannot be had"),
        "{error}"
    );
    let (out, error) = refused(&["peer", "find", UNKNOWN, "--store", &depot]);
    assert_eq!(out, "");
    assert!(error.contains(reason), "{error}");
    let gone = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWECM6yMseNeuMJp915kRz3JGUsFmRUgQ1HpMzM3PbvQTG";
    let (out, _) = refused(&[
        "peer",
        "fetch",
        UNKNOWN,
        "--store",
        &depot,
        "--bootstrap",
        gone,
    ]);
    assert!(
        out.contains(": the one peer that is known cannot be reached; "),
        "{out}"
    );
}

#[test]
fn a_path_that_nobody_announces_is_refused_by_name_and_in_json() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let node = place.run(&depot, &[]);
    let fetch = fetch_args(UNKNOWN, &other, &node);
    let (out, _) = refused(&fetch);
    assert!(
        out.contains(": nobody who is believed announces it; without --trusted-key"),
        "{out}"
    );
    let output = netabase(&[&fetch[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["failed"][0]["path"], UNKNOWN);
    assert_eq!(report["failed"][0]["kind"], "notAnnounced");
    let (_, error) = refused(&["peer", "find", UNKNOWN, "--store", &other]);
    assert!(
        error.contains(": nobody who is believed announces it; "),
        "{error}"
    );
    node.terminate();
}

#[test]
fn usage_errors_and_damaged_files_are_told_in_one_line() {
    let place = Place::new();
    let depot = place.path("depot");
    for (arguments, expected) in [
        (&["run", "--store", "x"][..], "--listen"),
        (
            &["run", "--store", "x", "--listen", "here"],
            "invalid value 'here'",
        ),
        (
            &[
                "run",
                "--store",
                "x",
                "--listen",
                "/ip4/127.0.0.1/tcp/0",
                "--log",
                "=[=",
            ],
            "--log",
        ),
        (&["fetch", "--store", "x"], "<PATH>"),
        (
            &[
                "fetch",
                UNKNOWN,
                "--store",
                "x",
                "--bootstrap",
                "/ip4/127.0.0.1/tcp/1",
            ],
            "/p2p/",
        ),
        (&["status"], "--store"),
    ] {
        let output = netabase(&[&["peer"], arguments].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let (_, error) = refused(&["peer", "fetch", "no path", "--store", &depot]);
    assert!(error.contains("\"no path\""), "{error}");
    place.run(&depot, &[]).terminate();
    let identity = format!("{depot}/nix/var/nix/netabase-peer/identity");
    fs::write(&identity, "netabase peer identity 1\n00\n").unwrap();
    let (_, error) = refused(&["peer", "fetch", UNKNOWN, "--store", &depot]);
    assert!(
        error.contains("is no identity of a node: remove it"),
        "{error}"
    );
    assert!(error.contains("its second line is not 32 bytes"), "{error}");
}

#[test]
fn logs_are_json_where_asked_and_name_the_address() {
    let place = Place::new();
    let depot = place.path("depot");
    let node = place.run(&depot, &["--log-format", "json", "-v"]);
    let told = wait_for("the address in the log", || {
        let log = fs::read_to_string(format!("{depot}.log")).unwrap();
        let events = log.lines().filter(|line| line.ends_with('}'));
        let mut events =
            events.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        events.find(|event| event["fields"]["message"] == "the node listens")
    });
    assert_eq!(told["fields"]["address"], node.address);
    node.terminate();
}

#[test]
fn nodes_of_other_networks_and_those_not_allowed_share_nothing() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let path = place.add(&depot, "text", 1000);
    let node = place.announce(&depot, &[&path], &[]);
    let stranger = "12D3KooWECM6yMseNeuMJp915kRz3JGUsFmRUgQ1HpMzM3PbvQTG";
    let fetch = fetch_args(&path, &other, &node);
    for limit in [["--network", "other"], ["--allow-peer", stranger]] {
        let (out, _) = refused(&[&fetch[..], &limit].concat());
        assert!(out.starts_with(&format!("{path}: ")), "{out}");
    }
    let id = node.status()["id"].as_str().unwrap().to_owned();
    let limits = ["--network", "main", "--allow-peer", &id];
    assert!(ok(&[&fetch[..], &limits].concat()).starts_with("fetched 1 path, "));
    node.terminate();
}

#[test]
fn connections_that_a_node_refuses_are_counted() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let path = place.add(&depot, "text", 1000);
    let stranger = "12D3KooWECM6yMseNeuMJp915kRz3JGUsFmRUgQ1HpMzM3PbvQTG";
    let node = place.announce(&depot, &[&path], &["--allow-peer", stranger]);
    let status = ["peer", "status", "--store", &depot];
    let none = "connections refused: 0 of one address, 0 beyond other limits, 0 of banned or other";
    assert!(ok(&status).contains(none));
    refused(&fetch_args(&path, &other, &node));
    let counts = node.status()["connectionsRefused"].clone();
    let of_peer = counts["ofPeer"].as_u64().unwrap();
    assert!(of_peer > 0, "{counts}");
    assert_eq!(
        (&counts["ofAddress"], &counts["ofLimits"]),
        (&0.into(), &0.into())
    );
    let said = format!("0 beyond other limits, {of_peer} of banned or other peers\n");
    assert!(ok(&status).contains(&said));
    node.terminate();
}

#[test]
fn a_damaged_object_is_not_taken_and_its_path_refused_with_the_reason() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let path = place.add(&depot, "text", 200_000);
    let node = place.announce(&depot, &[&path], &[]);
    let file = format!("{depot}{path}");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.get_mut(100_000).unwrap() ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    let fetch = fetch_args(&path, &other, &node);
    let output = netabase(&[&fetch[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["failed"][0]["path"], path);
    assert_eq!(report["failed"][0]["kind"], "sources", "{report}");
    assert!(
        Place::objects(&other)
            .iter()
            .all(|name| name.starts_with('.'))
    );
    node.terminate();
}

#[test]
fn a_node_that_cannot_be_as_it_is_told_does_not_start_and_says_why() {
    let place = Place::new();
    let depot = place.path("depot");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let [address, free] = [taken.port(), 0].map(|port| format!("/ip4/127.0.0.1/tcp/{port}"));
    let metrics = taken.to_string();
    for (arguments, expected) in [
        (
            &["--listen", &address][..],
            format!("listen on {address}: "),
        ),
        (
            &["--listen", &free, "--metrics", &metrics],
            format!("serve metrics on {metrics}: "),
        ),
        (
            &["--listen", "/dns4/x/tcp/1"],
            "listen on /dns4/x/tcp/1: ".to_owned(),
        ),
        (
            &["--listen", &free, "--network", "a/b"],
            "\"a/b\" of a network".to_owned(),
        ),
        (
            &["--listen", &free, "--announce", UNKNOWN],
            format!("{UNKNOWN} is not valid"),
        ),
        (
            &["--listen", &free, "--trusted-key", "x:y"],
            "trusted key 1 is neither".to_owned(),
        ),
    ] {
        let (out, error) = refused(&[&["peer", "run", "--store", &depot], arguments].concat());
        assert_eq!(out, "");
        assert!(error.contains(&expected), "{error}");
    }
    // None of them is in the way of one that can.
    place.run(&depot, &[]).terminate();
}
