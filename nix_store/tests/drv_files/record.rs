//! Builds recorded, and found again.

use std::fs;

use nix_core::{
    derivation::{Derivation, DerivationOutput},
    store_path::{OutputName, StorePath},
};
use nix_store::{
    drv_files::{
        BuildHash, DerivationState, DrvFileError, Outputs, RESULTS_MAX, RecordError, Recorded,
        ResultState,
    },
    store::Error,
};

use crate::support::{Place, Store, built, done, fixed, floating, plain};

#[test]
fn a_build_is_found_again_by_its_hash_as_it_was_recorded() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let build = done(files.record(&store.0, &drv, &built(&drv, b"one")));
    assert_eq!(build.derivation, DerivationState::Written);
    assert_eq!(build.result, ResultState::First);

    let found = files.get(&build.build_hash).unwrap().expect("a file");
    assert_eq!(found.derivation, drv);
    assert_eq!(found.file, files.file(&build.build_hash));
    let name = format!("drv/{}.drv", build.build_hash);
    assert_eq!(found.file, place.path(&name));
    let outputs = files.outputs(&build.build_hash).unwrap().expect("outputs");
    assert_eq!(outputs.results().len(), 1);
    let infos = built(&drv, b"one");
    for (name, output) in &outputs.results()[0] {
        assert_eq!(output.path, infos[name].path);
        assert_eq!(output.nar_hash, infos[name].nar_hash);
        assert_eq!(output.nar_size, infos[name].nar_size);
    }
    files.check(&store.0, &build.build_hash).unwrap();
}

#[test]
fn the_output_paths_of_a_derivation_follow_from_the_name_of_its_file() {
    let (place, mut store) = (Place::new(), Store::default());
    let base = store.put(plain("base", &[]));
    let drv = store.put(plain("hello", &[&base]));
    let build = done(place.files().record(&store.0, &drv, &built(&drv, b"")));
    let name = place.names("drv").pop().expect("a file");
    let text = name.strip_suffix(".drv").expect("the suffix");
    let digest = text.parse::<BuildHash>().unwrap().digest();
    let path = place
        .store_dir
        .output_path(&drv.name, &OutputName::out(), digest);
    let stated = &drv.outputs[&OutputName::out()];
    assert_eq!(*stated, DerivationOutput::InputAddressed(path.unwrap()));
    assert_eq!(build.build_hash.to_string(), text);
}

#[test]
fn recording_the_same_again_changes_no_file() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let build = done(files.record(&store.0, &drv, &built(&drv, b"one")));
    let before = place.contents();
    assert_eq!(before.len(), 2);
    let again = done(files.record(&store.0, &drv, &built(&drv, b"one")));
    assert_eq!(again.build_hash, build.build_hash);
    assert_eq!(again.derivation, DerivationState::Known);
    assert_eq!(again.result, ResultState::Known);
    assert_eq!(place.contents(), before);
}

#[test]
fn builds_that_differ_are_kept_in_the_order_in_which_they_were_seen() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let record = |contents: &[u8]| done(files.record(&store.0, &drv, &built(&drv, contents)));
    let build_hash = record(b"one").build_hash;
    let outputs = || files.outputs(&build_hash).unwrap().expect("outputs");
    assert!(!outputs().is_not_reproducible());
    assert_eq!(record(b"two").result, ResultState::Differs);
    assert_eq!(record(b"one").result, ResultState::Known);
    assert_eq!(record(b"two").result, ResultState::Known);
    assert!(outputs().is_not_reproducible());
    let seen: Vec<_> = outputs()
        .results()
        .iter()
        .map(|result| result[&OutputName::out()].nar_hash)
        .collect();
    let expected = [b"one", b"two"].map(|contents| built(&drv, contents));
    let expected = expected.map(|infos| infos[&OutputName::out()].nar_hash);
    assert_eq!(seen, expected);
}

#[test]
fn no_more_results_are_kept_than_the_limit() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let record = |contents: &[u8]| done(files.record(&store.0, &drv, &built(&drv, contents)));
    let build_hash = record(b"one").build_hash;
    let (file, limit) = (
        place.path(&format!("drv-out/{build_hash}")),
        RESULTS_MAX as u64,
    );
    let fill = |count: u64| {
        let mut value = files
            .outputs(&build_hash)
            .unwrap()
            .expect("outputs")
            .to_json();
        let one = value["results"][0].clone();
        let result = |n: u64| {
            let mut result = one.clone();
            result["out"]["narSize"] = (n + 3).into();
            result
        };
        value["results"] = (0..count).map(result).collect();
        fs::write(&file, value.to_string()).unwrap();
    };
    fill(limit - 1);
    assert_eq!(record(b"two").result, ResultState::Differs);
    assert_eq!(record(b"three").result, ResultState::Full);
    assert_eq!(record(b"two").result, ResultState::Known);
    let outputs = files.outputs(&build_hash).unwrap().expect("outputs");
    assert_eq!(outputs.results().len(), RESULTS_MAX);
}

#[test]
fn derivations_that_differ_in_how_a_source_is_fetched_share_a_file() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let (one, two) = (
        store.put(fixed("source", "http://one")),
        store.put(fixed("source", "ftp://two")),
    );
    let (on_one, on_two) = (
        store.put(plain("hello", &[&one])),
        store.put(plain("hello", &[&two])),
    );
    assert_ne!(on_one, on_two);
    for (first, second) in [(&one, &two), (&on_one, &on_two)] {
        let a = done(files.record(&store.0, first, &built(first, b"one")));
        let b = done(files.record(&store.0, second, &built(second, b"one")));
        assert_eq!(a.build_hash, b.build_hash);
        assert_eq!(b.derivation, DerivationState::Other);
        assert_eq!(b.result, ResultState::Known);
        let kept = files.get(&a.build_hash).unwrap().expect("a file");
        assert_eq!(kept.derivation, *first);
        files.check(&store.0, &a.build_hash).unwrap();
    }
    let mut other = plain("hello", &[&one]);
    other.args.push("more".into());
    let other = store.put(other);
    let c = done(files.record(&store.0, &other, &built(&other, b"one")));
    assert_eq!(c.derivation, DerivationState::Written);
    assert_eq!(files.list().unwrap().build_hashes.len(), 3);
}

#[test]
fn a_deferred_derivation_gets_its_file_once_it_is_resolved() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let base = store.put(floating("base"));
    let drv = store.put(plain("hello", &[&base]));
    let base_path = store.path(&base);
    let outputs = built(&base, b"base");
    let out = outputs[&OutputName::out()].path.clone();

    let deferred = files.record(&store.0, &drv, &outputs).unwrap();
    assert_eq!(deferred, Recorded::Deferred);
    assert_eq!(place.contents(), []);
    let prepared = files.prepare(&store.0, &drv, &outputs).unwrap();
    assert_eq!(prepared.build_hash(), None);
    prepared.abandon().unwrap();

    let base_build = done(files.record(&store.0, &base, &outputs));
    let trace = [((base_path, OutputName::out()), out)]
        .into_iter()
        .collect();
    let resolved = drv.resolve::<std::collections::BTreeMap<_, _>>(&place.store_dir, &trace);
    let resolved = resolved.unwrap().into_derivation();
    let build = done(files.record(&store.0, &resolved, &built(&resolved, b"x")));
    assert_ne!(build.build_hash, base_build.build_hash);
    assert_eq!(
        files.get(&build.build_hash).unwrap().unwrap().derivation,
        resolved
    );
    files.check(&store.0, &build.build_hash).unwrap();
}

#[test]
fn outputs_that_are_not_the_derivations_are_refused_and_leave_nothing() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let (out, dev) = (OutputName::out(), OutputName::new("dev").unwrap());
    let elsewhere = StorePath::from_base_name("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello").unwrap();
    let refused = |drv: &Derivation, outputs: &_| match files.record(&store.0, drv, outputs) {
        Err(Error::Record { name, source }) => {
            assert_eq!(name, drv.name.as_str());
            *source
        }
        other => panic!("{other:?}"),
    };
    let right = built(&drv, b"one");
    let mut outputs = right.clone();
    outputs.clear();
    assert_eq!(
        refused(&drv, &outputs),
        RecordError::MissingOutput(out.clone())
    );
    outputs.clone_from(&right);
    outputs.insert(dev.clone(), right[&out].clone());
    assert_eq!(refused(&drv, &outputs), RecordError::UnknownOutput(dev));
    outputs.clone_from(&right);
    outputs.get_mut(&out).unwrap().path = elsewhere.clone();
    let expected = right[&out].path.clone();
    let error = RecordError::OtherPath {
        output: out.clone(),
        found: elsewhere.clone(),
        expected: expected.clone(),
    };
    assert_eq!(refused(&drv, &outputs), error);

    let mut lying = drv.clone();
    lying.outputs.insert(
        out.clone(),
        DerivationOutput::InputAddressed(elsewhere.clone()),
    );
    let error = RecordError::Stated {
        output: out.clone(),
        stated: elsewhere.clone(),
        expected,
    };
    assert_eq!(refused(&lying, &right), error);
    let mut outputs = built(&floating("bye"), b"one");
    outputs.get_mut(&out).unwrap().path = elsewhere.clone();
    let error = RecordError::OtherName {
        output: out,
        found: elsewhere,
    };
    assert_eq!(refused(&floating("bye"), &outputs), error);
    assert_eq!(place.contents(), []);
}

#[test]
fn what_json_cannot_say_is_refused() {
    let (place, mut store) = (Place::new(), Store::default());
    let mut drv = plain("latin", &[]);
    drv.args.push(b"caf\xe9".as_slice().into());
    let drv = store.put(drv);
    let error = place.files().record(&store.0, &drv, &built(&drv, b""));
    let Err(Error::Record { source, .. }) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(*source, RecordError::Json(_)), "{source:?}");
    assert_eq!(place.contents(), []);
}

#[test]
fn the_spelling_of_structured_attributes_is_kept_so_that_the_hash_stays() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    for text in [r#"{"a":1,"b":1.5}"#, r#"{ "b" : 1.50, "a" : 1 }"#] {
        let mut drv = plain("structured", &[]);
        drv.env.insert("__json".into(), text.into());
        let drv = store.put(drv);
        let build = done(files.record(&store.0, &drv, &built(&drv, b"")));
        assert_eq!(
            files.get(&build.build_hash).unwrap().unwrap().derivation,
            drv
        );
        files.check(&store.0, &build.build_hash).unwrap();
    }
    assert_eq!(files.list().unwrap().build_hashes.len(), 2);
}

#[test]
fn a_missing_input_is_an_error_and_not_another_hash() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let base = store.put(plain("base", &[]));
    let drv = store.put(plain("hello", &[&base]));
    let build_hash = done(files.record(&store.0, &drv, &built(&drv, b""))).build_hash;
    store.0.remove(&store.path(&base));
    for error in [
        files.record(&store.0, &drv, &built(&drv, b"")).map(|_| ()),
        files.check(&store.0, &build_hash),
    ] {
        let Err(Error::BuildHash { name, source }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(name, "hello");
        assert!(
            source.to_string().ends_with("-base.drv is missing"),
            "{source}"
        );
    }
}

#[test]
fn builds_are_found_by_prefix_and_by_output() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let mut all = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let drv = store.put(plain(name, &[]));
        let build = done(files.record(&store.0, &drv, &built(&drv, b"")));
        let out = built(&drv, b"")[&OutputName::out()].path.clone();
        assert_eq!(files.by_output(&out).unwrap(), [build.build_hash]);
        all.push(build.build_hash);
    }
    all.sort_unstable();
    assert_eq!(files.list().unwrap().build_hashes, all);
    assert_eq!(files.find_by_prefix("").unwrap(), all);
    for hash in &all {
        let text = hash.to_string();
        assert_eq!(files.find_by_prefix(&text).unwrap(), [*hash]);
        let with = |hash: &&BuildHash| hash.to_string().starts_with(&text[..1]);
        let expected: Vec<BuildHash> = all.iter().filter(with).copied().collect();
        assert_eq!(files.find_by_prefix(&text[..1]).unwrap(), expected);
    }
    assert_eq!(files.find_by_prefix("../").unwrap(), []);
    let unknown = StorePath::from_base_name("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a").unwrap();
    assert_eq!(files.by_output(&unknown).unwrap(), []);
}

#[test]
fn one_floating_output_may_come_of_several_builds() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let mut other = floating("base");
    other.args.push("other".into());
    let (base, other) = (store.put(floating("base")), store.put(other));
    let one = done(files.record(&store.0, &base, &built(&base, b"same"))).build_hash;
    let two = done(files.record(&store.0, &other, &built(&base, b"same"))).build_hash;
    let mut expected = vec![one, two];
    expected.sort_unstable();
    let out = built(&base, b"same")[&OutputName::out()].path.clone();
    assert_eq!(files.by_output(&out).unwrap(), expected);
}

#[test]
fn a_store_without_derivation_files_has_none_and_gets_no_directories() {
    let (place, store) = (Place::new(), Store::default());
    let files = place.files();
    let hash = BuildHash::from(nix_core::hash::Sha256::of(b""));
    assert_eq!(
        files.list().unwrap(),
        nix_store::drv_files::Listing::default()
    );
    assert!(files.get(&hash).unwrap().is_none());
    assert!(files.outputs(&hash).unwrap().is_none());
    assert_eq!(files.find_by_prefix("0").unwrap(), []);
    let absent = files.check(&store.0, &hash);
    let Err(Error::DrvFile { path, source }) = absent else {
        panic!("{absent:?}")
    };
    assert_eq!(path, files.file(&hash));
    assert!(matches!(*source, DrvFileError::Absent));
    assert!(matches!(
        files.diff(&hash, &hash),
        Err(Error::DrvFile { .. })
    ));
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 0);
}

#[test]
fn the_outputs_on_disk_are_the_json_that_is_documented() {
    let (place, mut store) = (Place::new(), Store::default());
    let files = place.files();
    let drv = store.put(floating("base"));
    let build = done(files.record(&store.0, &drv, &built(&drv, b"one")));
    let text = fs::read_to_string(place.path(&format!("drv-out/{}", build.build_hash))).unwrap();
    let info = &built(&drv, b"one")[&OutputName::out()];
    let hash = nix_core::hash::Hash::from(info.nar_hash).to_text(nix_core::hash::HashFormat::Sri);
    let expected = format!(
        "{{\n  \"results\": [\n    {{\n      \"out\": {{\n        \"narHash\": \"{hash}\",\n        \
         \"narSize\": 3,\n        \"path\": \"{}\"\n      }}\n    }}\n  ],\n  \"version\": 1\n}}\n",
        info.path
    );
    assert_eq!(text, expected);
    let outputs: Outputs = files.outputs(&build.build_hash).unwrap().unwrap();
    assert_eq!(
        outputs.to_json(),
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    );
}

#[test]
fn errors_stay_small() {
    assert!(size_of::<Error>() < 128, "{}", size_of::<Error>());
}
