//! What keeps objects alive, and what only looks like it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix_store::{
    gc::{self, NoRoot, Root, RootLink, TempRoots, add_indirect_root, add_link, add_root},
    store::Error,
};

use crate::support::{Place, set, unknown};

fn file(link: PathBuf, target: &nix_core::store_path::StorePath) -> Root {
    let (link, target) = (RootLink::File(link), target.clone());
    Root { link, target }
}

#[test]
fn symlinks_indirect_links_profiles_and_named_files_are_roots() {
    let place = Place::new();
    let paths = ["a", "b", "c", "d", "e"].map(|name| place.add(name, &[]));
    let [a, b, c, d, e] = &paths;
    let store = place.store();
    let full = |path| place.print(path);

    let permanent = add_root(&store, "mine", a).expect("a root");
    let out = place.path("result");
    add_link(&store, &out, b).expect("a root");
    let profile = place.state("profiles/per-user/me/system-1-link");
    symlink(full(c) + "/bin/tool", &profile).expect("a link");
    let named = place.state(&format!("gcroots/deep/er/{}", d.base_name()));
    fs::write(&named, "").expect("a file");
    // A symlink to the directory that the objects really lie in.
    let real = place.state("gcroots/real");
    symlink(store.real_path(e), &real).expect("a link");

    let found = gc::find_roots(&store).expect("roots");
    let mut expected = [
        file(permanent, a),
        file(out, b),
        file(profile, c),
        file(named, d),
        file(real, e),
    ];
    expected.sort();
    assert_eq!(found.roots, expected);
    assert_eq!(found.others, []);
    assert_eq!(found.targets(), paths.into());
}

#[test]
fn what_only_looks_like_a_root_keeps_nothing_and_is_reported() {
    let place = Place::new();
    let a = place.add("a", &[]);
    let store = place.store();
    let full = place.print(&a);
    let auto = |name: &str| place.state(&format!("gcroots/auto/{name}"));

    symlink(
        format!("{}/../x", place.layout().store_dir.as_str()),
        auto("malformed"),
    )
    .expect("a link");
    symlink(
        "/gnu/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-guile",
        place.state("gcroots/guix"),
    )
    .expect("a link");
    symlink(place.print(&unknown("gone")), auto("invalid")).expect("a link");
    symlink(place.path("nothing"), auto("stale")).expect("a link");
    symlink("self", auto("self")).expect("a link");
    // Two links away is too far.
    symlink(&full, place.path("second")).expect("a link");
    symlink(place.path("second"), place.path("first")).expect("a link");
    symlink(place.path("first"), auto("far")).expect("a link");
    // A directory is not entered through a symlink.
    fs::create_dir(place.path("foreign")).expect("a folder");
    symlink(&full, place.path("foreign/link")).expect("a link");
    symlink(place.path("foreign"), place.state("gcroots/foreign")).expect("a link");
    symlink(format!("/{}", "x".repeat(300)), auto("long")).expect("a link");
    let listener = std::os::unix::net::UnixListener::bind(auto(a.base_name()));
    drop(listener.expect("a socket"));

    let found = gc::find_roots(&store).expect("roots");
    assert_eq!(found.roots, []);
    let expected = [
        NoRoot::NotValid(RootLink::File(auto("invalid")), unknown("gone")),
        NoRoot::Stale(auto("stale")),
        NoRoot::Unreadable(auto("long")),
    ];
    assert_eq!(found.others, expected);
}

#[test]
fn what_a_process_runs_in_or_mentions_is_a_root() {
    let place = Place::new();
    let [cwd, environment, open, other] = ["c", "e", "o", "x"].map(|name| place.add(name, &[]));
    let store = place.store();
    // An object that is a directory.
    let folder = store.real_path(&cwd);
    fs::remove_file(&folder).expect("a file");
    fs::create_dir_all(folder.join("below")).expect("a folder");
    let mut child = Command::new("cat")
        .current_dir(folder.join("below"))
        .env("TOOLS", format!("/bin:{}/bin", place.print(&environment)))
        .stdin(Stdio::piped())
        .stdout(fs::File::open(store.real_path(&open)).expect("a file"))
        .spawn()
        .expect("a process");
    // It is there before the kernel shows what it was started with.
    let environ = PathBuf::from(format!("/proc/{}/environ", child.id()));
    let waited = Instant::now();
    while fs::read(&environ).is_ok_and(|bytes| bytes.is_empty()) {
        assert!(waited.elapsed() < Duration::from_secs(60), "no environment");
        thread::sleep(Duration::from_millis(1));
    }

    let found = gc::find_roots(&store);
    drop(child.stdin.take());
    child.wait().expect("it ends");
    let found = found.expect("roots");
    assert_eq!(found.targets(), set([&cwd, &environment, &open]));
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    for (name, target) in [("cwd", cwd), ("environ", environment), ("fd/1", open)] {
        let link = RootLink::Process(proc.join(name));
        assert!(found.roots.contains(&Root { link, target }), "{name}");
    }
    assert!(!found.targets().contains(&other));
    assert_eq!(gc::find_roots(&store).expect("roots").roots, []);
}

#[test]
fn the_database_and_living_processes_have_roots() {
    let place = Place::new();
    let [a, b] = ["a", "b"].map(|name| place.add(name, &[]));
    let store = place.store();
    store.database().add_root("mine", &a).expect("a root");
    let temporary = TempRoots::open(&place.layout()).expect("temporary roots");
    temporary.add(&b).expect("a root");

    let found = gc::find_roots(&store).expect("roots");
    let links: Vec<_> = found
        .roots
        .iter()
        .map(|root| root.link.to_string())
        .collect();
    assert_eq!(links.len(), 2);
    assert!(links[0].starts_with("{temp:"), "{links:?}");
    assert_eq!(links[1], "{database:mine}");
    assert_eq!(found.targets(), set([&a, &b]));
    drop(temporary);
    assert_eq!(gc::find_roots(&store).expect("roots").targets(), set([&a]));
}

#[test]
fn a_root_is_replaced_and_nothing_else_is() {
    let place = Place::new();
    let [a, b] = ["a", "b"].map(|name| place.add(name, &[]));
    let store = place.store();
    let why = |made: Result<PathBuf, Error>| match made {
        Err(Error::Root { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    add_root(&store, "mine", &a).expect("a root");
    add_root(&store, "mine", &b).expect("a root");
    assert_eq!(gc::find_roots(&store).expect("roots").targets(), set([&b]));

    for name in [
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "../mine",
        "nul\0",
        &"x".repeat(201),
    ] {
        assert_eq!(
            why(add_root(&store, name, &a)),
            "its name is no name of a file, hidden or too long"
        );
    }
    fs::write(place.state("gcroots/file"), "mine").expect("a file");
    symlink("/elsewhere", place.path("elsewhere")).expect("a link");
    fs::write(place.path("file"), "mine").expect("a file");
    let taken = "something else has its name";
    assert_eq!(why(add_root(&store, "file", &a)), taken);
    assert_eq!(why(add_link(&store, &place.path("file"), &a)), taken);
    assert_eq!(why(add_link(&store, &place.path("elsewhere"), &a)), taken);
    assert_eq!(
        fs::read_to_string(place.path("file")).expect("the file"),
        "mine"
    );

    let inside = format!("{}/link", place.print(&a));
    assert_eq!(
        why(add_link(&store, inside.as_ref(), &a)),
        "it lies in the store"
    );
    let around = format!("/tmp/..{inside}");
    assert_eq!(
        why(add_link(&store, around.as_ref(), &a)),
        "it lies in the store"
    );
    assert_eq!(
        why(add_link(&store, "result".as_ref(), &a)),
        "it is not absolute"
    );
    let no_link = "it is no symlink to a path of the store";
    assert_eq!(why(add_indirect_root(&store, &place.path("file"))), no_link);
    assert_eq!(
        why(add_indirect_root(&store, &place.path("elsewhere"))),
        no_link
    );
    assert_eq!(
        why(add_indirect_root(&store, &place.path("nothing"))),
        no_link
    );

    let gone = unknown("gone");
    let refused = add_root(&store, "gone", &gone);
    assert!(matches!(refused, Err(Error::NotValid { path }) if path == gone));
    assert!(!place.state("gcroots/gone").is_symlink());
    let leftovers = fs::read_dir(place.layout().state_dir)
        .expect("a folder")
        .flatten();
    let leftovers = leftovers.filter(|entry| entry.file_type().expect("a type").is_symlink());
    assert_eq!(leftovers.count(), 0);
}
