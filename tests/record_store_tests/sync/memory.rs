//! What a key with one provider takes of memory, each store in a process of its own.
#![cfg(target_os = "linux")]

use std::{fs, io::Read as _, path::Path};

use libp2p_kad::store::{MemoryStore, MemoryStoreConfig, RecordStore};
use netabase_store::{
    backends::redb::RedbBackend,
    records::{KadStore, RecordStoreConfig},
};
use record_store_tests::{Engine as _, OK, local, peer, provider, said, wait_for};

use super::kills::{folder_of_child, start};

const KEYS: u64 = 20_000;

/// Stores keys with a provider each, and returns by how many bytes that made the process grow.
fn growth<S: RecordStore>(store: &mut S, settle: impl Fn(&S)) -> u64 {
    // What is needed but once is not counted.
    for number in 0..100 {
        assert_eq!(said(store.add_provider(provider(number, peer(1), 1))), OK);
    }
    settle(store);
    let before = resident_bytes();
    for number in 100..100 + KEYS {
        assert_eq!(said(store.add_provider(provider(number, peer(1), 1))), OK);
        if number % 5_000 == 0 {
            settle(store);
        }
    }
    settle(store);
    resident_bytes().saturating_sub(before)
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    1024 * kib
        .and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
}

fn growth_of_theirs() -> u64 {
    let limits = MemoryStoreConfig {
        max_provided_keys: usize::MAX,
        ..MemoryStoreConfig::default()
    };
    growth(&mut MemoryStore::with_config(local(), limits), |_| ())
}

fn growth_of_ours(folder: &Path) -> u64 {
    let store = RedbBackend::open_notes(&folder.join("store")).expect("it can be made");
    let records = store.record_store(local(), RecordStoreConfig::default());
    growth(&mut records.expect("it opens"), |records: &KadStore<_>| {
        records.flush().expect("the disk is sound");
        wait_for("all is on disk", || records.health().pending_rows == 0);
    })
}

#[test]
fn finding_7_a_key_with_one_provider_takes_a_sixth_of_their_memory_at_most() {
    if let Some(folder) = folder_of_child() {
        let grown = if folder.ends_with("theirs") {
            growth_of_theirs()
        } else {
            growth_of_ours(&folder)
        };
        return fs::write(folder.join("grown"), grown.to_string()).expect("there is room");
    }
    let test = "memory::finding_7_a_key_with_one_provider_takes_a_sixth_of_their_memory_at_most";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [theirs, ours] = ["theirs", "ours"].map(|of| {
        let folder = folder.path().join(of);
        fs::create_dir(&folder).expect("there is room");
        let mut child = start(test, &folder);
        let mut said = String::new();
        let out = child.stdout.as_mut().expect("it is piped");
        out.read_to_string(&mut said).expect("it can be read");
        assert!(
            child.wait().expect("it was started here").success(),
            "{said}"
        );
        let grown = fs::read_to_string(folder.join("grown")).expect("it was written");
        grown.parse::<u64>().expect("a number") / KEYS
    });
    assert!((3_000..6_000).contains(&theirs), "{theirs} bytes");
    assert!(ours * 6 <= theirs, "{ours} bytes, theirs {theirs}");
}
