//! Strategies that generate derived paths.

use alloc::collections::BTreeSet;

use proptest::{
    collection::{btree_set, vec},
    prelude::*,
};

use super::{DerivedPath, OutputNames, OutputsSpec, SingleDerivedPath, StorePathWithOutputs};
use crate::store_path::{OutputName, arb_output_name, arb_store_path};

fn arb_names() -> impl Strategy<Value = BTreeSet<OutputName>> {
    btree_set(arb_output_name(), 1..4)
}

/// Generates any outputs spec.
pub fn arb_outputs_spec() -> impl Strategy<Value = OutputsSpec> {
    let names = arb_names().prop_filter_map("not empty", OutputNames::new);
    prop_oneof![Just(OutputsSpec::All), names.prop_map(OutputsSpec::Names)]
}

/// Generates any store object, built from a derivation or not.
pub fn arb_single_derived_path() -> impl Strategy<Value = SingleDerivedPath> {
    let outputs = vec(arb_output_name(), 0..4);
    (arb_store_path(), outputs).prop_filter_map("not too deep", |(base, outputs)| {
        outputs
            .into_iter()
            .try_fold(SingleDerivedPath::opaque(base), SingleDerivedPath::built)
            .ok()
    })
}

/// Generates any derived path.
pub fn arb_derived_path() -> impl Strategy<Value = DerivedPath> {
    let built = (arb_single_derived_path(), arb_outputs_spec());
    prop_oneof![
        arb_store_path().prop_map(DerivedPath::Opaque),
        built.prop_map(|(derivation, outputs)| DerivedPath::Built {
            derivation,
            outputs
        }),
    ]
}

/// Generates any path in the oldest form.
pub fn arb_store_path_with_outputs() -> impl Strategy<Value = StorePathWithOutputs> {
    (arb_store_path(), btree_set(arb_output_name(), 0..4))
        .prop_map(|(path, outputs)| StorePathWithOutputs { path, outputs })
}
