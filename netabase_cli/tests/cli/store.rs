//! `netabase store`, and `netabase query` of such a store

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::Value;

use crate::support::{Place, missing, ok, refused, run, succeeded};

/// A folder with a file, a program and a symlink.
fn source(place: &Place) -> String {
    let folder = place.path("src");
    fs::create_dir(&folder).expect("a folder");
    fs::write(format!("{folder}/a"), "hello\n").expect("a file");
    fs::write(format!("{folder}/b"), "hello\n").expect("a file");
    fs::write(format!("{folder}/run"), "#!/bin/sh\n").expect("a file");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(format!("{folder}/run"), mode).expect("a program");
    std::os::unix::fs::symlink("a", format!("{folder}/link")).expect("a symlink");
    folder
}

fn line(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().expect("a line").to_owned();
    assert_eq!(lines.next(), None, "one line: {text}");
    first
}

/// Runs a command of Nix on a store below `root`.
fn nix_store(root: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new("nix-store")
        .args(["--store", root])
        .args(arguments)
        .env_remove("NIX_REMOTE")
        .output();
    let Ok(output) = output else {
        missing("nix-store cannot be run");
        return None;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn objects_have_the_paths_that_nix_gives_them() {
    let place = Place::new();
    let (source, depot, nix) = (source(&place), place.path("depot"), place.path("nix"));
    let file = format!("{source}/a");
    let ours = ok(&["store", "add", &source, &file, "--store", &depot]);
    let Some(theirs) = nix_store(&nix, &["--add", &source, &file]) else {
        return;
    };
    assert_eq!(ours, theirs);
    for algorithm in ["md5", "sha1", "sha256", "sha512"] {
        let ours = ok(&["store", "add-fixed", algorithm, &file, "--store", &depot]);
        let theirs = nix_store(&nix, &["--add-fixed", algorithm, &file]).expect("it ran before");
        assert_eq!(ours, theirs, "{algorithm}");
        let recursive = ["store", "add-fixed", algorithm, "--recursive", &source];
        let ours = ok(&[&recursive[..], &["--store", &depot]].concat());
        let arguments = ["--add-fixed", algorithm, "--recursive", &source];
        let theirs = nix_store(&nix, &arguments).expect("it ran before");
        assert_eq!(ours, theirs, "{algorithm}, recursive");
    }
    let path = line(&ok(&["store", "add", &source, "--store", &depot]));
    let ours = run(&["store", "dump", &path, "--store", &depot], b"").stdout;
    let theirs = Command::new("nix-store").args(["--dump", &source]).output();
    assert!(ours == theirs.expect("it ran before").stdout);
}

#[test]
fn what_one_store_exports_the_other_imports() {
    let place = Place::new();
    let (source, depot, nix) = (source(&place), place.path("depot"), place.path("nix"));
    let path = line(&ok(&["store", "add", &source, "--store", &depot]));
    let stream = run(&["store", "export", &path, "--store", &depot], b"").stdout;
    let copy = place.path("copy");
    let imported = run(&["store", "import", "--store", &copy], &stream);
    assert_eq!(line(&succeeded(imported)), path);
    assert!(ok(&["store", "verify", "--check-contents", "--store", &copy]).contains(" 0 problems"));
    if nix_store(&nix, &["--add", &source]).is_none() {
        return;
    }
    let theirs = Command::new("nix-store")
        .args(["--store", &nix, "--export", &path])
        .output();
    assert!(stream == theirs.expect("it ran before").stdout);
    // A stream that is cut brings nothing.
    let half = &stream[..stream.len() / 2];
    let error = refused(
        &["store", "import", "--store", &place.path("half")],
        half,
        1,
    );
    assert!(error.contains("unpack an exported object"), "{error}");
}

#[test]
fn questions_about_objects_are_answered() {
    let place = Place::new();
    let (source, depot) = (source(&place), place.path("depot"));
    let path = line(&ok(&["store", "add", &source, "--store", &depot]));
    let ask = |question: &str| ok(&["query", question, &path, "--store", &depot]);
    assert_eq!(ask("requisites"), format!("{path}\n"));
    assert_eq!(ask("references"), "");
    assert_eq!(ask("deriver"), "unknown-deriver\n");
    let info = ok(&["query", "info", &path, "--store", &depot, "--json"]);
    let info: Value = serde_json::from_str(&info).expect("JSON");
    let hash = ok(&["nar", "hash", &source]);
    let size = hash.trim_end().rsplit(' ').next().expect("a size");
    assert_eq!(info[&path]["narSize"].to_string(), size);
    let base_name = path.trim_start_matches("/nix/store/");
    for name in [base_name, &base_name[..32]] {
        assert_eq!(
            ok(&["query", "requisites", name, "--store", &depot]),
            format!("{path}\n")
        );
    }
    let error = refused(&["query", "outputs", &path, "--store", &depot], b"", 1);
    assert!(error.contains("is no derivation"), "{error}");
}

#[test]
fn collection_keeps_what_a_root_leads_to() {
    let place = Place::new();
    let (source, depot) = (source(&place), place.path("depot"));
    let kept = line(&ok(&["store", "add", &source, "--store", &depot]));
    let file = format!("{source}/a");
    let gone = line(&ok(&["store", "add", &file, "--store", &depot]));
    let link = place.path("result");
    ok(&["store", "add-root", &link, &kept, "--store", &depot]);
    let gc = |what: &str| ok(&["store", "gc", what, "--store", &depot]);
    assert_eq!(gc("--print-live"), format!("{kept}\n"));
    assert_eq!(gc("--print-dead"), format!("{gone}\n"));
    assert!(gc("--print-roots").ends_with(&format!(" -> {kept}\n")));
    let error = refused(&["store", "delete", &kept, "--store", &depot], b"", 1);
    assert!(error.contains(&kept["/nix/store/".len()..]), "{error}");
    let done = ok(&["store", "gc", "--store", &depot]);
    assert!(done.starts_with("1 store paths deleted, "), "{done}");
    assert!(!Path::new(&format!("{depot}{gone}")).exists());
    fs::remove_file(&link).expect("a symlink");
    let done = ok(&["store", "delete", &kept, "--store", &depot]);
    assert!(done.starts_with("1 store paths deleted, "), "{done}");
    assert!(!Path::new(&format!("{depot}{kept}")).exists());
}

#[test]
fn damage_is_found_and_repaired_from_another_store() {
    let place = Place::new();
    let (source, depot, other) = (source(&place), place.path("depot"), place.path("other"));
    let path = line(&ok(&["store", "add", &source, "--store", &depot]));
    let copied = ok(&["store", "copy", &path, "--store", &depot, "--to", &other]);
    assert!(copied.starts_with("copied 1 paths, "), "{copied}");
    let saved = ok(&["store", "optimise", "--store", &depot]);
    assert!(saved.contains(" by hard-linking 1 files"), "{saved}");
    let file = format!("{other}{path}/a");
    fs::remove_file(&file).expect("it lies there");
    fs::write(&file, "hallo\n").expect("a file");
    let verify = ["store", "verify", "--check-contents", "--store", &other];
    let output = run(&verify, b"");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(told.contains("is damaged"), "{told}");
    let repaired = ok(&[&verify[..], &["--repair", "--from", &depot]].concat());
    assert!(
        repaired.contains(&format!("repaired {path}\n")),
        "{repaired}"
    );
    assert!(ok(&verify).contains(" 0 problems"));
    assert_eq!(fs::read(file).expect("it is back"), b"hello\n");
}

#[test]
fn objects_that_lie_there_are_registered() {
    let place = Place::new();
    let (source, depot, other) = (source(&place), place.path("depot"), place.path("other"));
    let path = line(&ok(&["store", "add", &source, "--store", &depot]));
    fs::create_dir_all(format!("{other}/nix/store")).expect("a folder");
    let (from, to) = (format!("{depot}{path}"), format!("{other}{path}"));
    let copied = Command::new("cp").args(["-a", &from, &to]).status();
    assert!(copied.expect("cp runs").success());
    let register = ["store", "register", "--store", &other];
    succeeded(run(&register, format!("{path}\n\n0\n").as_bytes()));
    assert_eq!(
        ok(&["query", "requisites", &path, "--store", &other]),
        format!("{path}\n")
    );
    let error = refused(&register, format!("{path}\n\nmany\n").as_bytes(), 1);
    assert!(error.contains("line 3 of standard input"), "{error}");
}

#[test]
fn what_cannot_be_done_is_one_clear_line() {
    let place = Place::new();
    let (source, depot) = (source(&place), place.path("depot"));
    let error = refused(&["query", "info", "x", "--store", &depot], b"", 1);
    assert!(error.contains("there is no store of objects at"), "{error}");
    let error = refused(
        &["store", "add", &source, "--name", "a/b", "--store", &depot],
        b"",
        1,
    );
    assert!(error.contains("cannot have the name"), "{error}");
    assert!(!Path::new(&depot).exists(), "and no store was made");
    let error = refused(
        &["store", "add", &source, "--mode", "flat", "--store", &depot],
        b"",
        1,
    );
    assert!(error.lines().count() == 1, "{error}");
    refused(
        &[
            "store",
            "add",
            &source,
            "--store",
            "https://cache.nixos.org",
        ],
        b"",
        2,
    );
    refused(
        &["store", "add", &source, "--store", "local?rot=/mnt"],
        b"",
        2,
    );
    let read_only = format!("{depot}?read-only=true");
    ok(&["store", "add", &source, "--store", &depot]);
    let error = refused(&["store", "gc", "--store", &read_only], b"", 1);
    assert!(error.contains("may only be read"), "{error}");
}

#[test]
fn a_store_of_ours_is_one_of_nix_once_its_database_is_exported() {
    let place = Place::new();
    let (source, depot, copied) = (source(&place), place.path("depot"), place.path("copied"));
    let file = format!("{source}/a");
    let paths = [
        line(&ok(&["store", "add", &source, "--store", &depot])),
        line(&ok(&[
            "store",
            "add-fixed",
            "sha1",
            &file,
            "--store",
            &depot,
        ])),
        line(&ok(&[
            "store", "add", &file, "--mode", "text", "--store", &depot,
        ])),
    ];
    let state = format!("{depot}/nix/var/nix/db");
    let (ours, theirs) = (
        format!("{state}/netabase.redb"),
        format!("{state}/db.sqlite"),
    );
    ok(&["export", "nix-db", &theirs, "--db", &ours]);
    if nix_store(&depot, &["--verify", "--check-contents"]).is_none() {
        return;
    }
    for path in &paths {
        let hash = nix_store(&depot, &["-q", "--hash", path]).expect("it ran before");
        let nar = ok(&["query", "info", path, "--store", &depot]);
        assert!(nar.contains(hash.trim_end()), "{nar} {hash}");
    }
    let nix = |arguments: &[&str]| {
        let mut command = Command::new("nix");
        command.args(["--extra-experimental-features", "nix-command"]);
        let output = command.args(arguments).env_remove("NIX_REMOTE").output();
        let output = output.expect("nix runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
    };
    nix(&["store", "verify", "--all", "--no-trust", "--store", &depot]);
    let copy = ["copy", "--no-check-sigs", "--all", "--from", &depot];
    nix(&[&copy[..], &["--to", &copied]].concat());
    for path in &paths {
        assert!(Path::new(&format!("{copied}{path}")).exists());
    }
    // What Nix's database may know is not collected by ours.
    let error = refused(&["store", "gc", "--store", &depot], b"", 1);
    assert!(error.contains("db.sqlite"), "{error}");
}
