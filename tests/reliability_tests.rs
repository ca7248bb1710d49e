//! What happens when something goes wrong, beside what the harnesses of `tests/harness` try: threads
//! that share syncs, large commits, full disks, and files from earlier versions.
#![expect(clippy::indexing_slicing, reason = "a wrong offset is a failed test")]

#[path = "reliability/commits.rs"]
mod commits;
#[path = "reliability/encodings.rs"]
mod encodings;
#[path = "reliability/errors.rs"]
mod errors;
#[path = "reliability/golden.rs"]
mod golden;
#[path = "reliability/large.rs"]
mod large;
#[path = "reliability/recover.rs"]
mod recover;
