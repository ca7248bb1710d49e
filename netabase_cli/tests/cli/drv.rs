//! `netabase drv`, judged by conformance files, `nix show-derivation` and `nix-store --query`.

use std::{fs, path::Path};

use serde_json::Value;

use crate::nix::Nix;
use crate::support::{Place, ok, refused, run, shared};

/// An expression of derivations of every kind.
const EXPRESSION: &str = r#"
let
  drv = name: attrs: derivation ({ inherit name; system = "x86_64-linux"; builder = "/bin/sh"; } // attrs);
  fixed = algo: mode: drv "fixed-${algo}" {
    outputHashAlgo = algo; outputHashMode = mode;
    outputHash = builtins.hashString algo "x";
  };
  source = builtins.toFile "source" "text\n";
  plain = drv "plain" { text = "quote \" backslash \\ tab \t line\nbreak"; args = [ "-c" source ]; };
  several = drv "several" { outputs = [ "out" "dev" "lib" ]; inputs = [ plain (fixed "md5" "flat") ]; };
  floating = drv "floating" { __contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256"; };
in [
  plain several floating
  (fixed "sha1" "flat") (fixed "sha256" "recursive") (fixed "sha512" "recursive")
  (drv "top" { inputs = [ several.dev several.lib plain (fixed "sha256" "flat") ]; })
  (drv "structured" { __structuredAttrs = true; nested = { a = [ 1 2.5 null true ]; }; })
  (drv "deferred" { inputs = [ floating plain ]; })
]
"#;

/// Instantiates the expression; returns the Nix and the folder of its derivations.
fn instantiated() -> Option<(Nix, String, Vec<String>)> {
    let nix = Nix::empty()?;
    let file = nix.place.file("all.nix", EXPRESSION.as_bytes());
    nix.lines("nix-instantiate", &[&file]);
    let folder = format!("{}/nix/store", nix.root());
    let names = fs::read_dir(&folder).expect("the store");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.ends_with(".drv"));
    names.sort_unstable();
    assert_eq!(names.len(), 11);
    Some((nix, folder, names))
}

fn named(names: &[String], name: &str) -> String {
    let ending = format!("-{name}.drv");
    let found = names.iter().find(|found| found.ends_with(&ending));
    found.expect(name).clone()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn derivations_of_nix_are_shown_as_nix_shows_them_and_printed_byte_for_byte() {
    let Some((nix, folder, names)) = instantiated() else {
        return;
    };
    for name in &names {
        let (path, file) = (format!("/nix/store/{name}"), format!("{folder}/{name}"));
        let ours = ok(&["drv", "show", &file, "--format", "unversioned"]);
        let theirs = nix.text("nix", &["show-derivation", &path]);
        assert_eq!(json(&ours), json(&theirs), "{name}");
        let bytes = fs::read(&file).expect("the derivation");
        assert!(run(&["drv", "print", &file], b"").stdout == bytes, "{name}");
        assert!(
            run(&["drv", "print", &file, "--check"], b"").stdout == bytes,
            "{name}"
        );
    }
}

#[test]
fn the_paths_that_are_computed_are_those_of_nix() {
    let Some((nix, folder, names)) = instantiated() else {
        return;
    };
    for name in &names {
        let found = ok(&["drv", "paths", "--check", &format!("{folder}/{name}")]);
        let known = found.lines().filter(|line| !line.ends_with(" -"));
        let mut paths: Vec<&str> = known
            .filter_map(|line| Some(line.split_once(' ')?.1))
            .collect();
        paths.sort_unstable();
        if name.contains("-floating") || name.contains("-deferred") {
            assert_eq!(found, "out -\n");
            continue;
        }
        let path = format!("/nix/store/{name}");
        assert_eq!(
            paths,
            nix.lines("nix-store", &["--query", "--outputs", &path])
        );
    }
    let several = format!("{folder}/{}", named(&names, "several"));
    let outputs = ok(&["drv", "paths", &several]);
    let outputs: Vec<&str> = outputs
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(outputs, ["dev", "lib", "out"]);
}

#[test]
fn paths_are_computed_whatever_the_derivation_states() {
    let Some((_nix, folder, names)) = instantiated() else {
        return;
    };
    let place = Place::new();
    for name in &names {
        fs::copy(format!("{folder}/{name}"), place.path(name)).expect("a copy");
    }
    let top = named(&names, "top");
    let right = ok(&["drv", "paths", &format!("{folder}/{top}")]);
    let path = right.trim_end().strip_prefix("out ").expect("one output");
    let wrong = path
        .replace(
            "/nix/store/",
            "/nix/store/00000000000000000000000000000000-",
        )
        .replacen(&path["/nix/store/".len().."/nix/store/".len() + 33], "", 1);
    let text = fs::read_to_string(place.path(&top)).expect("the derivation");
    let lying = place.file("top.drv", text.replace(path, &wrong).as_bytes());
    assert_eq!(ok(&["drv", "paths", &lying]), right);
    let error = refused(&["drv", "paths", "--check", &lying], b"", 1);
    let says = path.strip_prefix("/nix/store/").expect("a store path");
    assert!(
        error.ends_with(&format!(", it should be {says}\n")),
        "{error}"
    );
    assert!(
        error.starts_with(&format!("netabase: {lying}: ")),
        "{error}"
    );
    let empty = place.file("top.drv", text.replace(path, "").as_bytes());
    assert_eq!(ok(&["drv", "paths", &empty]), right);
    let other = text.replace("/bin/sh", "/bin/zsh");
    let other = ok(&["drv", "paths", &place.file("top.drv", other.as_bytes())]);
    assert_ne!(other, right);
}

#[test]
fn an_input_that_is_missing_or_another_is_named() {
    let Some((nix, folder, names)) = instantiated() else {
        return;
    };
    let place = Place::new();
    let (top, several) = (named(&names, "top"), named(&names, "several"));
    for name in &names {
        fs::copy(format!("{folder}/{name}"), place.path(name)).expect("a copy");
    }
    let file = place.path(&top);
    fs::remove_file(place.path(&several)).expect("the file");
    let error = refused(&["drv", "paths", &file], b"", 1);
    let says = format!("look up the input derivation {several}: it is not in ");
    assert!(error.contains(&says), "{error}");
    let right = ok(&["drv", "paths", &format!("{folder}/{top}")]);
    assert_eq!(ok(&["drv", "paths", &file, "--store", &nix.root()]), right);

    let plain = fs::read(place.path(&named(&names, "plain"))).expect("the derivation");
    place.file(&several, &plain);
    let error = refused(&["drv", "paths", &file], b"", 1);
    let says = format!("{several} holds what belongs at ");
    assert!(error.contains(&says), "{error}");
    place.file(&several, &plain[..100]);
    let error = refused(&["drv", "paths", &file], b"", 1);
    let says = format!("{several}: read derivation at byte ");
    assert!(error.contains(&says), "{error}");
}

#[test]
fn a_derivation_in_a_store_is_found_by_path_base_name_and_hash() {
    let Some((nix, folder, names)) = instantiated() else {
        return;
    };
    let name = named(&names, "plain");
    let expected = ok(&["drv", "show", &format!("{folder}/{name}")]);
    let root = nix.root();
    for text in [&name, &name[..32], &format!("/nix/store/{name}")] {
        assert_eq!(ok(&["drv", "show", text, "--store", &root]), expected);
    }
    let entries = fs::read_dir(&folder).expect("the store");
    let entries = entries.map(|entry| entry.expect("an entry").file_name());
    let source = entries.filter_map(|name| name.into_string().ok());
    let source = source.into_iter().find(|name| name.ends_with("-source"));
    let source = source.expect("the source");
    for text in [&source[..], &source[..32]] {
        let error = refused(&["drv", "show", text, "--store", &root], b"", 1);
        let says = format!("netabase: {source} is no derivation: its name does not end in .drv\n");
        assert_eq!(error, says);
    }
    let absent = "0".repeat(32);
    let error = refused(&["drv", "show", &absent, "--store", &root], b"", 1);
    assert_eq!(
        error,
        format!("netabase: no derivation in {folder} has the hash part {absent}\n")
    );
    fs::write(format!("{folder}/{}-other.drv", &name[..32]), "").expect("a file");
    let error = refused(&["drv", "show", &name[..32], "--store", &root], b"", 1);
    assert!(error.contains("the same hash part"), "{error}");
}

#[test]
fn conformance_files_are_shown_as_their_json_and_printed_byte_for_byte() {
    let Some(folder) = shared("conformance/nix/libstore/derivation") else {
        return;
    };
    let mut compared = 0;
    let own_names = ["source", "intermediate", "parent"];
    for sub in ["", "ca", "ia", "hash-modulo"] {
        for entry in fs::read_dir(folder.join(sub)).expect("the folder") {
            let file = entry.expect("an entry").path();
            let file = file.to_str().expect("UTF-8");
            let stem = Path::new(file)
                .file_stem()
                .and_then(|stem| stem.to_str())
                .expect("a name");
            let skipped =
                stem.starts_with("bad-") || stem.ends_with("-modulo") || stem == "firefox";
            if !file.ends_with(".drv") || skipped {
                continue;
            }
            let name = own_names
                .iter()
                .find(|name| stem.starts_with(&format!("{name}-")));
            let name = ["--name", name.copied().unwrap_or(stem)];
            let bytes = fs::read(file).expect("the derivation");
            let print = [&["drv", "print", file, "--check"], &name[..]].concat();
            assert!(run(&print, b"").stdout == bytes, "{file}");
            if let Ok(expected) = fs::read_to_string(Path::new(file).with_extension("json")) {
                let show = [&["drv", "show", file, "--bare"], &name[..]].concat();
                assert_eq!(json(&ok(&show)), json(&expected), "{file}");
                let map = json(&ok(&["drv", "show", file, name[0], name[1]]));
                let map = map["derivations"].as_object().expect("a map");
                let ending = format!("-{}.drv", name[1]);
                assert!(map.keys().all(|key| key.ends_with(&ending)), "{file}");
                assert_eq!(map.values().collect::<Vec<_>>(), [&json(&expected)]);
                compared += 1;
            }
        }
    }
    assert!(compared >= 9, "{compared}");
}

#[test]
fn what_is_no_derivation_is_refused_with_the_place() {
    let Some(folder) = shared("conformance/nix/libstore/derivation") else {
        return;
    };
    let folder = folder.to_str().expect("UTF-8");
    let check = |name: &str, says: &str| {
        let file = format!("{folder}/{name}.drv");
        for command in ["show", "print", "paths"] {
            let error = refused(&["drv", command, &file], b"", 1);
            assert_eq!(error, format!("netabase: {file}: {says}\n"));
        }
    };
    let version = "read derivation at byte 15: unknown format version \"invalid-version\"";
    check("bad-version", version);
    check(
        "bad-old-version-dyn-deps",
        "read derivation at byte 67: expected `[`",
    );
    let firefox = format!("{folder}/firefox.drv");
    let error = refused(&["drv", "print", "--check", &firefox], b"", 1);
    assert!(
        error.ends_with("at byte 132: not in canonical form\n"),
        "{error}"
    );
    let printed = run(&["drv", "print", &firefox], b"").stdout;
    assert_eq!(printed.len(), fs::read(&firefox).expect("the file").len());
}

#[test]
fn every_cut_of_a_derivation_is_refused() {
    let place = Place::new();
    let text = br#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[("out","")])"#;
    for cut in (0..text.len()).step_by(5) {
        let file = place.file("cut.drv", &text[..cut]);
        let error = refused(&["drv", "show", &file], b"", 1);
        let says = format!("netabase: {file}: read derivation at byte ");
        assert!(error.starts_with(&says), "{error}");
    }
    let file = place.file("hello.drv", text);
    let path = ok(&["drv", "paths", &file]);
    assert!(
        path.starts_with("out /nix/store/") && path.ends_with("-hello\n"),
        "{path}"
    );
    let hash_part = &path["out /nix/store/".len()..][..32];
    let elsewhere = ok(&["drv", "paths", &file, "--store-dir", "/gnu/store"]);
    assert!(elsewhere.starts_with("out /gnu/store/"), "{elsewhere}");
    assert!(!elsewhere.contains(hash_part));
    let renamed = ok(&["drv", "paths", &file, "--name", "bye"]);
    assert!(renamed.ends_with("-bye\n"), "{renamed}");
}

#[test]
fn what_names_no_derivation_is_refused() {
    let place = Place::new();
    let gone = place.path("gone.drv");
    let error = refused(&["drv", "show", &gone], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: read {gone}: ")),
        "{error}"
    );
    let error = refused(&["drv", "show", "hello"], b"", 1);
    assert_eq!(
        error,
        "netabase: \"hello\" is neither a file nor the path, base name or hash part of a derivation\n"
    );
    let file = place.file("derivation", b"Derive(");
    let error = refused(&["drv", "show", &file], b"", 1);
    assert!(
        error.ends_with("does not end in .drv: say the derivation's by --name\n"),
        "{error}"
    );
    let odd = place.file("od d.drv", b"Derive(");
    let error = refused(&["drv", "show", &odd], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: {odd}: the name of the derivation: ")),
        "{error}"
    );
    for (store_dir, says) in [("nix/store", "not absolute"), ("/nix/../store", "`..`")] {
        let error = refused(&["drv", "show", &file, "--store-dir", store_dir], b"", 1);
        assert!(
            error.starts_with(&format!("netabase: the store dir \"{store_dir}\": ")),
            "{error}"
        );
        assert!(error.contains(says), "{error}");
    }
    let latin = place.path("latin.drv");
    let text =
        b"Derive([(\"out\",\"\",\"\",\"\")],[],[],\"s\",\"/bin/sh\",[\"\xff\"],[(\"out\",\"\")])";
    fs::write(&latin, text).expect("a file");
    let error = refused(&["drv", "show", &latin], b"", 1);
    assert!(
        error.ends_with("argument 0 is not UTF-8, which JSON must be\n"),
        "{error}"
    );
    assert_eq!(run(&["drv", "print", &latin], b"").stdout, text);
    for arguments in [
        &["drv", "show"][..],
        &["drv", "show", "x", "--format", "v5"],
    ] {
        refused(arguments, b"", 2);
    }
}
