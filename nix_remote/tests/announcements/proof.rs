//! A content-addressed path info is believed for what it proves, and for nothing else.

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    store_path::{References, StoreDir, StorePathName},
};
use nix_remote::peers::announcement::{
    Announcement, Object, References as Announced, SignError, Signers, Statement, VerifyError,
};

use crate::support::{NOW, TERM, addressed, dir, key, path, sign};

fn refused(object: Object, address: ContentAddress) -> VerifyError {
    let statement = Statement::ContentAddressed(object, address);
    match Announcement::sign(&dir(), &statement, TERM, &key()) {
        Err(SignError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn is_another_path(error: &VerifyError) -> bool {
    matches!(error, VerifyError::Path { .. })
}

/// An object at the path that follows from an address, without references to others.
fn at_address(address: ContentAddress, self_reference: bool) -> Object {
    let needs = References {
        self_reference,
        ..References::default()
    };
    let name = StorePathName::new("a").unwrap();
    let path = dir().fixed_path(&name, &address, &needs).unwrap();
    let mut info = PathInfo::new(path, Sha256([1; 32]), 1);
    if self_reference {
        info.references.insert(info.path.clone());
    }
    Object::new(&info, [9; 32], 0)
}

fn address(method: ContentAddressMethod, algorithm: Algorithm) -> ContentAddress {
    ContentAddress::new(method, Hash::of(algorithm, b"contents")).unwrap()
}

#[test]
fn an_object_with_other_references_is_refused() {
    let glibc = path(3, "glibc");
    let (object, address) = addressed([glibc.clone()].into());
    sign(&Statement::ContentAddressed(object.clone(), address));
    for references in [
        [].into(),
        [path(4, "glibc")].into(),
        [glibc.clone(), path(4, "gcc")].into(),
        [glibc, object.path.clone()].into(),
    ] {
        let mut changed = object.clone();
        changed.references = Announced::Listed(references);
        assert!(is_another_path(&refused(changed, address)));
    }
}

#[test]
fn an_object_with_another_name_or_address_is_refused() {
    let (object, address) = addressed([].into());
    let digest = object.path.digest();
    let mut renamed = object.clone();
    let name = StorePathName::new("sauce").unwrap();
    renamed.path = nix_core::store_path::StorePath::new(digest, &name);
    assert!(is_another_path(&refused(renamed, address)));
    let hash = Hash::from(Sha256([3; 32]));
    let other = ContentAddress { hash, ..address };
    assert!(is_another_path(&refused(object.clone(), other)));
    let method = ContentAddressMethod::Flat;
    let other = ContentAddress { method, ..address };
    assert!(is_another_path(&refused(object, other)));
}

#[test]
fn an_object_of_another_store_dir_is_refused() {
    let (object, address) = addressed([].into());
    let ours = sign(&Statement::ContentAddressed(object, address));
    let elsewhere = StoreDir::new("/gnu/store").unwrap();
    let error = ours.verify(&elsewhere, Signers::Any, NOW).unwrap_err();
    assert!(is_another_path(&error), "{error:?}");
}

#[test]
fn references_that_an_address_cannot_have_are_refused() {
    let flat = address(ContentAddressMethod::Flat, Algorithm::Sha256);
    let mut object = at_address(flat, false);
    object.references = Announced::Listed([path(3, "glibc")].into());
    let error = refused(object, flat);
    assert!(matches!(error, VerifyError::ContentAddress(_)), "{error:?}");
    let text = address(ContentAddressMethod::Text, Algorithm::Sha256);
    let mut object = at_address(text, false);
    object.references = Announced::Listed([object.path.clone()].into());
    let error = refused(object, text);
    assert!(matches!(error, VerifyError::ContentAddress(_)), "{error:?}");
}

#[test]
fn an_address_of_the_archive_fixes_its_hash() {
    let (mut object, address) = addressed([].into());
    object.nar_hash = Sha256([3; 32]);
    let field = "NAR hash";
    assert_eq!(
        refused(object, address),
        VerifyError::Contradiction { field }
    );

    let by_blake3 = self::address(ContentAddressMethod::Nar, Algorithm::Blake3);
    let mut object = at_address(by_blake3, false);
    let field = "BLAKE3 root";
    let contradiction = VerifyError::Contradiction { field };
    assert_eq!(refused(object.clone(), by_blake3), contradiction);
    object.blake3_root = by_blake3.hash.digest().try_into().unwrap();
    sign(&Statement::ContentAddressed(object, by_blake3));
}

#[test]
fn other_addresses_say_nothing_of_the_archive() {
    for (method, algorithm) in [
        (ContentAddressMethod::Text, Algorithm::Sha256),
        (ContentAddressMethod::Flat, Algorithm::Sha256),
        (ContentAddressMethod::Flat, Algorithm::Blake3),
        (ContentAddressMethod::Nar, Algorithm::Sha512),
        (ContentAddressMethod::Git, Algorithm::Sha256),
    ] {
        let address = address(method, algorithm);
        let object = at_address(address, false);
        sign(&Statement::ContentAddressed(object, address));
    }
    let to_itself = address(ContentAddressMethod::Nar, Algorithm::Sha256);
    let object = at_address(to_itself, true);
    sign(&Statement::ContentAddressed(object, to_itself));
}
