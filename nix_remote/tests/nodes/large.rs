//! The memory that a large archive needs.

use std::{fs::File, io::Write};

use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    hash::Algorithm,
    store_path::StorePathName,
};
use nix_store::store::ReadStore;

use crate::{
    processes::{Other, Task},
    support::{new_folder, open_store},
};

/// How large it is, in MiB; builds for debugging are slow.
const LARGE: usize = if cfg!(debug_assertions) { 128 } else { 1024 };

/// By how much a node may grow.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

#[tokio::test]
async fn a_large_archive_needs_little_memory_of_who_gives_and_of_who_fetches() {
    let [from, to] = [new_folder(), new_folder()];
    let store = open_store(&from.path().join("root"));
    let source = from.path().join("source");
    let mut file = File::create(&source).unwrap();
    let piece: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    for _ in 0..LARGE {
        file.write_all(&piece).unwrap();
    }
    let method = MethodAlgorithm::new(ContentAddressMethod::Nar, Algorithm::Sha256).unwrap();
    let name = StorePathName::new("large").unwrap();
    let info = store.add_path(&source, &name, method).unwrap();
    std::fs::remove_file(source).unwrap();
    drop(store);

    let mut giving = Other::start(Task::Serve, from.path(), "", &info.path);
    let at = giving.hear("ready").await;
    let mut fetching = Other::start(Task::Fetch, to.path(), &at, &info.path);
    fetching.hear("ready").await;
    let before = [giving.peak_kib(), fetching.peak_kib()];
    giving.go();
    giving.hear("announced").await;
    fetching.go();
    fetching.hear("fetched").await;
    let after = [giving.peak_kib(), fetching.peak_kib()];
    for (before, after) in before.into_iter().zip(after) {
        assert!(after - before <= GROWTH_KIB_MAX, "{before} {after}");
    }
    fetching.end().await;
    giving.end().await;
    let store = open_store(&to.path().join("root"));
    let fetched = store.path_info(&info.path).unwrap().unwrap();
    assert_eq!(fetched.nar_hash, info.nar_hash);
}
