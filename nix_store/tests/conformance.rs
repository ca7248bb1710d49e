//! The vectors of NixOS/nix and the bundled sample are read as they mean.
//!
//! The vectors lie beside the workspace (see `NETABASE_SHARED` in CONTRIBUTING.md).

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use nix_store::{
    StoreDir,
    db::models::{Derivation, Realisation, StorePath},
    derivation_show, path_info, realisation_info,
};
use serde_json::Value;

const OWN: &str = "/nix/store/1w1fff338fvdw53sqgamddn1b2xgds47-own";

/// Returns the folder of the vectors, or nothing, having said so, where it may be missing.
fn vectors() -> Option<PathBuf> {
    test_data::shared("conformance/nix/libstore")
}

fn sample(name: &str) -> File {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/sample");
    File::open(folder.join(name)).expect("the sample is part of the project")
}

fn read(json: &Value) -> StorePath {
    let text = serde_json::json!({ OWN: json }).to_string();
    let mut found: Vec<StorePath> = path_info::Reader::new(text.as_bytes())
        .map(|path| path.unwrap_or_else(|e| panic!("{:?}: {text}", e.kind)))
        .collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn path_infos_of_the_same_name_agree_in_every_version() {
    let Some(vectors) = vectors() else { return };
    let mut count = 0;
    for family in ["path-info", "nar-info"] {
        let mut by_name: BTreeMap<String, StorePath> = BTreeMap::new();
        for version in ["json-1", "json-2", "json-3"] {
            for entry in fs::read_dir(vectors.join(family).join(version)).expect("a folder") {
                let file = entry.expect("an entry").path();
                let name = file
                    .file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                let json = serde_json::from_reader(File::open(&file).expect("a file"));
                let path = read(&json.expect("JSON"));
                let shown = path_info::to_json(&path);
                assert_eq!(read(&shown), path, "{}", file.display());
                let name = name.replace("_noversion", "");
                // The content addresses of version 1 are of another hash in the vectors.
                let path = StorePath {
                    content_address: None,
                    ..path
                };
                assert_eq!(by_name.entry(name).or_insert_with(|| path.clone()), &path);
                count += 1;
            }
        }
    }
    assert!(count >= 14, "{count}");
}

#[test]
fn derivations_and_realisations_of_every_version_are_read() {
    let Some(vectors) = vectors() else { return };
    let dir = StoreDir::default();
    let load = |name: &str| -> Value {
        serde_json::from_reader(File::open(vectors.join(name)).expect(name)).expect(name)
    };
    let mut derivation = load("derivation/simple-derivation.json");
    derivation["outputs"] = serde_json::json!({
        "flat": load("derivation/output-caFixedFlat.json"),
        "floating": load("derivation/output-caFloating.json"),
        "nar": load("derivation/output-caFixedNAR.json"),
        "own": load("derivation/output-inputAddressed.json"),
        "deferred": load("derivation/output-deferred.json"),
        "text": load("derivation/output-caFixedText.json"),
    });
    let wrapped = serde_json::json!({
        "version": 4,
        "derivations": { "c015dhfh5l0lp6wxyvdn7bmwhbbr6hr9-simple-derivation.drv": derivation },
    });
    let found = derivation_show::read(wrapped.to_string().as_bytes(), &dir).expect("version 4");
    let outputs: Vec<_> = found[0]
        .outputs
        .iter()
        .map(|o| (&*o.name, o.method.as_deref()))
        .collect();
    let expected = [
        ("deferred", None),
        ("flat", Some("sha256")),
        ("floating", Some("r:sha256")),
        ("nar", Some("r:sha256")),
        ("own", None),
        ("text", Some("text:sha256")),
    ];
    assert_eq!(outputs, expected);
    assert_eq!(found[0].inputs().len(), 2);
    // The three fixed ones have theirs by their hashes.
    assert_eq!(found[0].output_paths().len(), 4);

    let json = load("realisation/with-signature.json").to_string();
    let found = realisation_info::read(json.as_bytes(), &dir).expect("the new format");
    assert_eq!(found[0].output, "foo");
    assert_eq!(found[0].signatures.len(), 1);
}

#[test]
fn the_sample_fits_together() {
    let dir = StoreDir::default();
    let paths: Vec<StorePath> =
        path_info::Reader::new(std::io::BufReader::new(sample("path-info.json")))
            .map(|path| path.expect("the sample is right"))
            .collect();
    let derivations = derivation_show::read(sample("derivations.json"), &dir).expect("derivations");
    let realisations =
        realisation_info::read(sample("realisations.json"), &dir).expect("realisations");
    for path in &paths {
        let info = path.to_path_info(&dir).expect("a path");
        assert_eq!(StorePath::from_path_info(&dir, &info), *path);
        let known = |other: &String| paths.iter().any(|p| p.path == *other);
        assert!(path.references.iter().all(known));
        let derivation = |path: &String| derivations.iter().any(|d| d.path == *path);
        assert!(path.deriver.iter().all(derivation));
    }
    for derivation in &derivations {
        let checked = derivation.to_derivation(&dir).expect("a derivation");
        let path = derivation.store_path(&dir).expect("a path");
        let again = Derivation::from_derivation(&dir, &path, &checked);
        assert_eq!(again.as_ref(), Ok(derivation));
        assert_eq!(checked.path(&dir), Ok(path));
    }
    for realisation in &realisations {
        let checked = realisation.to_legacy_realisation(&dir).expect("of Nix 2.8");
        let again = Realisation::from_legacy_realisation(&dir, &checked);
        assert_eq!(again, *realisation);
        assert!(paths.iter().any(|path| path.path == realisation.out_path));
    }
    assert!(
        paths
            .iter()
            .any(|path| path.content_address.is_some() && path.deriver.is_some())
    );
    assert!(derivations.len() > 100);
    assert!(realisations.len() > 50);
}
