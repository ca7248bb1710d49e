//! How objects are added.

use std::sync::Barrier;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Algorithm, ModuloHasher, Sha256},
    path_info::PathInfo,
    store_path::{References, StoreDir, StorePath},
};
use nix_store::store::{Added, Error, NewObject, ReadStore, WriteStore};

use crate::{
    Subject,
    fixture::{
        contents_of, file, info, known, name, new_object, observe, path, put, secret_key, timeless,
        tree, trusted,
    },
};

/// What `nix-store --print-fixed-path` of Nix 2.8 prints for a file `greeting` that holds `hello`.
const FIXED: [(&str, &str); 8] = [
    ("fixed:md5", "940r20mb7biqgp14y0n7h70abbac13yp"),
    ("fixed:sha1", "zhhwn52pq9s003rclawi5y1xcvn6j77z"),
    ("fixed:sha256", "2h1yn5nd7i6k6rp856mgnnf9l2vsy0gk"),
    ("fixed:sha512", "8pz8phciw1brpmrw48imkm4gcaqi8xlx"),
    ("fixed:r:md5", "nfsdpbdlxwaxzxfccn9mir5ygpgypcny"),
    ("fixed:r:sha1", "9w114fzb95vbpddcan7dh268lm7ynqs5"),
    ("fixed:r:sha256", "73rbvcsk91mg1xh1js6b34cvf9nmcsjf"),
    ("fixed:r:sha512", "38ss0hnil433pxzixwn42fwcyix737gf"),
];

pub(crate) fn contents_have_the_paths_that_nix_gives_them<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let nar = file(b"hello", false);
    for (how, hash_part) in FIXED {
        let object = new_object("greeting", how, &[]);
        let info = store.add(&object, &mut &nar[..]).unwrap();
        assert_eq!(
            info.path.to_string(),
            format!("{hash_part}-greeting"),
            "{how}"
        );
        assert_eq!(info.nar_hash, Sha256::of(&nar));
        let address = info.content_address.unwrap();
        assert_eq!(address.method_algorithm(), object.how);
    }
    assert_eq!(store.valid_paths().unwrap().len(), FIXED.len());
}

/// The paths are those of `builtins.toFile` of Nix 2.8.
pub(crate) fn texts_have_the_paths_that_nix_gives_them<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let first = new_object("greeting", "text:sha256", &[]);
    let first = store.add(&first, &mut &file(b"hello", false)[..]).unwrap();
    let expected = path("5akl8zsmda0yrr63v4khwgskih2g2hsh-greeting");
    assert_eq!(first.path, expected);
    let second = new_object("second", "text:sha256", &[&expected]);
    let text = format!("see /nix/store/{expected}");
    let second = store.add(&second, &mut &file(text.as_bytes(), false)[..]);
    let expected = path("bpsnv60cicbs45r51yz430q07vmkgwdr-second");
    assert_eq!(second.unwrap().path, expected);
    assert_eq!(store.referrers(&first.path).unwrap(), [expected].into());
}

pub(crate) fn what_was_added_by_its_content_is_described<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let lib = put(store, "lib", &[]).path;
    let nar = tree(b"run");
    let object = new_object("app", "fixed:r:sha256", &[&lib]);
    let added = store.add(&object, &mut &nar[..]).unwrap();
    let mut expected = PathInfo::new(added.path.clone(), Sha256::of(&nar), nar.len() as u64);
    expected.references = [lib].into();
    expected.content_address = Some(ContentAddress {
        method: ContentAddressMethod::Nar,
        hash: Sha256::of(&nar).into(),
    });
    assert!(expected.is_content_addressed(&StoreDir::default()));
    assert_eq!(timeless(added.clone()), expected);
    assert_eq!(known(store, &expected.path), Some(expected.clone()));
    // Once more is no change.
    let again = store.add(&object, &mut &nar[..]).unwrap();
    assert_eq!(timeless(again), expected);
}

pub(crate) fn what_cannot_be_addressed_as_asked_is_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let lib = put(store, "lib", &[]).path;
    let before = observe(store);
    let refuse = |how: &str, references: &[&StorePath], nar: &[u8]| {
        let object = new_object("object", how, references);
        let error = store.add(&object, &mut &*nar).unwrap_err();
        assert_eq!(observe(store), before, "{how}");
        error
    };
    let plain = file(b"hello", false);
    for how in ["fixed:sha256", "text:sha256"] {
        let is_no_file = |nar: &[u8]| matches!(refuse(how, &[], nar), Error::NotAFile { .. });
        assert!(is_no_file(&tree(b"hello")));
    }
    for how in [
        "fixed:sha256",
        "fixed:sha1",
        "fixed:r:sha1",
        "fixed:r:sha512",
    ] {
        let error = refuse(how, &[&lib], &plain);
        assert!(matches!(error, Error::Compute { .. }), "{error:?}");
    }
    let error = refuse("fixed:git:sha1", &[], &plain);
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");

    let mut object = new_object("object", "fixed:r:sha256", &[]);
    object.references.self_reference = true;
    let error = store.add(&object, &mut &plain[..]).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert_eq!(observe(store), before);
}

pub(crate) fn an_object_that_is_not_what_was_said_is_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let nar = file(b"hello", false);
    let refuse = |info: &PathInfo| {
        let error = store.add_nar(info, &mut &nar[..]).unwrap_err();
        assert!(observe(store).is_empty(), "{error:?}");
        error
    };
    let right = info("greeting", &nar, &[]);
    let mut wrong = right.clone();
    wrong.nar_hash.0[31] ^= 1;
    assert!(matches!(refuse(&wrong), Error::HashMismatch { .. }));
    let mut wrong = right.clone();
    wrong.nar_size += 1;
    let error = refuse(&wrong);
    let (said, is) = (wrong.nar_size, right.nar_size);
    let is_said = matches!(error, Error::SizeMismatch { expected, found, .. }
        if expected == said && found == is);
    assert!(is_said, "{error:?}");
    for size in [0, 1, right.nar_size - 1] {
        let mut wrong = right.clone();
        wrong.nar_size = size;
        refuse(&wrong);
    }

    let mut addressed = right.clone();
    addressed.path = path("2h1yn5nd7i6k6rp856mgnnf9l2vsy0gk-greeting");
    addressed.content_address = Some(ContentAddress {
        method: ContentAddressMethod::Flat,
        hash: Sha256::of(b"hello").into(),
    });
    let mut wrong = addressed.clone();
    wrong.path = right.path.clone();
    assert!(matches!(refuse(&wrong), Error::OtherPath { .. }));
    let mut wrong = addressed.clone();
    wrong.content_address.as_mut().unwrap().hash = Sha256::of(b"hell").into();
    assert!(matches!(refuse(&wrong), Error::ContentMismatch { .. }));
    let mut wrong = addressed.clone();
    wrong.content_address.as_mut().unwrap().method = ContentAddressMethod::Nar;
    assert!(matches!(refuse(&wrong), Error::ContentMismatch { .. }));
    let mut wrong = addressed.clone();
    wrong.references.insert(wrong.path.clone());
    assert!(matches!(refuse(&wrong), Error::Compute { .. }));
    let added = store.add_nar(&addressed, &mut &nar[..]).unwrap();
    assert_eq!(added, Added::New);
}

pub(crate) fn a_reference_that_is_not_valid_is_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let absent = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-absent");
    let nar = contents_of("a");
    let said = info("a", &nar, &[&absent]);
    let is_it =
        |error| matches!(error, Error::ReferenceNotValid { reference, .. } if reference == absent);
    assert!(is_it(store.add_nar(&said, &mut &nar[..]).unwrap_err()));
    for how in ["fixed:r:sha256", "text:sha256"] {
        let object = new_object("a", how, &[&absent]);
        assert!(is_it(store.add(&object, &mut &nar[..]).unwrap_err()));
    }
    assert!(observe(store).is_empty());
}

pub(crate) fn the_reader_is_left_behind_the_archive<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let nar = contents_of("a");
    let stream = [&nar[..], b"the next message"].concat();
    let said = info("a", &nar, &[]);
    for expected in [Added::New, Added::Present] {
        let mut reader = &stream[..];
        assert_eq!(store.add_nar(&said, &mut reader).unwrap(), expected);
        assert_eq!(reader, b"the next message");
    }
    for _ in 0..2 {
        let mut reader = &stream[..];
        let object = new_object("a", "fixed:sha256", &[]);
        store.add(&object, &mut reader).unwrap();
        assert_eq!(reader, b"the next message");
    }
}

pub(crate) fn a_second_add_is_present_and_joined<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let dir = StoreDir::default();
    let nar = contents_of("a");
    let mut first = info("a", &nar, &[]);
    first.sign(&dir, &secret_key("a-1")).unwrap();
    assert_eq!(store.add_nar(&first, &mut &nar[..]).unwrap(), Added::New);
    let mut second = info("a", &nar, &[]);
    second.sign(&dir, &secret_key("bb-1")).unwrap();
    second.deriver = Some(path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-a.drv"));
    second.ultimate = true;
    assert_eq!(
        store.add_nar(&second, &mut &nar[..]).unwrap(),
        Added::Present
    );
    let mut joined = second.clone();
    joined.signatures.extend(first.signatures.clone());
    assert_eq!(joined.signatures.len(), 2);
    assert_eq!(known(store, &first.path), Some(joined.clone()));
    // Who built it stays, and nothing is lost.
    let mut third = first.clone();
    third.deriver = Some(path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-b.drv"));
    assert_eq!(
        store.add_nar(&third, &mut &nar[..]).unwrap(),
        Added::Present
    );
    assert_eq!(known(store, &first.path), Some(joined));
}

pub(crate) fn a_second_add_of_other_contents_is_refused<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    put(store, "a", &[]);
    let before = observe(store);
    let nar = contents_of("b");
    let said = info("a", &nar, &[]);
    let error = store.add_nar(&said, &mut &nar[..]).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    assert_eq!(observe(store), before);
}

pub(crate) fn objects_may_refer_to_themselves<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let dir = StoreDir::default();
    let made = path("g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-own");
    let nar_at = |path: &StorePath| tree(format!("at /nix/store/{path} and {path}").as_bytes());
    let mut hasher = ModuloHasher::new(Algorithm::Sha256, &made.hash_part_bytes());
    hasher.update(&nar_at(&made));
    let address = ContentAddress {
        method: ContentAddressMethod::Nar,
        hash: hasher.finish().hash,
    };
    let references = References {
        self_reference: true,
        ..References::default()
    };
    let path = dir.fixed_path(&name("own"), &address, &references).unwrap();
    let nar = nar_at(&path);
    let mut own = PathInfo::new(path.clone(), Sha256::of(&nar), nar.len() as u64);
    own.references = [path.clone()].into();
    own.content_address = Some(address);
    let mut wrong = own.clone();
    wrong.references.clear();
    store.add_nar(&wrong, &mut &nar[..]).unwrap_err();
    assert_eq!(store.add_nar(&own, &mut &nar[..]).unwrap(), Added::New);
    assert_eq!(known(store, &path), Some(own));
    assert_eq!(store.referrers(&path).unwrap(), [path.clone()].into());

    let nar = contents_of("other");
    let mut other = info("other", &nar, &[&path]);
    other.references.insert(other.path.clone());
    assert_eq!(store.add_nar(&other, &mut &nar[..]).unwrap(), Added::New);
    assert_eq!(known(store, &other.path), Some(other));
}

pub(crate) fn a_store_with_keys_demands_a_signature<T: Subject>() {
    let (ours, theirs) = (secret_key("ours-1"), secret_key("t-1"));
    let subject = T::with_trusted_keys(trusted(&ours));
    let store = subject.store();
    let dir = StoreDir::default();
    let nar = contents_of("a");
    let unsigned = info("a", &nar, &[]);
    let refuse = |info: &PathInfo| {
        let mut reader = &nar[..];
        let error = store.add_nar(info, &mut reader).unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
        assert!(observe(store).is_empty());
    };
    refuse(&unsigned);
    let mut ultimate = unsigned.clone();
    ultimate.ultimate = true;
    refuse(&ultimate);
    let mut foreign = unsigned.clone();
    foreign.sign(&dir, &theirs).unwrap();
    refuse(&foreign);
    // A signature of another object proves nothing.
    let mut other = info("b", &nar, &[]);
    other.sign(&dir, &ours).unwrap();
    let mut forged = unsigned.clone();
    forged.signatures = other.signatures;
    refuse(&forged);
    let mut claimed = unsigned.clone();
    claimed.content_address = Some(ContentAddress {
        method: ContentAddressMethod::Nar,
        hash: Sha256::of(&nar).into(),
    });
    refuse(&claimed);
    let mut signed = foreign.clone();
    signed.sign(&dir, &ours).unwrap();
    assert_eq!(store.add_nar(&signed, &mut &nar[..]).unwrap(), Added::New);
    assert_eq!(known(store, &signed.path), Some(signed));
}

pub(crate) fn content_addressed_objects_need_no_signature<T: Subject>() {
    let subject = T::with_trusted_keys(trusted(&secret_key("ours-1")));
    let store = subject.store();
    let nar = file(b"hello", false);
    let object = new_object("greeting", "fixed:sha256", &[]);
    let info = timeless(store.add(&object, &mut &nar[..]).unwrap());
    store.delete(&[info.path.clone()].into()).unwrap();
    assert_eq!(store.add_nar(&info, &mut &nar[..]).unwrap(), Added::New);
}

pub(crate) fn of_many_threads_that_add_one_path_one_is_first<T: Subject>() {
    const THREADS: usize = 8;
    let subject = T::new();
    let store = subject.store();
    let nar = tree(&[b'x'; 10_000]);
    let dir = StoreDir::default();
    let barrier = Barrier::new(THREADS);
    let add = |at: usize| {
        let mut info = info("a", &nar, &[]);
        let key = secret_key(&format!("{}-1", "k".repeat(at + 1)));
        info.sign(&dir, &key).unwrap();
        barrier.wait();
        store.add_nar(&info, &mut &nar[..]).unwrap()
    };
    let added: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|at| scope.spawn(move || add(at)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let first = added.iter().filter(|added| **added == Added::New);
    assert_eq!(first.count(), 1);
    let said = observe(store).into_values().next().unwrap();
    assert_eq!(said.info.signatures.len(), THREADS);
}

pub(crate) fn many_threads_add_and_delete_without_loss<T: Subject>() {
    let subject = T::new();
    let store = subject.store();
    let base = put(store, "base", &[]).path;
    let work = |at: usize| {
        for round in 0..4 {
            let kept = put(store, &format!("kept-{at}-{round}"), &[&base]);
            let NewObject { name, .. } = new_object("shared", "fixed:sha256", &[]);
            let object = new_object(name.as_str(), "fixed:r:sha256", &[&base]);
            let shared = store.add(&object, &mut &tree(b"shared")[..]).unwrap();
            let gone = put(store, &format!("gone-{at}-{round}"), &[&kept.path]);
            let deleted = store.delete(&[gone.path.clone()].into()).unwrap();
            assert_eq!(deleted.paths, [gone.path].into());
            // Somebody else may add it again at once.
            store.delete(&[shared.path].into()).unwrap();
        }
    };
    std::thread::scope(|scope| {
        for at in 0..4 {
            scope.spawn(move || work(at));
        }
    });
    let said = observe(store);
    let kept = said.keys().filter(|path| path.name().starts_with("kept-"));
    assert_eq!(kept.count(), 16);
    assert!(!said.keys().any(|path| path.name().starts_with("gone-")));
    assert_eq!(store.referrers(&base).unwrap().len(), said.len() - 1);
}
