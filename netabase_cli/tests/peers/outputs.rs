//! Which path an output has, as nodes of this machine say.

use std::path::Path;

use nix_core::{
    realisation::Realisation,
    signature::SecretKey,
    store_path::{StoreDir, StorePathName},
};
use nix_store::{
    local::{LocalOptions, LocalStore, StoreLayout},
    store::{AnyRealisation, WriteStore},
};
use serde_json::Value;

use crate::{
    nix::NixOutput,
    support::{Node, Place, json, ok, refused, wait_for},
};

const OUTPUT: &str = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-said.drv^out";

/// Starts a node that announces a path, and of which output it is.
fn announce(place: &Place, store: &str, path: &str, more: &[&str]) -> Node {
    let node = place.announce(store, &[path], more);
    wait_for("an announcement of an output", || {
        (node.status()["announcements"]["realisations"] == 1).then_some(())
    });
    node
}

/// Does so with what Nix built.
fn announce_built(place: &Place, built: &NixOutput, more: &[&str]) -> Node {
    let key = ["--key-file", &*built.secret];
    announce(place, &built.root, &built.path, &[&key[..], more].concat())
}

fn find<'a>(what: &'a str, store: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["peer", "find", what, "--store", store], more].concat()
}

#[test]
fn an_output_that_nix_built_and_signed_is_found_with_who_says_so() {
    let place = Place::new();
    let Some(output) = NixOutput::new(&place, "first-1") else {
        return;
    };
    let node = announce_built(&place, &output, &[]);
    let other = place.path("other");
    let more = [
        "--bootstrap",
        &*node.address,
        "--trusted-key",
        &output.public,
    ];
    let found = json(&[&find(&output.id, &other, &more)[..], &["--json"]].concat());
    assert_eq!(found["output"], output.id);
    assert_eq!(found["path"], output.path);
    let said = &found["announcements"][0];
    assert_eq!(
        (&said["path"], &said["trustedAs"]),
        (&found["path"], &"first-1".into())
    );
    let signature = said["signatures"][0].as_str().unwrap();
    assert!(signature.starts_with("first-1:"), "{signature}");
    assert_eq!(found["contradictions"], Value::Array(Vec::new()));
    let expected = format!(
        "{}\nannounced by first-1, which is trusted\n  path {}\n  signature {signature}\n",
        output.id, output.path
    );
    assert_eq!(ok(&find(&output.id, &other, &more)), expected);
    node.terminate();
}

#[test]
fn two_builds_of_one_output_that_differ_are_told_with_who_said_what() {
    let place = Place::new();
    let [Some(first), Some(second)] =
        ["first-1", "second-1"].map(|name| NixOutput::new(&place, name))
    else {
        return;
    };
    assert_eq!(first.id, second.id);
    assert_ne!(first.path, second.path);
    let one = announce_built(&place, &first, &[]);
    let two = announce_built(&place, &second, &["--bootstrap", &one.address]);
    let keys = [&*first.public, &*second.public];
    let other = place.path("other");
    let [one_key, two_key] = keys.map(|key| ["--trusted-key", key]);
    let addresses = ["--bootstrap", &one.address, "--bootstrap", &two.address];
    let more = [&addresses[..], &one_key, &two_key].concat();
    let find = find(&first.id, &other, &more);
    let text = ok(&find);
    for (name, output) in [("first-1", &first), ("second-1", &second)] {
        let path = &output.path;
        for line in [
            format!("announced by {name}, which is trusted\n  path {path}\n"),
            format!("  {name}, which is trusted says {path}\n"),
        ] {
            assert!(text.contains(&line), "{text}");
        }
    }
    assert!(
        text.contains("\ntwo signers contradict each other"),
        "{text}"
    );
    let found = json(&[&find[..], &["--json"]].concat());
    let contradiction = &found["contradictions"][0];
    assert_eq!(contradiction["isEquivocation"], false);
    let mut paths: Vec<_> = (0..2)
        .map(|at| {
            contradiction["evidence"][at]["says"]["path"]
                .as_str()
                .unwrap()
        })
        .collect();
    paths.sort_unstable();
    let mut expected = [&*first.path, &second.path];
    expected.sort_unstable();
    assert_eq!(paths, expected);

    // It is kept, whether a node runs or not, and those who looked nothing up have seen nothing.
    let evidence = ["peer", "evidence", "--store", &other];
    let named = [&evidence[..], &one_key, &two_key].concat();
    let kept = json(&[&named[..], &["--json"]].concat());
    assert_eq!(kept.as_array().unwrap().len(), 1, "{kept}");
    assert_eq!(kept[0]["of"], *first.id);
    assert_eq!(kept[0]["evidence"], contradiction["evidence"]);
    let text = ok(&named);
    assert!(text.starts_with(&format!("{}, seen ", first.id)), "{text}");
    for (name, output) in [("first-1", &first), ("second-1", &second)] {
        let line = format!("  {name}, which is trusted says {}\n", output.path);
        assert!(text.contains(&line), "{text}");
    }
    let running = place.run(&other, &[]);
    assert_eq!(
        json(&[&evidence[..], &["--json"]].concat())[0]["of"],
        *first.id
    );
    running.terminate();
    let nothing = ok(&["peer", "evidence", "--store", &first.root]);
    assert_eq!(nothing, "no contradictions were seen\n");
    one.terminate();
    two.terminate();
}

#[test]
fn an_output_of_the_newer_form_is_found_by_base_name_and_by_the_path_of_its_derivation() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let key = SecretKey::from_seed("said-1".parse().unwrap(), &[7; 32]);
    let [secret, public] = [key.to_secret_text(), key.public_key().to_string()];
    let file = place.path("said.secret");
    std::fs::write(&file, secret).unwrap();
    let path = {
        let layout = StoreLayout::below(Path::new(&depot), StoreDir::default());
        let store = LocalStore::open(layout, &LocalOptions::default()).unwrap();
        let name = StorePathName::new("said").unwrap();
        let info = store.add_text(&name, b"said", &[].into()).unwrap();
        let mut said = Realisation::new(OUTPUT.parse().unwrap(), info.path.clone());
        said.sign(&key);
        store
            .register_realisation(&AnyRealisation::Path(said))
            .unwrap();
        StoreDir::default().print(&info.path)
    };
    let node = announce(&place, &depot, &path, &["--key-file", &file]);
    let more = ["--bootstrap", &*node.address, "--trusted-key", &public];
    let in_full = format!("/nix/store/{OUTPUT}");
    for what in [OUTPUT, &in_full] {
        let found = json(&[&find(what, &other, &more)[..], &["--json"]].concat());
        assert_eq!(found["output"], OUTPUT);
        assert_eq!(found["path"], path);
    }
    // The node that runs answers the same over its socket.
    let found = json(&find(OUTPUT, &depot, &["--json"]));
    assert_eq!(found["path"], path);
    node.terminate();
}

#[test]
fn an_output_that_nobody_announces_is_refused_as_a_path_is() {
    let place = Place::new();
    let [depot, other] = ["depot", "other"].map(|name| place.path(name));
    let node = place.run(&depot, &[]);
    let bootstrap = ["--bootstrap", &*node.address];
    let hash = "0".repeat(64);
    for what in [
        OUTPUT,
        &format!("sha256:{hash}!out"),
        "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-said",
    ] {
        let (out, error) = refused(&find(what, &other, &bootstrap));
        assert_eq!(out, "");
        let reason = "netabase: nobody who is believed announces it; without --trusted-key ";
        assert!(error.starts_with(reason), "{what}: {error}");
    }
    for (what, reason) in [
        ("said.drv^out", "the derivation is no store path"),
        (
            "/elsewhere/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-said.drv^out",
            "the derivation is no store path",
        ),
        (
            "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-said.drv^",
            "names no output of a derivation: ",
        ),
        ("sha256:00!out", "the derivation is no SHA-256"),
        (
            "md5:d41d8cd98f00b204e9800998ecf8427e!out",
            "the derivation is no SHA-256",
        ),
    ] {
        let (_, error) = refused(&find(what, &other, &bootstrap));
        assert!(error.contains(reason), "{what}: {error}");
    }
    node.terminate();
}
