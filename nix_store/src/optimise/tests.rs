use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::CWD;

use super::{
    LinksLayout, Opened,
    links::{Links, Outcome},
    tree::{Node, Visit, walk},
};
use crate::{
    StoreDir,
    local::{LocalOptions, LocalStore, PrivateDir, StoreLayout, TIMES},
};

struct Place {
    _folder: tempfile::TempDir,
    store: LocalStore,
    private: PrivateDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = StoreLayout::below(folder.path(), StoreDir::default());
        let store = LocalStore::open(layout, &LocalOptions::default()).unwrap();
        let private = store.private_dir().unwrap();
        Self {
            _folder: folder,
            store,
            private,
        }
    }

    /// Adds an object that is one file.
    fn add(&self, name: &str) -> PathBuf {
        let name = name.parse().unwrap();
        let info = self.store.add_text(&name, b"contents", &BTreeSet::new());
        self.store.real_path(&info.unwrap().path)
    }

    fn links(&self) -> Links<'_> {
        let path = self.store.layout().links_dir();
        let layout = LinksLayout::Flat;
        Links::open(
            self.store.directory(),
            path,
            self.private.fd(),
            layout,
            true,
        )
        .unwrap()
    }

    /// Shares an object that is one file, with something happening after it was hashed.
    fn share(&self, links: &mut Links<'_>, path: &Path, change: &dyn Fn(&Path)) -> Outcome {
        let mut outcome = None;
        let mut visit = |node: &Node<'_>| {
            let mut file = Opened::open(node.parent, node.name).unwrap().unwrap();
            let hash = file.nar_hash().unwrap().unwrap();
            change(path);
            outcome = Some(links.share(node, &mut file, &hash).unwrap());
        };
        walk(self.store.directory(), path, 1, &mut |step| {
            if let Visit::Leaf(node) = step {
                visit(node);
            }
            Ok(())
        })
        .unwrap();
        outcome.unwrap()
    }

    fn linked_inodes(&self) -> Vec<u64> {
        let links = fs::read_dir(self.store.layout().links_dir()).unwrap();
        links
            .map(|link| link.unwrap().metadata().unwrap().ino())
            .collect()
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn write(path: &Path) {
    set_mode(path, 0o644);
    fs::write(path, "CONTENTS").unwrap();
    set_mode(path, 0o444);
}

fn write_and_restore_the_time(path: &Path) {
    write(path);
    let flags = rustix::fs::AtFlags::empty();
    rustix::fs::utimensat(CWD, path, &TIMES, flags).unwrap();
}

fn empty(path: &Path) {
    set_mode(path, 0o644);
    fs::write(path, "").unwrap();
}

fn replace(path: &Path) {
    let other = path.with_extension("other");
    fs::write(&other, "CONTENTS").unwrap();
    fs::rename(other, path).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

/// NixOS/nix#14599: a file that was empty when it was looked at became the content of all others.
#[test]
fn nix_14599_a_file_that_is_being_changed_is_linked_to_nothing() {
    for change in [write, empty, replace, remove] {
        let place = Place::new();
        let a = place.add("a");
        let mut links = place.links();
        assert_eq!(place.share(&mut links, &a, &change), Outcome::Changed);
        assert!(place.linked_inodes().is_empty());
    }
}

#[test]
fn nix_14599_a_file_that_is_being_changed_is_not_replaced_and_replaces_no_link() {
    for change in [write, write_and_restore_the_time, empty, replace, remove] {
        let place = Place::new();
        let (a, b) = (place.add("a"), place.add("b"));
        let mut links = place.links();
        let first = Outcome::First { is_repair: false };
        assert_eq!(place.share(&mut links, &a, &|_| {}), first);
        assert_eq!(place.share(&mut links, &b, &change), Outcome::Changed);
        let a_inode = fs::metadata(&a).unwrap().ino();
        assert_eq!(place.linked_inodes(), [a_inode]);
        assert_eq!(fs::read(&a).unwrap(), b"contents");
        assert!(fs::read(&b).is_ok_and(|b| b != b"contents") || !b.exists());
    }
}

#[test]
fn a_link_that_is_removed_meanwhile_is_made_again() {
    let place = Place::new();
    let (a, b) = (place.add("a"), place.add("b"));
    let mut links = place.links();
    place.share(&mut links, &a, &|_| {});
    let collect = |_: &Path| {
        for link in fs::read_dir(place.store.layout().links_dir()).unwrap() {
            fs::remove_file(link.unwrap().path()).unwrap();
        }
    };
    let first = Outcome::First { is_repair: false };
    assert_eq!(place.share(&mut links, &b, &collect), first);
    assert_eq!(place.linked_inodes(), [fs::metadata(b).unwrap().ino()]);
}

#[test]
fn two_names_of_one_file_stay_as_they_are() {
    let place = Place::new();
    let (a, b) = (place.add("a"), place.add("b"));
    let mut links = place.links();
    place.share(&mut links, &a, &|_| {});
    let Outcome::Linked { bytes_saved } = place.share(&mut links, &b, &|_| {}) else {
        panic!("b is like a");
    };
    assert!(bytes_saved > 0);
    assert_eq!(place.share(&mut links, &b, &|_| {}), Outcome::Already);
    assert_eq!(fs::read_dir(place.private.join("")).unwrap().count(), 0);
}
