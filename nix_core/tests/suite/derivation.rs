//! Derivations: ATerm, hashes modulo fixed outputs, filling in, placeholders, resolution.

use std::collections::BTreeMap;

use nix_core::{
    derivation::{
        AtermError, AtermReason, ByteString, Derivation, DerivationModulo, DerivationOutput,
        InputModulo, InputOutputs, Placeholder,
    },
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};

use super::vectors;

mod json_vectors;

const FOLDER: &str = "libstore/derivation";

fn read_as(name: &str, text: &[u8]) -> Result<Derivation, AtermError> {
    let name = StorePathName::new(name).expect("a name");
    Derivation::parse_aterm(&StoreDir::default(), name, text)
}

fn read(name: &str, text: &[u8]) -> Derivation {
    read_as(name, text).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

fn print(derivation: &Derivation) -> Vec<u8> {
    derivation
        .to_aterm(&StoreDir::default())
        .expect("the outputs have paths")
}

fn drv_path(derivation: &Derivation) -> StorePath {
    derivation.path(&StoreDir::default()).expect("a path")
}

fn base_name(text: &str) -> StorePath {
    StorePath::from_base_name(text).expect("a store path")
}

fn output(name: &str) -> OutputName {
    OutputName::new(name).expect("an output name")
}

/// Returns the files with this ending, as `folder/stem` and contents; none if there are no vectors.
fn files(folders: &[&str], ending: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in folders {
        let folder = format!("{FOLDER}/{folder}");
        for name in vectors::list(folder.trim_end_matches('/')).unwrap_or_default() {
            let path = format!("{folder}/{name}");
            if let (Some(stem), Some(text)) = (name.strip_suffix(ending), vectors::read(&path)) {
                found.push((stem.to_owned(), text));
            }
        }
    }
    found
}

fn aterms() -> Vec<(String, Vec<u8>)> {
    let mut aterms = files(&["", "ca", "ia", "hash-modulo"], ".drv");
    aterms.retain(|(stem, _)| !stem.ends_with("-modulo"));
    aterms
}

/// The name of the derivation in a vector, where it is not that of the file.
fn name_of(stem: &str) -> &str {
    match stem {
        "source-first" | "source-second" => "source",
        "intermediate-first" | "intermediate-second" => "intermediate",
        "parent-joined" => "parent",
        stem => stem,
    }
}

#[test]
fn vectors_are_read_and_printed_the_same() {
    for (stem, text) in aterms() {
        if stem.starts_with("bad-") || stem == "firefox" {
            continue;
        }
        let name = StorePathName::new(name_of(&stem)).expect("a name");
        let store_dir = StoreDir::default();
        let read = Derivation::parse_canonical_aterm(&store_dir, name, &text);
        let read = read.unwrap_or_else(|error| panic!("{stem}: {error:?}"));
        assert!(print(&read) == text, "{stem}");
    }
}

/// Its inputs lost their order when their hashes were blanked out.
#[test]
fn the_firefox_vector_is_read_and_printed_in_order() {
    let Some(text) = vectors::read("libstore/derivation/firefox.drv") else {
        return;
    };
    let firefox = read("firefox", &text);
    assert_eq!(firefox.inputs.derivations.len(), 30);
    let printed = print(&firefox);
    assert_eq!(printed.len(), text.len());
    let tail = text
        .windows(4)
        .position(|window| window == b"],[\"")
        .expect("the sources");
    assert!(printed[tail..] == text[tail..]);
    assert_eq!(read("firefox", &printed), firefox);
    let name = StorePathName::new("firefox").expect("a name");
    let refused = Derivation::parse_canonical_aterm(&StoreDir::default(), name, &text);
    assert!(matches!(
        refused,
        Err(AtermError {
            reason: AtermReason::NotCanonical,
            ..
        })
    ));
}

#[test]
fn bad_vectors_are_refused() {
    for (stem, text) in aterms() {
        let expected = match stem.as_str() {
            "bad-version" => AtermReason::Version("invalid-version".into()),
            "bad-old-version-dyn-deps" => AtermReason::Expected("["),
            _ if stem.starts_with("bad-") => match read_as("fixed", &text) {
                Err(AtermError {
                    reason: AtermReason::FixedPath { .. },
                    ..
                }) => continue,
                other => panic!("{stem}: {other:?}"),
            },
            _ => continue,
        };
        assert_eq!(
            read_as(&stem, &text).map_err(|error| error.reason),
            Err(expected),
            "{stem}"
        );
    }
}

#[test]
fn cut_vectors_are_refused_at_their_end() {
    for (stem, text) in aterms() {
        for len in 0..text.len() {
            let error = read_as(name_of(&stem), &text[..len]).expect_err("cut short");
            assert!(error.position <= len, "{stem} {len}: {error:?}");
        }
        let more = [&text, &b"\n"[..]].concat();
        if let Err(error) = read_as(name_of(&stem), &more) {
            let trailing = AtermError {
                position: text.len(),
                reason: AtermReason::TrailingBytes,
            };
            assert!(
                error == trailing || stem.starts_with("bad-"),
                "{stem}: {error:?}"
            );
        } else {
            panic!("{stem}: a byte too many");
        }
    }
}

#[test]
fn changed_vectors_are_read_as_printed_or_refused() {
    for (stem, mut text) in aterms() {
        // Every byte of the small ones, some of the large ones: the cost grows with the square.
        let step = 1 + text.len() * text.len() / 4_000_000;
        for index in (0..text.len()).step_by(step) {
            let original = text[index];
            for byte in [original ^ 1, original ^ 0x80, b'"', b'\\', b'(', b']', 0] {
                text[index] = byte;
                if let Ok(derivation) = read_as(name_of(&stem), &text) {
                    assert_eq!(read(name_of(&stem), &print(&derivation)), derivation);
                }
            }
            text[index] = original;
        }
    }
}

/// The two sources, and an intermediate on each.
fn hash_modulo_graph() -> Option<[Derivation; 4]> {
    let vector = |stem: &str| {
        let text = vectors::read(&format!("{FOLDER}/hash-modulo/{stem}.drv"))?;
        Some(read(name_of(stem), &text))
    };
    let (first, second) = (vector("source-first")?, vector("source-second")?);
    let on_first = vector("intermediate-first")?;
    let mut on_second = on_first.clone();
    let used = InputOutputs {
        outputs: [OutputName::out()].into(),
        dynamic: BTreeMap::new(),
    };
    on_second.inputs.derivations = BTreeMap::from([(drv_path(&second), used)]);
    Some([first, second, on_first, on_second])
}

#[test]
fn hashes_modulo_are_those_of_the_vectors() {
    let Some(graph) = hash_modulo_graph() else {
        return;
    };
    let vector = |stem: &str| vectors::read(&format!("{FOLDER}/hash-modulo/{stem}.drv"));
    let paths = graph.each_ref().map(drv_path);
    assert_eq!(
        paths[0].base_name(),
        "q4mzjdlh5px6977h7v5fdsk1p33yg583-source.drv"
    );
    assert_eq!(
        paths[3].base_name(),
        "kp6i4n4bb3hlniwqjakhlf046qpdc0gl-intermediate.drv"
    );
    let store: BTreeMap<_, _> = paths.clone().into_iter().zip(graph.clone()).collect();
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &store);

    let on_first = modulo.aterm(&graph[2]);
    assert_eq!(on_first, Ok(vector("intermediate-first-modulo")));
    assert_eq!(modulo.aterm(&graph[3]), on_first);
    let input = modulo.input(&paths[2]);
    let InputModulo::Regular(hash) = input.clone().expect("a hash") else {
        panic!("{input:?}")
    };
    assert_eq!(
        hash.to_base16(),
        "6df335a6cafec6b08aa38163a4a3d1b8f04bc8dc10de4ad35d677f911f2d3b5a",
    );
    assert_eq!(modulo.input(&paths[3]), input);

    let joined = read("parent", &vector("parent-joined").expect("a vector"));
    assert_eq!(modulo.aterm(&joined), Ok(vector("parent-joined-modulo")));
    for names in [["dev", "out"], ["out", "dev"]] {
        let used = |name| InputOutputs {
            outputs: [output(name)].into(),
            ..Default::default()
        };
        let mut split = joined.clone();
        let inputs = paths[2..].iter().cloned().zip(names.map(used));
        split.inputs.derivations = inputs.collect();
        assert_eq!(
            modulo.aterm(&split),
            Ok(vector("parent-joined-modulo")),
            "nix#16307"
        );
    }
}

/// The paths in the vectors were computed before their variables were there.
#[test]
fn paths_of_the_hash_modulo_vectors_follow_without_variables() {
    let Some([first, second, on_first, _]) = hash_modulo_graph() else {
        return;
    };
    let store: BTreeMap<_, _> = [first, second].map(|drv| (drv_path(&drv), drv)).into();
    let store_dir = StoreDir::default();
    let mut modulo = DerivationModulo::new(&store_dir, &store);
    let mut bare = on_first.clone();
    bare.env.clear();
    let paths = bare.output_paths(&mut modulo).expect("paths");
    for (name, path) in paths {
        assert_eq!(
            on_first.outputs[&name],
            DerivationOutput::InputAddressed(path)
        );
    }
    assert!(on_first.check(&mut modulo).is_err());
}

/// `foo` and `bar`, on which `advanced-attributes` depends and which are no vectors of their own.
fn dependency(name: &str, output: &str, env: &str) -> Derivation {
    let args = format!(r#"["-c","echo {name} > $out"]"#);
    let env = env.replace("NAME", name);
    let text = format!(
        r#"Derive([("dev",{output}),("out",{output})],[],[],"my-system","/bin/bash",{args},{env})"#
    );
    read(name, text.as_bytes())
}

#[test]
fn output_paths_of_the_input_addressed_vectors_follow() {
    let none = BTreeMap::new();
    let store_dir = StoreDir::default();
    let store: BTreeMap<_, _> = ["foo", "bar"]
        .map(|name| {
            let env = r#"[("builder","/bin/bash"),("dev",""),("name","NAME"),("out",""),("outputs","out dev"),("system","my-system")]"#;
            let dependency = dependency(name, r#""","","""#, env);
            let filled = dependency.fill_outputs(&mut DerivationModulo::new(&store_dir, &none));
            let filled = filled
                .expect("outputs that can be filled in")
                .into_derivation();
            (drv_path(&filled), filled)
        })
        .into();
    let mut modulo = DerivationModulo::new(&store_dir, &store);
    let mut count = 0;
    for (stem, text) in files(&["ia"], ".drv") {
        let derivation = read(&stem, &text);
        let checked = derivation.clone().check(&mut modulo);
        let checked = checked.unwrap_or_else(|error| panic!("{stem}: {error:?}"));
        let mut blank = derivation.clone();
        for (name, value) in &mut blank.outputs {
            *value = DerivationOutput::Deferred;
            blank
                .env
                .insert(name.as_str().into(), ByteString::default());
        }
        assert_eq!(blank.fill_outputs(&mut modulo), Ok(checked));
        count += 1;
    }
    assert!(count == 4 || vectors::list(FOLDER).is_none());
}

#[test]
fn floating_dependencies_have_the_paths_that_the_vectors_name() {
    let [dev, out] = ["dev", "out"].map(|name| Placeholder::own(&output(name)));
    let env = format!(
        r#"[("builder","/bin/bash"),("dev","{dev}"),("name","NAME"),("out","{out}"),("outputHashAlgo","sha256"),("outputHashMode","recursive"),("outputs","out dev"),("system","my-system")]"#
    );
    let paths = ["bar", "foo"].map(|name| drv_path(&dependency(name, r#""","r:sha256","""#, &env)));
    for (stem, text) in files(&["ca"], ".drv") {
        let derivation = read(&stem, &text);
        let inputs = derivation.inputs.derivations.keys();
        assert!(inputs.clone().all(|input| paths.contains(input)), "{stem}");
        assert_eq!(
            inputs.len(),
            if stem.ends_with("defaults") { 0 } else { 2 },
            "{stem}"
        );
    }
}

#[test]
fn placeholders_are_those_of_the_content_addressed_vectors() {
    let own = |name: &str| Placeholder::own(&output(name)).to_string();
    for (stem, text) in files(&["ca"], ".drv") {
        let derivation = read(&stem, &text);
        for name in derivation.outputs.keys() {
            let value = derivation
                .env
                .get(name.as_str().as_bytes())
                .expect("a variable");
            assert_eq!(*value, own(name.as_str()).as_str(), "{stem}");
        }
        for (path, used) in &derivation.inputs.derivations {
            for name in &used.outputs {
                let placeholder = Placeholder::input(path, name).expect("a derivation");
                let placeholder = placeholder.to_string().into_bytes();
                let found = text
                    .windows(placeholder.len())
                    .any(|window| window == placeholder);
                assert!(found, "{stem} {path} {name}");
            }
        }
    }
}
