//! Resolution: replacing outputs of other derivations by the store paths they were built as.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::convert::Infallible;

use crate::store_path::{OutputName, StoreDir, StorePath};

use super::{
    ByteString, CheckError, CheckedDerivation, Derivation, DerivationInputs, DerivationModulo,
    DerivationOutput, DerivationType, DerivationTypeError, InputOutputs, NotADerivation,
    Placeholder, placeholder::PLACEHOLDER_LEN,
};

/// Tells as which store paths outputs of derivations were built.
pub trait BuildTrace {
    /// Why the trace could not be read.
    type Error;

    /// Returns the store path an output was built as, or nothing where it is not built.
    ///
    /// # Errors
    /// Fails when the trace cannot be read.
    fn output_path(
        &self,
        derivation: &StorePath,
        output: &OutputName,
    ) -> Result<Option<StorePath>, Self::Error>;
}

impl BuildTrace for BTreeMap<(StorePath, OutputName), StorePath> {
    type Error = Infallible;

    fn output_path(
        &self,
        derivation: &StorePath,
        output: &OutputName,
    ) -> Result<Option<StorePath>, Infallible> {
        Ok(self.get(&(derivation.clone(), output.clone())).cloned())
    }
}

/// Why a derivation cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError<E> {
    /// An output is not built.
    #[error("the output {} of {derivation} is not built", output.as_str())]
    NotBuilt {
        /// The derivation.
        derivation: StorePath,
        /// Its output.
        output: OutputName,
    },
    /// The trace could not be read.
    #[error("look up the output {} of {derivation}", output.as_str())]
    Trace {
        /// The derivation.
        derivation: StorePath,
        /// Its output.
        output: OutputName,
        /// The error of the trace.
        source: E,
    },
    /// An output is used of something that is no derivation.
    #[error("an output is used of what is not a derivation")]
    NotADerivation(#[from] NotADerivation),
    /// The outputs of the resolved derivation are wrong.
    #[error("fill in the outputs of the resolved derivation")]
    Outputs(#[source] CheckError<Infallible>),
}

impl Derivation {
    /// Returns whether the derivation can only be built once it is resolved.
    ///
    /// That is so when it uses outputs of other derivations and its own paths depend on theirs, or
    /// one of its inputs is only known after a build. Fixed outputs may be resolved but need not.
    ///
    /// # Errors
    /// Fails when the outputs do not go together.
    pub fn must_resolve(&self) -> Result<bool, DerivationTypeError> {
        let used = &self.inputs.derivations;
        let by_type = match self.derivation_type()? {
            DerivationType::InputAddressed | DerivationType::Fixed => false,
            DerivationType::Deferred | DerivationType::Floating | DerivationType::Impure => true,
        };
        Ok(!used.is_empty() && (by_type || used.values().any(|used| !used.dynamic.is_empty())))
    }

    /// Replaces every output of another derivation by the store path it was built as, and its
    /// placeholder wherever it stands; then fills in the outputs.
    ///
    /// A variable named after a deferred output gets the path whatever it held before. The cost is
    /// linear in the size of the derivation, and one question to the trace for each output.
    ///
    /// # Errors
    /// Fails when an output is not built, or the outcome states output paths that do not follow
    /// from it, as an input-addressed derivation does that was not deferred.
    pub fn resolve<T: BuildTrace + ?Sized>(
        &self,
        store_dir: &StoreDir,
        trace: &T,
    ) -> Result<CheckedDerivation, ResolveError<T::Error>> {
        let mut sources = self.inputs.sources.clone();
        let mut rewrites = Rewrites::new();
        for (placeholder, path) in self.realise_inputs(trace)? {
            rewrites.insert(placeholder.to_string().into_bytes(), store_dir.print(&path));
            sources.insert(path);
        }
        let mut env = BTreeMap::new();
        for (name, value) in &self.env {
            env.entry(rewrite(name, &rewrites))
                .or_insert_with(|| rewrite(value, &rewrites));
        }
        for (name, output) in &self.outputs {
            if *output == DerivationOutput::Deferred {
                env.insert(ByteString::from(name.as_str()), ByteString::default());
            }
        }
        let resolved = Self {
            name: self.name.clone(),
            outputs: self.outputs.clone(),
            inputs: DerivationInputs {
                sources,
                derivations: BTreeMap::new(),
            },
            system: self.system.clone(),
            builder: rewrite(&self.builder, &rewrites),
            args: self
                .args
                .iter()
                .map(|arg| rewrite(arg, &rewrites))
                .collect(),
            env,
        };
        let none = BTreeMap::new();
        resolved
            .fill_outputs(&mut DerivationModulo::new(store_dir, &none))
            .map_err(ResolveError::Outputs)
    }

    /// Returns the placeholder and the store path of each output used.
    fn realise_inputs<T: BuildTrace + ?Sized>(
        &self,
        trace: &T,
    ) -> Result<Vec<(Placeholder, StorePath)>, ResolveError<T::Error>> {
        let mut realised = Vec::new();
        for (path, used) in &self.inputs.derivations {
            let mut open: Vec<(StorePath, Option<Placeholder>, &InputOutputs)> =
                alloc::vec![(path.clone(), None, used)];
            while let Some((derivation, parent, used)) = open.pop() {
                let placeholder = |output: &OutputName| match parent {
                    Some(parent) => Ok(parent.dynamic(output)),
                    None => Placeholder::input(&derivation, output),
                };
                for output in &used.outputs {
                    realised.push((placeholder(output)?, realise(trace, &derivation, output)?));
                }
                for (output, child) in &used.dynamic {
                    let built = realise(trace, &derivation, output)?;
                    if !built.is_derivation() {
                        return Err(NotADerivation { path: built }.into());
                    }
                    open.push((built, Some(placeholder(output)?), child));
                }
            }
        }
        Ok(realised)
    }
}

fn realise<T: BuildTrace + ?Sized>(
    trace: &T,
    derivation: &StorePath,
    output: &OutputName,
) -> Result<StorePath, ResolveError<T::Error>> {
    let (name, output_name) = (derivation.clone(), output.clone());
    match trace.output_path(derivation, output) {
        Ok(Some(path)) => Ok(path),
        Ok(None) => Err(ResolveError::NotBuilt {
            derivation: name,
            output: output_name,
        }),
        Err(source) => Err(ResolveError::Trace {
            derivation: name,
            output: output_name,
            source,
        }),
    }
}

/// Store paths by the placeholders they replace.
type Rewrites = BTreeMap<Vec<u8>, String>;

/// Replaces placeholders in one pass: they begin with a slash and hold no other, so that two never
/// overlap, and no store path brings in a new one.
fn rewrite(text: &[u8], rewrites: &Rewrites) -> ByteString {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = split_at_slash(rest) {
        out.extend_from_slice(before);
        let found = from.split_at_checked(PLACEHOLDER_LEN);
        rest = match found.and_then(|(text, rest)| Some((rewrites.get(text)?, rest))) {
            Some((path, rest)) => {
                out.extend_from_slice(path.as_bytes());
                rest
            }
            None => {
                out.push(b'/');
                from.split_first().map_or(&[], |(_, rest)| rest)
            }
        };
    }
    out.extend_from_slice(rest);
    ByteString::from(out)
}

fn split_at_slash(text: &[u8]) -> Option<(&[u8], &[u8])> {
    text.split_at_checked(text.iter().position(|&byte| byte == b'/')?)
}

#[cfg(test)]
mod tests;
