//! Many realisations.

use alloc::collections::{BTreeMap, btree_map::Entry};
use core::convert::Infallible;

use serde_json::{Map, Value};

use super::{DrvOutput, MergeError, Realisation, UnkeyedRealisation};
use crate::{
    derivation,
    json::{Cursor, JsonError},
    signature::SignatureForm,
    store_path::{OutputName, StorePath},
};

/// The outputs whose paths are known; an output has one path.
///
/// # Examples
/// ```
/// use nix_core::realisation::{BuildTrace, MergeError, Realisation};
///
/// let output = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar.drv^out".parse()?;
/// let one = Realisation::new(output, "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar".parse()?);
/// let mut other = one.clone();
/// other.value.out_path = "1w1fff338fvdw53sqgamddn1b2xgds47-bar".parse()?;
///
/// let mut trace = BuildTrace::default();
/// trace.insert(one)?;
/// assert!(matches!(trace.insert(other), Err(MergeError::Path { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildTrace(BTreeMap<DrvOutput, UnkeyedRealisation>);

impl BuildTrace {
    /// Adds a realisation, or its signatures where the output is known.
    ///
    /// # Errors
    /// Fails where the output is known to have another path; then nothing changes.
    pub fn insert(&mut self, realisation: Realisation) -> Result<(), MergeError> {
        match self.0.entry(realisation.key) {
            Entry::Vacant(entry) => {
                entry.insert(realisation.value);
                Ok(())
            }
            Entry::Occupied(mut entry) => {
                let key = entry.key().clone();
                entry.get_mut().merge(&key, realisation.value)
            }
        }
    }

    /// Returns what is known of an output.
    #[must_use]
    pub fn get(&self, output: &DrvOutput) -> Option<&UnkeyedRealisation> {
        self.0.get(output)
    }

    /// Returns the outputs in their order, by derivation and then by name.
    pub fn iter(&self) -> impl Iterator<Item = (&DrvOutput, &UnkeyedRealisation)> {
        self.0.iter()
    }

    /// Returns how many outputs are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether no output is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes `{<base name of the derivation>: {<output>: {"outPath": .., "signatures": ..}}}`.
    #[must_use]
    pub fn to_json(&self, form: SignatureForm) -> Value {
        let mut derivations: BTreeMap<&StorePath, Map<_, _>> = BTreeMap::new();
        for (key, value) in &self.0 {
            let outputs = derivations.entry(&key.drv_path).or_default();
            outputs.insert(key.output_name.as_str().into(), value.to_json(form));
        }
        derivations
            .into_iter()
            .map(|(path, outputs)| (path.base_name(), Value::Object(outputs)))
            .collect()
    }

    /// Reads the JSON of [`BuildTrace::to_json`], with signatures in either form.
    ///
    /// # Errors
    /// Fails on a key or value that is not what stands at its place.
    pub fn from_json(json: &Value) -> Result<Self, JsonError> {
        let mut trace = BTreeMap::new();
        for (path, outputs) in Cursor::root(json).object()? {
            let drv_path = StorePath::from_base_name(path).map_err(|error| outputs.error(error))?;
            for (name, value) in outputs.object()? {
                let key = DrvOutput {
                    drv_path: drv_path.clone(),
                    output_name: OutputName::new(name).map_err(|error| value.error(error))?,
                };
                trace.insert(key, UnkeyedRealisation::from_cursor(&value)?);
            }
        }
        Ok(Self(trace))
    }
}

/// So that derivations can be resolved with it.
impl derivation::BuildTrace for BuildTrace {
    type Error = Infallible;

    fn output_path(
        &self,
        derivation: &StorePath,
        output: &OutputName,
    ) -> Result<Option<StorePath>, Infallible> {
        let key = DrvOutput {
            drv_path: derivation.clone(),
            output_name: output.clone(),
        };
        Ok(self.get(&key).map(|known| known.out_path.clone()))
    }
}

/// Generates build traces of a few outputs.
#[cfg(any(test, feature = "test"))]
pub fn arb_build_trace() -> impl proptest::strategy::Strategy<Value = BuildTrace> {
    use proptest::{collection::btree_map, strategy::Strategy};

    use super::{arb_drv_output, arb_unkeyed_realisation};

    btree_map(arb_drv_output(), arb_unkeyed_realisation(), 0..4).prop_map(BuildTrace)
}
