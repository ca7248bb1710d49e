//! `netabase nar`, judged by `nix-store --dump`, `nix-store --restore` and `nix nar ls`.

use std::{
    fs,
    io::Read,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{Place, command, missing, ok, refused, run, shared, succeeded};
use crate::{nix::Nix, trees};

const COMPRESSIONS: [&str; 6] = ["none", "xz", "zstd", "bzip2", "gzip", "br"];

/// Packs a tree into a file of the place and returns its path.
fn packed(place: &Place, tree: &str) -> String {
    let archive = place.path("archive.nar");
    assert_eq!(ok(&["nar", "pack", tree, "-o", &archive]), "");
    archive
}

fn hostile_tree(place: &Place) -> String {
    let tree = place.path("tree");
    trees::hostile(tree.as_ref());
    tree
}

fn exists(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[test]
fn what_is_packed_in_any_compression_is_unpacked_the_same() {
    let place = Place::new();
    let tree = hostile_tree(&place);
    let hash = ok(&["nar", "hash", &tree]);
    for compression in COMPRESSIONS {
        let archive = place.path(&format!("archive.{compression}"));
        let pack = ["nar", "pack", &tree, "--compression", compression];
        ok(&[&pack[..], &["-o", &archive]].concat());
        let to_stdout = run(&pack, b"").stdout;
        assert_eq!(fs::read(&archive).expect("the archive"), to_stdout);

        let copy = place.path(&format!("copy.{compression}"));
        let given = ["--compression", compression];
        let given = if compression == "br" { &given[..] } else { &[] };
        let unpack = ["nar", "unpack", &copy];
        assert_eq!(
            succeeded(run(&[&unpack[..], given].concat(), &to_stdout)),
            ""
        );
        assert_eq!(ok(&["nar", "hash", &copy]), hash, "{compression}");
        trees::make_writable(copy.as_ref());
        fs::remove_dir_all(&copy).expect("a folder");
        ok(&[&unpack[..], &["--input", &archive], given].concat());
        assert_eq!(ok(&["nar", "hash", &copy]), hash, "{compression}");
        trees::make_writable(copy.as_ref());
    }
}

#[test]
fn what_is_unpacked_is_as_in_a_store() {
    let place = Place::new();
    let tree = hostile_tree(&place);
    let archive = packed(&place, &tree);
    let copy = place.path("copy");
    ok(&["nar", "unpack", &copy, "--input", &archive]);
    for (name, mode) in [
        ("", 0o555),
        ("large", 0o444),
        ("a/executable", 0o555),
        ("a/group-executable", 0o444),
    ] {
        let found = fs::symlink_metadata(Path::new(&copy).join(name)).expect(name);
        assert_eq!((found.mode() & 0o7777, found.mtime()), (mode, 1), "{name}");
    }
    trees::make_writable(copy.as_ref());
}

#[test]
fn a_destination_that_exists_is_refused_and_kept() {
    let place = Place::new();
    let archive = packed(&place, &place.file("file", b"new"));
    let folder = place.path("folder");
    fs::create_dir(&folder).expect("a folder");
    let link = place.path("link");
    symlink(place.path("nowhere"), &link).expect("a symlink");
    for destination in [&place.file("old", b"old"), &folder, &link] {
        let error = refused(&["nar", "unpack", destination, "--input", &archive], b"", 1);
        assert_eq!(
            error,
            format!("netabase: destination exists: {destination}\n")
        );
    }
    assert_eq!(fs::read(place.path("old")).expect("the file"), b"old");
    assert!(!exists(&place.path("nowhere")));
}

#[test]
fn an_archive_that_is_cut_or_followed_by_more_leaves_nothing() {
    let place = Place::new();
    let archive = fs::read(packed(&place, &hostile_tree(&place))).expect("the archive");
    let copy = place.path("copy");
    let check = |bytes: &[u8], says: &str| {
        let error = refused(&["nar", "unpack", &copy], bytes, 1);
        assert!(error.starts_with("netabase: standard input: "), "{error}");
        assert!(error.ends_with(&format!("{says}\n")), "{error}");
        assert!(!exists(&copy));
    };
    let size = archive.len();
    let end = format!("unexpected end of input at byte {size} of the archive");
    check(
        &archive[..size - 1],
        &end.replace(&size.to_string(), &(size - 1).to_string()),
    );
    check(
        &archive[..1000],
        "unexpected end of input at byte 1000 of the archive",
    );
    check(b"", "unexpected end of input at byte 0 of the archive");
    let after = format!("more input after the end at byte {size} of the archive");
    check(&[&archive[..], b"\0"].concat(), &after);
    check(&[&archive[..], &archive].concat(), &after);
    check(
        b"PK\x03\x04 is no archive",
        "no Nix archive at byte 0 of the archive",
    );
}

#[test]
fn archives_that_nix_refuses_are_refused_by_every_command() {
    let place = Place::new();
    let files = ["libutil/nars", "nars-functional"].map(|folder| {
        let folder = shared(&format!("conformance/nix/{folder}"))?;
        let entries = fs::read_dir(folder).expect("the folder");
        Some(entries.map(|entry| entry.expect("an entry").path()))
    });
    let files: Vec<_> = files.into_iter().flatten().flatten().collect();
    let good = [
        "case",
        "case-collision",
        "regular-one-byte-zero-padding",
        "unnormalized",
    ];
    for file in &files {
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        let stem = stem.expect("a name");
        let file = file.to_str().expect("UTF-8");
        let copy = place.path(stem);
        let commands = [
            &["nar", "list", file][..],
            &["nar", "list", file, "--json"],
            &["nar", "unpack", &copy, "--input", file],
        ];
        for arguments in commands {
            let output = run(arguments, b"");
            let error = String::from_utf8(output.stderr).expect("UTF-8");
            if good.contains(&stem) {
                assert_eq!((output.status.code(), &*error), (Some(0), ""), "{stem}");
            } else {
                assert_eq!(output.status.code(), Some(1), "{stem}");
                assert!(error.starts_with(&format!("netabase: {file}: ")), "{error}");
                assert!(error.contains(" at byte "), "{error}");
            }
        }
        assert_eq!(exists(&copy), good.contains(&stem), "{stem}");
        trees::make_writable(copy.as_ref());
    }
}

#[test]
fn no_archive_writes_outside_of_its_destination() {
    let place = Place::new();
    let string = |bytes: &[u8]| {
        let mut word = (bytes.len() as u64).to_le_bytes().to_vec();
        word.extend(bytes);
        word.resize(word.len().next_multiple_of(8), 0);
        word
    };
    let words = |words: &[&[u8]]| {
        words
            .iter()
            .flat_map(|word| string(word))
            .collect::<Vec<u8>>()
    };
    let entry = |name: &[u8], node: &[&[u8]]| {
        let begin: &[&[u8]] = &[b"entry", b"(", b"name", name, b"node", b"("];
        words(&[begin, node, &[b")", b")"]].concat())
    };
    let folder = |entries: &[Vec<u8>]| {
        let begin = words(&[b"nix-archive-1", b"(", b"type", b"directory"]);
        [begin, entries.concat(), words(&[b")"])].concat()
    };
    let file: &[&[u8]] = &[b"type", b"regular", b"contents", b"evil"];
    let outside = place.path("outside");
    let link: &[&[u8]] = &[b"type", b"symlink", b"target", outside.as_bytes()];
    fs::create_dir(&outside).expect("a folder");
    for archive in [
        folder(&[entry(b"../evil", file)]),
        folder(&[entry(b"..", file)]),
        folder(&[entry(b"a", link), entry(b"a", file)]),
        folder(&[entry(b"a", link), entry(b"a/evil", file)]),
        folder(&[entry(b"b", file), entry(b"a", file)]),
    ] {
        refused(&["nar", "unpack", &place.path("copy")], &archive, 1);
        assert!(!exists(&place.path("copy")));
    }
    assert_eq!(fs::read_dir(&outside).expect("the folder").count(), 0);
    let names: Vec<_> = fs::read_dir(place.folder.path())
        .expect("the place")
        .collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn damaged_and_overlarge_compression_is_refused() {
    let place = Place::new();
    let tree = place.file("file", &trees::noise(50_000));
    for compression in &COMPRESSIONS[1..] {
        let pack = ["nar", "pack", &tree, "--compression", compression];
        let archive = run(&pack, b"").stdout;
        let cut = &archive[..archive.len() / 2];
        let list = ["nar", "list", "-", "--json", "--compression", compression];
        let error = refused(&list, cut, 1);
        let says = format!("decompress {compression} at byte ");
        assert!(error.contains(&says), "{error}");
    }
    let sparse = place.file("sparse", b"");
    let file = fs::File::options()
        .write(true)
        .open(&sparse)
        .expect("a file");
    file.set_len(80 << 20).expect("a sparse file");
    let pack = ["nar", "pack", &sparse, "--compression", "zstd"];
    let bomb = run(&pack, b"").stdout;
    let error = refused(&["nar", "unpack", &place.path("copy")], &bomb, 1);
    assert!(error.contains("more than 1000 times its size"), "{error}");
    assert!(!exists(&place.path("copy")));
    let listed = succeeded(run(&["nar", "list", "-", "--any-ratio"], &bomb));
    assert_eq!(listed, format!("-r--r--r-- {:>20} .\n", 80 << 20));
}

#[test]
fn a_file_that_is_written_appears_whole_or_not_at_all() {
    let place = Place::new();
    let archive = place.file("archive.nar", b"old");
    let gone = place.path("gone");
    let error = refused(&["nar", "pack", &gone, "-o", &archive], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: pack {gone}: ")),
        "{error}"
    );
    assert_eq!(fs::read(&archive).expect("the file"), b"old");
    let link = place.path("link");
    symlink("archive.nar", &link).expect("a symlink");
    ok(&["nar", "pack", &place.file("file", b"new"), "-o", &link]);
    assert_eq!(fs::read(&archive).expect("the file").len(), 120);
    assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    assert_eq!(
        fs::read_dir(place.folder.path())
            .expect("the place")
            .count(),
        3
    );

    let nowhere = place.path("no/where");
    let error = refused(&["nar", "pack", &archive, "-o", &nowhere], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: write {nowhere}: ")),
        "{error}"
    );
    assert_eq!(ok(&["nar", "pack", &archive, "-o", "/dev/null"]), "");
    let error = refused(&["nar", "pack", &archive, "-o", "/dev/full"], b"", 1);
    assert!(error.starts_with("netabase: write /dev/full: "), "{error}");
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let place = Place::new();
    let file = place.file("file", &trees::noise(1_000_000));
    for arguments in [
        &["nar", "pack", &file][..],
        &["nar", "pack", &file, "--compression", "gzip"],
    ] {
        let mut command = command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let mut stdout = child.stdout.take().expect("it was asked for");
        stdout.read_exact(&mut [0; 10]).expect("ten bytes");
        drop(stdout);
        assert_eq!(succeeded(child.wait_with_output().expect("it ends")), "");
    }
}

#[test]
fn an_archive_is_not_written_to_a_terminal() {
    let place = Place::new();
    let file = place.file("file", b"x");
    let line = format!("'{}' nar pack '{file}'", env!("CARGO_BIN_EXE_netabase"));
    let script = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = script else {
        return missing("there is no script");
    };
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.starts_with("netabase: standard output is a terminal: "),
        "{shown}"
    );
}

#[test]
fn a_listing_is_a_line_an_entry_with_escaped_names() {
    let place = Place::new();
    let tree = place.path("tree");
    fs::create_dir_all(Path::new(&tree).join("sub/empty")).expect("folders");
    for (name, contents) in [("a b", "hi"), ("line\nbreak", ""), ("\u{1b}[31m", "red")] {
        fs::write(Path::new(&tree).join(name), contents).expect("a file");
    }
    symlink("to\there", Path::new(&tree).join("sub/link")).expect("a symlink");
    let archive = packed(&place, &tree);
    let line = |mode: &str, size: u64, rest: &str| format!("{mode} {size:>20} {rest}\n");
    let expected = [
        line("-r--r--r--", 3, "./\\u{1b}[31m"),
        line("-r--r--r--", 2, "./a b"),
        line("-r--r--r--", 0, "./line\\nbreak"),
        line("dr-xr-xr-x", 0, "./sub"),
        line("dr-xr-xr-x", 0, "./sub/empty"),
        line("lrwxrwxrwx", 0, "./sub/link -> to\\there"),
    ];
    assert_eq!(ok(&["nar", "list", &archive]), expected.concat());
}

#[test]
fn the_offsets_of_a_listing_are_those_of_the_contents() {
    let place = Place::new();
    let tree = hostile_tree(&place);
    fs::remove_file(Path::new(&tree).join("a/size-0")).expect("the file");
    let archive = packed(&place, &format!("{tree}/a"));
    let listing = ok(&["nar", "list", &archive, "--json"]);
    let listing: Value = serde_json::from_str(&listing).expect("JSON");
    assert_eq!(listing["version"], 1);
    let bytes = fs::read(&archive).expect("the archive");
    let entries = listing["root"]["entries"].as_object().expect("a map");
    assert_eq!(entries.len(), 12);
    for (name, entry) in entries
        .iter()
        .filter(|(_, entry)| entry["type"] == "regular")
    {
        let number = |key: &str| usize::try_from(entry[key].as_u64().expect(key)).expect("small");
        let (begin, size) = (number("narOffset"), number("size"));
        let contents = fs::read(format!("{tree}/a/{name}")).expect("the file");
        assert_eq!(&bytes[begin..begin + size], contents, "{name}");
    }
    let name = std::ffi::OsStr::new("\\xff");
    assert!(!Path::new(&tree).join(name).exists());
    let archive = packed(&place, &tree);
    let error = refused(&["nar", "list", &archive, "--json"], b"", 1);
    assert!(error.contains("not UTF-8"), "{error}");
}

#[test]
fn what_cannot_be_packed_or_read_is_named() {
    let place = Place::new();
    let tree = place.path("tree");
    fs::create_dir(&tree).expect("a folder");
    let pipe = format!("{tree}/pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo")
            .success()
    );
    for arguments in [&["nar", "pack", &tree][..], &["nar", "hash", &tree]] {
        let output = run(arguments, b"");
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1));
        assert!(error.contains(&pipe), "{error}");
    }
    let gone = place.path("gone.nar");
    for arguments in [
        &["nar", "list", &gone][..],
        &["nar", "unpack", &place.path("copy"), "--input", &gone],
    ] {
        let error = refused(arguments, b"", 1);
        assert!(
            error.starts_with(&format!("netabase: open {gone}: ")),
            "{error}"
        );
    }
    let error = refused(&["nar", "list", &tree], b"", 1);
    assert!(error.contains("is a directory"), "{error}");
    for arguments in [
        &["nar", "pack"][..],
        &["nar", "unpack"],
        &["nar", "pack", "x", "--compression", "lzip"],
    ] {
        refused(arguments, b"", 2);
    }
}

#[test]
fn archives_are_those_of_nix_and_go_both_ways() {
    let Some(nix) = Nix::empty() else { return };
    let tree = hostile_tree(&nix.place);
    for path in [
        &tree,
        &format!("{tree}/dangling"),
        &format!("{tree}/a/executable"),
    ] {
        let theirs = nix.bytes("nix-store", &["--dump", path]);
        assert!(run(&["nar", "pack", path], b"").stdout == theirs, "{path}");
        let hash = nix.text("nix-hash", &["--type", "sha256", "--base32", path]);
        let expected = format!("sha256:{} {}\n", hash.trim_end(), theirs.len());
        assert_eq!(ok(&["nar", "hash", path]), expected);
    }
    let archive = packed(&nix.place, &tree);
    let (ours, theirs) = (nix.place.path("ours"), nix.place.path("theirs"));
    let input = fs::File::open(&archive).expect("the archive");
    let mut restore = nix.command("nix-store", &["--restore", &theirs]);
    let restored = restore.stdin(input).status().expect("Nix starts");
    assert!(restored.success());
    ok(&["nar", "unpack", &ours, "--input", &archive]);
    assert_eq!(ok(&["nar", "hash", &ours]), ok(&["nar", "hash", &theirs]));
    let dump = nix.bytes("nix-store", &["--dump", &ours]);
    assert!(dump == fs::read(&archive).expect("the archive"));
    trees::make_writable(ours.as_ref());
}

#[test]
fn listings_are_those_of_nix() {
    let Some(nix) = Nix::empty() else { return };
    let tree = hostile_tree(&nix.place);
    let archive = packed(&nix.place, &format!("{tree}/a"));
    let theirs = nix.text("nix", &["nar", "ls", "-lR", &archive, "/"]);
    assert_eq!(ok(&["nar", "list", &archive]), theirs);
    let theirs = nix.text("nix", &["nar", "ls", "--json", "-R", &archive, "/"]);
    let theirs: Value = serde_json::from_str(&theirs).expect("JSON");
    let ours = ok(&["nar", "list", &archive, "--json"]);
    let mut ours: Value = serde_json::from_str(&ours).expect("JSON");
    // Nix 2.8 leaves out what is false; later versions do not.
    let entries = ours["root"]["entries"].as_object_mut().expect("a map");
    for entry in entries
        .values_mut()
        .filter(|entry| entry["executable"] == false)
    {
        let entry = entry.as_object_mut().expect("an object");
        entry.remove("executable");
    }
    assert_eq!(ours["root"], theirs);
}

#[test]
fn large_files_pass_in_little_memory() {
    let place = Place::new();
    let sparse = place.file("sparse", b"");
    let file = fs::File::options()
        .write(true)
        .open(&sparse)
        .expect("a file");
    file.set_len(256 << 20).expect("a sparse file");
    let script = "ulimit -v 150000; \"$0\" nar pack \"$1\" | \"$0\" nar unpack \"$2\" && \
                  \"$0\" nar pack \"$1\" | \"$0\" nar list -";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_netabase"), &sparse])
        .arg(place.path("copy"))
        .output()
        .expect("sh starts");
    assert_eq!(
        succeeded(output),
        format!("-r--r--r-- {:>20} .\n", 256 << 20)
    );
    let copy = fs::metadata(place.path("copy")).expect("the copy");
    assert_eq!(copy.len(), 256 << 20);
}
