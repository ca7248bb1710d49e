//! Files that rot: those of objects, each of which is found and healed, and that of the database, which
//! opens or says why not.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use nix_core::{path_info::PathInfo, store_path::StorePath};
use nix_store::{
    StoreDir,
    local::{LocalStore, StoreLayout},
    store::{Error, ReadStore, Result, WriteStore},
    verify::{Problem, VerifyOptions, repair, verify},
};

use crate::support::{Place, Tree, assert_canonical, file, nodes, options, sample};

/// How many times objects, and how many times the database are damaged; `NETABASE_CASES` times as many
/// where it is set.
const OBJECTS_DAMAGED: u64 = 60;
const DATABASES_DAMAGED: u64 = 150;

/// What disks lose at once.
const SECTOR_BYTES: usize = 512;
const PAGE_BYTES: usize = 4096;

/// Numbers that look random and follow from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let below = (mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).expect("small");
        usize::try_from(below).expect("small")
    }
}

/// Damages bytes, and says how.
fn rot(bytes: &mut Vec<u8>, chance: &mut Chance) -> String {
    let at = chance.below(bytes.len());
    match chance.below(5) {
        0 => {
            bytes.truncate(at);
            return format!("cut to {at}");
        }
        1 => {
            let from = at / PAGE_BYTES * PAGE_BYTES;
            let until = bytes.len().min(from + PAGE_BYTES);
            bytes[from..until].fill(0);
            return format!("zeroed page at {from}");
        }
        2 => {
            let from = at / SECTOR_BYTES * SECTOR_BYTES;
            let until = bytes.len().min(from + SECTOR_BYTES);
            bytes[from..until].fill(0xA5);
            return format!("garbage at {from}");
        }
        _ => {}
    }
    let used: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    if let Some(at) = used.get(chance.below(used.len())) {
        bytes[*at] ^= 1 << chance.below(8);
    }
    format!("flipped near {at}")
}

/// Damages a file, symlink or directory of an object.
fn rot_node(node: &Path, chance: &mut Chance) -> String {
    let metadata = fs::symlink_metadata(node).expect("a node");
    let folder = node.parent().expect("a folder");
    let open = |of: &Path| fs::set_permissions(of, fs::Permissions::from_mode(0o755));
    open(folder).expect("a mode");
    if metadata.is_dir() {
        open(node).expect("a mode");
        fs::write(node.join("strange"), "").expect("a file");
        return "a file more".to_owned();
    }
    if metadata.is_symlink() || chance.below(6) == 0 {
        fs::remove_file(node).expect("a node");
        if chance.below(2) == 0 {
            symlink("elsewhere", node).expect("a symlink");
            return "another symlink".to_owned();
        }
        return "a file less".to_owned();
    }
    let executable = metadata.permissions().mode() & 0o111 != 0;
    open(node).expect("a mode");
    let mut bytes = fs::read(node).expect("a file");
    if bytes.is_empty() || chance.below(6) == 0 {
        let mode = if executable { 0o444 } else { 0o555 };
        fs::set_permissions(node, fs::Permissions::from_mode(mode)).expect("a mode");
        return "executable or not".to_owned();
    }
    let before = bytes.clone();
    let how = rot(&mut bytes, chance);
    if bytes == before {
        bytes.push(b'!');
    }
    fs::write(node, bytes).expect("a file");
    let mode = if executable { 0o555 } else { 0o444 };
    fs::set_permissions(node, fs::Permissions::from_mode(mode)).expect("a mode");
    how
}

fn contents() -> VerifyOptions {
    VerifyOptions {
        check_contents: true,
        ..VerifyOptions::default()
    }
}

/// Returns what has to be repaired.
fn wrong(store: &LocalStore) -> BTreeSet<StorePath> {
    let report = verify(store, &contents(), &mut |_| {}).expect("a store that can be read");
    let wrong = report
        .problems
        .iter()
        .filter(|problem| problem.needs_repair());
    wrong
        .map(|problem| problem.path().expect("an object").clone())
        .collect()
}

/// Adds some objects, of several files and of one.
fn fill(store: &impl WriteStore) -> Vec<PathInfo> {
    let trees = [
        ("tree", sample()),
        ("other", Tree::Directory(vec![("plain", file("another"))])),
        ("single", Tree::File(b"0123456789".repeat(1000))),
        ("link", Tree::Link("nowhere")),
    ];
    trees
        .map(|(name, tree)| describe(store, name, &tree))
        .into()
}

fn describe(store: &impl WriteStore, name: &str, tree: &Tree) -> PathInfo {
    let archive = tree.archive();
    let digest = nix_core::hash::Sha256::of(name.as_bytes());
    let digest = digest.0.first_chunk().expect("a digest has 32 bytes");
    let path = StorePath::new(*digest, &name.parse().expect("a name"));
    let hash = nix_core::hash::Sha256::of(&archive);
    let mut info = PathInfo::new(path, hash, archive.len() as u64);
    info.registration_time = 1;
    store.add_nar(&info, &mut &archive[..]).expect("added");
    info
}

fn cases(cases: u64) -> u64 {
    let times = std::env::var("NETABASE_CASES").ok();
    cases * times.and_then(|times| times.parse().ok()).unwrap_or(1)
}

#[test]
fn every_object_that_rots_is_found_and_no_other_and_repair_heals_it() {
    let place = Place::new();
    let (store, healthy) = (place.store("store"), place.store("healthy"));
    let objects = fill(&store);
    fill(&healthy);
    for seed in 0..cases(OBJECTS_DAMAGED) {
        let mut chance = Chance(seed);
        let mut damaged = BTreeSet::new();
        let mut how = Vec::new();
        for info in &objects {
            if chance.below(2) == 0 {
                continue;
            }
            let real = store.real_path(&info.path);
            let mut below: Vec<PathBuf> = match real.symlink_metadata().expect("a node").is_dir() {
                true => nodes(&real)
                    .into_keys()
                    .map(|node| real.join(node))
                    .collect(),
                false => Vec::new(),
            };
            below.push(real);
            how.push(rot_node(&below[chance.below(below.len())], &mut chance));
            damaged.insert(info.path.clone());
        }
        assert_eq!(wrong(&store), damaged, "seed {seed}: {how:?}");
        for path in &damaged {
            repair(&store, path, &healthy).expect("the other is sound");
        }
        assert_eq!(wrong(&store), BTreeSet::new(), "seed {seed}: {how:?}");
    }
    assert_canonical(&place.path("store/nix/store"));
}

fn open(place: &Place) -> Result<LocalStore> {
    let layout = StoreLayout::below(place.path("store"), StoreDir::default());
    LocalStore::open(layout, &options())
}

/// Asks everything of a store whose objects are sound; what it says is true. Returns how many objects
/// it knows.
fn ask(place: &Place, objects: &[PathInfo]) -> Result<usize> {
    let store = open(place)?;
    let all: BTreeSet<_> = objects.iter().map(|info| info.path.clone()).collect();
    let mut known = 0;
    for info in objects {
        if let Some(found) = store.path_info(&info.path)? {
            assert_eq!(found, *info);
            known += 1;
        }
    }
    assert!(store.valid_paths()?.is_subset(&all));
    let report = verify(&store, &contents(), &mut |_| {})?;
    for problem in &report.problems {
        assert!(matches!(problem, Problem::Leftover { .. }), "{problem:?}");
    }
    Ok(known)
}

/// Makes a database anew, of objects that lie in their places and are added once more.
fn add_again(place: &Place, database: &Path, objects: &[PathInfo]) {
    fs::remove_file(database).expect("a file");
    let store = open(place).expect("an empty database");
    fill(&store);
    assert_eq!(wrong(&store), BTreeSet::new());
    drop(store);
    assert_eq!(ask(place, objects).expect("a sound store"), objects.len());
}

#[test]
fn a_database_that_rots_opens_or_says_why_not_and_is_made_anew_by_adding_again() {
    let place = Place::new();
    let objects = {
        let store = place.store("store");
        let objects = fill(&store);
        let known = objects.iter().map(|info| store.path_info(&info.path));
        let known = known.map(|known| known.expect("read").expect("valid"));
        known.collect::<Vec<_>>()
    };
    let file = StoreLayout::below(place.path("store"), StoreDir::default());
    let file = file.db_dir().join("netabase.redb");
    let whole = fs::read(&file).expect("a database");
    let mut refused = 0;
    for seed in 0..cases(DATABASES_DAMAGED) {
        let mut chance = Chance(seed);
        let mut bytes = whole.clone();
        let how = rot(&mut bytes, &mut chance);
        fs::write(&file, &bytes).expect("a file");
        let asked: Result<usize, Error> = ask(&place, &objects);
        if let Ok(known) = asked {
            assert!(known <= objects.len(), "seed {seed}: {how}");
            continue;
        }
        refused += 1;
        if refused % 10 == 1 {
            add_again(&place, &file, &objects);
        }
    }
    assert!(refused > 20, "only {refused} were noticed");
    fs::write(&file, &whole).expect("a file");
    assert_eq!(ask(&place, &objects).expect("a sound store"), objects.len());
}
