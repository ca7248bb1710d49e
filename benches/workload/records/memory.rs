//! What a key with one provider takes in memory: a process for each store, measured from outside.

use std::{env, fs, process::Command};

use libp2p_identity::PeerId;
use libp2p_kad::store::RecordStore;

use netabase_store::StoreOptions;

use super::{keys, ours_with, provider, theirs, wide};
use crate::{
    report::Settings,
    table::{Bound, Goals},
};

/// How many bytes of pages the engine keeps: little, because they are no memory of the keys.
const PAGES_BYTES: usize = 8 << 20;

/// Tells the child what to fill.
const STORE: &str = "NETABASE_BENCH_RECORDS";

/// Returns whether this process is one of those that fill a store.
#[must_use]
pub fn is_child() -> bool {
    env::var_os(STORE).is_some()
}

/// Fills a store with keys, and prints how many bytes of memory each took.
#[expect(clippy::print_stdout, reason = "its parent reads it")]
pub fn child() {
    let wanted = env::var(STORE).unwrap();
    let (kind, folder) = wanted.split_once(' ').unwrap();
    let keys = keys(5, 200_000);
    let (local, peer) = (PeerId::random(), PeerId::random());
    // Both have taken what an empty store takes before the count begins.
    let before;
    let store: Box<dyn std::any::Any>;
    if kind == "theirs" {
        let mut memory = theirs(local);
        before = resident();
        for key in &keys {
            memory.add_provider(provider(key, peer)).unwrap();
        }
        store = Box::new(memory);
    } else {
        let options = StoreOptions::new().cache_bytes(PAGES_BYTES);
        let ours = ours_with(folder.as_ref(), local, wide(), &options);
        before = resident();
        for burst in keys.chunks(4096) {
            for key in burst {
                ours.add_provider_record(provider(key, peer)).unwrap();
            }
            ours.flush().unwrap();
        }
        store = Box::new(ours);
    }
    println!("{}", (resident() - before) / keys.len() as f64);
    drop(store);
}

/// Measures the memory of a provider key.
pub fn run(settings: &Settings, goals: &mut Goals) {
    let of = |kind: &str| {
        let folder = tempfile::tempdir_in(&settings.folder).unwrap();
        let wanted = format!("{kind} {}", folder.path().display());
        let mut command = Command::new(env::current_exe().unwrap());
        let output = command.env(STORE, wanted).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim().parse::<f64>().unwrap()
    };
    let (ours, theirs) = (of("ours"), of("theirs"));
    let text = (format!("{ours:.0} B"), format!("{theirs:.0} B"));
    goals.add(
        "memory of a provider key",
        text,
        (ours, "B"),
        Bound::AtMost(400.0),
    );
}

fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}
