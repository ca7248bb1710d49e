//! `hashDerivationModulo`: the hash of a derivation that does not depend on how its fixed inputs
//! were obtained, from which the paths of input-addressed outputs follow.
//!
//! Each input derivation is replaced by its own hash: for a fixed output a hash of its content
//! address and path, for others the hash of their ATerm so treated. Inputs that fall onto one hash
//! become one entry with the names of both. A derivation has two such hashes: as an input, with its
//! output paths in place, and for its own output paths, with these and their variables blank.

use alloc::{
    borrow::Cow,
    boxed::Box,
    format,
    vec::{IntoIter, Vec},
};

use crate::{
    hash::{HashFormat, Sha256},
    store_path::{ComputeError, OutputName, References, StoreDir, StorePath},
};

use super::{
    Derivation, DerivationOutput, DerivationType,
    aterm_write::{HashedInputs, Inputs},
};

mod build;
mod error;
mod lookup;
mod memo;

pub use error::{ModuloError, UnhashableError};
pub use lookup::DerivationLookup;
pub use memo::ModuloMemo;

/// What stands for a derivation in the hash of another that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputModulo {
    /// The hash of an input-addressed derivation.
    Regular(Sha256),
    /// The hash of the one output of a fixed derivation.
    Fixed(Sha256),
    /// There is none: an output path is not known before something is built.
    Deferred,
}

/// Computes hashes modulo fixed outputs, each input derivation once.
///
/// The memory grows with the number of derivations seen; the lookup must go on answering the same.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
/// use nix_core::{
///     derivation::{Derivation, DerivationModulo},
///     store_path::{OutputName, StoreDir, StorePathName},
/// };
///
/// let store_dir = StoreDir::default();
/// let env = r#"("builder","/bin/sh"),("name","hello"),("out",""),("system","x86_64-linux")"#;
/// let text = format!(r#"Derive([("out","","","")],[],[],"x86_64-linux","/bin/sh",[],[{env}])"#);
/// let drv = Derivation::parse_aterm(&store_dir, StorePathName::new("hello")?, text.as_bytes())?;
///
/// let others = BTreeMap::new();
/// let checked = drv.fill_outputs(&mut DerivationModulo::new(&store_dir, &others))?;
/// assert_eq!(
///     checked.output_paths()[&OutputName::out()].base_name(),
///     "pnwh4xsfs4j508bs9iw6bpkyc4zw6ryx-hello",
/// );
/// assert_eq!(checked.path(&store_dir)?.base_name(), "x0sj6ynccvc1a8kxr8fifnlf7qlxw6hd-hello.drv");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DerivationModulo<'a, L: ?Sized> {
    store_dir: &'a StoreDir,
    lookup: &'a L,
    memo: ModuloMemo,
}

/// Which hashes are computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Those that output paths follow from; a deferred input defers the whole.
    Current,
    /// Those that name realisations in older versions; deferred inputs have hashes too.
    Former,
}

#[derive(Clone, Debug)]
struct Known {
    modulo: InputModulo,
    // Invariant: sorted.
    outputs: Box<[OutputName]>,
}

/// A derivation whose inputs are being hashed.
struct Frame<'a> {
    path: StorePath,
    derivation: Cow<'a, Derivation>,
    inputs: IntoIter<StorePath>,
}

impl Known {
    fn new(modulo: InputModulo, derivation: &Derivation) -> Self {
        Self {
            modulo,
            outputs: derivation.outputs.keys().cloned().collect(),
        }
    }
}

impl<'a, L: DerivationLookup + ?Sized> DerivationModulo<'a, L> {
    /// Returns a computation that has seen nothing yet.
    #[must_use]
    pub const fn new(store_dir: &'a StoreDir, lookup: &'a L) -> Self {
        Self::resume(store_dir, lookup, ModuloMemo::new())
    }

    /// Returns the directory that the paths are of.
    #[must_use]
    pub const fn store_dir(&self) -> &'a StoreDir {
        self.store_dir
    }

    /// Returns what stands for a derivation in the hashes of those that use it.
    ///
    /// # Errors
    /// Fails when the derivation or one below it is missing, cannot be hashed, or is its own input.
    pub fn input(&mut self, path: &StorePath) -> Result<InputModulo, ModuloError<L::Error>> {
        self.visit(path, Rule::Current)?;
        self.known(path, Rule::Current).map(|known| known.modulo)
    }

    /// Returns the hash that the derivation's own output paths follow from.
    ///
    /// There is none where an output is content-addressed, or an input is deferred.
    ///
    /// # Errors
    /// Fails as [`DerivationModulo::input`].
    pub fn hash(&mut self, own: &Derivation) -> Result<Option<Sha256>, ModuloError<L::Error>> {
        Ok(self.aterm(own)?.map(|text| Sha256::of(&text)))
    }

    /// Returns the text whose hash [`DerivationModulo::hash`] is.
    ///
    /// # Errors
    /// Fails as [`DerivationModulo::input`].
    pub fn aterm(&mut self, own: &Derivation) -> Result<Option<Vec<u8>>, ModuloError<L::Error>> {
        match own.derivation_type().map_err(UnhashableError::from)? {
            DerivationType::InputAddressed | DerivationType::Deferred => {}
            DerivationType::Fixed | DerivationType::Floating | DerivationType::Impure => {
                return Ok(None);
            }
        }
        if has_dynamic_inputs(own) {
            return Ok(None);
        }
        self.masked(own, Rule::Current)
    }

    /// Returns the hash by which Nix up to 2.34 names the realisations of the derivation's outputs.
    ///
    /// Unlike [`DerivationModulo::hash`] it exists for every derivation.
    ///
    /// # Errors
    /// Fails as [`DerivationModulo::input`].
    pub fn realisation_hash(&mut self, own: &Derivation) -> Result<Sha256, ModuloError<L::Error>> {
        let early = self.early(own, Rule::Former)?;
        match early {
            Some(InputModulo::Regular(hash) | InputModulo::Fixed(hash)) => Ok(hash),
            Some(InputModulo::Deferred) | None => {
                // By this rule no input is deferred, so that there always is a text.
                let text = self.masked(own, Rule::Former)?;
                Ok(Sha256::of(&text.unwrap_or_default()))
            }
        }
    }

    fn masked(
        &mut self,
        own: &Derivation,
        rule: Rule,
    ) -> Result<Option<Vec<u8>>, ModuloError<L::Error>> {
        for path in own.inputs.derivations.keys() {
            self.visit(path, rule)?;
        }
        let Some(inputs) = self.hashed_inputs(own, rule)? else {
            return Ok(None);
        };
        let text = own.write(self.store_dir, Inputs::Hashed(&inputs), true);
        Ok(Some(text.map_err(UnhashableError::from)?))
    }

    /// Hashes a derivation and all below it that are not yet hashed, inputs first.
    fn visit(&mut self, root: &StorePath, rule: Rule) -> Result<(), ModuloError<L::Error>> {
        let mut frames = Vec::new();
        let visited = self.descend(root, rule, &mut frames);
        for frame in frames {
            self.memo.hashes_mut(rule).remove(&frame.path);
        }
        visited
    }

    /// Leaves behind what was being hashed when an error came up.
    fn descend(
        &mut self,
        root: &StorePath,
        rule: Rule,
        frames: &mut Vec<Frame<'a>>,
    ) -> Result<(), ModuloError<L::Error>> {
        frames.extend(self.enter(root.clone(), rule)?);
        while let Some(frame) = frames.last_mut() {
            if let Some(path) = frame.inputs.next() {
                frames.extend(self.enter(path, rule)?);
                continue;
            }
            let modulo = self.unmasked(frame, rule)?;
            if let Some(Frame {
                path, derivation, ..
            }) = frames.pop()
            {
                let known = Known::new(modulo, &derivation);
                self.memo.hashes_mut(rule).insert(path, Some(known));
            }
        }
        Ok(())
    }

    /// Returns what is to do for a derivation, unless it is hashed already or without its inputs.
    fn enter(
        &mut self,
        path: StorePath,
        rule: Rule,
    ) -> Result<Option<Frame<'a>>, ModuloError<L::Error>> {
        match self.memo.hashes(rule).get(&path) {
            Some(Some(_)) => return Ok(None),
            Some(None) => return Err(ModuloError::Cycle { path }),
            None => {}
        }
        let derivation = self.look_up(&path)?;
        let early = match self.early(&derivation, rule) {
            Ok(early) => early.map(|modulo| Known::new(modulo, &derivation)),
            Err(source) => return Err(ModuloError::Input { path, source }),
        };
        let done = early.is_some();
        self.memo.hashes_mut(rule).insert(path.clone(), early);
        if done {
            return Ok(None);
        }
        let inputs: Vec<_> = derivation.inputs.derivations.keys().cloned().collect();
        Ok(Some(Frame {
            path,
            derivation,
            inputs: inputs.into_iter(),
        }))
    }

    fn look_up(&self, path: &StorePath) -> Result<Cow<'a, Derivation>, ModuloError<L::Error>> {
        match self.lookup.derivation(path) {
            Ok(Some(derivation)) => Ok(derivation),
            Ok(None) => Err(ModuloError::Missing { path: path.clone() }),
            Err(source) => Err(ModuloError::Lookup {
                path: path.clone(),
                source,
            }),
        }
    }

    /// Hashes a derivation whose inputs are hashed.
    fn unmasked(
        &self,
        Frame {
            path, derivation, ..
        }: &Frame<'a>,
        rule: Rule,
    ) -> Result<InputModulo, ModuloError<L::Error>> {
        let Some(inputs) = self.hashed_inputs(derivation, rule)? else {
            return Ok(InputModulo::Deferred);
        };
        match derivation.write(self.store_dir, Inputs::Hashed(&inputs), false) {
            Ok(text) => Ok(InputModulo::Regular(Sha256::of(&text))),
            Err(e) => Err(ModuloError::Input {
                path: path.clone(),
                source: e.into(),
            }),
        }
    }

    /// Decides what can be decided without looking at the inputs.
    fn early(
        &self,
        derivation: &Derivation,
        rule: Rule,
    ) -> Result<Option<InputModulo>, UnhashableError> {
        Ok(match (derivation.derivation_type()?, rule) {
            (DerivationType::Fixed, _) => self.fixed(derivation)?.map(InputModulo::Fixed),
            (DerivationType::InputAddressed, Rule::Current) if !has_dynamic_inputs(derivation) => {
                None
            }
            (_, Rule::Current) => Some(InputModulo::Deferred),
            (DerivationType::Impure, Rule::Former) => {
                Some(InputModulo::Regular(Sha256::of(b"impure")))
            }
            (_, Rule::Former) => None,
        })
    }

    fn fixed(&self, derivation: &Derivation) -> Result<Option<Sha256>, ComputeError> {
        let output = derivation.outputs.get(&OutputName::out());
        let Some(DerivationOutput::Fixed(address)) = output else {
            return Ok(None);
        };
        let (store_dir, none) = (self.store_dir, References::default());
        let path = store_dir.fixed_path(&derivation.name, address, &none)?;
        let how = address.method_algorithm().aterm();
        let digest = address.hash.to_bare_text(HashFormat::Base16);
        let path = store_dir.display(&path);
        Ok(Some(Sha256::of(
            format!("fixed:out:{how}:{digest}:{path}").as_bytes(),
        )))
    }

    /// Returns the entries in the place of the input derivations, or nothing where one is deferred.
    fn hashed_inputs(
        &self,
        derivation: &Derivation,
        rule: Rule,
    ) -> Result<Option<HashedInputs>, ModuloError<L::Error>> {
        let mut hashed = HashedInputs::new();
        for (path, used) in &derivation.inputs.derivations {
            let known = self.known(path, rule)?;
            let (InputModulo::Regular(hash) | InputModulo::Fixed(hash)) = known.modulo else {
                return Ok(None);
            };
            let lacking = |output: &&OutputName| known.outputs.binary_search(output).is_err();
            if let Some(output) = used.outputs.iter().find(lacking) {
                return Err(ModuloError::NoOutput {
                    path: path.clone(),
                    output: output.clone(),
                });
            }
            if !used.outputs.is_empty() {
                hashed
                    .entry(hash.0)
                    .or_default()
                    .extend(used.outputs.iter().cloned());
            }
        }
        Ok(Some(hashed))
    }

    fn known(&self, path: &StorePath, rule: Rule) -> Result<&Known, ModuloError<L::Error>> {
        let known = self.memo.hashes(rule).get(path).and_then(Option::as_ref);
        known.ok_or_else(|| ModuloError::Missing { path: path.clone() })
    }
}

fn has_dynamic_inputs(derivation: &Derivation) -> bool {
    derivation
        .inputs
        .derivations
        .values()
        .any(|used| !used.dynamic.is_empty())
}

#[cfg(test)]
mod tests;
