//! Loads a small Nix store's metadata into typed trees and asks them every kind of question.
//!
//! ```text
//! cargo run --release --example quickstart
//! cargo run --release --example quickstart -- --engine memory
//! cargo run --release --example quickstart -- --db store.redb
//! cargo run --release --features sled --example quickstart -- --engine sled
//! ```
//!
//! The models are in `nix_store/src/db.rs`; the data in `examples/sample` was made with a real Nix.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod ask;
mod change;
mod load;

use std::{error::Error, path::PathBuf, process::ExitCode, time::Instant};

#[cfg(feature = "sled")]
use netabase_store::SledStore;
use netabase_store::{MemoryStore, RedbStore, Store, backends::Backend};
use nix_store::db::models::StoreDefinition;

/// What any step may fail with.
type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: quickstart [--engine redb|memory|sled] [--db FILE]";

fn main() -> Result<ExitCode> {
    let mut engine = "redb".to_owned();
    let mut db = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--engine", Some(name)) => engine = name,
            ("--db", Some(path)) => db = Some(PathBuf::from(path)),
            ("--help", _) => {
                println!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            _ => return usage(),
        }
    }
    match (engine.as_str(), db) {
        ("redb", Some(path)) => tour(&RedbStore::new(&path)?, &path.display().to_string())?,
        ("redb", None) => tour(
            &RedbStore::temp()?,
            "a temporary folder, removed at the end",
        )?,
        ("memory", None) => tour(&MemoryStore::new(), "memory")?,
        #[cfg(feature = "sled")]
        ("sled", Some(path)) => tour(&SledStore::new(&path)?, &path.display().to_string())?,
        #[cfg(feature = "sled")]
        ("sled", None) => tour(
            &SledStore::temp()?,
            "a temporary folder, removed at the end",
        )?,
        #[cfg(not(feature = "sled"))]
        ("sled", _) => {
            println!("sled is a feature: cargo run --release --features sled --example quickstart");
            return Ok(ExitCode::from(2));
        }
        _ => return usage(),
    }
    Ok(ExitCode::SUCCESS)
}

fn usage() -> Result<ExitCode> {
    println!("{USAGE}");
    Ok(ExitCode::from(2))
}

/// The whole tour: the same code on every engine.
fn tour<B: Backend>(store: &Store<StoreDefinition, B>, place: &str) -> Result {
    let start = Instant::now();
    println!(
        "A store of {:?} on {} in {place}",
        store.tree_names(),
        B::ENGINE
    );
    load::sample(store)?;
    let loaded = start.elapsed();
    ask::by_key(store)?;
    ask::by_index(store)?;
    ask::in_order(store)?;
    ask::across_models(store)?;
    change::update_and_abort(store)?;
    change::refused(store)?;
    println!(
        "\nLoaded in {loaded:.1?}, all of it in {:.1?}",
        start.elapsed()
    );
    println!(
        "Peers that share such objects: \
         cargo run --release --features peers --example share_store_objects"
    );
    Ok(())
}
