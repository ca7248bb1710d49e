//! What does a store of ours cost beside a real Nix, whole process against whole process?
//!
//! `cargo build --release -p netabase_cli`, then
//! `cargo bench -p netabase_benches --features nix --bench nix_store` measures loading and asking a
//! database of 63,436 paths, adding, verifying and collecting the objects that a real Nix built, and
//! the memory that a million paths take, and prints Markdown. Options: `--quick` (a small corpus),
//! `--rounds N`, `--folder PATH` (where files lie, by default `/dev/shm`), `--disk PATH` (where they
//! lie on a disk, by default in the target folder), `--parts database,objects,memory`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use netabase_benches::{
    nix::{database, million, objects, options::Options},
    report,
};

/// Measures something and returns tables.
type Part = fn(&Options) -> String;

const PARTS: [(&str, &str, Part); 4] = [
    ("database", "Database on a disk", database::run_on_disk),
    ("database", "Database in memory", database::run),
    ("objects", "Objects", objects::run),
    ("memory", "Memory", million::run),
];

fn main() {
    let options = Options::from_arguments(env!("CARGO_TARGET_TMPDIR"));
    println!("{}\n", report::machine());
    for (name, title, run) in PARTS {
        if options.wants(name) {
            println!("### {title}\n\n{}", run(&options));
        }
    }
}
