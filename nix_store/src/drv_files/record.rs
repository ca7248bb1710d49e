//! Recording a build: its derivation file and its outputs.

use std::{collections::BTreeMap, error, fs::File};

use nix_core::{
    derivation::{
        Derivation, DerivationJson, DerivationLookup, DerivationModulo, DerivationOutput,
        JsonLayout,
    },
    path_info::PathInfo,
    store_path::{OutputName, StoreDir, StorePath},
};
use serde_json::Value;

use super::{
    BuildHash, BuildOutputs, BuiltOutput, DrvFiles, FILE_BYTES_MAX, Outputs, RecordError,
    ResultState, folder::Folder, pending::Pending,
};
use crate::{
    file_lock::FileLock,
    store::{Error, Result},
};

/// What ends the name of a derivation file.
pub(super) const SUFFIX: &str = ".drv";

/// What came of recording a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Nothing was written: an input of the derivation is deferred, so that it has no build hash.
    /// The derivation that [`Derivation::resolve`] makes of it has one.
    Deferred,
    /// Both files are there.
    Done(RecordedBuild),
}

/// A build that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedBuild {
    /// The name of both files.
    pub build_hash: BuildHash,
    /// Which derivation the derivation file holds.
    pub derivation: DerivationState,
    /// Whether the outputs are those of former builds.
    pub result: ResultState,
}

/// Which derivation lies in a derivation file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DerivationState {
    /// The one that was recorded, which is new.
    Written,
    /// The one that was recorded; it lay there before.
    Known,
    /// Another one with the same build hash, recorded before: they differ in how what they are
    /// made of is obtained.
    Other,
}

/// A build that will be recorded once its outputs are registered.
///
/// What is to be recorded is on disk already. When it is dropped without [`commit`](Self::commit) or
/// [`abandon`](Self::abandon), [`DrvFiles::recover`] finds out which of them it should have been.
#[derive(Debug)]
#[must_use = "nothing is recorded before it is committed"]
pub struct Prepared<'a> {
    files: &'a DrvFiles,
    pending: Option<Held>,
}

/// A pending file, with the lock that tells others that somebody will see to it.
#[derive(Debug)]
struct Held {
    pending: Pending,
    name: String,
    _file: File,
}

impl DrvFiles {
    /// Records a build whose outputs are registered, or one made to check another: which derivation
    /// was built, and what it resulted in.
    ///
    /// Recording the same again changes nothing. Of several derivations with one build hash the
    /// first is kept, of several results each. Costs a hash of every derivation below, two or three
    /// small files, and their way to the disk.
    ///
    /// # Errors
    /// Fails as [`prepare`](Self::prepare) and [`Prepared::commit`].
    pub fn record<L: DerivationLookup + ?Sized>(
        &self,
        lookup: &L,
        derivation: &Derivation,
        outputs: &BTreeMap<OutputName, PathInfo>,
    ) -> Result<Recorded>
    where
        L::Error: error::Error + Send + Sync + 'static,
    {
        self.prepare(lookup, derivation, outputs)?.commit()
    }

    /// Writes down what is to be recorded of a build, durably, before its outputs are registered.
    ///
    /// The order is: prepare, register, [`Prepared::commit`]. A crash before the registration leaves
    /// no trace of the build, one after it no registered build without its files, as soon as
    /// [`recover`](Self::recover) has run.
    ///
    /// # Errors
    /// Fails with [`Error::BuildHash`] when the derivation cannot be hashed or an input of it is
    /// missing, with [`Error::Record`] when the outputs are not those of the derivation or JSON
    /// cannot say what it holds, and when files cannot be written.
    pub fn prepare<L: DerivationLookup + ?Sized>(
        &self,
        lookup: &L,
        derivation: &Derivation,
        outputs: &BTreeMap<OutputName, PathInfo>,
    ) -> Result<Prepared<'_>>
    where
        L::Error: error::Error + Send + Sync + 'static,
    {
        let mut modulo = DerivationModulo::new(&self.store_dir, lookup);
        let Some(pending) = self.pending(&mut modulo, derivation, outputs)? else {
            let (files, pending) = (self, None);
            return Ok(Prepared { files, pending });
        };
        let out = Folder::create(&self.out)?;
        let lock = out.lock()?;
        let (name, file) = pending.write(&out)?;
        drop(lock);
        let held = Held {
            pending,
            name,
            _file: file,
        };
        Ok(Prepared {
            files: self,
            pending: Some(held),
        })
    }

    /// Returns what is to be recorded of a build, or nothing where it has no build hash yet.
    pub(super) fn pending<L: DerivationLookup + ?Sized>(
        &self,
        modulo: &mut DerivationModulo<'_, L>,
        derivation: &Derivation,
        outputs: &BTreeMap<OutputName, PathInfo>,
    ) -> Result<Option<Pending>>
    where
        L::Error: error::Error + Send + Sync + 'static,
    {
        let hashed = BuildHash::of(modulo, derivation);
        let hashed = hashed.map_err(|source| unhashed(derivation, source))?;
        let Some(build_hash) = hashed else {
            return Ok(None);
        };
        let pending = pending(&self.store_dir, build_hash, derivation, outputs);
        pending.map(Some).map_err(|source| Error::Record {
            name: derivation.name.to_string(),
            source: Box::new(source),
        })
    }

    /// Writes both files. The lock is that of the directory of outputs and holds for both.
    pub(super) fn commit(
        &self,
        pending: &Pending,
        out: &Folder,
        _lock: &FileLock,
    ) -> Result<RecordedBuild> {
        let build_hash = pending.build_hash;
        let derivation = self.put_derivation(pending)?;
        let result = put_result(build_hash, &pending.result, out)?;
        Ok(RecordedBuild {
            build_hash,
            derivation,
            result,
        })
    }

    fn put_derivation(&self, pending: &Pending) -> Result<DerivationState> {
        let folder = Folder::create(&self.drv)?;
        let name = format!("{}{SUFFIX}", pending.build_hash);
        let text = JsonLayout::PRETTY.print(&pending.derivation);
        match folder.read(&name)? {
            Some(found) if found == text.as_bytes() => Ok(DerivationState::Known),
            // What is damaged is another's to judge, but must not pass for a derivation.
            Some(_) => self
                .get(&pending.build_hash)
                .map(|_| DerivationState::Other),
            None => {
                folder.write(&name, text.as_bytes(), |_| Ok(()))?;
                Ok(DerivationState::Written)
            }
        }
    }
}

impl Prepared<'_> {
    /// Returns the build hash, unless the derivation must be resolved first.
    #[must_use]
    pub fn build_hash(&self) -> Option<BuildHash> {
        self.pending.as_ref().map(|held| held.pending.build_hash)
    }

    /// Puts both files where they are found; the outputs are registered by now.
    ///
    /// # Errors
    /// Fails when files cannot be written or one that is there is damaged. Then what was prepared
    /// stays for [`DrvFiles::recover`].
    pub fn commit(self) -> Result<Recorded> {
        let Some(Held { pending, name, .. }) = &self.pending else {
            return Ok(Recorded::Deferred);
        };
        let out = Folder::create(&self.files.out)?;
        let lock = out.lock()?;
        let recorded = self.files.commit(pending, &out, &lock)?;
        out.remove(name)?;
        Ok(Recorded::Done(recorded))
    }

    /// Removes what was prepared, as the outputs will not be registered.
    ///
    /// # Errors
    /// Fails when a file cannot be removed.
    pub fn abandon(self) -> Result<()> {
        let Some(Held { name, .. }) = &self.pending else {
            return Ok(());
        };
        Folder::create(&self.files.out)?.remove(name)
    }
}

fn put_result(
    build_hash: BuildHash,
    result: &BuildOutputs,
    folder: &Folder,
) -> Result<ResultState> {
    let name = build_hash.to_string();
    let (outputs, state) = match folder.read(&name)? {
        None => (Outputs::new(result.clone()), ResultState::First),
        Some(text) => {
            let parsed = Outputs::parse(&text);
            let mut outputs = parsed.map_err(|source| folder.error(&name, source))?;
            let state = outputs.add(result.clone());
            (outputs, state)
        }
    };
    if matches!(state, ResultState::First | ResultState::Differs) {
        let text = outputs.print();
        if bytes(&text) > FILE_BYTES_MAX {
            return Ok(ResultState::Full);
        }
        folder.write(&name, text.as_bytes(), |_| Ok(()))?;
    }
    Ok(state)
}

pub(super) fn unhashed(
    derivation: &Derivation,
    source: impl error::Error + Send + Sync + 'static,
) -> Error {
    Error::BuildHash {
        name: derivation.name.to_string(),
        source: Box::new(source),
    }
}

/// Checks that the outputs are the derivation's, and prints it.
fn pending(
    store_dir: &StoreDir,
    build_hash: BuildHash,
    derivation: &Derivation,
    outputs: &BTreeMap<OutputName, PathInfo>,
) -> Result<Pending, RecordError> {
    let known = |name: &&OutputName| !derivation.outputs.contains_key(*name);
    if let Some(unknown) = outputs.keys().find(known) {
        return Err(RecordError::UnknownOutput(unknown.clone()));
    }
    let mut result = BuildOutputs::new();
    for name in derivation.outputs.keys() {
        let built = outputs.get(name);
        let built = built.ok_or_else(|| RecordError::MissingOutput(name.clone()))?;
        check_output(store_dir, build_hash, derivation, name, &built.path)?;
        result.insert(name.clone(), BuiltOutput::from(built));
    }
    let derivation = print(store_dir, derivation)?;
    let size = bytes(&JsonLayout::PRETTY.print(&derivation))
        .saturating_add(bytes(&Outputs::new(result.clone()).print()));
    // The pending file holds both, and a few bytes more.
    if size > FILE_BYTES_MAX / 2 {
        return Err(RecordError::TooLarge(size));
    }
    Ok(Pending {
        build_hash,
        derivation,
        result,
    })
}

fn bytes(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Checks that an output lies where the derivation's does.
fn check_output(
    store_dir: &StoreDir,
    build_hash: BuildHash,
    derivation: &Derivation,
    name: &OutputName,
    found: &StorePath,
) -> Result<(), RecordError> {
    let (output, found) = (name.clone(), found.clone());
    let no_path = |source| RecordError::OutputPath {
        output: name.clone(),
        source,
    };
    let drv_name = &derivation.name;
    let kind = derivation.outputs.get(name);
    let expected = match kind {
        Some(DerivationOutput::InputAddressed(_) | DerivationOutput::Deferred) => {
            let path = store_dir.output_path(drv_name, name, build_hash.digest());
            path.map(Some).map_err(no_path)?
        }
        Some(fixed @ DerivationOutput::Fixed(_)) => {
            let path = fixed.path(store_dir, drv_name, name);
            path.map_err(no_path)?
        }
        Some(DerivationOutput::Floating(_) | DerivationOutput::Impure(_)) | None => None,
    };
    match (kind, expected) {
        (Some(DerivationOutput::InputAddressed(stated)), Some(expected)) if *stated != expected => {
            let stated = stated.clone();
            Err(RecordError::Stated {
                output,
                stated,
                expected,
            })
        }
        (_, Some(expected)) if expected != found => Err(RecordError::OtherPath {
            output,
            found,
            expected,
        }),
        (_, None) if drv_name.for_output(name) != Ok(found.to_name()) => {
            Err(RecordError::OtherName { output, found })
        }
        _ => Ok(()),
    }
}

/// Returns JSON that reads back as the derivation: version 4, or, where this would spell structured
/// attributes in another way, which would change the hash, the one without a number.
fn print(store_dir: &StoreDir, derivation: &Derivation) -> Result<Value, RecordError> {
    let reads_back = |value: &Value| {
        Derivation::from_json(store_dir, None, value).is_ok_and(|read| read == *derivation)
    };
    let mut value = derivation.to_json(store_dir, DerivationJson::V4)?;
    if !reads_back(&value) {
        value = derivation.to_json(store_dir, DerivationJson::Unversioned)?;
        if let Value::Object(fields) = &mut value {
            fields.insert("name".to_owned(), derivation.name.as_str().into());
        }
        if !reads_back(&value) {
            return Err(RecordError::Unfaithful);
        }
    }
    Ok(value)
}
