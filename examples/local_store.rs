//! Keeps objects in a store on disk: adds them, asks for their references, copies one to another
//! store, deduplicates, verifies, and collects what no root leads to.
//!
//! `cargo run --example local_store --features store`; everything happens in a temporary folder.

#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::{collections::BTreeSet, error::Error, fs, io::BufReader};

use nix_core::{
    content_address::{ContentAddressMethod, MethodAlgorithm},
    hash::Algorithm,
    store_path::StorePathName,
};
use nix_store::{
    StoreDir, gc,
    local::{LocalOptions, LocalStore, StoreLayout},
    optimise,
    store::{Direction, ReadStore, WriteStore},
    verify,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let open = |name| {
        let layout = StoreLayout::below(folder.path().join(name), StoreDir::default());
        LocalStore::open(layout, &LocalOptions::default())
    };
    let store = open("depot")?;
    let dir = StoreDir::default();

    // A folder becomes an object: its path follows from its content.
    let source = folder.path().join("hello");
    fs::create_dir(&source)?;
    fs::write(source.join("README"), "what hello says\n")?;
    fs::write(source.join("COPY"), "what hello says\n")?;
    let by_archive = MethodAlgorithm::new(ContentAddressMethod::Nar, Algorithm::Sha256)?;
    let hello = store.add_path(&source, &StorePathName::new("hello")?, by_archive)?;
    println!(
        "added {} ({} bytes)",
        dir.display(&hello.path),
        hello.nar_size
    );

    // A text refers to it.
    let text = format!("see {}/README\n", dir.display(&hello.path));
    let references = BTreeSet::from([hello.path.clone()]);
    let note = store.add_text(&StorePathName::new("note")?, text.as_bytes(), &references)?;
    assert_eq!(
        store.referrers(&hello.path)?,
        BTreeSet::from([note.path.clone()])
    );
    let closure = store.closure(&BTreeSet::from([note.path.clone()]), Direction::References)?;
    println!(
        "{} needs {} objects",
        dir.display(&note.path),
        closure.len()
    );

    // Another store takes the archives, and checks them against what is known of each.
    let mirror = open("mirror")?;
    for path in [&hello.path, &note.path] {
        let info = store.path_info(path)?.ok_or("it is valid")?;
        let mut archive = Vec::new();
        store.write_nar(path, &mut archive)?;
        mirror.add_nar(&info, &mut BufReader::new(&archive[..]))?;
    }
    assert_eq!(mirror.valid_paths()?, store.valid_paths()?);

    let report = optimise::optimise(&store, &optimise::OptimiseOptions::default(), &mut |_| {})?;
    println!(
        "{} file linked, {} bytes saved",
        report.linked, report.bytes_saved
    );
    let report = verify::verify(
        &mirror,
        &verify::VerifyOptions {
            check_contents: true,
            ..Default::default()
        },
        &mut |_| {},
    )?;
    assert!(report.problems.is_empty());
    println!("verified {} objects", report.checked);

    // What no root leads to goes; what a process has added stays as long as it has the store open.
    drop(store);
    let store = open("depot")?;
    gc::add_link(&store, &folder.path().join("result"), &hello.path)?;
    gc::collect(&store, &gc::GcOptions::default(), &mut |_| {})?;
    assert_eq!(store.valid_paths()?, BTreeSet::from([hello.path.clone()]));
    println!("kept {} alone", dir.display(&hello.path));
    Ok(())
}
