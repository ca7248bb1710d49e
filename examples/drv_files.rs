//! Registers a build, finds it again by its build hash, and notices that it is not reproducible.
//!
//! `cargo run --example drv_files --features store`; everything happens in a temporary folder.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
};

use nix_core::{
    derivation::{Derivation, DerivationModulo},
    path_info::PathInfo,
    store_path::{StoreDir, StorePathName},
};
use nix_store::{
    drv_files::Recorded,
    local::{LocalOptions, LocalStore, StoreLayout},
    store::ArchiveHasher,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let layout = StoreLayout::below(folder.path(), StoreDir::default());
    let store = LocalStore::open(layout, &LocalOptions::default())?;
    let dir = StoreDir::default();

    // What is to be built: an evaluator would have written it.
    let text = br#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[("name","date"),("out","")])"#;
    let derivation = Derivation::parse_aterm(&dir, StorePathName::new("date")?, text)?;
    let others: BTreeMap<_, Derivation> = BTreeMap::new();
    let derivation = derivation.fill_outputs(&mut DerivationModulo::new(&dir, &others))?;
    let name = StorePathName::new("date.drv")?;
    let drv = store.add_text(&name, &derivation.to_aterm(&dir)?, &BTreeSet::new())?;
    println!("to be built: {}", dir.display(&drv.path));

    // A builder leaves its output in its place, then registers it.
    let outputs = derivation.output_paths().clone();
    for path in outputs.values() {
        fs::write(store.real_path(path), "monday\n")?;
    }
    let build = store.register_build(&drv.path, &outputs, &BTreeSet::new())?;
    let Recorded::Done(recorded) = build.recorded else {
        return Err("nothing about it is deferred".into());
    };
    let hash = recorded.build_hash;
    println!("built as {hash}");

    // Both files are found by the build hash.
    let files = store.drv_files()?;
    let file = files.get(&hash)?.ok_or("it was recorded")?;
    assert_eq!(file.derivation, *derivation);
    assert_eq!(files.list()?.build_hashes, [hash]);

    // A second build of the same comes to something else.
    let mut again = BTreeMap::new();
    for (name, info) in &build.outputs {
        let mut hasher = ArchiveHasher::new();
        fs::write(folder.path().join("again"), "tuesday\n")?;
        let options = nix_io::nar::PackOptions::default();
        nix_io::nar::pack(folder.path().join("again"), &mut hasher, &options)?;
        let measured = hasher.finish();
        let info = PathInfo::new(info.path.clone(), measured.nar_hash, measured.nar_size);
        again.insert(name.clone(), info);
    }
    files.record(store.database(), &derivation, &again)?;
    let outputs = files.outputs(&hash)?.ok_or("they were recorded")?;
    assert!(outputs.is_not_reproducible());
    println!("{hash} is not reproducible: two builds differ");
    Ok(())
}
