//! Registering what lies there already, and deleting.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    slice,
};

use nix_core::{
    hash::Sha256,
    path_info::PathInfo,
    signature::{SecretKey, TrustedKeys},
};
use nix_store::{
    local::{BuiltOutput, LocalOptions},
    store::{Error, ReadStore, WriteStore},
};

use crate::support::{Place, archive, check_all, info, name, packed, quick};

/// Puts a tree in the place of an object, and describes it as it will be.
fn built(place: &Place, name: &str) -> PathInfo {
    let folder = place.store.real_path(&info(name, b"").path);
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    fs::write(folder.join("bin/run"), "#!/bin/sh\n").expect("a file");
    fs::set_permissions(folder.join("bin/run"), fs::Permissions::from_mode(0o4711))
        .expect("a mode");
    fs::write(folder.join("text"), name).expect("a file");
    symlink("/etc/passwd", folder.join("link")).expect("a symlink");
    info(name, &packed(&folder))
}

#[test]
fn registered_files_get_the_metadata_of_a_store_and_symlinks_are_not_followed() {
    let place = Place::with(&LocalOptions::default());
    let passwd = fs::metadata("/etc/passwd").expect("a file");
    let object = built(&place, "object");
    let real = place.store.real_path(&object.path);
    let attribute = rustix::fs::setxattr(
        real.join("text"),
        "user.note",
        b"note",
        rustix::fs::XattrFlags::empty(),
    );
    place
        .store
        .register(slice::from_ref(&object))
        .expect("registered");
    let mode = |name: &str| fs::metadata(real.join(name)).expect("it is there").mode() & 0o7777;
    assert_eq!(
        [mode(""), mode("bin/run"), mode("text")],
        [0o555, 0o555, 0o444]
    );
    let time = |name: &str| {
        fs::symlink_metadata(real.join(name))
            .expect("it is there")
            .mtime()
    };
    assert_eq!(
        [time(""), time("bin"), time("bin/run"), time("link")],
        [1; 4]
    );
    if attribute.is_ok() {
        let size = rustix::fs::listxattr(real.join("text"), &mut [0_u8; 0]);
        assert_eq!(size, Ok(0));
    }
    let after = fs::metadata("/etc/passwd").expect("a file");
    assert_eq!(
        (after.mode(), after.mtime()),
        (passwd.mode(), passwd.mtime())
    );
    assert!(place.store.is_valid(&object.path).expect("read"));
}

#[test]
fn a_hard_link_to_a_file_outside_leaves_that_file_alone() {
    let place = Place::new();
    let secret = place.file("secret", b"secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("a mode");
    let real = place.store.real_path(&info("linked", b"").path);
    fs::hard_link(&secret, &real).expect("a link");
    let object = info("linked", &packed(&real));
    place.store.register(&[object]).expect("registered");
    let outside = fs::metadata(&secret).expect("a file");
    assert_eq!((outside.mode() & 0o777, outside.nlink()), (0o600, 1));
    assert_eq!(fs::metadata(&real).expect("a file").mode() & 0o777, 0o444);
    fs::write(&secret, "changed").expect("written");
    assert_eq!(fs::read(&real).expect("a file"), b"secret");
}

#[test]
fn a_socket_among_registered_files_is_refused() {
    let place = Place::new();
    let object = built(&place, "object");
    let socket = place.store.real_path(&object.path).join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    let error = place.store.register(slice::from_ref(&object));
    assert!(matches!(error, Err(Error::Pack { .. })), "{error:?}");
    assert!(!place.store.is_valid(&object.path).expect("read"));
}

/// CVE-2024-27297: a builder that still has an output open changes it after it was hashed.
#[test]
fn cve_2024_27297_what_is_registered_is_hashed_after_it_was_sealed() {
    let place = Place::new();
    let object = built(&place, "object");
    let real = place.store.real_path(&object.path);
    let mut open = fs::OpenOptions::new()
        .write(true)
        .open(real.join("text"))
        .expect("open");
    std::io::Write::write_all(&mut open, b"evil").expect("written");
    let error = place.store.register(slice::from_ref(&object));
    assert!(
        matches!(error, Err(Error::HashMismatch { .. })),
        "{error:?}"
    );
    assert!(!place.store.is_valid(&object.path).expect("read"));
    assert_eq!(place.store.valid_paths().expect("read"), BTreeSet::new());
}

#[test]
fn objects_that_refer_to_each_other_are_registered_together_and_not_in_a_circle() {
    let place = Place::new();
    let (mut first, mut second) = (built(&place, "a"), built(&place, "ab"));
    first.references.insert(second.path.clone());
    let error = place.store.register(&[first.clone()]);
    assert!(
        matches!(error, Err(Error::ReferenceNotValid { .. })),
        "{error:?}"
    );
    second.references.insert(first.path.clone());
    let error = place.store.register(&[first.clone(), second.clone()]);
    assert!(matches!(error, Err(Error::Cycle(_))), "{error:?}");
    assert_eq!(place.store.valid_paths().expect("read").len(), 0);
    second.references.clear();
    place
        .store
        .register(&[first.clone(), second.clone()])
        .expect("registered");
    assert_eq!(
        place.store.referrers(&second.path).expect("read"),
        [first.path].into()
    );
}

#[test]
fn outputs_of_a_build_are_registered_with_what_their_files_refer_to() {
    let place = Place::new();
    let nar = archive(b"input");
    let (input, unused) = (info("input", &nar), info("idle", &nar));
    for info in [&input, &unused] {
        place.store.add_nar(info, &mut &nar[..]).expect("added");
    }
    let (out, dev) = (info("output", b"").path, info("output-dev", b"").path);
    let print = |path| place.store.store_dir().print(path);
    let write = |path, contents: String| fs::write(place.store.real_path(path), contents);
    write(&out, format!("{} {}", print(&input.path), print(&out))).expect("a file");
    write(&dev, print(&out)).expect("a file");
    let outputs = [&dev, &out].map(|path| BuiltOutput {
        path: path.clone(),
        deriver: Some(info("output.drv", b"").path),
        content_address: None,
    });
    let candidates = [input.path.clone(), unused.path].into();
    let infos = place.store.register_outputs(&outputs, &candidates);
    let infos = infos.expect("registered");
    let references: Vec<_> = infos.iter().map(|info| info.references.clone()).collect();
    assert_eq!(
        references,
        [[out.clone()].into(), [input.path, out.clone()].into()]
    );
    assert!(
        infos
            .iter()
            .all(|info| info.ultimate && info.registration_time > 0)
    );
    for info in infos {
        assert_eq!(place.store.path_info(&info.path).expect("read"), Some(info));
    }
    assert_eq!(check_all(&place.store), 4);
    let mode = fs::metadata(place.store.real_path(&out))
        .expect("a file")
        .mode();
    assert_eq!(mode & 0o777, 0o444);
}

#[test]
fn where_signatures_are_demanded_only_what_was_built_here_is_registered_without() {
    let key = SecretKey::from_seed("key-1".parse().expect("a name"), &[1; 32]);
    let mut trusted_keys = TrustedKeys::default();
    trusted_keys.insert(key.public_key()).expect("a key");
    let place = Place::with(&LocalOptions {
        trusted_keys: Some(trusted_keys),
        ..quick()
    });
    let mut object = built(&place, "object");
    let error = place.store.register(slice::from_ref(&object));
    assert!(matches!(error, Err(Error::Untrusted { .. })), "{error:?}");
    object.ultimate = true;
    place.store.register(&[object]).expect("registered");
}

#[test]
fn an_output_that_is_not_what_its_content_address_says_is_not_registered() {
    let place = Place::new();
    let good = place
        .store
        .add_text(&name("fixed"), b"good", &BTreeSet::new());
    let good = good.expect("added");
    place
        .store
        .delete(&[good.path.clone()].into())
        .expect("deleted");
    let output = BuiltOutput {
        path: good.path.clone(),
        deriver: None,
        content_address: good.content_address,
    };
    let register = || {
        place
            .store
            .register_outputs(slice::from_ref(&output), &BTreeSet::new())
    };
    let error = register();
    assert!(matches!(error, Err(Error::NotPlaced { .. })), "{error:?}");
    fs::write(place.store.real_path(&good.path), b"evil").expect("a file");
    let error = register();
    assert!(
        matches!(error, Err(Error::ContentMismatch { .. })),
        "{error:?}"
    );
    fs::remove_file(place.store.real_path(&good.path)).expect("removed");
    fs::write(place.store.real_path(&good.path), b"good").expect("a file");
    assert_eq!(register().expect("registered").len(), 1);
}

#[test]
fn an_object_that_is_not_there_cannot_be_registered() {
    let place = Place::new();
    let error = place.store.register(&[info("absent", b"")]);
    assert!(matches!(error, Err(Error::NotPlaced { .. })), "{error:?}");
}

#[test]
fn deleting_gives_back_the_bytes_of_what_has_no_other_link() {
    let place = Place::new();
    let nar = archive(&vec![1; 1 << 20]);
    let (one, other) = (info("one", &nar), info("other", &nar));
    for info in [&one, &other] {
        place.store.add_nar(info, &mut &nar[..]).expect("added");
    }
    fs::hard_link(place.store.real_path(&one.path), place.path("link")).expect("a link");
    let deleted = place
        .store
        .delete(&[one.path.clone()].into())
        .expect("deleted");
    assert_eq!((deleted.paths, deleted.bytes), ([one.path].into(), 0));
    let deleted = place
        .store
        .delete(&[other.path.clone()].into())
        .expect("deleted");
    assert!(deleted.bytes >= 1 << 20, "{}", deleted.bytes);
    assert_eq!(place.objects(), BTreeSet::new());
    assert_eq!(place.unfinished(), [""; 0]);
    let again = place
        .store
        .delete(&[other.path].into())
        .expect("nothing to do");
    assert_eq!((again.paths, again.bytes), (BTreeSet::new(), 0));
}

#[test]
fn what_others_refer_to_is_not_deleted_nor_anything_with_it() {
    let place = Place::new();
    let nar = archive(b"x");
    let (needed, free) = (info("needed", &nar), info("f", &nar));
    let mut needs = info("need", &nar);
    needs.references.insert(needed.path.clone());
    for info in [&needed, &free, &needs] {
        place.store.add_nar(info, &mut &nar[..]).expect("added");
    }
    let error = place
        .store
        .delete(&[needed.path.clone(), free.path.clone()].into());
    assert!(
        matches!(error, Err(Error::HasReferrers { .. })),
        "{error:?}"
    );
    assert_eq!(place.objects().len(), 3);
    assert!(place.store.is_valid(&free.path).expect("read"));
    let all = [needed.path, free.path, needs.path].into();
    assert_eq!(place.store.delete(&all).expect("deleted").paths, all);
}

#[test]
fn a_tree_deeper_than_any_archive_is_removed_all_the_same() {
    let place = Place::new();
    let nar = archive(b"x");
    let object = info("deep", &nar);
    let mut at = place.store.real_path(&object.path);
    for _ in 0..300 {
        at.push("d");
    }
    fs::create_dir_all(&at).expect("folders");
    place
        .store
        .add_nar(&object, &mut &nar[..])
        .expect("added in its place");
    assert_eq!(place.unfinished(), [""; 0]);
    assert_eq!(place.objects().len(), 1);
}

#[test]
fn a_damaged_file_is_found_while_it_is_written() {
    let place = Place::new();
    let nar = archive(b"whole");
    let object = info("object", &nar);
    place.store.add_nar(&object, &mut &nar[..]).expect("added");
    let mut written = Vec::new();
    let size = place
        .store
        .write_nar(&object.path, &mut written)
        .expect("written");
    assert_eq!((size, &written), (nar.len() as u64, &nar));
    let real = place.store.real_path(&object.path);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).expect("a mode");
    fs::write(&real, b"whale").expect("damaged");
    let error = place.store.write_nar(&object.path, &mut written);
    let expected = Sha256::of(&nar);
    assert!(
        matches!(&error, Err(Error::HashMismatch { expected: said, .. }) if *said == expected),
        "{error:?}"
    );
    let error = place
        .store
        .write_nar(&info("absent", &nar).path, &mut written);
    assert!(matches!(error, Err(Error::NotValid { .. })), "{error:?}");
}

#[test]
fn a_view_of_an_object_has_the_bytes_of_its_archive_and_its_registered_size() {
    let place = Place::new();
    let nar = archive(b"whole");
    let object = info("object", &nar);
    place.store.add_nar(&object, &mut &nar[..]).expect("added");
    let view = place.store.nar_view(&object.path).expect("a view");
    let mut end = vec![0; 40];
    view.read_exact_at(nar.len() as u64 - 40, &mut end)
        .expect("read");
    assert_eq!(end, nar[nar.len() - 40..]);

    let real = place.store.real_path(&object.path);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).expect("a mode");
    fs::write(&real, b"longer than it was").expect("damaged");
    let error = place.store.nar_view(&object.path).expect_err("refused");
    assert!(matches!(&error, Error::SizeMismatch { path, .. } if *path == object.path));
    let absent = info("absent", &nar).path;
    let error = place.store.nar_view(&absent).expect_err("refused");
    assert!(matches!(error, Error::NotValid { path } if path == absent));
}
