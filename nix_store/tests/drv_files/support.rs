//! Derivations, what they are built as, and a place for their files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use nix_core::{
    content_address::{ContentAddress, ContentAddressMethod, MethodAlgorithm},
    derivation::{
        ByteString, Derivation, DerivationInputs, DerivationModulo, DerivationOutput, InputOutputs,
    },
    hash::{Algorithm, Hash, Sha256},
    path_info::PathInfo,
    store_path::{OutputName, References, StoreDir, StorePath, StorePathName},
};
use nix_store::drv_files::{DrvFiles, Recorded, RecordedBuild};
use tempfile::TempDir;

/// A state directory for one test.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) store_dir: StoreDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            store_dir: StoreDir::default(),
        }
    }

    pub(crate) fn files(&self) -> DrvFiles {
        DrvFiles::open(self.folder.path(), self.store_dir.clone()).expect("the directories")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the names in a folder, without the lock, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .filter(|name| name != ".lock")
            .collect();
        names.sort();
        names
    }

    /// Returns every file but the lock, with its contents.
    pub(crate) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for folder in ["drv", "drv-out"] {
            for name in self.names(folder) {
                let name = format!("{folder}/{name}");
                let bytes = fs::read(self.path(&name)).expect("a file");
                all.push((name, bytes));
            }
        }
        all
    }
}

/// Derivations by their paths.
#[derive(Default)]
pub(crate) struct Store(pub(crate) BTreeMap<StorePath, Derivation>);

impl Store {
    /// Fills in the paths of outputs, where they can be known, and puts the derivation.
    pub(crate) fn put(&mut self, derivation: Derivation) -> Derivation {
        let store_dir = StoreDir::default();
        let filled = derivation.fill_outputs(&mut DerivationModulo::new(&store_dir, &self.0));
        let filled = filled.expect("outputs").into_derivation();
        let path = self.path(&filled);
        self.0.insert(path, filled.clone());
        filled
    }

    pub(crate) fn path(&self, derivation: &Derivation) -> StorePath {
        derivation.path(&StoreDir::default()).expect("a path")
    }
}

fn derivation(name: &str, output: DerivationOutput) -> Derivation {
    let env = [("out", ""), ("name", name)];
    let env = env.map(|(name, value)| (name.into(), value.into()));
    Derivation {
        name: StorePathName::new(name).expect("a name"),
        outputs: [(OutputName::out(), output)].into(),
        inputs: DerivationInputs::default(),
        system: "x86_64-linux".into(),
        builder: "/bin/sh".into(),
        args: vec!["-c".into(), "build".into()],
        env: BTreeMap::from(env) as BTreeMap<ByteString, ByteString>,
    }
}

/// An input-addressed derivation.
pub(crate) fn plain(name: &str, inputs: &[&Derivation]) -> Derivation {
    let mut plain = derivation(name, DerivationOutput::Deferred);
    let used = || InputOutputs {
        outputs: BTreeSet::from([OutputName::out()]),
        dynamic: BTreeMap::new(),
    };
    let path = |input: &&Derivation| input.path(&StoreDir::default()).expect("a path");
    plain.inputs.derivations = inputs.iter().map(|input| (path(input), used())).collect();
    plain
}

/// A derivation whose output is known, got from somewhere.
pub(crate) fn fixed(name: &str, url: &str) -> Derivation {
    let hash = Hash::of(Algorithm::Sha256, b"contents");
    let address = ContentAddress::new(ContentAddressMethod::Flat, hash).expect("an address");
    let mut fixed = derivation(name, DerivationOutput::Fixed(address));
    fixed.env.insert("url".into(), url.into());
    fixed
}

/// A derivation whose output is addressed by its contents.
pub(crate) fn floating(name: &str) -> Derivation {
    let how = MethodAlgorithm::new(ContentAddressMethod::Nar, Algorithm::Sha256);
    derivation(name, DerivationOutput::Floating(how.expect("a method")))
}

/// What a derivation of one output is built as when the archive is these bytes.
pub(crate) fn built(derivation: &Derivation, archive: &[u8]) -> BTreeMap<OutputName, PathInfo> {
    let store_dir = StoreDir::default();
    let hash = Sha256::of(archive);
    let info = |(name, output): (&OutputName, &DerivationOutput)| {
        let path = output.path(&store_dir, &derivation.name, name);
        let path = path.expect("a path").unwrap_or_else(|| {
            let address = ContentAddress::new(ContentAddressMethod::Nar, hash.into());
            let address = address.expect("an address");
            let references = References::default();
            let path = store_dir.fixed_path(&derivation.name, &address, &references);
            path.expect("a path")
        });
        (
            name.clone(),
            PathInfo::new(path, hash, archive.len() as u64),
        )
    };
    derivation.outputs.iter().map(info).collect()
}

/// Returns the build that was recorded.
pub(crate) fn done(recorded: nix_store::store::Result<Recorded>) -> RecordedBuild {
    match recorded {
        Ok(Recorded::Done(build)) => build,
        other => panic!("{other:?}"),
    }
}
