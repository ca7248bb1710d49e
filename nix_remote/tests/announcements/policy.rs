//! Nothing is announced but what roots and trusted signatures allow.

use std::collections::BTreeSet;

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    signature::SecretKey,
    store_path::{References, StorePath, StorePathName},
};
use nix_remote::peers::announcement::{
    Announcement, Grounds, PolicyError, Statement, announceable,
};

use crate::support::{TERM, dir, key, key_of, legacy_realisation, path, realisation, trusting};

fn info(name: &str, references: &[&StorePath]) -> PathInfo {
    let mut info = PathInfo::new(path(1, name), Sha256([2; 32]), 7);
    info.references = references.iter().copied().cloned().collect();
    info
}

fn signed(name: &str, references: &[&StorePath]) -> PathInfo {
    let mut info = info(name, references);
    info.sign(&dir(), &key()).unwrap();
    info
}

/// A file addressed by its own hash.
fn flat(algorithm: Algorithm) -> PathInfo {
    let hash = Hash::of(algorithm, b"contents");
    let address = ContentAddress::new(ContentAddressMethod::Flat, hash).unwrap();
    let name = StorePathName::new(algorithm.as_str()).unwrap();
    let path = dir().fixed_path(&name, &address, &References::default());
    let mut info = PathInfo::new(path.unwrap(), Sha256([2; 32]), 7);
    info.content_address = Some(address);
    info
}

fn names(infos: &[PathInfo], roots: &[&StorePath]) -> Result<BTreeSet<String>, PolicyError> {
    let roots = roots.iter().copied().cloned().collect();
    let trusted = trusting(&key());
    let found = announceable(infos, &roots, &dir(), &trusted)?;
    Ok(found
        .iter()
        .map(|one| one.info.path.name().to_owned())
        .collect())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().copied().map(str::to_owned).collect()
}

#[test]
fn only_what_a_root_leads_to_is_announced() {
    let lib = signed("lib", &[]);
    let app = signed("app", &[&lib.path]);
    let user = signed("user", &[&app.path]);
    let other = signed("other", &[]);
    let [root, top] = [app.path.clone(), user.path.clone()];
    let infos = [lib, app, user, other];
    assert_eq!(names(&infos, &[&root]), Ok(set(&["app", "lib"])));
    assert_eq!(names(&infos, &[&top]), Ok(set(&["app", "lib", "user"])));
    assert_eq!(names(&infos, &[]), Ok(set(&[])));
}

#[test]
fn what_no_trusted_key_signed_stays_private_with_or_without_a_root() {
    let secret = info("secret", &[]);
    let mut foreign = info("foreign", &[]);
    foreign.sign(&dir(), &key_of(8)).unwrap();
    let mut unknown = info("unknown", &[]);
    let stranger = SecretKey::from_seed("stranger".parse().unwrap(), &[8; 32]);
    unknown.sign(&dir(), &stranger).unwrap();
    let mut ours = info("ultimate", &[]);
    ours.ultimate = true;
    let mut changed = signed("changed", &[]);
    changed.nar_size += 1;
    let app = signed(
        "app",
        &[
            &secret.path,
            &foreign.path,
            &unknown.path,
            &ours.path,
            &changed.path,
        ],
    );
    let root = app.path.clone();
    let infos = [secret, foreign, unknown, ours, changed, app];
    assert_eq!(names(&infos, &[&root]), Ok(set(&["app"])));
    for one in &infos[..5] {
        assert_eq!(names(&infos, &[&one.path]), Ok(set(&[])));
    }
}

#[test]
fn what_is_addressed_by_a_sound_hash_needs_no_signature() {
    let infos = [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Md5].map(flat);
    let roots: Vec<_> = infos.iter().map(|info| &info.path).collect();
    assert_eq!(names(&infos, &roots), Ok(set(&["sha256"])));
    let mut claimed = infos.clone();
    for info in &mut claimed {
        info.path = path(1, info.path.name());
    }
    let roots: Vec<_> = claimed.iter().map(|info| &info.path).collect();
    assert_eq!(names(&claimed, &roots), Ok(set(&[])));
    let mut both = infos.clone();
    for info in &mut both {
        info.sign(&dir(), &key()).unwrap();
    }
    let roots: Vec<_> = both.iter().map(|info| &info.path).collect();
    assert_eq!(names(&both, &roots), Ok(set(&["md5", "sha1", "sha256"])));
}

#[test]
fn a_root_that_is_unknown_is_said_to_be() {
    let refused = names(&[signed("app", &[])], &[&path(2, "app")]);
    assert!(matches!(refused, Err(PolicyError::Root(_))), "{refused:?}");
}

#[test]
fn references_of_which_nothing_is_known_are_not_announced() {
    let app = signed("app", &[&path(2, "gone")]);
    let root = app.path.clone();
    assert_eq!(names(&[app], &[&root]), Ok(set(&["app"])));
}

#[test]
fn what_may_be_announced_is_announced_on_its_grounds() {
    let infos = [signed("app", &[]), flat(Algorithm::Sha256)];
    let roots = infos.iter().map(|info| info.path.clone()).collect();
    let trusted = trusting(&key());
    let found = announceable(&infos, &roots, &dir(), &trusted).unwrap();
    assert_eq!(found.len(), 2);
    for one in found {
        let statement = one.statement([4; 32], 4);
        let as_it_should_be = match one.grounds {
            Grounds::Signed => matches!(statement, Statement::PathInfo(_)),
            Grounds::ContentAddressed(_) => matches!(statement, Statement::ContentAddressed(..)),
        };
        assert!(as_it_should_be, "{statement:?}");
        Announcement::sign(&dir(), &statement, TERM, &key()).unwrap();
    }
}

#[test]
fn realisations_are_announced_of_announced_objects_and_with_a_trusted_signature() {
    let app = signed("app", &[]);
    let roots = [app.path.clone()].into();
    let (trusted, other) = (trusting(&key_of(9)), trusting(&key_of(8)));
    let found = announceable([&app], &roots, &dir(), &trusting(&key())).unwrap();
    let allowed = |to: &StorePath, keys| {
        let new = found[0].allows(&realisation(to.clone()), keys);
        let old = found[0].allows_legacy(&legacy_realisation(to.clone()), keys);
        [new, old]
    };
    assert_eq!(allowed(&app.path, &trusted), [true; 2]);
    assert_eq!(allowed(&app.path, &other), [false; 2]);
    assert_eq!(allowed(&path(2, "app"), &trusted), [false; 2]);
}
