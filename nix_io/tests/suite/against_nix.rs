//! Real Nix makes the same archives of the same trees, and the same trees of the same archives.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use nix_io::nar::{Listing, NarLimits, PackOptions, UnpackOptions, pack, unpack};

use crate::support::{Scratch, Tree, missing};

/// Returns a command of Nix that touches no state but its own.
fn nix(program: &str, scratch: &Scratch) -> Command {
    let mut command = Command::new(program);
    command
        .env("HOME", scratch.path(""))
        .env("NIX_STATE_DIR", scratch.path("nix-state"));
    command
}

fn has_nix() -> bool {
    let version = nix("nix-store", &Scratch::new()).arg("--version").output();
    let has_nix = version.is_ok_and(|output| output.status.success());
    if !has_nix {
        missing("there is no nix-store");
    }
    has_nix
}

fn nix_store(scratch: &Scratch, arguments: &[&OsStr], input: Stdio) -> Vec<u8> {
    let output = nix("nix-store", scratch)
        .args(arguments)
        .stdin(input)
        .output()
        .expect("nix-store runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output.stdout
}

fn nix_dump(scratch: &Scratch, path: &Path) -> Vec<u8> {
    nix_store(
        scratch,
        &["--dump".as_ref(), path.as_os_str()],
        Stdio::null(),
    )
}

fn packed(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(path, &mut bytes, &PackOptions::default()).expect("a tree");
    bytes
}

/// A tree of what is hard to get right.
fn hostile(path: &Path) {
    let sizes = [
        0, 1, 7, 8, 9, 15, 16, 17, 4095, 4096, 4097, 65_535, 65_536, 65_537, 300_000,
    ];
    let sizes = sizes.map(|size: usize| {
        (
            format!("size-{size:06}").into_bytes(),
            Tree::file(&vec![1; size]),
        )
    });
    let names: [&[u8]; 19] = [
        b" ",
        b"!",
        b"-",
        b"-rf",
        b"...",
        b"..a",
        b"A",
        b"a",
        b"a b",
        b"a\nb",
        b"a'\"\\$`",
        b"a~nix~case~hack~1",
        b"aa",
        b"\x01",
        b"\x7f",
        "\u{e9}".as_bytes(),
        "e\u{301}".as_bytes(),
        b"\xff\xfe",
        &[b'n'; 255],
    ];
    let names = names.map(|name| (name.to_vec(), Tree::file(name)));
    let order: [&[u8]; 5] = [b"a", b"a-", b"a.d", b"a0", b"a_"];
    let order = order.map(|name| (name.to_vec(), Tree::directory([(name, Tree::file(b""))])));
    let targets: [&[u8]; 6] = [
        b"/",
        b"nowhere",
        b"../../..",
        b"/nix/store/x",
        b"\xff",
        &[b't'; 4000],
    ];
    let targets = targets.iter().enumerate().map(|(at, target)| {
        (
            format!("link-{at}").into_bytes(),
            Tree::Link(target.to_vec()),
        )
    });
    let mut deep = Tree::file(b"deep");
    for _ in 0..60 {
        deep = Tree::directory([(b"d", deep)]);
    }
    let tree = Tree::directory([
        (b"deep", deep),
        (b"empty", Tree::directory([])),
        (b"names", Tree::Directory(names.into())),
        (b"order", Tree::Directory(order.into())),
        (b"sizes", Tree::Directory(sizes.into())),
        (b"targets", Tree::Directory(targets.collect())),
    ]);
    tree.make(path);
    special(path);
}

/// Adds files of odd modes, a hard link and a file with holes.
fn special(path: &Path) {
    fs::create_dir(path.join("modes")).expect("a directory");
    for mode in [
        0o400, 0o444, 0o454, 0o500, 0o644, 0o700, 0o755, 0o4755, 0o6511,
    ] {
        let file = path.join(format!("modes/{mode:o}"));
        fs::write(&file, "mode").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
    }
    fs::hard_link(path.join("modes/400"), path.join("modes/linked")).expect("a hard link");
    let sparse = fs::File::create(path.join("sparse")).expect("a file");
    sparse.set_len(5_000_003).expect("a length");
}

#[test]
fn nix_dumps_a_hostile_tree_to_the_same_bytes() {
    if !has_nix() {
        return;
    }
    let scratch = Scratch::new();
    let tree = scratch.path("tree");
    hostile(&tree);
    assert!(packed(&tree) == nix_dump(&scratch, &tree));
    for name in fs::read_dir(&tree).expect("a folder") {
        let path = name.expect("an entry").path();
        assert!(
            packed(&path) == nix_dump(&scratch, &path),
            "{}",
            path.display()
        );
    }
    for name in fs::read_dir(tree.join("targets")).expect("a folder") {
        let path = name.expect("an entry").path();
        assert!(
            packed(&path) == nix_dump(&scratch, &path),
            "{}",
            path.display()
        );
    }
}

#[test]
fn nix_restores_our_archive_to_the_same_tree() {
    if !has_nix() {
        return;
    }
    let scratch = Scratch::new();
    let (tree, archive) = (scratch.path("tree"), scratch.path("archive"));
    hostile(&tree);
    let bytes = packed(&tree);
    fs::write(&archive, &bytes).expect("a file");
    let (theirs, ours) = (scratch.path("theirs"), scratch.path("ours"));
    let input = fs::File::open(&archive).expect("a file");
    nix_store(
        &scratch,
        &["--restore".as_ref(), theirs.as_os_str()],
        input.into(),
    );
    unpack(&bytes[..], &ours, &UnpackOptions::default()).expect("an archive");
    for path in [&theirs, &ours] {
        assert!(packed(path) == bytes);
        assert!(nix_dump(&scratch, path) == bytes);
    }
}

#[test]
fn nix_lists_our_archive_as_we_do() {
    if !has_nix() {
        return;
    }
    let scratch = Scratch::new();
    let tree = Tree::directory([
        (b"a", Tree::directory([(b"b", Tree::file(b"contents"))])),
        (
            b"c",
            Tree::File {
                executable: true,
                contents: vec![7; 1000],
            },
        ),
        (
            b"d\"\\\n",
            Tree::Link("\u{e9}\u{1f600}".as_bytes().to_vec()),
        ),
    ]);
    fs::write(scratch.path("archive"), tree.archive()).expect("a file");
    let output = nix("nix", &scratch)
        .args([
            "--extra-experimental-features",
            "nix-command",
            "nar",
            "ls",
            "--json",
            "--recursive",
        ])
        .arg(scratch.path("archive"))
        .arg("/")
        .output()
        .expect("nix runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs = Listing::from_node_json(output.stdout.trim_ascii(), NarLimits::default());
    let ours = Listing::read(&tree.archive()[..], NarLimits::default()).expect("an archive");
    assert_eq!(theirs, Ok(ours));
}
