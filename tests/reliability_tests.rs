//! What happens when something goes wrong: random use, threads, failing disks, lost power, flipped
//! bits, and files from earlier versions.
#![expect(clippy::indexing_slicing, reason = "a wrong offset is a failed test")]

#[path = "reliability/commits.rs"]
mod commits;
#[path = "reliability/disk.rs"]
mod disk;
#[path = "reliability/encodings.rs"]
mod encodings;
#[path = "reliability/errors.rs"]
mod errors;
#[path = "reliability/flips.rs"]
mod flips;
#[path = "reliability/golden.rs"]
mod golden;
#[path = "reliability/history.rs"]
mod history;
#[path = "reliability/large.rs"]
mod large;
#[path = "reliability/model.rs"]
mod model;
#[path = "reliability/power.rs"]
mod power;
