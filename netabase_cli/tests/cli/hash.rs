//! `netabase hash`, judged by `nix-hash` and `nix hash`.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

use crate::support::{Place, feed, ok, refused};
use crate::{nix::Nix, trees};

const TYPES: [&str; 4] = ["md5", "sha1", "sha256", "sha512"];

fn line(text: &str) -> String {
    format!("{text}\n")
}

#[test]
fn known_texts_have_known_hashes() {
    let check = |function: &str, format: &str, hash: &str| {
        let arguments = [
            "hash", "string", "abc", "--type", function, "--format", format,
        ];
        assert_eq!(ok(&arguments), line(hash));
    };
    check("md5", "base16", "900150983cd24fb0d6963f7d28e17f72");
    check("md5", "nix32", "3jgzhjhz9zjvbb0kyj7jc500ch");
    check("sha1", "base64", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
    check("sha1", "nix32", "kpcd173cq987hw957sx6m0868wv3x6d9");
    check(
        "sha256",
        "sri",
        "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    );
    let blake3 = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
    check("blake3", "base16", blake3);
    assert_eq!(
        ok(&["hash", "string", "abc"]),
        line("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
    );
}

#[test]
fn a_text_may_be_empty_any_bytes_or_like_an_option() {
    let check = |text: &[u8]| {
        let mut arguments: Vec<&OsStr> = ["hash", "string", "--"].map(OsStr::new).to_vec();
        arguments.push(OsStr::from_bytes(text));
        assert_eq!(ok(&arguments), feed(&["hash", "file", "-"], text));
    };
    for text in [&b""[..], b"-x", b"\xff\xfe", b"line\n"] {
        check(text);
    }
}

#[test]
fn a_file_and_standard_input_have_the_hash_of_their_bytes() {
    let place = Place::new();
    let bytes = trees::noise(300_000);
    let file = place.file("noise", &bytes);
    let of_file = ok(&["hash", "file", &file]);
    assert_eq!(feed(&["hash", "file", "-"], &bytes), of_file);
    assert_eq!(
        ok(&["hash", "file", &file, &file]),
        format!("{of_file}{of_file}")
    );
    let empty = feed(&["hash", "file", "-", "--format", "base16"], b"");
    let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(empty, line(expected));
}

#[test]
fn a_hash_in_any_form_is_converted_to_any_form() {
    let forms = [
        (
            "base16",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "nix32",
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
        ),
        ("base64", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("sri", "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ];
    for (to, expected) in forms {
        for (from, text) in forms {
            let convert = |text: &str, more: &[&str]| {
                ok(&[&["hash", "convert", text, "--to", to], more].concat())
            };
            assert_eq!(convert(text, &["--type", "sha256"]), line(expected));
            if from != "sri" {
                let prefixed = format!("sha256:{text}");
                assert_eq!(convert(&prefixed, &[]), line(expected));
            }
        }
    }
    let upper = forms[0].1.to_uppercase();
    assert_eq!(
        ok(&["hash", "convert", &format!("sha256:{upper}")]),
        line(forms[3].1)
    );
}

#[test]
fn what_is_no_hash_is_refused_with_the_reason() {
    let check = |arguments: &[&str], says: &str| {
        let arguments = [&["hash", "convert"], arguments].concat();
        assert_eq!(refused(&arguments, b"", 1), format!("netabase: {says}\n"));
    };
    let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    check(
        &[hex],
        &format!("\"{hex}\" does not name its hash function: say which by --type"),
    );
    check(
        &["sha256:abc"],
        "\"sha256:abc\" is no hash: no form of sha256 has 3 characters",
    );
    check(
        &["sha3:abc"],
        "\"sha3:abc\" is no hash: unknown hash algorithm \"sha3\", expected md5, sha1, sha256, \
         sha512 or blake3",
    );
    check(
        &["sha1:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj", "--type", "md5"],
        "\"sha1:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj\" is no hash: the hash is of sha1, expected md5",
    );
    let surplus = "zmdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    check(
        &[surplus, "--type", "sha256"],
        &format!(
            "\"{surplus}\" is no hash: hash in base 32: the first digit of base 32 has bits beyond \
             the last byte"
        ),
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let place = Place::new();
    let gone = place.path("gone");
    let error = refused(&["hash", "file", &gone], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: read {gone}: ")),
        "{error}"
    );
    let error = refused(&["hash", "path", &gone], b"", 1);
    assert!(
        error.starts_with(&format!("netabase: hash {gone}: ")),
        "{error}"
    );
    let error = refused(&["hash", "file", &place.path("")], b"", 1);
    assert!(error.to_lowercase().contains("is a directory"), "{error}");
    let error = refused(&["hash", "path", "/dev/null"], b"", 1);
    assert!(error.contains("neither a file nor a directory"), "{error}");
    for arguments in [
        &["hash"][..],
        &["hash", "path"],
        &["hash", "string", "a", "--type", "crc32"],
        &["hash", "convert", "a", "--to", "base58"],
    ] {
        refused(arguments, b"", 2);
    }
}

#[test]
fn trees_and_files_have_the_hashes_of_nix_hash() {
    let Some(nix) = Nix::empty() else { return };
    let tree = nix.place.path("tree");
    trees::hostile(tree.as_ref());
    let file = format!("{tree}/a/executable");
    let link = format!("{tree}/dangling");
    for function in TYPES {
        for (format, option) in [("base16", &[][..]), ("nix32", &["--base32"])] {
            for path in [&tree, &file, &link] {
                let theirs = [&["--type", function, path], option].concat();
                let ours = ["hash", "path", path, "--type", function, "--format", format];
                assert_eq!(ok(&ours), nix.text("nix-hash", &theirs), "{ours:?}");
            }
            let theirs = [&["--flat", "--type", function, &file], option].concat();
            let ours = [
                "hash", "file", &file, "--type", function, "--format", format,
            ];
            assert_eq!(ok(&ours), nix.text("nix-hash", &theirs), "{ours:?}");
        }
        for (format, option) in [
            ("sri", "--sri"),
            ("base64", "--base64"),
            ("base32", "--base32"),
        ] {
            for what in ["path", "file"] {
                let theirs = ["hash", what, "--type", function, option, &file];
                let ours = ["hash", what, &file, "--type", function, "--format", format];
                assert_eq!(ok(&ours), nix.text("nix", &theirs), "{ours:?}");
            }
        }
    }
}

#[test]
fn conversions_are_those_of_nix() {
    let Some(nix) = Nix::empty() else { return };
    for function in TYPES {
        let hash = |format: &str| {
            let arguments = [
                "hash", "string", "x", "--type", function, "--format", format,
            ];
            ok(&arguments).trim_end().to_owned()
        };
        let (base16, base64) = (hash("base16"), hash("base64"));
        for from in [&base16, &hash("nix32"), &base64] {
            for (to, option) in [("base16", "--to-base16"), ("nix32", "--to-base32")] {
                let theirs = nix.text("nix-hash", &[option, "--type", function, from]);
                let ours = ["hash", "convert", from, "--type", function, "--to", to];
                assert_eq!(ok(&ours), theirs, "{ours:?}");
            }
            for (to, option) in [("sri", "to-sri"), ("base64", "to-base64")] {
                let theirs = nix.text("nix", &["hash", option, "--type", function, from]);
                let ours = ["hash", "convert", from, "--type", function, "--to", to];
                assert_eq!(ok(&ours), theirs, "{ours:?}");
            }
        }
    }
}

#[test]
fn a_large_file_is_hashed_in_little_memory() {
    let place = Place::new();
    let sparse = place.file("sparse", b"");
    let file = std::fs::File::options()
        .write(true)
        .open(&sparse)
        .expect("a file");
    file.set_len(256 << 20).expect("a sparse file");
    for what in ["path", "file"] {
        let script = "ulimit -v 150000; exec \"$0\" hash \"$1\" \"$2\"";
        let output = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_netabase"), what, &sparse])
            .output()
            .expect("sh starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}: {error}");
        assert!(output.stdout.starts_with(b"sha256-"));
    }
}
