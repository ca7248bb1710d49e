//! Objects of a real Nix among processes.

use std::collections::BTreeSet;

use crate::{
    nix::Nix,
    support::{Place, fetch_args, json, netabase, ok, refused},
};

#[test]
fn what_a_real_nix_built_and_signed_arrives_as_it_was_and_again_after_a_restart() {
    let Some(nix) = Nix::new() else { return };
    let [large, small] = &nix.paths;
    let [middle, copy, again] = ["middle", "copy", "again"].map(|name| nix.place.path(name));
    let key = ["--key-file", &nix.secret];
    let first = nix.place.announce(&nix.root, &[large], &key);
    let trust = ["--trusted-key", &nix.public];
    let bootstrap = ["--bootstrap", &first.address];
    let second = nix.place.run(&middle, &[&bootstrap[..], &trust].concat());

    // The third knows the second alone, which has nothing, and finds the first by it.
    let fetch = fetch_args(large, &copy, &second);
    let report = json(&[&fetch[..], &trust, &["--json"]].concat());
    let expected: BTreeSet<_> = [small, large].into();
    assert_eq!(report["added"], serde_json::json!(expected));
    assert_eq!(report["sources"], serde_json::json!([first.status()["id"]]));
    nix.check(&copy);
    let text = ok(&[&fetch[..], &trust].concat());
    assert!(
        text.starts_with("fetched 0 paths, 0 bytes of archives, in "),
        "{text}"
    );

    first.terminate();
    let first = nix.place.announce(&nix.root, &[large], &key);
    let fetch = fetch_args(large, &again, &first);
    let text = ok(&[&fetch[..], &trust].concat());
    assert!(text.starts_with("fetched 2 paths, "), "{text}");
    assert!(text.ends_with(" from 1 peer\n"), "{text}");
    nix.check(&again);
    first.terminate();
    second.terminate();
}

#[test]
fn the_node_that_runs_for_a_store_fetches_for_commands_and_shares_what_came() {
    let Some(nix) = Nix::new() else { return };
    let [large, _] = &nix.paths;
    let [depot, other] = ["depot", "other"].map(|name| nix.place.path(name));
    let first = nix
        .place
        .announce(&nix.root, &[large], &["--key-file", &nix.secret]);
    let trust = ["--trusted-key", &nix.public];
    let second = nix.place.run(
        &depot,
        &[&trust[..], &["--bootstrap", &first.address]].concat(),
    );
    // What the command is told of keys is nothing to the node, and it says so.
    let output = netabase(&[&["peer", "fetch", large, "--store", &depot], &trust[..]].concat());
    let [text, note] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(text.starts_with("fetched 2 paths, "), "{text}{note}");
    assert!(
        note.starts_with("netabase: asks the node that runs for the store"),
        "{note}"
    );
    nix.check(&depot);
    let status = second.status();
    assert!(status["bytesVerified"].as_u64().unwrap() > 100_000);
    assert!(first.status()["bytesServed"].as_u64().unwrap() > 100_000);
    assert_eq!(status["shared"], 2);
    // What is not in the closure of a root of its own it does not announce.
    assert_eq!(second.status()["announcements"]["succeeded"], 0);
    let fetch = fetch_args(large, &other, &first);
    ok(&[&fetch[..], &trust].concat());
    nix.check(&other);
    first.terminate();
    second.terminate();
}

#[test]
fn what_no_trusted_key_signed_is_neither_announced_nor_believed() {
    let Some(nix) = Nix::new() else { return };
    let [large, _] = &nix.paths;
    let other = nix.place.path("other");
    // Without the key of those signatures nothing is known to be public.
    let node = nix.place.announce(&nix.root, &[large], &[]);
    assert_eq!(node.status()["shared"], 0);
    assert_eq!(node.status()["announcements"]["objects"], 0);
    assert_eq!(node.status()["announcements"]["private"], 2);
    node.terminate();

    let node = nix
        .place
        .announce(&nix.root, &[large], &["--key-file", &nix.secret]);
    let fetch = fetch_args(large, &other, &node);
    let (out, error) = refused(&fetch);
    let expected = format!(
        "{large}: nobody who is believed announces it; without --trusted-key only \
         content-addressed paths are believed\n"
    );
    assert_eq!(out, expected);
    assert!(error.contains("1 path cannot be had"), "{error}");
    let stranger = ok(&[
        "key",
        "generate",
        "--key-name",
        "test-1",
        "--output",
        &nix.place.path("x"),
    ]);
    let distrust = [&fetch[..], &["--trusted-key", stranger.trim_end()]].concat();
    let (out, _) = refused(&distrust);
    assert!(out.contains("must be signed by the trusted key"), "{out}");
    let objects = Place::objects(&other);
    assert!(
        objects.iter().all(|name| name.starts_with('.')),
        "{objects:?}"
    );
    node.terminate();
}
