//! Reading the ATerm of a derivation, `Derive(..)` and `DrvWithVersion("xp-dyn-drv",..)`.

use alloc::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    string::String,
    vec::Vec,
};
use core::str;

use crate::{
    content_address::{ContentAddress, MethodAlgorithm},
    hash::Hash,
    store_path::{OutputName, StoreDir, StorePath, StorePathName},
};

use super::{
    AtermError, AtermReason, ByteString, Derivation, DerivationInputs, DerivationOutput,
    InputOutputs, aterm_scan::Scanner,
};

/// How deep the dynamic outputs of an input may nest.
pub const DYNAMIC_DEPTH_MAX: usize = 64;

/// The version that allows dynamic outputs.
pub(super) const DYNAMIC_VERSION: &str = "xp-dyn-drv";

/// The text in the place of the hash of an impure output.
pub(super) const IMPURE: &[u8] = b"impure";

impl Derivation {
    /// Reads the ATerm of a derivation whose name, without `.drv`, is known from its file's name.
    ///
    /// As Nix does, this reads spellings that [`Derivation::to_aterm`] does not give back: lists in
    /// another order, needless escapes, and hashes of fixed outputs in nix32, base64 or upper case.
    /// [`Derivation::parse_canonical_aterm`] refuses those. Unlike Nix it refuses entries that are
    /// there twice. The cost is linear in the length of the text, but for sorting.
    ///
    /// # Errors
    /// Fails when the text is no derivation, has bytes after it, or states a path of a fixed output
    /// that does not follow from its content address. Other output paths are not checked.
    pub fn parse_aterm(
        store_dir: &StoreDir,
        name: StorePathName,
        text: &[u8],
    ) -> Result<Self, AtermError> {
        let mut scanner = Scanner::new(text);
        let dynamic = version(&mut scanner)?;
        Reader {
            store_dir,
            scanner,
            dynamic,
        }
        .derivation(name)
    }

    /// Reads the ATerm of a derivation as [`Derivation::parse_aterm`] does, if printing gives the
    /// same bytes again.
    ///
    /// # Errors
    /// Fails as [`Derivation::parse_aterm`], and [`AtermReason::NotCanonical`] where the first byte
    /// differs.
    pub fn parse_canonical_aterm(
        store_dir: &StoreDir,
        name: StorePathName,
        text: &[u8],
    ) -> Result<Self, AtermError> {
        let derivation = Self::parse_aterm(store_dir, name, text)?;
        let printed = derivation
            .to_aterm(store_dir)
            .map_err(|e| AtermReason::NoFixedPath(e).at(0))?;
        if printed == text {
            return Ok(derivation);
        }
        let same = printed
            .iter()
            .zip(text)
            .take_while(|(printed, read)| printed == read)
            .count();
        Err(AtermReason::NotCanonical.at(same))
    }
}

/// Reads up to the first list; answers whether the version allows dynamic outputs.
fn version(scanner: &mut Scanner<'_>) -> Result<bool, AtermError> {
    if scanner.skip("Derive(") {
        return Ok(false);
    }
    if !scanner.skip("DrvWithVersion(") {
        return Err(scanner.error(AtermReason::Expected("Derive(")));
    }
    let at = scanner.position();
    let version = scanner.string()?;
    if *version != *DYNAMIC_VERSION.as_bytes() {
        return Err(AtermReason::Version(String::from_utf8_lossy(&version).into_owned()).at(at));
    }
    scanner.expect(",")?;
    Ok(true)
}

struct Reader<'a> {
    store_dir: &'a StoreDir,
    scanner: Scanner<'a>,
    dynamic: bool,
}

impl Reader<'_> {
    fn derivation(mut self, name: StorePathName) -> Result<Derivation, AtermError> {
        let outputs = self.outputs(&name)?;
        self.scanner.expect(",")?;
        let derivations = self.input_derivations()?;
        self.scanner.expect(",")?;
        let sources = self.input_sources()?;
        self.scanner.expect(",")?;
        let system = self.system()?;
        self.scanner.expect(",")?;
        let builder = self.byte_string()?;
        self.scanner.expect(",")?;
        let args = self.args()?;
        self.scanner.expect(",")?;
        let env = self.env()?;
        self.scanner.expect(")")?;
        self.scanner.end()?;
        let inputs = DerivationInputs {
            sources,
            derivations,
        };
        Ok(Derivation {
            name,
            outputs,
            inputs,
            system,
            builder,
            args,
            env,
        })
    }

    fn outputs(
        &mut self,
        drv_name: &StorePathName,
    ) -> Result<BTreeMap<OutputName, DerivationOutput>, AtermError> {
        let mut outputs = BTreeMap::new();
        self.list(|reader| {
            reader.scanner.expect("(")?;
            let at = reader.scanner.position();
            let name = reader.output_name()?;
            reader.scanner.expect(",")?;
            let output = reader.output(drv_name, &name)?;
            reader.scanner.expect(")")?;
            insert(&mut outputs, name, output, at)
        })?;
        Ok(outputs)
    }

    fn output(
        &mut self,
        drv_name: &StorePathName,
        name: &OutputName,
    ) -> Result<DerivationOutput, AtermError> {
        let path_at = self.scanner.position();
        let path = self.optional_store_path()?;
        self.scanner.expect(",")?;
        let algorithm_at = self.scanner.position();
        let algorithm = self.scanner.string()?;
        self.scanner.expect(",")?;
        let hash_at = self.scanner.position();
        let hash = self.scanner.string()?;
        if algorithm.is_empty() {
            return match path {
                _ if !hash.is_empty() => Err(AtermReason::MissingAlgorithm.at(algorithm_at)),
                Some(path) => Ok(DerivationOutput::InputAddressed(path)),
                None => Ok(DerivationOutput::Deferred),
            };
        }
        let how = MethodAlgorithm::from_aterm(ascii(&algorithm))
            .map_err(|e| AtermReason::MethodAlgorithm(e).at(algorithm_at))?;
        match (path, &*hash) {
            (Some(_), b"" | IMPURE) => Err(AtermReason::UnexpectedPath.at(path_at)),
            (None, b"") => Ok(DerivationOutput::Floating(how)),
            (None, IMPURE) => Ok(DerivationOutput::Impure(how)),
            (None, _) => Err(AtermReason::MissingPath.at(path_at)),
            (Some(path), hash) => {
                let address = content_address(how, hash).map_err(|reason| reason.at(hash_at))?;
                let output = DerivationOutput::Fixed(address);
                let expected = output
                    .path(self.store_dir, drv_name, name)
                    .map_err(|e| AtermReason::NoFixedPath(e).at(hash_at))?;
                match expected {
                    Some(expected) if expected != path => {
                        Err(AtermReason::FixedPath { expected }.at(path_at))
                    }
                    _ => Ok(output),
                }
            }
        }
    }

    fn input_derivations(&mut self) -> Result<BTreeMap<StorePath, InputOutputs>, AtermError> {
        let mut derivations = BTreeMap::new();
        self.list(|reader| {
            reader.scanner.expect("(")?;
            let at = reader.scanner.position();
            let path = reader.store_path()?;
            reader.scanner.expect(",")?;
            let outputs = reader.input_outputs()?;
            reader.scanner.expect(")")?;
            insert(&mut derivations, path, outputs, at)
        })?;
        Ok(derivations)
    }

    /// Reads `[names]` or, where dynamic outputs are allowed, `([names],[(name,this again)..])`.
    fn input_outputs(&mut self) -> Result<InputOutputs, AtermError> {
        let mut open: Vec<(InputOutputs, OutputName, usize)> = Vec::new();
        loop {
            let at = self.scanner.position();
            let mut node = InputOutputs::default();
            let mut dynamic = false;
            if self.dynamic && self.scanner.skip("(") {
                node.outputs = self.output_names()?;
                self.scanner.expect(",[")?;
                dynamic = !self.scanner.skip("])");
            } else {
                node.outputs = self.output_names()?;
            }
            if !dynamic && node.outputs.is_empty() {
                return Err(AtermReason::NoOutputsUsed.at(at));
            }
            while !dynamic {
                let Some((parent, name, name_at)) = open.pop() else {
                    return Ok(node);
                };
                self.scanner.expect(")")?;
                let child = core::mem::replace(&mut node, parent);
                insert(&mut node.dynamic, name, child, name_at)?;
                dynamic = self.scanner.skip(",");
                if !dynamic {
                    self.scanner.expect("])")?;
                }
            }
            if open.len() == DYNAMIC_DEPTH_MAX {
                return Err(self.scanner.error(AtermReason::TooDeep));
            }
            self.scanner.expect("(")?;
            let name_at = self.scanner.position();
            let name = self.output_name()?;
            self.scanner.expect(",")?;
            open.push((node, name, name_at));
        }
    }

    fn input_sources(&mut self) -> Result<BTreeSet<StorePath>, AtermError> {
        let mut sources = BTreeSet::new();
        self.list(|reader| {
            let at = reader.scanner.position();
            let path = reader.store_path()?;
            if sources.insert(path) {
                Ok(())
            } else {
                Err(AtermReason::Duplicate.at(at))
            }
        })?;
        Ok(sources)
    }

    fn output_names(&mut self) -> Result<BTreeSet<OutputName>, AtermError> {
        let mut names = BTreeSet::new();
        self.list(|reader| {
            let at = reader.scanner.position();
            let name = reader.output_name()?;
            if names.insert(name) {
                Ok(())
            } else {
                Err(AtermReason::Duplicate.at(at))
            }
        })?;
        Ok(names)
    }

    /// Nix prints the system without escapes, so that one with escapes could not be printed again.
    fn system(&mut self) -> Result<ByteString, AtermError> {
        let at = self.scanner.position();
        let system = self.byte_string()?;
        if self.scanner.position() - at == system.len() + 2 {
            Ok(system)
        } else {
            Err(AtermReason::EscapedSystem.at(at))
        }
    }

    fn args(&mut self) -> Result<Vec<ByteString>, AtermError> {
        let mut args = Vec::new();
        self.list(|reader| {
            args.push(reader.byte_string()?);
            Ok(())
        })?;
        Ok(args)
    }

    fn env(&mut self) -> Result<BTreeMap<ByteString, ByteString>, AtermError> {
        let mut env = BTreeMap::new();
        self.list(|reader| {
            reader.scanner.expect("(")?;
            let at = reader.scanner.position();
            let name = reader.byte_string()?;
            reader.scanner.expect(",")?;
            let value = reader.byte_string()?;
            reader.scanner.expect(")")?;
            insert(&mut env, name, value, at)
        })?;
        Ok(env)
    }

    fn byte_string(&mut self) -> Result<ByteString, AtermError> {
        Ok(ByteString::from(self.scanner.string()?.into_owned()))
    }

    fn output_name(&mut self) -> Result<OutputName, AtermError> {
        let at = self.scanner.position();
        let name = self.scanner.string()?;
        OutputName::new(ascii(&name)).map_err(|e| AtermReason::OutputName(e).at(at))
    }

    fn store_path(&mut self) -> Result<StorePath, AtermError> {
        let at = self.scanner.position();
        let path = self.scanner.string()?;
        self.store_dir
            .parse_canonical_bytes(&path)
            .map_err(|e| AtermReason::StorePath(e).at(at))
    }

    fn optional_store_path(&mut self) -> Result<Option<StorePath>, AtermError> {
        if self.scanner.skip("\"\"") {
            Ok(None)
        } else {
            self.store_path().map(Some)
        }
    }

    fn list(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), AtermError>,
    ) -> Result<(), AtermError> {
        self.scanner.expect("[")?;
        if self.scanner.skip("]") {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.scanner.skip("]") {
                return Ok(());
            }
            if !self.scanner.skip(",") {
                return Err(self.scanner.error(AtermReason::ListEnd));
            }
        }
    }
}

fn content_address(how: MethodAlgorithm, hash: &[u8]) -> Result<ContentAddress, AtermReason> {
    let hash = Hash::parse_bare(ascii(hash), how.algorithm).map_err(AtermReason::Hash)?;
    ContentAddress::new(how.method, hash).map_err(AtermReason::ContentAddress)
}

fn insert<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    at: usize,
) -> Result<(), AtermError> {
    match map.entry(key) {
        Entry::Vacant(entry) => {
            entry.insert(value);
            Ok(())
        }
        Entry::Occupied(_) => Err(AtermReason::Duplicate.at(at)),
    }
}

/// What is not ASCII becomes a text that no name, algorithm or hash can be.
fn ascii(text: &[u8]) -> &str {
    str::from_utf8(text).unwrap_or("\u{fffd}")
}

#[cfg(test)]
mod tests;
