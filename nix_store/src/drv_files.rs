//! Derivation files: what was asked for, and what it resulted in, by build hash.
//!
//! Beside the `.drv` objects of a store, which are named by their own contents, a store keeps two
//! small files for each build, named by its [`BuildHash`]:
//!
//! | file of the state directory | what it holds |
//! | --- | --- |
//! | `drv/<build hash>.drv` | the derivation as JSON, as `nix derivation show` prints it (version 4) |
//! | `drv-out/<build hash>` | the outputs with the hashes of their archives: [`Outputs`] |
//!
//! Two derivations that differ only in how a fixed output is fetched have one build hash, so the
//! second finds what the first was built as. When two builds of one hash result in different
//! outputs, both results are kept: the build is not reproducible. A derivation with a deferred input
//! has no build hash and gets its files once it is resolved. Profiles and roots get none.
//!
//! No file ever names an output that was not registered, unless a build was recorded on purpose as a
//! check of another: [`DrvFiles::prepare`] writes down what is to come, then the caller registers
//! the outputs, and [`Prepared::commit`] puts the files where they are found. After a crash
//! [`DrvFiles::recover`] asks the store which outputs came to be registered and does the rest.
//!
//! Readers take no lock and see each file whole. Nothing is followed that is a symbolic link, and
//! nothing is read that is larger than [`FILE_BYTES_MAX`].
//!
//! # Examples
//! ```
//! use std::collections::BTreeMap;
//! use nix_core::{
//!     derivation::{Derivation, DerivationModulo},
//!     hash::Sha256,
//!     path_info::PathInfo,
//!     store_path::{OutputName, StoreDir, StorePathName},
//! };
//! use nix_store::drv_files::{DrvFiles, Recorded, ResultState};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let state = tempfile::tempdir()?;
//! # let state_dir = state.path();
//! let (store_dir, others) = (StoreDir::default(), BTreeMap::new());
//! let text = br#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[("out","")])"#;
//! let drv = Derivation::parse_aterm(&store_dir, StorePathName::new("hello")?, text)?;
//! let drv = drv.fill_outputs(&mut DerivationModulo::new(&store_dir, &others))?;
//! let built = |contents: &[u8]| {
//!     let info = |(name, path): (&OutputName, &_)| {
//!         (name.clone(), PathInfo::new(Clone::clone(path), Sha256::of(contents), 120))
//!     };
//!     drv.output_paths().iter().map(info).collect()
//! };
//!
//! let files = DrvFiles::open(state_dir, store_dir)?;
//! let Recorded::Done(first) = files.record(&others, &drv, &built(b"one"))? else { panic!() };
//! let Recorded::Done(second) = files.record(&others, &drv, &built(b"two"))? else { panic!() };
//! assert_eq!(second.result, ResultState::Differs);
//! assert_eq!(files.get(&first.build_hash)?.expect("it is there").derivation, *drv);
//! let outputs = files.outputs(&first.build_hash)?.expect("they are there");
//! assert!(outputs.is_not_reproducible());
//! # Ok(())
//! # }
//! ```

use std::{
    error,
    path::{Path, PathBuf},
};

use nix_core::{
    derivation::{Derivation, DerivationLookup, DerivationModulo},
    json::parse_value,
    store_path::{StoreDir, StorePath},
};

mod build_hash;
mod diff;
mod diff_print;
mod faults;
mod folder;
mod outputs;
mod pending;
mod rebuild;
mod record;
mod recover;

pub use self::{
    build_hash::{BuildHash, BuildHashError},
    diff::{Difference, DrvDiff, Place},
    faults::{DrvFileError, RecordError},
    outputs::{BuildOutputs, BuiltOutput, Outputs, ResultState},
    rebuild::Rebuilt,
    record::{DerivationState, Prepared, Recorded, RecordedBuild},
    recover::Recovered,
};
use self::{
    folder::{Folder, file_error},
    record::{SUFFIX, unhashed},
};
use crate::store::Result;

/// The largest file that is read, in bytes: many times the largest derivation there is.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// The most different results of one build hash that are kept.
pub const RESULTS_MAX: usize = 256;

/// The derivation files of a store.
#[derive(Clone, Debug)]
pub struct DrvFiles {
    drv: PathBuf,
    out: PathBuf,
    store_dir: StoreDir,
}

/// A derivation file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrvFile {
    /// Its name.
    pub build_hash: BuildHash,
    /// Where it lies.
    pub file: PathBuf,
    /// What it holds.
    pub derivation: Derivation,
}

/// What lies in the directory of derivation files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The build hashes that there are derivation files of, sorted.
    pub build_hashes: Vec<BuildHash>,
    /// What has the name of no derivation file, sorted. Names that begin with a dot are our own.
    pub foreign: Vec<PathBuf>,
}

impl DrvFiles {
    /// Finds the derivation files of the store with this state directory, such as `/nix/var/nix`;
    /// `store_dir` is what its paths are printed with.
    ///
    /// Nothing is written; the directories are made when the first build is recorded.
    ///
    /// # Errors
    /// Fails when one of the directories is something else.
    pub fn open(state_dir: impl AsRef<Path>, store_dir: StoreDir) -> Result<Self> {
        let state_dir = state_dir.as_ref();
        let (drv, out) = (state_dir.join("drv"), state_dir.join("drv-out"));
        Folder::open(&drv)?;
        Folder::open(&out)?;
        Ok(Self {
            drv,
            out,
            store_dir,
        })
    }

    /// Returns what the store's paths are printed with.
    #[must_use]
    pub const fn store_dir(&self) -> &StoreDir {
        &self.store_dir
    }

    /// Returns the directory of derivation files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.drv
    }

    /// Returns where the derivation file of a build hash lies, whether there is one or not.
    #[must_use]
    pub fn file(&self, build_hash: &BuildHash) -> PathBuf {
        self.drv.join(drv_name(build_hash))
    }

    /// Returns the derivation file of a build hash, or nothing where there is none.
    ///
    /// # Errors
    /// Fails when it cannot be read, is no regular file, or holds no derivation.
    pub fn get(&self, build_hash: &BuildHash) -> Result<Option<DrvFile>> {
        let Some(folder) = Folder::open(&self.drv)? else {
            return Ok(None);
        };
        let name = drv_name(build_hash);
        let Some(text) = folder.read(&name)? else {
            return Ok(None);
        };
        let derivation = parse_value(&text)
            .and_then(|value| Derivation::from_json(&self.store_dir, None, &value))
            .map_err(|source| folder.error(&name, source))?;
        Ok(Some(DrvFile {
            build_hash: *build_hash,
            file: folder.path_of(&name),
            derivation,
        }))
    }

    /// Returns which derivation files there are. Memory is in proportion to their number.
    ///
    /// # Errors
    /// Fails when the directory cannot be read.
    pub fn list(&self) -> Result<Listing> {
        list(&self.drv, SUFFIX)
    }

    /// Returns the build hashes of all derivation files that begin with a text, sorted.
    ///
    /// # Errors
    /// Fails as [`list`](Self::list).
    pub fn find_by_prefix(&self, prefix: &str) -> Result<Vec<BuildHash>> {
        let mut found = self.list()?.build_hashes;
        found.retain(|build_hash| build_hash.to_string().starts_with(prefix));
        Ok(found)
    }

    /// Returns what builds of a hash resulted in, or nothing where none is recorded.
    ///
    /// # Errors
    /// Fails when the file cannot be read, is no regular file, or does not hold outputs.
    pub fn outputs(&self, build_hash: &BuildHash) -> Result<Option<Outputs>> {
        match Folder::open(&self.out)? {
            Some(folder) => read_outputs(&folder, build_hash),
            None => Ok(None),
        }
    }

    /// Returns the builds that resulted in a path, sorted. Reads the outputs of all builds.
    ///
    /// # Errors
    /// Fails as [`outputs`](Self::outputs), for any of them.
    pub fn by_output(&self, path: &StorePath) -> Result<Vec<BuildHash>> {
        let Some(folder) = Folder::open(&self.out)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for build_hash in list(&self.out, "")?.build_hashes {
            let outputs = read_outputs(&folder, &build_hash)?;
            let results = outputs.iter().flat_map(Outputs::results);
            if results
                .flat_map(|result| result.values())
                .any(|built| built.path == *path)
            {
                found.push(build_hash);
            }
        }
        Ok(found)
    }

    /// Checks that a derivation file has the right name: hashes the derivation that it holds, whose
    /// input derivations come from `lookup`.
    ///
    /// # Errors
    /// Fails with [`Error::DrvFile`](crate::store::Error::DrvFile) when the file is absent, damaged
    /// or has another hash, and with [`Error::BuildHash`](crate::store::Error::BuildHash) when the
    /// derivation cannot be hashed.
    pub fn check<L: DerivationLookup + ?Sized>(
        &self,
        lookup: &L,
        build_hash: &BuildHash,
    ) -> Result<()>
    where
        L::Error: error::Error + Send + Sync + 'static,
    {
        let failed = |source: DrvFileError| file_error(self.file(build_hash), source);
        let Some(found) = self.get(build_hash)? else {
            return Err(failed(DrvFileError::Absent));
        };
        let mut modulo = DerivationModulo::new(&self.store_dir, lookup);
        let hashed = BuildHash::of(&mut modulo, &found.derivation);
        match hashed.map_err(|source| unhashed(&found.derivation, source))? {
            Some(found) if found == *build_hash => Ok(()),
            Some(found) => Err(failed(DrvFileError::OtherHash(found))),
            None => Err(failed(DrvFileError::Deferred)),
        }
    }

    /// Returns how the derivations of two build hashes differ.
    ///
    /// # Errors
    /// Fails as [`get`](Self::get), and when there is no file of one of them.
    pub fn diff(&self, from: &BuildHash, to: &BuildHash) -> Result<DrvDiff> {
        let get = |build_hash| {
            let absent = || file_error(self.file(build_hash), DrvFileError::Absent);
            self.get(build_hash)?.ok_or_else(absent)
        };
        let (from, to) = (get(from)?, get(to)?);
        Ok(DrvDiff::between(&from.derivation, &to.derivation))
    }
}

fn drv_name(build_hash: &BuildHash) -> String {
    format!("{build_hash}{SUFFIX}")
}

fn read_outputs(folder: &Folder, build_hash: &BuildHash) -> Result<Option<Outputs>> {
    let name = build_hash.to_string();
    let Some(text) = folder.read(&name)? else {
        return Ok(None);
    };
    let outputs = Outputs::parse(&text).map_err(|source| folder.error(&name, source))?;
    Ok(Some(outputs))
}

/// Lists the build hashes that have a file with a suffix.
fn list(path: &Path, suffix: &str) -> Result<Listing> {
    let Some(folder) = Folder::open(path)? else {
        return Ok(Listing::default());
    };
    let mut listing = Listing::default();
    let (names, others) = folder.names()?;
    listing.foreign = others;
    for name in names.iter().filter(|name| !name.starts_with('.')) {
        match name.strip_suffix(suffix).map(str::parse) {
            Some(Ok(build_hash)) => listing.build_hashes.push(build_hash),
            Some(Err(_)) | None => listing.foreign.push(folder.path_of(name)),
        }
    }
    listing.build_hashes.sort_unstable();
    listing.foreign.sort_unstable();
    Ok(listing)
}
