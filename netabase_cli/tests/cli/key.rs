//! `netabase key`

use std::{
    io::Write,
    process::{Output, Stdio},
};

use netabase_store::RedbStore;
use nix_core::{content_address::ContentAddress, hash::Sha256, path_info::PathInfo};
use nix_store::{
    StoreDir,
    db::models::{StoreDefinition, StorePath},
};
use serde_json::Value;

use crate::{
    nix::Nix,
    support::{ENGINES, Place, command, feed, ok, refused, sample, shared},
};

const FOO: &str = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-foo";
const BAR: &str = "/nix/store/n5wkd9frr45pa74if5gpz9j7mifg27fh-bar";

/// Makes a key, and returns the file of the secret one and the public one.
fn generate(place: &Place, name: &str) -> (String, String) {
    let file = place.path(&format!("{name}.secret"));
    let public = ok(&["key", "generate", "--key-name", name, "-o", &file]);
    (file, public.trim_end().to_owned())
}

/// Runs `key verify`; returns its exit status, what it printed and what it complained of.
fn verify(db: &str, keys: &[&str], more: &[&str]) -> (i32, String, String) {
    let mut arguments = vec!["key", "verify", "--db", db];
    for key in keys {
        arguments.extend(["--trusted-key", key]);
    }
    arguments.extend(more);
    let output = command(&arguments).output().expect("the command starts");
    let Output { status, .. } = output;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let status = status.code().expect("it ends by itself");
    (status, text(output.stdout), text(output.stderr))
}

/// Returns the kinds and paths that `key verify` lists.
fn listed(printed: &str) -> Vec<(&str, &str)> {
    let failures = printed.lines().filter(|line| !line.starts_with("checked"));
    failures
        .map(|line| {
            let mut parts = line.splitn(3, ": ");
            let kind = parts.next().expect("a kind");
            (kind, parts.next().expect("a path"))
        })
        .collect()
}

fn infos() -> Vec<PathInfo> {
    let dir = StoreDir::default();
    let path = |text: &str| dir.parse(text).expect("a path");
    let plain = PathInfo::new(path(FOO), Sha256::of(b"foo"), 120);
    let mut referrer = PathInfo::new(path(BAR), Sha256::of(b"bar"), 121);
    referrer.references = [path(FOO), path(BAR)].into();
    vec![plain, referrer]
}

/// Makes a store of some paths.
fn store(place: &Place, name: &str, infos: &[PathInfo]) -> String {
    let db = place.path(name);
    let dir = StoreDir::default();
    let rows = infos
        .iter()
        .map(|info| StorePath::from_path_info(&dir, info));
    edit(&db, |paths| paths.put_many(rows).expect("a write"));
    db
}

fn edit<T>(
    db: &str,
    change: impl FnOnce(&netabase_store::RedbStoreTree<StoreDefinition, StorePath>) -> T,
) -> T {
    let store = RedbStore::<StoreDefinition>::new(db).expect("a store");
    change(&store.open_tree::<StorePath>())
}

#[test]
fn a_secret_key_is_a_new_file_that_only_its_owner_reads() {
    let place = Place::new();
    let (file, public) = generate(&place, "cache-1");
    let secret = std::fs::read_to_string(&file).expect("the key");
    assert!(secret.starts_with("cache-1:"), "the name comes first");
    assert!(!public.contains(secret.trim_end()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).expect("the key").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let again = ["key", "generate", "--key-name", "cache-1", "-o", &file];
    let error = refused(&again, b"", 1);
    assert!(error.contains("write the secret key to"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("the key"), secret);

    assert_eq!(ok(&["key", "public", &file]), format!("{public}\n"));
    assert_eq!(
        feed(&["key", "public"], secret.as_bytes()),
        format!("{public}\n")
    );
    let other = ok(&["key", "generate", "--key-name", "cache-1"]);
    assert_ne!(other, secret);
    assert_eq!(other.trim_end().len(), secret.trim_end().len());
}

#[test]
fn a_key_that_is_none_is_refused_and_never_repeated() {
    let place = Place::new();
    let (file, public) = generate(&place, "cache-1");
    let secret = std::fs::read_to_string(&file).expect("the key");
    let digits = &secret["cache-1:".len()..secret.len() - 20];
    let check = |arguments: &[&str], input: &[u8], status: i32| {
        let error = refused(arguments, input, status);
        assert!(!error.contains(&digits[..8]), "{error}");
        error
    };
    let flip = if digits.starts_with('A') { "B" } else { "A" };
    let flipped = format!("cache-1:{flip}{}", &secret["cache-1:A".len()..]);
    let long = vec![b'x'; 1 << 20];
    for input in [
        b"".as_slice(),
        b"\xff",
        digits.as_bytes(),
        secret.replace(':', " ").as_bytes(),
        &secret.as_bytes()[..60],
        flipped.as_bytes(),
        public.as_bytes(),
        &long,
    ] {
        check(&["key", "public"], input, 1);
    }
    let db = store(&place, "store.redb", &infos());
    let secret = secret.trim_end();
    let trusting = |key: &str| {
        let arguments = ["key", "verify", "--db", &db, "--trusted-key", key];
        check(&arguments, b"", 1)
    };
    // A secret key where a public one belongs.
    assert!(trusting(secret).contains("trusted key 1 is neither"));
    assert!(trusting(&file).contains("holds other than public keys"));
    assert!(trusting(&place.path("gone")).contains("gone: "));
    assert!(trusting(&place.file("empty", b"\n")).contains("holds no key"));
    let (_, other) = generate(&place, "other");
    let twin = other.replace("other:", "cache-1:");
    let error = trusting(&format!("{public} {twin}"));
    assert!(
        error.contains("two trusted keys have the name cache-1"),
        "{error}"
    );
    for name in ["", "a:b", "a b"] {
        refused(&["key", "generate", "--key-name", name], b"", 2);
    }
    refused(&["key", "verify", "--db", &db], b"", 2);
    refused(&["key", "sign", "--db", &db, "--key-file", &file], b"", 2);
}

#[test]
fn what_is_signed_is_verified_on_every_engine() {
    for engine in ENGINES {
        let place = Place::new();
        let (db, _) = place.import(&sample("path-info.json"), engine);
        let (file, public) = generate(&place, "mine-1");
        let sign = ["key", "sign", "--db", &db, "--key-file", &file, "--all"];
        assert_eq!(ok(&sign), "signed 324 paths by mine-1 (324 new)\n");
        assert_eq!(ok(&sign), "signed 324 paths by mine-1 (0 new)\n");
        let (status, printed, error) = verify(&db, &[&public], &[]);
        assert_eq!((status, &*error), (0, ""), "{printed}");
        assert!(printed.starts_with("checked 324 paths in "), "{printed}");
        let trusted = place.file("public", format!("\n{public}\n").as_bytes());
        assert_eq!(verify(&db, &[&trusted], &["--json"]).0, 0);
    }
}

#[test]
fn each_reason_is_told_apart() {
    let place = Place::new();
    let (file, public) = generate(&place, "mine-1");
    let (other_file, other) = generate(&place, "other-1");
    let db = store(&place, "store.redb", &infos());
    let sign = |file: &str, path: &str| ok(&["key", "sign", "--db", &db, "--key-file", file, path]);
    let reasons = |keys: &[&str]| {
        let (status, printed, _) = verify(&db, keys, &[]);
        let reasons: Vec<_> = listed(&printed)
            .into_iter()
            .map(|(kind, path)| (kind.to_owned(), path.to_owned()))
            .collect();
        assert_eq!(status, i32::from(!reasons.is_empty()), "{printed}");
        reasons
    };
    let pair = |kind: &str, path: &str| (kind.to_owned(), path.to_owned());
    assert_eq!(
        reasons(&[&public]),
        [pair("unsigned", FOO), pair("unsigned", BAR)]
    );
    assert_eq!(sign(&file, FOO), "signed 1 paths by mine-1 (1 new)\n");
    let (hash_part, _) = BAR["/nix/store/".len()..].split_once('-').expect("a path");
    assert_eq!(
        sign(&other_file, hash_part),
        "signed 1 paths by other-1 (1 new)\n"
    );
    assert_eq!(reasons(&[&public]), [pair("untrusted", BAR)]);
    assert_eq!(reasons(&[&public, &other]), []);
    // A key that made nothing, under the name of one that did.
    let (forged_file, _) = generate(&place, "forged");
    let forged = std::fs::read_to_string(forged_file).expect("the key");
    let forged = feed(
        &["key", "public"],
        forged.replace("forged:", "mine-1:").as_bytes(),
    );
    let both = [pair("invalid", FOO), pair("untrusted", BAR)];
    assert_eq!(reasons(&[forged.trim_end()]), both);
}

#[test]
fn what_is_only_claimed_counts_for_nothing_and_what_computes_needs_no_signature() {
    let place = Place::new();
    let dir = StoreDir::default();
    let (_, public) = generate(&place, "mine-1");
    let db = store(&place, "store.redb", &infos());
    let address: ContentAddress = format!("fixed:r:{}", Sha256::of(b"foo"))
        .parse()
        .expect("one");
    let name = "foo".parse().expect("a name");
    let proven = dir
        .fixed_path(&name, &address, &Default::default())
        .expect("a path");
    let mut info = PathInfo::new(proven.clone(), Sha256::of(b"foo"), 120);
    info.content_address = Some(address);
    edit(&db, |paths| {
        let claim = |row: &mut StorePath| {
            row.ultimate = true;
            // It computes to another path.
            row.content_address = Some(address.to_string());
        };
        paths.update(FOO, claim).expect("a write");
        let break_hash = |row: &mut StorePath| row.nar_hash = "sha256:0".into();
        paths.update(BAR, break_hash).expect("a write");
        let row = StorePath::from_path_info(&dir, &info);
        paths.put(row).expect("a write");
    });
    let (status, printed, _) = verify(&db, &[&public], &[]);
    let expected = [("unsigned", FOO), ("malformed", BAR)];
    assert_eq!((status, listed(&printed)), (1, expected.to_vec()));
    let (status, printed, _) = verify(&db, &[&public], &[&dir.print(&proven), "--json"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(
        (status, &report["contentAddressed"]),
        (0, &1.into()),
        "{report}"
    );
}

#[test]
fn the_report_in_json_names_paths_and_keys() {
    let place = Place::new();
    let (file, _) = generate(&place, "mine-1");
    let (_, other) = generate(&place, "other-1");
    let db = store(&place, "store.redb", &infos());
    ok(&["key", "sign", "--db", &db, "--key-file", &file, FOO]);
    let (status, printed, error) = verify(&db, &[&other], &["--json"]);
    assert_eq!(status, 1);
    let says = format!("netabase: 2 of 2 paths in {db} have no valid signature\n");
    assert_eq!(error, says);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    let expected = serde_json::json!({
        "failures": [
            {"path": FOO, "reason": "untrusted", "keys": ["mine-1"]},
            {"path": BAR, "reason": "unsigned"},
        ],
        "checked": 2, "signed": 0, "contentAddressed": 0,
        "invalid": 0, "untrusted": 1, "unsigned": 1, "malformed": 0,
    });
    assert_eq!(report, expected);
}

#[test]
fn a_path_that_cannot_be_signed_or_is_not_there_is_named() {
    let place = Place::new();
    let (file, public) = generate(&place, "mine-1");
    let [plain, referrer] = infos().try_into().expect("two paths");
    let db = store(
        &place,
        "store.redb",
        &[
            PathInfo {
                nar_size: 0,
                ..plain
            },
            referrer,
        ],
    );
    let sign = ["key", "sign", "--db", &db, "--key-file", &file];
    let error = refused(&[&sign[..], &[FOO]].concat(), b"", 1);
    assert!(error.contains(&format!("sign {FOO}: ")), "{error}");
    let absent = FOO.replace("foo", "absent");
    let error = refused(&[&sign[..], &[&absent]].concat(), b"", 1);
    assert!(
        error.ends_with(&format!("{absent} is not in {db}\n")),
        "{error}"
    );
    let verifying = [
        "key",
        "verify",
        "--db",
        &db,
        "--trusted-key",
        &public,
        &absent,
    ];
    refused(&verifying, b"", 1);
    let gone = place.path("gone.redb");
    let error = refused(
        &["key", "sign", "--db", &gone, "--key-file", &file, "--all"],
        b"",
        1,
    );
    assert!(error.contains("there is no store at"), "{error}");
    assert!(!std::path::Path::new(&gone).exists());
    let elsewhere = ["--store-dir", "/gnu/store"];
    let (status, printed, _) = verify(&db, &[&public], &elsewhere);
    assert_eq!(status, 1);
    assert_eq!(listed(&printed), [("malformed", FOO), ("malformed", BAR)]);
}

#[test]
fn every_path_of_debian_is_verified_and_an_altered_row_is_named() {
    let (Some(input), Some(key)) = (
        shared("data/store-paths.jsonl.zst"),
        shared("data/store-paths.public-key"),
    ) else {
        return;
    };
    let place = Place::new();
    let (db, summary) = place.import(input.to_str().expect("UTF-8"), "redb");
    assert!(
        summary.starts_with("imported 63436 paths (63436 new"),
        "{summary}"
    );
    let key = key.to_str().expect("UTF-8");
    let (status, printed, error) = verify(&db, &[key], &[]);
    assert_eq!((status, &*error), (0, ""), "{printed}");
    assert!(printed.starts_with("checked 63436 paths in "), "{printed}");
    assert!(
        printed.contains(": 63436 valid (63436 signed, 0 "),
        "{printed}"
    );

    let (altered, unsigned) = edit(&db, |paths| {
        let keys = paths.iter().keys().step_by(20_000).skip(1);
        let keys: Vec<_> = keys.map(|key| key.expect("a key").0).collect();
        let [altered, unsigned, ..] = &keys[..] else {
            panic!("there are more paths")
        };
        paths
            .update(altered.as_str(), |row| row.nar_size += 1)
            .expect("a write");
        paths
            .update(unsigned.as_str(), |row| row.signatures.clear())
            .expect("a write");
        (altered.clone(), unsigned.clone())
    });
    let (status, printed, error) = verify(&db, &[key], &[]);
    assert_eq!(status, 1);
    assert_eq!(
        listed(&printed),
        [("invalid", &*altered), ("unsigned", &*unsigned)]
    );
    assert!(error.contains(": 2 of 63436 paths in "), "{error}");
}

#[test]
fn what_nix_signs_is_verified() {
    let Some(nix) = Nix::empty() else { return };
    fill(&nix);
    let secret = nix.lines("nix", &["key", "generate-secret", "--key-name", "nix-1"]);
    let file = nix.place.file("secret", secret.concat().as_bytes());
    let public = ok(&["key", "public", &file]);
    assert_eq!(public.trim_end(), convert(&nix, &secret.concat()));
    nix.lines("nix", &["store", "sign", "--key-file", &file, "--all"]);
    let json = nix.lines("nix", &["path-info", "--json", "--all"]).concat();
    let json = nix.place.file("paths.json", json.as_bytes());
    let (db, _) = nix.place.import(&json, "redb");
    let (status, printed, _) = verify(&db, &[public.trim_end()], &[]);
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains(": 2 valid (2 signed, "), "{printed}");
    edit(&db, |paths| {
        paths
            .update(BAR, |row| drop(row.references.pop()))
            .expect("a write");
    });
    let (status, printed, _) = verify(&db, &[public.trim_end()], &[]);
    assert_eq!((status, listed(&printed)), (1, vec![("invalid", BAR)]));
}

#[test]
fn what_is_signed_here_nix_verifies() {
    let Some(nix) = Nix::empty() else { return };
    let place = &nix.place;
    let (file, public) = generate(place, "mine-1");
    let secret = std::fs::read_to_string(&file).expect("the key");
    assert_eq!(convert(&nix, &secret), public);
    let db = store(place, "store.redb", &infos());
    ok(&["key", "sign", "--db", &db, "--key-file", &file, "--all"]);
    let cache = place.path("binary-cache");
    let write_cache = |size_more: u64| {
        std::fs::create_dir_all(&cache).expect("a folder");
        place.file("binary-cache/nix-cache-info", b"StoreDir: /nix/store\n");
        for row in [FOO, BAR].map(|path| edit(&db, |paths| paths.get(path))) {
            let row = row.expect("a read").expect("the path");
            let base = |path: &String| path["/nix/store/".len()..].to_owned();
            let references: Vec<_> = row.references.iter().map(base).collect();
            let (path, hash, size) = (&row.path, &row.nar_hash, row.nar_size + size_more);
            let (references, signature) = (references.join(" "), row.signatures.concat());
            let text = format!(
                "StorePath: {path}\nURL: nar/x.nar\nCompression: none\nNarHash: {hash}\n\
                 NarSize: {size}\nReferences: {references}\nSig: {signature}\n"
            );
            let name = format!("binary-cache/{}.narinfo", row.hash_part());
            place.file(&name, text.as_bytes());
        }
        // Nix remembers what a cache said.
        let _ = std::fs::remove_dir_all(place.path("cache"));
    };
    let url = format!("file://{cache}");
    let nix_verifies = || {
        let options = [
            "--no-contents",
            "--sigs-needed",
            "1",
            "--trusted-public-keys",
        ];
        let arguments = [
            &["store", "verify", "--store", &url],
            &options[..],
            &[&public, FOO, BAR],
        ];
        nix.command("nix", &arguments.concat())
            .status()
            .expect("Nix starts")
            .success()
    };
    write_cache(0);
    assert!(nix_verifies());
    write_cache(1);
    assert!(!nix_verifies());
}

/// Registers two paths that have no files.
fn fill(nix: &Nix) {
    let hex = |bytes: &[u8]| Sha256::of(bytes).to_base16();
    let (hash, referrer_hash) = (hex(b"foo"), hex(b"bar"));
    let text = format!(
        "{FOO}\n{hash}\n120\n\n0\n{BAR}\n{referrer_hash}\n121\n{FOO}.drv\n2\n{FOO}\n{BAR}\n"
    );
    nix_fed(nix, "nix-store", &["--load-db"], &text);
}

fn convert(nix: &Nix, secret: &str) -> String {
    nix_fed(nix, "nix", &["key", "convert-secret-to-public"], secret)
}

fn nix_fed(nix: &Nix, program: &str, arguments: &[&str], input: &str) -> String {
    let mut command = nix.command(program, arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Nix starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(input.as_bytes()).expect("Nix reads");
    drop(stdin);
    let output = child.wait_with_output().expect("Nix ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}
