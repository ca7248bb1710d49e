//! How `netabase store` adds objects: executable, shared, linked, with what they mention

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use crate::support::{Place, missing, ok, refused, run};

fn line(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().expect("a line").to_owned();
    assert_eq!(lines.next(), None, "one line: {text}");
    first
}

fn add(file: &str, store: &str, more: &[&str]) -> String {
    let arguments = ["store", "add", file, "--store", store];
    line(&ok(&[&arguments[..], more].concat()))
}

fn inode(store: &str, path: &str) -> u64 {
    let metadata = fs::metadata(format!("{store}{path}"));
    metadata.expect("it lies there").ino()
}

/// Runs a command of Nix.
fn nix(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    if program == "nix" {
        command.args(["--extra-experimental-features", "nix-command"]);
    }
    let output = command.args(arguments).env_remove("NIX_REMOTE").output();
    let Ok(output) = output else {
        missing("Nix cannot be run");
        return None;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn a_program_that_is_added_fixed_stays_one_as_nix_has_it() {
    let place = Place::new();
    let (depot, theirs) = (place.path("depot"), place.path("theirs"));
    let file = place.file("run", b"#!/bin/sh\n");
    for (mode, sealed) in [(0o755, 0o555), (0o644, 0o444)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
        let (depot, theirs) = (format!("{depot}{mode}"), format!("{theirs}{mode}"));
        let path = line(&ok(&[
            "store",
            "add-fixed",
            "sha256",
            &file,
            "--store",
            &depot,
        ]));
        let mode_of = |store: &str| {
            let metadata = fs::metadata(format!("{store}{path}"));
            metadata.expect("it lies there").mode() & 0o777
        };
        assert_eq!(mode_of(&depot), sealed);
        let arguments = ["--store", &theirs, "--add-fixed", "sha256", &file];
        let Some(added) = nix("nix-store", &arguments) else {
            return;
        };
        assert_eq!(line(&added), path);
        assert_eq!(mode_of(&theirs), sealed);
    }
}

#[test]
fn equal_files_are_shared_where_that_is_asked_for() {
    let place = Place::new();
    let file = place.file("file", b"the same");
    for (options, is_shared) in [(&[][..], false), (&["--optimise"][..], true)] {
        let depot = place.path(&format!("depot-{is_shared}"));
        let named = |name| add(&file, &depot, &[&["--name", name][..], options].concat());
        let (a, b) = (named("a"), named("b"));
        assert_eq!(inode(&depot, &a) == inode(&depot, &b), is_shared);
        let stream = run(&["store", "export", &a, "--store", &depot], b"").stdout;
        let copy = place.path(&format!("copy-{is_shared}"));
        let copied = ["store", "copy", &b, "--store", &depot, "--to", &copy];
        ok(&[&copied[..], options].concat());
        let import = ["store", "import", "--store", &copy];
        let imported = run(&[&import[..], options].concat(), &stream);
        assert_eq!(imported.status.code(), Some(0));
        assert_eq!(inode(&copy, &a) == inode(&copy, &b), is_shared);
    }
}

#[test]
fn what_cannot_be_shared_is_added_and_told() {
    let place = Place::new();
    let (depot, file) = (place.path("depot"), place.file("file", b"contents"));
    fs::create_dir_all(format!("{depot}/nix/store")).expect("a folder");
    fs::write(format!("{depot}/nix/store/.links"), "no folder").expect("a file");
    let output = run(
        &["store", "add", &file, "--optimise", "--store", &depot],
        b"",
    );
    assert_eq!(output.status.code(), Some(0));
    let path = line(&String::from_utf8(output.stdout).expect("UTF-8"));
    let told = line(&String::from_utf8(output.stderr).expect("UTF-8"));
    assert!(
        told.starts_with("netabase: the files of 1 objects"),
        "{told}"
    );
    assert!(told.contains(&path), "{told}");
    let question = ["query", "requisites", &path, "--store", &depot];
    assert_eq!(line(&ok(&question)), path);
}

#[test]
fn a_copy_may_be_made_of_links() {
    let place = Place::new();
    let (depot, other) = (place.path("depot"), place.path("other"));
    let needed = add(&place.file("needed", b"12345678"), &depot, &[]);
    let text = place.file("text", format!("cat {needed}\n").as_bytes());
    let path = add(&text, &depot, &["--scan"]);
    let copy = [
        "store", "copy", &path, "--link", "--store", &depot, "--to", &other,
    ];
    let size = 8 + fs::metadata(&text).expect("a file").len();
    let expected = format!(
        "linked 2 paths: 2 files by hard links and 0 by their blocks, {size} bytes shared; 0 files \
         copied, 0 bytes; 0 were there\n"
    );
    assert_eq!(ok(&copy), expected);
    for path in [&needed, &path] {
        assert_eq!(inode(&other, path), inode(&depot, path));
    }
    assert!(ok(&copy).ends_with("; 2 were there\n"));
    let verify = ["store", "verify", "--check-contents", "--store", &other];
    assert!(ok(&verify).contains(" 0 problems"));
    // Without it nothing is shared.
    let apart = place.path("apart");
    ok(&["store", "copy", &path, "--store", &depot, "--to", &apart]);
    assert_ne!(inode(&apart, &path), inode(&depot, &path));
    // What is damaged is not taken over.
    let damaged = format!("{depot}{needed}");
    fs::remove_file(&damaged).expect("it lies there");
    fs::write(&damaged, "87654321").expect("a file");
    let third = place.path("third");
    let copy = [
        "store", "copy", &path, "--link", "--store", &depot, "--to", &third,
    ];
    let error = refused(&copy, b"", 1);
    assert!(error.contains("has the hash"), "{error}");
    assert!(!Path::new(&format!("{third}{needed}")).exists());
}

#[test]
fn what_is_scanned_refers_to_what_it_mentions_and_is_right_for_nix() {
    let place = Place::new();
    let depot = place.path("depot");
    let needed = add(&place.file("needed", b"contents"), &depot, &[]);
    let linked = add(&place.file("linked", b"others"), &depot, &[]);
    let folder = place.path("tree");
    fs::create_dir(&folder).expect("a folder");
    fs::write(format!("{folder}/a"), format!("{needed}/bin\n")).expect("a file");
    std::os::unix::fs::symlink(&linked, format!("{folder}/b")).expect("a symlink");
    let plain = add(&folder, &depot, &[]);
    let path = add(&folder, &depot, &["--scan"]);
    assert_ne!(path, plain);
    let text = place.file("text", format!("{path}\n").as_bytes());
    let text = add(&text, &depot, &["--scan", "--mode", "text"]);
    let references = |path: &str| ok(&["query", "references", path, "--store", &depot]);
    let mut both = [needed.as_str(), linked.as_str()];
    both.sort_unstable();
    assert_eq!(references(&path), format!("{}\n{}\n", both[0], both[1]));
    assert_eq!(references(&plain), "");
    assert_eq!(references(&text), format!("{path}\n"));
    // An address that has no references cannot have these.
    let error = refused(
        &[
            "store",
            "add",
            &folder,
            "--scan",
            "--hash-algo",
            "sha1",
            "--store",
            &depot,
        ],
        b"",
        1,
    );
    assert!(error.contains("compute the path of tree"), "{error}");

    let db = format!("{depot}/nix/var/nix/db");
    let (ours, theirs) = (format!("{db}/netabase.redb"), format!("{db}/db.sqlite"));
    ok(&["export", "nix-db", &theirs, "--db", &ours]);
    let verify = ["--store", &depot, "--verify", "--check-contents"];
    if nix("nix-store", &verify).is_none() {
        return;
    }
    for path in [&path, &plain, &text] {
        let said = nix(
            "nix-store",
            &["--store", &depot, "-q", "--references", path],
        );
        let said = said.expect("it ran before");
        let mut said: Vec<_> = said.lines().collect();
        said.sort_unstable();
        assert_eq!(said, references(path).lines().collect::<Vec<_>>());
    }
    // Without signatures Nix trusts only what lies where its content and references lead to.
    nix("nix", &["store", "verify", "--all", "--store", &depot]);

    let error = refused(&["store", "gc", "--store", &depot], b"", 1);
    assert!(error.contains("would delete `.netabase`"), "{error}");
}
