//! What is said of records that were not believed.

use serde_json::Value;

use crate::support::{Node, Place, fetch_args, netabase, refused};

/// A node of whose announcement nobody else believes a word: in stores of other directories objects
/// have other paths.
struct Elsewhere {
    place: Place,
    node: Node,
    /// The base name of its object.
    name: String,
    /// Why others do not believe it.
    reason: String,
}

impl Elsewhere {
    fn new() -> Self {
        let place = Place::new();
        let [root, other] = ["elsewhere", "other"].map(|name| place.path(name));
        let store = format!("local?root={root}&store=/elsewhere/store");
        let path = place.add(&store, "said", 1000);
        let usual = place.add(&other, "said", 1000);
        let [name, usual] = [&path, &usual].map(|path| path.rsplit('/').next().unwrap());
        let reason = format!(
            "the announcement is not believed: the content address leads to {usual} and not to {name}"
        );
        let node = place.announce(&store, &[&path], &[]);
        let name = name.to_owned();
        Self {
            place,
            node,
            name,
            reason,
        }
    }
}

#[test]
fn a_path_of_which_all_records_were_refused_is_refused_with_their_number_and_the_first_reason() {
    let elsewhere = Elsewhere::new();
    let Elsewhere { node, reason, .. } = &elsewhere;
    let asking = elsewhere.place.path("asking");
    let bootstrap = ["--store", &*asking, "--bootstrap", &node.address];
    let find = [&["peer", "find", &*elsewhere.name], &bootstrap[..]].concat();
    let (out, error) = refused(&find);
    assert_eq!(out, "");
    let told = format!("nobody who is believed announces it; 1 record was refused: {reason}; ");
    assert!(error.contains(&told), "{error}");

    let fetch = fetch_args(&elsewhere.name, &asking, node);
    let (out, _) = refused(&fetch);
    let path = format!("/nix/store/{}", elsewhere.name);
    assert!(out.starts_with(&format!("{path}: {told}")), "{out}");
    let output = netabase(&[&fetch[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed = &report["failed"][0];
    assert_eq!(
        (&failed["path"], &failed["kind"]),
        (&path.into(), &"notAnnounced".into())
    );
    assert_eq!(failed["refused"]["records"], 1);
    assert_eq!(failed["refused"]["reasons"][0]["reason"], **reason);
    elsewhere.node.terminate();
}

#[test]
fn a_path_of_which_no_record_came_is_refused_without_a_word_of_records() {
    let elsewhere = Elsewhere::new();
    let asking = elsewhere.place.path("asking");
    let unknown = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo";
    let fetch = fetch_args(unknown, &asking, &elsewhere.node);
    let output = netabase(&[&fetch[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["failed"][0]["kind"], "notAnnounced");
    assert_eq!(report["failed"][0]["refused"], Value::Null);
    elsewhere.node.terminate();
}
