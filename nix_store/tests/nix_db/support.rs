//! Databases to ask.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod},
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    realisation::{LegacyDrvOutput, LegacyRealisation, Realisation},
    signature::SecretKey,
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};
use nix_store::{
    nix_db::{Exporter, NixDbError, NixDbOptions, NixDbResult, NixSchema, StoreDb},
    store::AnyRealisation,
};
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) fn dir() -> StoreDir {
    StoreDir::default()
}

/// Returns a path that depends on the number alone.
pub(crate) fn path(number: u64, name: &str) -> StorePath {
    let digest = Sha256::of(&number.to_le_bytes()).0;
    let name = StorePathName::new(name).expect("a name");
    StorePath::new(*digest.first_chunk().expect("20 bytes"), &name)
}

/// Returns what is known of a path that refers to these.
pub(crate) fn info(number: u64, references: &[u64]) -> PathInfo {
    let name = |number: u64| format!("object-{number}");
    let nar_hash = Sha256::of(format!("archive {number}").as_bytes());
    let mut info = PathInfo::new(path(number, &name(number)), nar_hash, 120 + number);
    info.registration_time = 1_700_000_000 + number;
    info.references = references.iter().map(|to| path(*to, &name(*to))).collect();
    info
}

pub(crate) fn out() -> OutputName {
    OutputName::out()
}

/// A small world: every object refers to some before it, some to themselves.
pub(crate) fn world(count: u64) -> Vec<PathInfo> {
    let key = SecretKey::from_seed("test-1".parse().expect("a name"), &[7; 32]);
    let object = |number: u64| {
        let mut references: Vec<u64> = [number / 2, number / 3].into();
        references.retain(|to| *to >= 1);
        references.extend(number.is_multiple_of(5).then_some(number));
        let mut info = info(number, &references);
        match number % 4 {
            0 => info.deriver = Some(path(number, "object.drv")),
            1 => info.ultimate = true,
            2 => assert!(info.sign(&dir(), &key).expect("a fingerprint")),
            _ => {}
        }
        info
    };
    (1..=count).map(object).collect()
}

/// Returns a path that is computed from its content.
pub(crate) fn addressed() -> PathInfo {
    let hash = Hash::of(Algorithm::Sha256, b"text");
    let address = ContentAddress::new(ContentAddressMethod::Text, hash).expect("an address");
    let name = StorePathName::new("text").expect("a name");
    let path = dir().fixed_path(&name, &address, &<_>::default());
    let mut info = PathInfo::new(path.expect("a path"), Sha256::of(b"text"), 112);
    info.registration_time = 5;
    info.content_address = Some(address);
    info
}

/// Realisations of both kinds, one of which depends on another.
pub(crate) fn realisations(world: &[PathInfo]) -> Vec<AnyRealisation> {
    let id = |text: &str| LegacyDrvOutput {
        drv_hash: Sha256::of(text.as_bytes()),
        output_name: out(),
    };
    let key = SecretKey::from_seed("test-1".parse().expect("a name"), &[7; 32]);
    let mut first = LegacyRealisation::new(id("first"), world[0].path.clone());
    assert!(first.sign(&key));
    let mut second = LegacyRealisation::new(id("second"), world[1].path.clone());
    let dependent = (first.id.clone(), first.out_path.clone());
    second.dependent_realisations.extend([dependent]);
    let drv = path(77, "resolved.drv");
    let key_text = format!("{}^out", drv.base_name());
    let mut third = Realisation::new(key_text.parse().expect("an output"), world[2].path.clone());
    assert!(third.sign(&key));
    // The one that depends comes first.
    vec![
        AnyRealisation::Hash(second),
        AnyRealisation::Hash(first),
        AnyRealisation::Path(third),
    ]
}

/// A database in a folder of its own.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) db: PathBuf,
}

impl Place {
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let db = folder.path().join("db.sqlite");
        Self { folder, db }
    }

    /// Writes the world, its realisations and one derivation's outputs.
    pub(crate) fn with_world(count: u64) -> (Self, Vec<PathInfo>) {
        let place = Self::empty();
        let mut world = world(count);
        world.push(addressed());
        let mut drv = info(0, &[]);
        drv.path = path(0, "object.drv");
        let mut exporter = Exporter::create(&place.db, dir(), NixSchema::V2_34).expect("a file");
        for info in &world {
            exporter.path(info, &BTreeMap::new()).expect("a row");
        }
        let outputs = [(out(), world[3].path.clone())].into();
        exporter.path(&drv, &outputs).expect("a row");
        world.push(drv);
        for realisation in realisations(&world) {
            exporter.realisation(&realisation).expect("a row");
        }
        exporter.finish().expect("all in order");
        (place, world)
    }

    pub(crate) fn open(&self) -> NixDbResult<StoreDb> {
        StoreDb::open(&self.db, &NixDbOptions::default())
    }

    /// Changes the file as anybody might.
    pub(crate) fn change(&self, text: &str) {
        let connection = Connection::open(&self.db).expect("it opens");
        let text = format!("pragma foreign_keys = off; pragma writable_schema = on; {text}");
        connection.execute_batch(&text).expect("a change");
        connection.close().expect("it closes");
    }
}

/// Everything that a database says.
pub(crate) type Said = (BTreeMap<StorePath, PathInfo>, Vec<AnyRealisation>);

pub(crate) fn everything(db: &StoreDb) -> NixDbResult<Said> {
    let mut paths = BTreeMap::new();
    db.for_each_path(&mut |info| -> NixDbResult<()> {
        paths.insert(info.path.clone(), info);
        Ok(())
    })?;
    let mut realisations = Vec::new();
    db.for_each_realisation(&mut |realisation| -> NixDbResult<()> {
        realisations.push(realisation);
        Ok(())
    })?;
    Ok((paths, realisations))
}

/// Asks every question about every path; returns the first error.
pub(crate) fn ask_everything(db: &StoreDb) -> Result<Said, nix_store::store::Error> {
    use nix_store::store::Direction::{References, Referrers};
    let said = everything(db)?;
    let valid = db.valid_paths()?;
    for path in &valid {
        db.path_info(path)?;
        db.is_valid(path)?;
        db.referrers(path)?;
        db.valid_derivers(path)?;
        db.derivation_outputs(path)?;
        db.path_from_hash_part(path.hash_part())?;
    }
    for realisation in &said.1 {
        db.realisation(&realisation.id())?;
    }
    let some: BTreeSet<_> = valid.iter().take(2).cloned().collect();
    db.closure(&some, References)?;
    db.closure(&some, Referrers)?;
    Ok(said)
}

pub(crate) fn by_path(world: &[PathInfo]) -> BTreeMap<StorePath, PathInfo> {
    world
        .iter()
        .map(|info| (info.path.clone(), info.clone()))
        .collect()
}

/// Returns the bytes of all files in a folder, with their names.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), std::fs::read(&path).expect("a file"))
    };
    entries.map(file).collect()
}

/// Returns the database's own error in an error of a store.
pub(crate) fn own(error: nix_store::store::Error) -> NixDbError {
    match error {
        nix_store::store::Error::NixDb(error) => *error,
        other => panic!("{other:?}"),
    }
}
