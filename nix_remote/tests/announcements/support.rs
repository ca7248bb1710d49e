//! Announcements to begin with.

use std::collections::BTreeSet;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Hash, Sha256},
    path_info::PathInfo,
    realisation::{LegacyDrvOutput, LegacyRealisation, Realisation},
    signature::{SecretKey, TrustedKeys},
    store_path::{OutputName, References, StoreDir, StorePath, StorePathName},
};
use nix_remote::peers::announcement::{Announcement, Object, Signers, Statement, Term};

/// When all of them are issued.
pub(crate) const NOW: u64 = 1_700_000_000;

/// A term that has begun.
pub(crate) const TERM: Term = Term {
    sequence: 3,
    issued_at: NOW,
    not_after: NOW + 3600,
};

/// The bytes before the body.
pub(crate) const HEADER: usize = 30;

pub(crate) fn dir() -> StoreDir {
    StoreDir::default()
}

pub(crate) fn key_of(seed: u8) -> SecretKey {
    SecretKey::from_seed("cache-1".parse().unwrap(), &[seed; 32])
}

pub(crate) fn key() -> SecretKey {
    key_of(7)
}

pub(crate) fn trusting(key: &SecretKey) -> TrustedKeys {
    key.public_key().to_string().parse().unwrap()
}

pub(crate) fn path(byte: u8, name: &str) -> StorePath {
    StorePath::new([byte; 20], &StorePathName::new(name).unwrap())
}

/// A path info with two references and a signature of Nix's kind.
pub(crate) fn info() -> PathInfo {
    let mut info = PathInfo::new(path(1, "hello-2.12"), Sha256([2; 32]), 0x1234);
    info.references = [path(1, "hello-2.12"), path(3, "glibc")].into();
    info.sign(&dir(), &key_of(9)).unwrap();
    info
}

pub(crate) fn object() -> Object {
    Object::new(&info(), [4; 32], 4)
}

/// An object whose path follows from the address of its archive.
pub(crate) fn addressed(references: BTreeSet<StorePath>) -> (Object, ContentAddress) {
    let hash = Hash::from(Sha256([2; 32]));
    let address = ContentAddress::new(ContentAddressMethod::Nar, hash).unwrap();
    let name = StorePathName::new("source").unwrap();
    let needs = References {
        others: references.clone(),
        self_reference: false,
    };
    let path = dir().fixed_path(&name, &address, &needs).unwrap();
    let mut info = PathInfo::new(path, Sha256([2; 32]), 77);
    info.references = references;
    (Object::new(&info, [4; 32], 4), address)
}

pub(crate) fn realisation(to: StorePath) -> Realisation {
    let output = format!("{}^out", path(5, "hello.drv"));
    let mut realisation = Realisation::new(output.parse().unwrap(), to);
    realisation.sign(&key_of(9));
    realisation
}

/// The same as Nix said it up to 2.34, with one output that it depends on.
pub(crate) fn legacy_realisation(to: StorePath) -> LegacyRealisation {
    let output = |byte| LegacyDrvOutput {
        drv_hash: Sha256([byte; 32]),
        output_name: OutputName::out(),
    };
    let mut realisation = LegacyRealisation::new(output(5), to);
    let dependencies = &mut realisation.dependent_realisations;
    dependencies.insert(output(8), path(3, "glibc"));
    realisation.sign(&key_of(9));
    realisation
}

/// One statement of each form.
pub(crate) fn statements() -> [Statement; 4] {
    let (object_by_content, address) = addressed([path(3, "glibc")].into());
    [
        Statement::PathInfo(object()),
        Statement::ContentAddressed(object_by_content, address),
        Statement::Realisation(realisation(path(6, "hello"))),
        Statement::LegacyRealisation(legacy_realisation(path(6, "hello"))),
    ]
}

pub(crate) fn sign(statement: &Statement) -> Announcement {
    Announcement::sign(&dir(), statement, TERM, &key()).unwrap()
}

/// Whether a node that takes everybody's announcements takes these bytes.
pub(crate) fn is_taken(key: &[u8], bytes: &[u8]) -> bool {
    Announcement::decode(key, bytes)
        .is_ok_and(|found| found.verify(&dir(), Signers::Any, NOW).is_ok())
}
