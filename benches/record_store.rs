//! What does a persistent record store cost beside libp2p's, which keeps all in memory?
//!
//! `cargo bench -p netabase_benches --features records --bench record_store` measures every call,
//! the memory of a provider key, the longest stalls among a million records, two nodes over TCP, and
//! opening, and prints Markdown. Options: `--records N`, `--rounds N`, `--folder PATH`,
//! `--parts calls,durable,memory,stalls,pair,open`.

use netabase_benches::{
    records::{calls, durable, memory, pair, stalls},
    report::Settings,
    table::{self, Part},
};

const PARTS: [(&str, Part); 6] = [
    ("calls", calls::run),
    ("durable", durable::run),
    ("memory", memory::run),
    ("stalls", stalls::run),
    ("pair", pair::run),
    ("open", durable::open),
];

fn main() {
    if memory::is_child() {
        return memory::child();
    }
    let settings = Settings::from_arguments(100_000, 3, env!("CARGO_TARGET_TMPDIR"));
    let workload = format!(
        "{} records of 1 KiB, {} rounds.",
        settings.records, settings.rounds
    );
    table::print(&settings, &workload, &PARTS);
}
