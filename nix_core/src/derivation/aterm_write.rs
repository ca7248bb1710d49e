//! Printing the ATerm of a derivation, as a file and for hashing.

use alloc::{
    collections::{BTreeMap, BTreeSet, btree_map},
    vec::Vec,
};

use crate::{
    hash::HashFormat,
    store_path::{ComputeError, OutputName, StoreDir, StorePath, StorePathName},
};

use super::{
    Derivation, DerivationOutput, InputOutputs,
    aterm_read::{DYNAMIC_VERSION, IMPURE},
    aterm_scan::{push_string, push_verbatim},
};

/// The input derivations named by their hashes, in order of these.
pub(super) type HashedInputs = BTreeMap<[u8; 32], BTreeSet<OutputName>>;

/// What stands in the list of input derivations.
#[derive(Clone, Copy)]
pub(super) enum Inputs<'a> {
    AsTheyAre,
    Hashed(&'a HashedInputs),
}

impl Derivation {
    /// Returns the ATerm of the derivation, byte for byte what Nix writes into the `.drv` file.
    ///
    /// The version with dynamic outputs is written exactly when an input has some. Nix does not
    /// escape the system, so that one with a quote or a backslash cannot be read back; neither
    /// [`Derivation::check`] nor [`Derivation::fill_outputs`] accepts such a system.
    ///
    /// # Errors
    /// Fails when a fixed output has no path: its name is too long, or no path goes with its hash.
    pub fn to_aterm(&self, store_dir: &StoreDir) -> Result<Vec<u8>, ComputeError> {
        self.write(store_dir, Inputs::AsTheyAre, false)
    }

    /// Prints with other inputs, or with the output paths and their variables blank.
    pub(super) fn write(
        &self,
        store_dir: &StoreDir,
        inputs: Inputs<'_>,
        masked: bool,
    ) -> Result<Vec<u8>, ComputeError> {
        let blank = if masked {
            self.output_variables()
        } else {
            BTreeSet::new()
        };
        let mut writer = Writer {
            out: Vec::with_capacity(1024),
            store_dir,
        };
        writer.start(self, inputs);
        writer.list(&self.outputs, |writer, (name, output)| {
            writer.output(&self.name, name, output, masked)
        })?;
        writer.out.push(b',');
        match inputs {
            Inputs::AsTheyAre => writer.input_derivations(&self.inputs.derivations)?,
            Inputs::Hashed(hashes) => writer.hashed_inputs(hashes)?,
        }
        writer.out.push(b',');
        writer.list(&self.inputs.sources, |writer, path| {
            writer.path(path);
            Ok(())
        })?;
        writer.out.push(b',');
        push_verbatim(&mut writer.out, &self.system);
        writer.out.push(b',');
        push_string(&mut writer.out, &self.builder);
        writer.out.push(b',');
        writer.list(&self.args, |writer, arg| {
            push_string(&mut writer.out, arg);
            Ok(())
        })?;
        writer.out.push(b',');
        writer.list(&self.env, |writer, (name, value)| {
            writer.out.push(b'(');
            push_string(&mut writer.out, name);
            writer.out.push(b',');
            let value: &[u8] = if blank.contains(&**name) { b"" } else { value };
            push_string(&mut writer.out, value);
            writer.out.push(b')');
            Ok(())
        })?;
        writer.out.push(b')');
        Ok(writer.out)
    }

    fn output_variables(&self) -> BTreeSet<&[u8]> {
        self.outputs
            .keys()
            .map(|name| name.as_str().as_bytes())
            .collect()
    }
}

struct Writer<'a> {
    out: Vec<u8>,
    store_dir: &'a StoreDir,
}

impl Writer<'_> {
    fn start(&mut self, derivation: &Derivation, inputs: Inputs<'_>) {
        let mut used = derivation.inputs.derivations.values();
        if matches!(inputs, Inputs::AsTheyAre) && used.any(|used| !used.dynamic.is_empty()) {
            self.out.extend_from_slice(b"DrvWithVersion(");
            push_verbatim(&mut self.out, DYNAMIC_VERSION.as_bytes());
            self.out.push(b',');
        } else {
            self.out.extend_from_slice(b"Derive(");
        }
    }

    fn list<T>(
        &mut self,
        elements: impl IntoIterator<Item = T>,
        mut print: impl FnMut(&mut Self, T) -> Result<(), ComputeError>,
    ) -> Result<(), ComputeError> {
        self.out.push(b'[');
        for (index, element) in elements.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            print(self, element)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn output(
        &mut self,
        drv_name: &StorePathName,
        name: &OutputName,
        output: &DerivationOutput,
        masked: bool,
    ) -> Result<(), ComputeError> {
        self.out.push(b'(');
        push_verbatim(&mut self.out, name.as_str().as_bytes());
        self.out.push(b',');
        match output.path(self.store_dir, drv_name, name)? {
            Some(path) if !masked => self.path(&path),
            _ => push_verbatim(&mut self.out, b""),
        }
        self.out.push(b',');
        match output.method_algorithm() {
            Some(how) => push_verbatim(&mut self.out, how.aterm().as_bytes()),
            None => push_verbatim(&mut self.out, b""),
        }
        self.out.push(b',');
        match output {
            DerivationOutput::Fixed(address) => {
                let digest = address.hash.to_bare_text(HashFormat::Base16);
                push_verbatim(&mut self.out, digest.as_bytes());
            }
            DerivationOutput::Impure(_) => push_verbatim(&mut self.out, IMPURE),
            _ => push_verbatim(&mut self.out, b""),
        }
        self.out.push(b')');
        Ok(())
    }

    fn input_derivations(
        &mut self,
        derivations: &BTreeMap<StorePath, InputOutputs>,
    ) -> Result<(), ComputeError> {
        self.list(derivations, |writer, (path, used)| {
            writer.out.push(b'(');
            writer.path(path);
            writer.out.push(b',');
            writer.input_outputs(used);
            writer.out.push(b')');
            Ok(())
        })
    }

    fn hashed_inputs(&mut self, hashes: &HashedInputs) -> Result<(), ComputeError> {
        self.list(hashes, |writer, (digest, names)| {
            writer.out.push(b'(');
            let digest = data_encoding::HEXLOWER.encode(digest);
            push_verbatim(&mut writer.out, digest.as_bytes());
            writer.out.push(b',');
            writer.names(names);
            writer.out.push(b')');
            Ok(())
        })
    }

    /// Prints nested dynamic outputs without recursion: the stack holds what is still to come of
    /// each level.
    fn input_outputs(&mut self, used: &InputOutputs) {
        let mut open: Vec<btree_map::Iter<'_, OutputName, InputOutputs>> = Vec::new();
        let mut next = Some(used);
        loop {
            if let Some(node) = next.take() {
                if node.dynamic.is_empty() {
                    self.names(&node.outputs);
                } else {
                    self.out.push(b'(');
                    self.names(&node.outputs);
                    self.out.extend_from_slice(b",[");
                    open.push(node.dynamic.iter());
                    next = self.child(&mut open, b"");
                    continue;
                }
            }
            if open.is_empty() {
                return;
            }
            self.out.push(b')');
            next = self.child(&mut open, b",");
        }
    }

    /// Starts the next child of the innermost level, or ends that level.
    fn child<'a>(
        &mut self,
        open: &mut Vec<btree_map::Iter<'a, OutputName, InputOutputs>>,
        separator: &[u8],
    ) -> Option<&'a InputOutputs> {
        let Some((name, child)) = open.last_mut()?.next() else {
            open.pop();
            self.out.extend_from_slice(b"])");
            return None;
        };
        self.out.extend_from_slice(separator);
        self.out.push(b'(');
        push_verbatim(&mut self.out, name.as_str().as_bytes());
        self.out.push(b',');
        Some(child)
    }

    fn names(&mut self, names: &BTreeSet<OutputName>) {
        self.out.push(b'[');
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            push_verbatim(&mut self.out, name.as_str().as_bytes());
        }
        self.out.push(b']');
    }

    fn path(&mut self, path: &StorePath) {
        self.out.push(b'"');
        self.out
            .extend_from_slice(self.store_dir.as_str().as_bytes());
        self.out.push(b'/');
        self.out.extend_from_slice(path.base_name().as_bytes());
        self.out.push(b'"');
    }
}
