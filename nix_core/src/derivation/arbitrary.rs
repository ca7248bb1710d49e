//! Strategies for property tests.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use proptest::{collection, prelude::*, sample::select};

use crate::{
    content_address::{MethodAlgorithm, arb_content_address},
    store_path::{OutputName, StorePath, StorePathName},
};

use super::{ByteString, Derivation, DerivationInputs, DerivationOutput, InputOutputs};

/// Returns byte strings, rich in what the ATerm escapes.
pub fn arb_byte_string() -> impl Strategy<Value = ByteString> {
    let byte = prop_oneof![
        4 => prop::char::range('a', 'z').prop_map(|c| u8::try_from(c).unwrap_or(b'z')),
        2 => select(b"\"\\\n\r\t[](),/\0".as_slice()),
        1 => any::<u8>(),
    ];
    collection::vec(byte, 0..24).prop_map(ByteString::from)
}

/// Returns what may be used of an input derivation; the dynamic outputs nest a few levels.
pub fn arb_input_outputs() -> impl Strategy<Value = InputOutputs> {
    let leaf = names(1..4).prop_map(|outputs| InputOutputs {
        outputs,
        dynamic: BTreeMap::new(),
    });
    leaf.prop_recursive(3, 8, 3, |child| {
        (names(0..3), collection::btree_map(arb_name(), child, 1..3))
            .prop_map(|(outputs, dynamic)| InputOutputs { outputs, dynamic })
    })
}

/// Returns derivations that print and read back; their output paths and kinds are arbitrary.
pub fn arb_derivation() -> impl Strategy<Value = Derivation> {
    let inputs = (
        collection::btree_set(arb_path(""), 0..4),
        collection::btree_map(arb_path(".drv"), arb_input_outputs(), 0..4),
    );
    (
        "[a-z][a-z0-9+._?=-]{0,16}",
        collection::btree_map(arb_name(), arb_output(), 0..4),
        inputs,
        "[a-z0-9_-]{0,12}",
        arb_byte_string(),
        collection::vec(arb_byte_string(), 0..4),
        collection::btree_map(arb_byte_string(), arb_byte_string(), 0..6),
    )
        .prop_map(
            |(name, outputs, (sources, derivations), system, builder, args, env)| Derivation {
                name: store_path_name(&name),
                outputs,
                inputs: DerivationInputs {
                    sources,
                    derivations,
                },
                system: ByteString::from(system),
                builder,
                args,
                env,
            },
        )
}

fn arb_output() -> impl Strategy<Value = DerivationOutput> {
    prop_oneof![
        arb_path("").prop_map(DerivationOutput::InputAddressed),
        Just(DerivationOutput::Deferred),
        arb_content_address().prop_map(DerivationOutput::Fixed),
        arb_how().prop_map(DerivationOutput::Floating),
        arb_how().prop_map(DerivationOutput::Impure),
    ]
}

fn arb_how() -> impl Strategy<Value = MethodAlgorithm> {
    arb_content_address().prop_map(|address| address.method_algorithm())
}

fn arb_path(suffix: &'static str) -> impl Strategy<Value = StorePath> {
    (any::<[u8; 20]>(), "[a-z][a-z0-9+._?=-]{0,8}").prop_map(move |(digest, mut name)| {
        name.push_str(suffix);
        StorePath::new(digest, &store_path_name(&name))
    })
}

fn names(size: core::ops::Range<usize>) -> impl Strategy<Value = BTreeSet<OutputName>> {
    collection::vec(arb_name(), size).prop_map(|names: Vec<_>| names.into_iter().collect())
}

fn arb_name() -> impl Strategy<Value = OutputName> {
    let name = prop_oneof![
        select(["out", "dev", "bin"].as_slice()).prop_map(String::from),
        "[a-z][a-z0-9_]{0,5}".prop_map(String::from),
    ];
    name.prop_map(|name| OutputName::new(&name).expect("letters and digits are a name"))
}

fn store_path_name(name: &str) -> StorePathName {
    StorePathName::new(name).expect("the pattern allows only names")
}
