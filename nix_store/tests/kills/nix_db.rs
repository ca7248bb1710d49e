//! Importing Nix's own database.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use netabase_store::{RedbStore, StoreOptions, Verify};
use nix_core::{
    path_info::PathInfo,
    realisation::{LegacyDrvOutput, LegacyRealisation},
    store_path::{OutputName, StoreDir},
};
use nix_store::{
    db::models::{self, StoreDefinition},
    nix_db::{Exporter, ImportOptions, ImportReport, NixDbOptions, NixSchema, StoreDb, import},
    store::AnyRealisation,
};

use crate::{
    harness::{Campaign, at_work, say, told},
    place::Place,
    sample::describe,
};

const KILLS: u32 = 30;

/// How many databases are imported one after the other, and what each holds.
const DATABASES: u64 = 6;
const PATHS: u64 = 30;

type Trees = RedbStore<StoreDefinition>;

fn source(root: &Path, number: u64) -> PathBuf {
    root.join(number.to_string()).join("db.sqlite")
}

fn infos(number: u64) -> Vec<PathInfo> {
    let name = |at: u64| format!("{number}-{at}");
    let info = |at: u64| {
        let mut info = describe(&name(at), name(at).as_bytes());
        info.registration_time = 1 + at;
        info.references = [at / 2, at / 3]
            .map(|to| describe(&name(to), b"").path)
            .into();
        info
    };
    (0..PATHS).map(info).collect()
}

/// Writes a database of Nix with paths and realisations of them.
fn export(root: &Path, number: u64) {
    let file = source(root, number);
    std::fs::create_dir(file.parent().expect("a folder")).expect("a folder");
    let exporter = Exporter::create(&file, StoreDir::default(), NixSchema::V2_34);
    let mut exporter = exporter.expect("a database");
    let infos = infos(number);
    for info in &infos {
        exporter.path(info, &<_>::default()).expect("a row");
    }
    for info in infos {
        let id = LegacyDrvOutput {
            drv_hash: info.nar_hash,
            output_name: OutputName::out(),
        };
        let realisation = AnyRealisation::Hash(LegacyRealisation::new(id, info.path));
        exporter.realisation(&realisation).expect("a row");
    }
    exporter.finish().expect("a database");
}

fn import_one(root: &Path, number: u64, into: &Trees, stored: fn()) -> ImportReport {
    let db = StoreDb::open(source(root, number), &NixDbOptions::default()).expect("a database");
    let options = ImportOptions::default();
    let imported = import(&db, into, &options, &mut |_| stored());
    imported.expect("imported")
}

#[test]
fn child() {
    let Some(told) = told() else {
        return;
    };
    let trees = Trees::new(told.root.join(&told.task)).expect("trees");
    at_work(|| {
        for number in 0..DATABASES {
            say("next");
            import_one(&told.root, number, &trees, || say("stored"));
            say(&number.to_string());
        }
    });
}

/// Returns how many paths and realisations of each database are there.
fn all_rows(trees: &Trees) -> Vec<(usize, usize)> {
    let realisations = trees.open_tree::<models::Realisation>().iter();
    let outputs = realisations.map(|row| row.expect("a row").1.out_path);
    let outputs: BTreeSet<_> = outputs.collect();
    let numbers = 0..DATABASES;
    numbers
        .map(|number| rows(trees, &outputs, number))
        .collect()
}

fn rows(trees: &Trees, outputs: &BTreeSet<String>, number: u64) -> (usize, usize) {
    let paths = trees.open_tree::<models::StorePath>();
    let mut found = (0, 0);
    let dir = StoreDir::default();
    for info in infos(number) {
        if let Some(row) = paths.get(dir.print(&info.path).as_str()).expect("read") {
            assert_eq!(row.to_path_info(&dir).expect("a path"), info);
            found.0 += 1;
        }
        let printed = dir.print(&info.path);
        found.1 += usize::from(outputs.contains(&printed));
    }
    found
}

#[test]
fn whole_transactions_of_nixs_database_are_imported_and_the_rest_can_be() {
    let place = Place::new();
    let root = place.path("");
    (0..DATABASES).for_each(|number| export(&root, number));
    let mut campaign = Campaign::new("nix_db::child", KILLS, DATABASES * 4);
    let mut trees_number = 0;
    while campaign.goes_on() {
        let name = format!("trees-{trees_number}");
        let killed = campaign.kill(&root, &name);
        let options = StoreOptions::new().verify(Verify::Always);
        let trees = Trees::new_with(root.join(&name), &options).expect("trees");
        let told = killed.said.iter().filter_map(|said| said.parse().ok());
        let told = told.max().map_or(0, |last: u64| last + 1);
        let mut done = 0;
        let rows = all_rows(&trees);
        for (number, (paths, realisations)) in (0..).zip(rows.iter().copied()) {
            let all = usize::try_from(PATHS).expect("few");
            assert!([0, all].contains(&paths), "{paths} of database {number}");
            assert!([0, all].contains(&realisations), "{realisations}");
            assert!(realisations <= paths);
            assert!(number >= told || realisations == all, "{number} is lost");
            done += u64::from(realisations == all);
        }
        // Often the next child goes on where the last one was.
        if trees_number % 2 == 0 || done == DATABASES {
            for (number, (before, _)) in (0..).zip(rows) {
                let before = before as u64;
                let report = import_one(&root, number, &trees, || {});
                assert_eq!((report.new, report.unchanged), (PATHS - before, before));
            }
            drop(trees);
            std::fs::remove_file(root.join(&name)).expect("a file");
            trees_number += 1;
        }
    }
}
