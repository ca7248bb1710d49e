//! Are Nix's formats, graphs and signatures as fast as what people would use instead?
//!
//! `cargo bench -p netabase_benches --features nix --bench nix_formats` measures archives beside
//! `tar` and `nix-store`, decoding, derivations, the reference scan, graphs and signatures, and
//! prints Markdown. Options: `--quick` (less of everything: about two minutes), `--size MIB`,
//! `--rounds N`, `--folder PATH` (where files lie, by default `/dev/shm`),
//! `--parts archives,decoding,derivations,references,graphs,signatures`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use netabase_benches::{
    nix::{archive, child, decode, derivation, graph, options::Options, scan, signatures},
    report,
};

/// Measures something and returns tables.
type Part = fn(&Options) -> String;

const PARTS: [(&str, &str, Part); 6] = [
    ("archives", "Archives of trees", archive::run),
    ("decoding", "Archives in memory", decode::run),
    ("derivations", "Derivations", derivation::run),
    ("references", "References", scan::run),
    ("graphs", "Graphs", graph::run),
    ("signatures", "Signatures", signatures::run),
];

fn main() {
    if let Some(peak) = child::serve() {
        println!("{peak}");
        return;
    }
    let options = Options::from_arguments(env!("CARGO_TARGET_TMPDIR"));
    println!("{}\n", report::machine());
    println!("{} rounds.\n", options.rounds);
    for (name, title, run) in PARTS {
        if options.wants(name) {
            println!("### {title}\n\n{}", run(&options));
        }
    }
}
