//! Importing a stream of objects.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufReader, Read},
    path::Path,
};

use nix_core::store_path::StorePath;
use nix_store::{
    local::LocalStore,
    store::{ReadStore, WriteStore},
};

use crate::{
    harness::{Campaign, at_work, say, told},
    place::{Place, check},
    sample::{add_derivation, add_tree, build, name},
};

pub(crate) const KILLS: u32 = 60;

/// What is read between two things that a child says.
const CHUNK: usize = 8 << 10;

/// A reader that says how much was read.
struct Telling<R>(R);

impl<R: Read> Read for Telling<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        say("read");
        self.0.read(buffer)
    }
}

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let store = crate::place::open(&told.root);
    at_work(|| {
        loop {
            import(&store, Path::new(&told.task));
            say("imported");
            let paths = store.valid_paths().expect("paths");
            say("forgetting");
            store.delete(&paths).expect("deleted");
        }
    });
}

fn import(store: &LocalStore, stream: &Path) -> Vec<StorePath> {
    let stream = Telling(File::open(stream).expect("a stream"));
    let mut stream = BufReader::with_capacity(CHUNK, stream);
    store.import(&mut stream).expect("imported")
}

/// Writes a stream of objects that refer to each other, and returns their paths.
fn export(place: &Place) -> BTreeSet<StorePath> {
    let store = place.store("source");
    let mut last = BTreeSet::new();
    for number in 0..5 {
        let text = format!("text-{number}");
        let added = store.add_text(&name(&text), text.as_bytes(), &last);
        last = [added.expect("added").path].into();
        add_tree(&store, "tree", number);
        let derivation = add_derivation(&store, number);
        build(&store, &derivation, number);
    }
    let paths = store.valid_paths().expect("paths");
    let mut stream = File::create(place.path("stream")).expect("a file");
    let sorted: Vec<_> = paths.iter().cloned().collect();
    store.export(&sorted, &mut stream).expect("exported");
    paths
}

#[test]
fn objects_are_imported_whole_after_what_they_refer_to_or_not_at_all() {
    let place = Place::new();
    let paths = export(&place);
    let bytes = fs::metadata(place.path("stream")).expect("a file").len();
    drop(place.store("store"));
    let mut campaign = Campaign::new("importing::child", KILLS, bytes / CHUNK as u64);
    let mut round = 0;
    while campaign.goes_on() {
        round += 1;
        let stream = place.path("stream");
        let stream = stream.to_str().expect("UTF-8");
        let killed = campaign.kill_in_store(&place.path("store"), stream);
        let store = place.store("store");
        let found = check(&store);
        assert!(found.valid.is_subset(&paths));
        assert!(found.leftovers <= paths.len());
        if killed.said.last().is_some_and(|said| said == "imported") {
            assert_eq!(found.valid, paths);
        }
        // Often the next child finds what the last one left.
        if round % 3 == 0 {
            let mut stream = BufReader::new(File::open(place.path("stream")).expect("a stream"));
            let imported = store.import(&mut stream).expect("imported");
            assert_eq!(imported.into_iter().collect::<BTreeSet<_>>(), paths);
            let found = check(&store);
            assert_eq!(found.valid, paths);
            assert_eq!(found.leftovers, 0);
            check_equal(&store, &place.store("source"), &paths);
            store.delete(&paths).expect("deleted");
        }
    }
}

/// Asserts that two stores say the same of objects.
fn check_equal(store: &LocalStore, source: &LocalStore, paths: &BTreeSet<StorePath>) {
    for path in paths {
        let [mut here, mut there] = [store, source].map(|store| {
            let info = store.path_info(path).expect("read");
            info.expect("valid")
        });
        for info in [&mut here, &mut there] {
            info.registration_time = 0;
            info.ultimate = false;
            // A stream says nothing of it.
            info.content_address = None;
        }
        assert_eq!(here, there);
    }
}
