//! The harnesses find nothing in the store, and every bug that is planted.

#[path = "harness_tests/disks.rs"]
mod disks;
#[path = "harness_tests/planted.rs"]
mod planted;
#[path = "harness_tests/slices.rs"]
mod slices;
