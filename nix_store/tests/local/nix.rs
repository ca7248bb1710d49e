//! A real Nix agrees: on paths, hashes, exported streams and the bytes of objects.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix_core::{
    content_address::ContentAddressMethod::{Flat, Nar},
    hash::Algorithm,
    store_path::StoreDir,
};
use nix_store::{
    local::{LocalStore, StoreLayout},
    path_info,
    store::{ReadStore, WriteStore},
};

use crate::support::{Folder, Place, check_all, method, missing, name, packed, quick, recursive};

/// A Nix whose store is in a folder of a place.
struct Nix<'p> {
    place: &'p Place,
    root: PathBuf,
}

impl<'p> Nix<'p> {
    fn new(place: &'p Place, root: &str) -> Option<Self> {
        if Command::new("nix-store").arg("--version").output().is_err() {
            missing("there is no Nix");
            return None;
        }
        let conf = b"experimental-features = nix-command\nbuild-users-group =\nsubstituters =\n";
        place.file("nix.conf", conf);
        let root = place.path(root);
        Some(Self { place, root })
    }

    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let folder = self.place.folder.path();
        let mut child = Command::new(program)
            .args(arguments)
            .env("HOME", folder)
            .env("NIX_CONF_DIR", folder)
            .env("NIX_REMOTE", format!("local?root={}", self.root.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Nix starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let written = std::thread::scope(|scope| {
            scope.spawn(|| {
                let written = stdin.write_all(input);
                drop(stdin);
                written
            });
            child.wait_with_output().expect("Nix ends")
        });
        let said = String::from_utf8_lossy(&written.stderr);
        assert!(written.status.success(), "{program} {arguments:?}: {said}");
        written.stdout
    }

    fn line(&self, program: &str, arguments: &[&str]) -> String {
        let printed = self.run(program, arguments, b"");
        String::from_utf8(printed).expect("UTF-8").trim().to_owned()
    }
}

fn sample(place: &Place) -> PathBuf {
    let tree = place.path("tree");
    fs::create_dir_all(tree.join("bin/empty")).expect("folders");
    fs::write(tree.join("bin/run"), "#!/bin/sh\n").expect("a file");
    fs::set_permissions(tree.join("bin/run"), fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::write(tree.join("empty"), "").expect("a file");
    fs::write(tree.join("text"), "text").expect("a file");
    symlink("../nowhere", tree.join("link")).expect("a symlink");
    tree
}

#[test]
fn what_is_added_has_the_path_and_the_hash_that_nix_gives_it() {
    let place = Place::new();
    let Some(nix) = Nix::new(&place, "theirs") else {
        return;
    };
    let tree = sample(&place);
    let file = tree.join("text");
    let print = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let cases = [
        (&tree, recursive(), vec!["--add"]),
        (&file, recursive(), vec!["--add"]),
        (
            &file,
            method(Flat, Algorithm::Sha256),
            vec!["--add-fixed", "sha256"],
        ),
        (
            &file,
            method(Flat, Algorithm::Sha512),
            vec!["--add-fixed", "sha512"],
        ),
        (
            &tree,
            method(Nar, Algorithm::Sha1),
            vec!["--recursive", "--add-fixed", "sha1"],
        ),
        (
            &tree,
            method(Nar, Algorithm::Sha256),
            vec!["--recursive", "--add-fixed", "sha256"],
        ),
    ];
    for (source, how, mut arguments) in cases {
        let own = source
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        let ours = place
            .store
            .add_path(source, &name(own), how)
            .expect("added");
        let source = print(source);
        arguments.push(&source);
        let theirs = nix.line("nix-store", &arguments);
        assert_eq!(
            place.store.store_dir().print(&ours.path),
            theirs,
            "{arguments:?}"
        );
        let hash = nix.line("nix-store", &["--query", "--hash", &theirs]);
        assert_eq!(ours.nar_hash.to_string(), hash);
        let dumped = nix.run(
            "nix-store",
            &["--dump", &print(&place.store.real_path(&ours.path))],
            b"",
        );
        assert_eq!(
            packed(&nix.root.join(theirs.trim_start_matches('/'))),
            dumped
        );
    }
    let theirs = nix.line(
        "nix",
        &["store", "add-path", &print(&tree), "--name", "other"],
    );
    let ours = place
        .store
        .add_path(&tree, &name("other"), recursive())
        .expect("added");
    assert_eq!(place.store.store_dir().print(&ours.path), theirs);
}

#[test]
fn a_text_has_the_path_that_builtins_to_file_gives_it() {
    let place = Place::new();
    let Some(nix) = Nix::new(&place, "theirs") else {
        return;
    };
    let needed = place
        .store
        .add_text(&name("needed"), b"text", &BTreeSet::new())
        .expect("added");
    let print = |path| place.store.store_dir().print(path);
    let contents = format!("see {}", print(&needed.path));
    let references = [needed.path.clone()].into();
    let ours = place
        .store
        .add_text(&name("needs"), contents.as_bytes(), &references);
    let ours = ours.expect("added");
    let expression = "builtins.toFile \"needs\" \"see ${builtins.toFile \"needed\" \"text\"}\"";
    let theirs = nix.line(
        "nix-instantiate",
        &["--eval", "--read-write-mode", "--expr", expression],
    );
    assert_eq!(format!("\"{}\"", print(&ours.path)), theirs);
    let found = nix.line(
        "nix-store",
        &["--query", "--references", theirs.trim_matches('"')],
    );
    assert_eq!(found, print(&needed.path));
}

/// Makes the corpus, whose store is then ours as well.
fn corpus(root: &Path) -> Option<LocalStore> {
    test_data::nix_corpus(root)?;
    let store_dir = StoreDir::new(root.join("store").to_str().expect("UTF-8"));
    let layout = StoreLayout {
        store_dir: store_dir.expect("a store dir"),
        real_store_dir: root.join("store"),
        state_dir: root.join("ours"),
    };
    Some(LocalStore::open(layout, &quick()).expect("a store"))
}

/// Runs a program of Nix on the corpus.
fn on_corpus(root: &Path, command: &str, input: &[u8]) -> Vec<u8> {
    let environment = "R=$1 . \"$2/tools/nix-corpus/env.sh\"";
    let mut child = Command::new("bash")
        .args(["-c", &format!("{environment}; {command}"), "bash"])
        .args([root, &test_data::folder()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("it ends")
    });
    assert!(output.status.success(), "{command}");
    output.stdout
}

#[test]
fn a_corpus_of_nix_is_registered_in_place_and_exported_byte_for_byte_as_nix_does() {
    let folder = Folder::new();
    let root = folder.path().join("corpus");
    let Some(store) = corpus(&root) else { return };
    let json = on_corpus(&root, "nix path-info --json --all", b"");
    let rows = path_info::Reader::with_store_dir(&json[..], store.store_dir().clone());
    let infos = rows.map(|row| {
        row.expect("a row")
            .to_path_info(store.store_dir())
            .expect("checked")
    });
    let infos: Vec<_> = infos.collect();
    assert!(infos.len() > 150);
    store.register(&infos).expect("registered");
    assert_eq!(check_all(&store), infos.len());
    on_corpus(&root, "nix-store --verify --check-contents", b"");

    let paths: Vec<_> = infos.iter().map(|info| info.path.clone()).collect();
    let mut ours = Vec::new();
    store.export(&paths, &mut ours).expect("written");
    let theirs = on_corpus(&root, "nix-store --export $(nix path-info --all)", b"");
    assert!(ours == theirs, "{} and {} bytes", ours.len(), theirs.len());

    let layout = |name: &str| StoreLayout {
        store_dir: store.store_dir().clone(),
        real_store_dir: folder.path().join(name).join("store"),
        state_dir: folder.path().join(name).join("state"),
    };
    let imported = LocalStore::open(layout("copy"), &quick()).expect("a store");
    assert_eq!(
        imported.import(&mut &theirs[..]).expect("imported").len(),
        infos.len()
    );
    assert_eq!(check_all(&imported), infos.len());
    let mut again = Vec::new();
    imported.export(&paths, &mut again).expect("written");
    assert!(again == ours);

    // Nix takes ours into a store of the same name elsewhere.
    let other = "local?root=$R/other&real=$R/other/store";
    let import =
        format!("nix-store --store '{other}' --import").replace("$R", &root.display().to_string());
    let lines = on_corpus(&root, &import, &ours);
    assert_eq!(String::from_utf8_lossy(&lines).lines().count(), infos.len());
}
