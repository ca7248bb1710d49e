//! What sled lacks by itself, and the store gives on it all the same.

#[path = "sled_store/flips.rs"]
mod flips;
#[path = "sled_store/promises.rs"]
mod promises;
