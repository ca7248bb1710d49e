//! `netabase drv` on derivation files that the library wrote.

use std::{collections::BTreeMap, fs};

use nix_core::{
    derivation::{Derivation, DerivationModulo},
    hash::Sha256,
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePathName},
};
use nix_store::drv_files::{BuildHash, DrvFiles, Recorded};
use serde_json::Value;

use crate::support::{Place, ok, refused, run};

/// A derivation with its output path filled in.
fn derivation(name: &str, args: &str) -> Derivation {
    let store_dir = StoreDir::default();
    let text = format!(
        r#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",["{args}"],[("name","{name}"),("out","")])"#
    );
    let name = StorePathName::new(name).expect("a name");
    let drv = Derivation::parse_aterm(&store_dir, name, text.as_bytes()).expect("a derivation");
    let none = BTreeMap::new();
    let filled = drv.fill_outputs(&mut DerivationModulo::new(&store_dir, &none));
    filled.expect("outputs").into_derivation()
}

/// A state directory in which builds are recorded.
struct Builds {
    place: Place,
    state: String,
}

impl Builds {
    /// Below the root of a store, or the folder itself.
    fn new(below: &str) -> Self {
        let place = Place::new();
        let state = place.path(below);
        fs::create_dir_all(&state).expect("a folder");
        Self { place, state }
    }

    fn files(&self) -> DrvFiles {
        DrvFiles::open(&self.state, StoreDir::default()).expect("the directories")
    }

    fn root(&self) -> String {
        self.place.path(".")
    }

    fn record(&self, drv: &Derivation, archive: &[u8]) -> BuildHash {
        let store_dir = StoreDir::default();
        let out = OutputName::out();
        let path = drv
            .outputs
            .get(&out)
            .expect("an output")
            .path(&store_dir, &drv.name, &out);
        let path = path.expect("a path").expect("a path that is known");
        let info = PathInfo::new(path, Sha256::of(archive), archive.len() as u64);
        let none = BTreeMap::new();
        let recorded = self
            .files()
            .record(&none, drv, &BTreeMap::from([(out, info)]));
        match recorded.expect("recorded") {
            Recorded::Done(build) => build.build_hash,
            Recorded::Deferred => panic!("nothing is deferred"),
        }
    }

    fn out_path(drv: &Derivation) -> String {
        let out = OutputName::out();
        let path =
            drv.outputs
                .get(&out)
                .expect("an output")
                .path(&StoreDir::default(), &drv.name, &out);
        let path = path.expect("a path").expect("a path that is known");
        StoreDir::default().print(&path)
    }
}

#[test]
fn what_is_recorded_is_listed_wherever_the_state_lies() {
    for below in ["nix/var/nix", "."] {
        let builds = Builds::new(below);
        let root = builds.root();
        assert_eq!(ok(&["drv", "list", "--store", &root]), "");
        let mut expected = Vec::new();
        for name in ["one", "two", "three"] {
            let hash = builds.record(&derivation(name, ""), b"");
            expected.push(format!("{hash} {name}\n"));
        }
        expected.sort();
        assert_eq!(ok(&["drv", "list", "--store", &root]), expected.concat());
    }
}

#[test]
fn a_build_hash_or_its_beginning_names_a_derivation_everywhere() {
    let builds = Builds::new("nix/var/nix");
    let drv = derivation("hello", "x");
    let hash = builds.record(&drv, b"").to_string();
    let root = builds.root();
    let store_dir = StoreDir::default();
    let aterm = drv.to_aterm(&store_dir).expect("an ATerm");
    let file = builds.place.file("hello.drv", &aterm);
    for text in [&hash[..], &hash[..6], &hash[..32], &hash[..51]] {
        let shown = ok(&["drv", "show", text, "--store", &root]);
        assert_eq!(shown, ok(&["drv", "show", &file]));
        let printed = run(&["drv", "print", text, "--store", &root], b"");
        assert!(printed.stdout == aterm);
        let paths = ok(&["drv", "paths", text, "--check", "--store", &root]);
        assert_eq!(paths, format!("out {}\n", Builds::out_path(&drv)));
    }
    let lies = builds.files().file(&hash.parse().expect("a hash"));
    let lies = lies.to_str().expect("UTF-8");
    let diff = ok(&["drv", "diff", lies, &file]);
    assert_eq!(diff, "");
}

#[test]
fn outputs_are_printed_and_those_that_differ_are_numbered() {
    let builds = Builds::new("nix/var/nix");
    let drv = derivation("hello", "x");
    let hash = builds.record(&drv, b"one").to_string();
    let root = builds.root();
    let path = Builds::out_path(&drv);
    let sri = |archive: &[u8]| {
        let hash = nix_core::hash::Hash::from(Sha256::of(archive));
        hash.to_text(nix_core::hash::HashFormat::Sri)
    };
    let one = format!("out {path} {} 3\n", sri(b"one"));
    assert_eq!(ok(&["drv", "outputs", &hash, "--store", &root]), one);
    builds.record(&drv, b"other");
    let two = format!("1 {one}2 out {path} {} 5\n", sri(b"other"));
    assert_eq!(ok(&["drv", "outputs", &hash[..8], "--store", &root]), two);
    let json = ok(&["drv", "outputs", &hash, "--store", &root, "--json"]);
    let on_disk = fs::read_to_string(format!("{}/drv-out/{hash}", builds.state));
    assert_eq!(json, on_disk.expect("the file"));
}

#[test]
fn differences_are_printed_between_whatever_holds_derivations() {
    let builds = Builds::new("nix/var/nix");
    let (one, two) = (derivation("hello", "one"), derivation("hello", "two"));
    let (hash_one, hash_two) = (builds.record(&one, b""), builds.record(&two, b""));
    let (hash_one, hash_two) = (hash_one.to_string(), hash_two.to_string());
    let root = builds.root();
    let store_dir = StoreDir::default();
    let drv = builds.place.file("two.drv", b"");
    let aterm = two.to_aterm(&store_dir).expect("an ATerm");
    let drv = drv.replace("two.drv", "hello.drv");
    fs::write(&drv, aterm).expect("a file");
    let bare = ok(&["drv", "show", &hash_two, "--bare", "--store", &root]);
    let map = ok(&["drv", "show", &hash_two, "--store", &root]);
    let old = ok(&[
        "drv",
        "show",
        &hash_two,
        "--format",
        "unversioned",
        "--store",
        &root,
    ]);
    let bare = builds.place.file("bare.json", bare.as_bytes());
    let map = builds.place.file("map.json", map.as_bytes());
    let old = builds.place.file("old.json", old.as_bytes());
    let path = |drv| Builds::out_path(drv);
    let base = |drv| path(drv).trim_start_matches("/nix/store/").to_owned();
    let expected = format!(
        "argument 0\n- \"one\"\n+ \"two\"\nvariable \"out\"\n- \"{}\"\n+ \"{}\"\noutput out\n\
         - \"{{\\\"path\\\":\\\"{}\\\"}}\"\n+ \"{{\\\"path\\\":\\\"{}\\\"}}\"\n",
        path(&one),
        path(&two),
        base(&one),
        base(&two),
    );
    for other in [&hash_two, &drv, &bare, &map, &old] {
        let found = ok(&["drv", "diff", &hash_one[..10], other, "--store", &root]);
        assert_eq!(found, expected, "{other}");
        assert_eq!(ok(&["drv", "diff", other, &hash_two, "--store", &root]), "");
    }
    let json = ok(&[
        "drv", "diff", &hash_one, &hash_two, "--json", "--store", &root,
    ]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json[0]["part"], "argument");
    assert_eq!(json[0]["to"], "two");
    let none = ok(&[
        "drv", "diff", &hash_one, &hash_one, "--json", "--store", &root,
    ]);
    assert_eq!(none, "[]\n");
}

#[test]
fn a_build_hash_that_names_none_or_several_is_refused() {
    let builds = Builds::new("nix/var/nix");
    let hash = builds.record(&derivation("hello", ""), b"").to_string();
    let root = builds.root();
    let folder = format!("{root}/nix/var/nix/drv");
    let absent = "0".repeat(52);
    for command in ["show", "print", "paths"] {
        let error = refused(&["drv", command, &absent, "--store", &root], b"", 1);
        let says =
            format!("netabase: the derivation file {folder}/{absent}.drv: there is no such file\n");
        assert_eq!(error, says);
    }
    let error = refused(&["drv", "outputs", &absent, "--store", &root], b"", 1);
    assert_eq!(
        error,
        format!("netabase: no outputs are recorded of the build hash {absent}\n")
    );
    for text in ["000000", "../../../etc/passwd", &hash[..5], ""] {
        let error = refused(&["drv", "outputs", text, "--store", &root], b"", 1);
        assert_eq!(
            error,
            format!("netabase: no build hash in {folder} begins with {text}\n")
        );
    }
    let last = if hash.ends_with('0') { "1" } else { "0" };
    let other = format!("{}{last}", &hash[..51]);
    fs::copy(
        format!("{folder}/{hash}.drv"),
        format!("{folder}/{other}.drv"),
    )
    .expect("a copy");
    let error = refused(&["drv", "show", &hash[..20], "--store", &root], b"", 1);
    assert!(
        error.ends_with(" begin so: say more of the build hash\n"),
        "{error}"
    );
    let error = refused(&["drv", "show", "zzz", "--store", &root], b"", 1);
    assert!(error.contains("is neither a file nor"), "{error}");
    let error = refused(&["drv", "diff", &hash, &absent, "--store", &root], b"", 1);
    assert!(error.contains("there is no such file"), "{error}");
}

#[test]
fn damaged_and_foreign_files_are_named_after_the_good_ones() {
    let builds = Builds::new("nix/var/nix");
    let hash = builds.record(&derivation("hello", ""), b"").to_string();
    let root = builds.root();
    let folder = format!("{root}/nix/var/nix/drv");
    let list = |says: &str| {
        let output = run(&["drv", "list", "--store", &root], b"");
        assert_eq!(output.status.code(), Some(1));
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(printed, format!("{hash} hello\n"));
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(error, format!("netabase: {says}\n"));
    };
    fs::write(format!("{folder}/b-foreign"), "").expect("a file");
    fs::write(format!("{folder}/a-foreign"), "").expect("a file");
    list(&format!(
        "{folder}/a-foreign is no derivation file, and 1 more"
    ));
    let damaged = format!("{folder}/{}.drv", "0".repeat(52));
    fs::write(&damaged, "{").expect("a file");
    list(&format!(
        "the derivation file {damaged}: it holds no derivation: malformed JSON at line 1, column 1"
    ));
    let error = refused(&["drv", "show", &"0".repeat(52), "--store", &root], b"", 1);
    assert!(error.contains("malformed JSON"), "{error}");
}

#[test]
fn json_that_holds_no_derivation_or_several_is_refused() {
    let place = Place::new();
    let store_dir = StoreDir::default();
    let several = nix_core::derivation::write_derivations(
        &store_dir,
        nix_core::derivation::DerivationJson::V4,
        [
            (
                &derivation("a", "").path(&store_dir).expect("a path"),
                &derivation("a", ""),
            ),
            (
                &derivation("b", "").path(&store_dir).expect("a path"),
                &derivation("b", ""),
            ),
        ],
    );
    let several = place.file(
        "several.json",
        several.expect("JSON").to_string().as_bytes(),
    );
    let error = refused(&["drv", "diff", &several, &several], b"", 1);
    assert_eq!(
        error,
        format!("netabase: {several}: it holds 2 derivations, not one\n")
    );
    for (text, says) in [
        ("{}", "it holds 0 derivations, not one"),
        ("{", "malformed JSON at line 1, column 1"),
        (r#"{"builder": 1}"#, "at .version"),
    ] {
        let file = place.file("x.json", text.as_bytes());
        let error = refused(&["drv", "diff", &file, &file], b"", 1);
        assert!(error.starts_with(&format!("netabase: {file}: ")), "{error}");
        if says != "at .version" {
            assert!(error.contains(says), "{error}");
        }
    }
}
