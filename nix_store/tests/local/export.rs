//! Streams of `nix-store --export`.

use std::collections::BTreeSet;

use nix_core::{
    path_info::PathInfo,
    signature::{SecretKey, TrustedKeys},
};
use nix_io::wire::Encoder;
use nix_store::{
    local::{ImportError, LocalOptions},
    store::{Error, ReadStore, WriteStore},
};

use crate::support::{Place, archive, check_all, info, quick};

const MAGIC: u64 = 0x4558_494e;

/// Fills a store with an object and another that refers to it.
fn pair(place: &Place) -> [PathInfo; 2] {
    let nar = archive(b"contents");
    let needed = info("zz-needed", &nar);
    let mut needs = info("a", &nar);
    needs.references = BTreeSet::from([needed.path.clone(), needs.path.clone()]);
    needs.deriver = Some(info("a.drv", b"").path);
    for info in [&needed, &needs] {
        place.store.add_nar(info, &mut &nar[..]).expect("added");
    }
    [needed, needs]
}

fn exported(place: &Place) -> Vec<u8> {
    let paths: Vec<_> = place
        .store
        .valid_paths()
        .expect("read")
        .into_iter()
        .collect();
    let mut stream = Vec::new();
    place.store.export(&paths, &mut stream).expect("written");
    stream
}

fn import_error(place: &Place, stream: &[u8]) -> ImportError {
    match place.store.import(&mut &stream[..]) {
        Err(Error::Import(error)) => *error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_exported_is_imported_with_references_first_and_the_reader_left_behind_it() {
    let (from, to) = (Place::new(), Place::new());
    let [needed, needs] = pair(&from);
    let mut stream = exported(&from);
    stream.extend(b"more");
    let mut reader = &stream[..];
    let imported = to.store.import(&mut reader).expect("imported");
    assert_eq!(imported, [needed.path.clone(), needs.path.clone()]);
    assert_eq!(reader, b"more");
    let mut found = to
        .store
        .path_info(&needs.path)
        .expect("read")
        .expect("valid");
    found.registration_time = 0;
    assert_eq!(found, needs);
    assert_eq!(check_all(&to.store), 2);
    assert_eq!(to.store.import(&mut &stream[..]).expect("again").len(), 2);
    assert_eq!(to.unfinished(), [""; 0]);
}

#[test]
fn a_stream_that_is_cut_anywhere_leaves_whole_objects_only() {
    let (from, to) = (Place::new(), Place::new());
    pair(&from);
    let stream = exported(&from);
    for length in (0..stream.len()).step_by(8).rev() {
        let error = to.store.import(&mut &stream[..length]);
        assert!(
            matches!(error, Err(Error::Import(_) | Error::Unpack { .. })),
            "{length}: {error:?}"
        );
    }
    assert_eq!(to.objects().len(), check_all(&to.store));
    assert_eq!(to.unfinished(), [""; 0]);
}

#[test]
fn a_stream_that_is_none_is_refused() {
    let place = Place::new();
    let nar = archive(b"x");
    let stream = |values: &dyn Fn(&mut Encoder<'_>)| {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes).u64(1);
        bytes.extend(&nar);
        values(&mut Encoder::new(&mut bytes));
        bytes
    };
    let error = import_error(&place, &7_u64.to_le_bytes());
    assert!(
        matches!(error, ImportError::Unexpected { found: 7, .. }),
        "{error:?}"
    );
    let error = import_error(&place, &stream(&|encoder| _ = encoder.u64(0)));
    assert!(
        matches!(error, ImportError::Unexpected { found: 0, .. }),
        "{error:?}"
    );
    let outside = stream(&|encoder| _ = encoder.u64(MAGIC).string(b"/etc/passwd"));
    let error = import_error(&place, &outside);
    assert!(matches!(error, ImportError::Path { .. }), "{error:?}");
    let huge = stream(&|encoder| _ = encoder.u64(MAGIC).u64(1 << 40));
    let error = import_error(&place, &huge);
    assert!(matches!(error, ImportError::Wire(_)), "{error:?}");
    assert_eq!(place.objects(), BTreeSet::new());
    assert_eq!(place.unfinished(), [""; 0]);
}

#[test]
fn an_object_before_what_it_refers_to_is_refused() {
    let (from, to) = (Place::new(), Place::new());
    let [_, needs] = pair(&from);
    let mut stream = Vec::new();
    from.store
        .export(&[needs.path], &mut stream)
        .expect("written");
    let error = to.store.import(&mut &stream[..]);
    assert!(
        matches!(error, Err(Error::ReferenceNotValid { .. })),
        "{error:?}"
    );
    assert_eq!(to.objects(), BTreeSet::new());
}

#[test]
fn a_store_that_demands_signatures_imports_only_for_who_is_trusted() {
    let from = Place::new();
    pair(&from);
    let stream = exported(&from);
    let key = SecretKey::from_seed("key-1".parse().expect("a name"), &[1; 32]);
    let mut trusted_keys = TrustedKeys::default();
    trusted_keys.insert(key.public_key()).expect("a key");
    let to = Place::with(&LocalOptions {
        trusted_keys: Some(trusted_keys),
        ..quick()
    });
    let error = to.store.import(&mut &stream[..]);
    assert!(matches!(error, Err(Error::Untrusted { .. })), "{error:?}");
    assert_eq!(to.objects(), BTreeSet::new());
    assert_eq!(
        to.store
            .import_trusted(&mut &stream[..])
            .expect("imported")
            .len(),
        2
    );
}

#[test]
fn a_path_that_is_not_valid_is_not_exported() {
    let place = Place::new();
    let mut stream = Vec::new();
    let error = place.store.export(&[info("absent", b"").path], &mut stream);
    assert!(matches!(error, Err(Error::NotValid { .. })), "{error:?}");
    assert_eq!(stream, b"");
}
