//! Directories in which others put things.

use std::{
    error::Error as _,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
};

use nix_core::hash::Sha256;
use nix_store::{
    drv_files::{BuildHash, DrvFileError, DrvFiles, FILE_BYTES_MAX},
    store::Error,
};

use crate::support::{Place, Store, built, done, plain};

fn recorded(place: &Place, store: &mut Store) -> BuildHash {
    let drv = store.put(plain("hello", &[]));
    done(place.files().record(&store.0, &drv, &built(&drv, b"one"))).build_hash
}

/// Returns what is wrong with a file.
#[track_caller]
fn wrong<T: std::fmt::Debug>(result: Result<T, Error>, file: &Path) -> DrvFileError {
    match result {
        Err(Error::DrvFile { path, source }) => {
            assert_eq!(path, file);
            *source
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn foreign_names_are_listed_and_do_not_hide_the_others() {
    let (place, mut store) = (Place::new(), Store::default());
    let hash = recorded(&place, &mut store);
    let good = hash.to_string();
    let surplus = format!("z{}", &good[1..]);
    let mut foreign = vec![
        "README".into(),
        good.clone(),
        format!("{good}.drv.bak"),
        format!("{surplus}.drv"),
        format!("{}.drv", good.to_uppercase()),
        format!("{}.drv", &good[1..]),
        "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-hello.drv".to_owned(),
    ];
    for name in &foreign {
        fs::write(place.path("drv").join(name), "x").unwrap();
    }
    fs::write(place.path("drv/.own"), "x").unwrap();
    let latin = place
        .path("drv")
        .join(std::ffi::OsStr::from_bytes(b"caf\xe9.drv"));
    fs::write(&latin, "x").unwrap();
    let listing = place.files().list().unwrap();
    assert_eq!(listing.build_hashes, [hash]);
    foreign.sort();
    let mut expected: Vec<_> = foreign
        .iter()
        .map(|name| place.path("drv").join(name))
        .collect();
    expected.push(latin);
    expected.sort();
    assert_eq!(listing.foreign, expected);
    assert!(place.files().get(&hash).unwrap().is_some());
}

#[test]
fn links_directories_and_pipes_are_no_derivation_files() {
    let (place, mut store) = (Place::new(), Store::default());
    let hash = recorded(&place, &mut store);
    let files = place.files();
    let (drv, out) = (files.file(&hash), place.path(&format!("drv-out/{hash}")));
    for (file, kept) in [(&drv, "kept.drv"), (&out, "kept")] {
        let kept = place.path(kept);
        fs::rename(file, &kept).unwrap();
        let look = || match file == &drv {
            true => files.get(&hash).map(|found| found.is_some()),
            false => files.outputs(&hash).map(|found| found.is_some()),
        };
        symlink(&kept, file).unwrap();
        assert!(matches!(wrong(look(), file), DrvFileError::NotAFile));
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
        assert!(matches!(wrong(look(), file), DrvFileError::NotAFile));
        fs::remove_dir(file).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, file, kind, mode, 0).unwrap();
        assert!(matches!(wrong(look(), file), DrvFileError::NotAFile));
        fs::remove_file(file).unwrap();
        assert!(!look().unwrap());
        fs::rename(&kept, file).unwrap();
        assert!(look().unwrap());
    }
}

#[test]
fn a_link_is_not_written_through() {
    let (place, mut store) = (Place::new(), Store::default());
    let drv = store.put(plain("hello", &[]));
    let files = place.files();
    let prepared = files.prepare(&store.0, &drv, &built(&drv, b"one")).unwrap();
    let hash = prepared.build_hash().expect("a hash");
    let victim = place.path("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir_all(place.path("drv")).unwrap();
    symlink(&victim, files.file(&hash)).unwrap();
    symlink(&victim, place.path("drv-out/.unfinished")).unwrap();
    let error = prepared.commit();
    assert!(matches!(
        wrong(error, &files.file(&hash)),
        DrvFileError::NotAFile
    ));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");

    fs::remove_file(files.file(&hash)).unwrap();
    let build = done(files.record(&store.0, &drv, &built(&drv, b"one")));
    assert_eq!(build.build_hash, hash);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_directory_that_is_a_link_or_a_file_is_refused() {
    for name in ["drv", "drv-out"] {
        let (place, elsewhere) = (Place::new(), Place::new());
        let open = || DrvFiles::open(place.folder.path(), place.store_dir.clone());
        symlink(elsewhere.folder.path(), place.path(name)).unwrap();
        let Err(Error::Io { path, .. }) = open() else {
            panic!("a link was followed")
        };
        assert_eq!(path, place.path(name));
        fs::remove_file(place.path(name)).unwrap();
        fs::write(place.path(name), "").unwrap();
        assert!(matches!(open(), Err(Error::Io { .. })));
    }
}

#[test]
fn a_huge_file_is_refused_unread() {
    let (place, mut store) = (Place::new(), Store::default());
    let hash = recorded(&place, &mut store);
    let files = place.files();
    let (drv, out) = (files.file(&hash), place.path(&format!("drv-out/{hash}")));
    for file in [&drv, &out] {
        fs::File::options()
            .write(true)
            .open(file)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
    }
    let sizes = [
        wrong(files.get(&hash), &drv),
        wrong(files.outputs(&hash), &out),
    ];
    for error in sizes {
        assert!(
            matches!(error, DrvFileError::TooLarge(size) if size == 1 << 40),
            "{error:?}"
        );
    }
    let file = fs::File::options().write(true).open(&drv).unwrap();
    file.set_len(FILE_BYTES_MAX + 1).unwrap();
    assert!(matches!(
        wrong(files.get(&hash), &drv),
        DrvFileError::TooLarge(_)
    ));
}

#[test]
fn every_cut_and_every_flipped_byte_of_a_file_is_an_error_or_another_value() {
    let (place, mut store) = (Place::new(), Store::default());
    let hash = recorded(&place, &mut store);
    let files = place.files();
    let (drv, out) = (files.file(&hash), place.path(&format!("drv-out/{hash}")));
    let whole = fs::read(&drv).unwrap();
    for cut in 0..whole.len() - 1 {
        fs::write(&drv, &whole[..cut]).unwrap();
        let error = wrong(files.get(&hash), &drv);
        assert!(matches!(error, DrvFileError::Derivation(_)), "{cut}");
    }
    let before = files.outputs(&hash).unwrap();
    let whole = fs::read(&out).unwrap();
    for cut in 0..whole.len() - 1 {
        fs::write(&out, &whole[..cut]).unwrap();
        let error = wrong(files.outputs(&hash), &out);
        assert!(matches!(error, DrvFileError::Outputs(_)), "{cut}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&out, &bytes).unwrap();
        match files.outputs(&hash) {
            // Base 64 has two bits to spare before its `=`, which Nix does not look at.
            Ok(found) if whole.get(at + 1) == Some(&b'=') => assert_eq!(found, before),
            Ok(found) => assert_ne!(found, before, "{}", String::from_utf8_lossy(&bytes)),
            Err(error) => drop(wrong::<()>(Err(error), &out)),
        }
    }
}

#[test]
fn outputs_that_say_too_little_or_too_much_are_refused() {
    let (place, mut store) = (Place::new(), Store::default());
    let hash = recorded(&place, &mut store);
    let files = place.files();
    let out = place.path(&format!("drv-out/{hash}"));
    let output = r#"{"path":"g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a","narHash":"sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=","narSize":1}"#;
    let read = |results: &str, version: u64| {
        let text = format!(r#"{{"results":[{results}],"version":{version}}}"#);
        fs::write(&out, text).unwrap();
        files.outputs(&hash)
    };
    let one = format!(r#"{{"out":{output}}}"#);
    assert_eq!(read(&one, 1).unwrap().expect("outputs").results().len(), 1);
    assert_eq!(
        read(&format!("{one},{one}"), 1)
            .unwrap()
            .unwrap()
            .results()
            .len(),
        1
    );
    assert!(matches!(
        wrong(read(&one, 2), &out),
        DrvFileError::Version(2)
    ));
    assert!(matches!(wrong(read("", 1), &out), DrvFileError::Results(0)));
    let many = vec![one.as_str(); 257].join(",");
    assert!(matches!(
        wrong(read(&many, 1), &out),
        DrvFileError::Results(257)
    ));
    for (from, to) in [
        ("\"out\"", "\"../out\""),
        ("\"out\"", "\"\""),
        ("g1w7hy3q", "../../../"),
        ("sha256-", "md5-"),
        ("sha256-", ""),
        (":1}", ":-1}"),
        (":1}", ":1,\"more\":1}"),
        (":1}", "}"),
    ] {
        let error = wrong(read(&one.replacen(from, to, 1), 1), &out);
        assert!(matches!(error, DrvFileError::Outputs(_)), "{to}: {error:?}");
        assert!(error.source().is_some());
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(
        wrong(read(&deep, 1), &out),
        DrvFileError::Outputs(_)
    ));
    fs::write(files.file(&hash), deep).unwrap();
    let error = wrong(files.get(&hash), &files.file(&hash));
    assert!(matches!(error, DrvFileError::Derivation(_)));
}

#[test]
fn a_file_under_the_name_of_another_build_is_found_out() {
    let (place, mut store) = (Place::new(), Store::default());
    let hash = recorded(&place, &mut store);
    let files = place.files();
    let other = BuildHash::from(Sha256::of(b"other"));
    fs::rename(files.file(&hash), files.file(&other)).unwrap();
    let error = wrong(files.check(&store.0, &other), &files.file(&other));
    assert!(
        matches!(error, DrvFileError::OtherHash(found) if found == hash),
        "{error:?}"
    );
    let error = wrong(files.check(&store.0, &hash), &files.file(&hash));
    assert!(matches!(error, DrvFileError::Absent));

    let text = fs::read_to_string(files.file(&other)).unwrap();
    fs::write(files.file(&hash), text.replace("\"build\"", "\"built\"")).unwrap();
    let error = wrong(files.check(&store.0, &hash), &files.file(&hash));
    assert!(matches!(error, DrvFileError::OtherHash(_)), "{error:?}");
}

#[test]
fn what_is_damaged_is_not_taken_for_what_was_recorded() {
    let (place, mut store) = (Place::new(), Store::default());
    let hash = recorded(&place, &mut store);
    let files = place.files();
    let drv = store.put(plain("hello", &[]));
    let record = || files.record(&store.0, &drv, &built(&drv, b"two"));
    let (drv_file, out) = (files.file(&hash), place.path(&format!("drv-out/{hash}")));
    for file in [&drv_file, &out] {
        let whole = fs::read(file).unwrap();
        fs::write(file, "{").unwrap();
        wrong(record(), file);
        assert_eq!(fs::read(file).unwrap(), b"{");
        fs::write(file, whole).unwrap();
    }
    done(record());
}
