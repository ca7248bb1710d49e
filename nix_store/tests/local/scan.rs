//! What is added with the references that its files mention.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path};

use nix_core::{
    content_address::ContentAddressMethod::{Flat, Nar, Text},
    hash::Algorithm,
    store_path::StorePath,
};
use nix_store::store::{Error, ReadStore};

use crate::support::{Place, method, name, recursive};

#[test]
fn what_a_tree_mentions_of_the_candidates_becomes_its_references() {
    let place = Place::new();
    let text = |text: &str| {
        let added = place
            .store
            .add_text(&name(text), text.as_bytes(), &BTreeSet::new());
        added.expect("added").path
    };
    let (file, link, entry, unused) = (text("file"), text("link"), text("entry"), text("unused"));
    let other = text("other");
    let tree = place.path("tree");
    fs::create_dir(&tree).expect("a folder");
    let full = |path: &StorePath| place.store.store_dir().print(path);
    fs::write(tree.join("a"), full(&file) + &full(&other)).expect("a file");
    fs::write(tree.join(entry.base_name()), "").expect("a file");
    symlink(full(&link), tree.join("link")).expect("a symlink");
    let candidates = BTreeSet::from([file.clone(), link.clone(), entry.clone(), unused]);
    let found = BTreeSet::from([file.clone(), link, entry]);
    let scan = |from: &Path, how| {
        let name = name("tree");
        place.store.add_path_scanned(from, &name, how, &candidates)
    };

    let plain = place.store.add_path(&tree, &name("tree"), recursive());
    let plain = plain.expect("added");
    assert_eq!(plain.references, BTreeSet::new());
    let info = scan(&tree, recursive()).expect("added");
    assert_eq!(info.references, found);
    assert_ne!(info.path, plain.path);
    assert_eq!(info.nar_hash, plain.nar_hash);
    assert!(info.is_content_addressed(place.store.store_dir()));
    assert_eq!(
        place.store.referrers(&file).expect("paths"),
        [info.path].into()
    );

    // An address that can have none is refused only where something is found.
    let script = place.file("script", full(&file).as_bytes());
    let text = method(Text, Algorithm::Sha256);
    let info = scan(&script, text).expect("added");
    assert_eq!(info.references, [file.clone()].into());
    let before = place.objects();
    let sha1 = method(Nar, Algorithm::Sha1);
    for (from, how) in [(&script, method(Flat, Algorithm::Sha256)), (&tree, sha1)] {
        let error = scan(from, how).unwrap_err();
        assert!(matches!(error, Error::Compute { .. }), "{error:?}");
    }
    // What is no longer valid cannot be referred to.
    let absent =
        BTreeSet::from([
            StorePath::from_base_name("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent").expect("a path"),
        ]);
    let mention = place.file("mention", b"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q");
    let error = place
        .store
        .add_path_scanned(&mention, &name("m"), recursive(), &absent);
    let error = error.unwrap_err();
    assert!(
        matches!(error, Error::ReferenceNotValid { .. }),
        "{error:?}"
    );
    assert_eq!(place.objects(), before);
    let quiet = place.file("quiet", b"nothing");
    scan(&quiet, method(Flat, Algorithm::Sha256)).expect("added");
}
