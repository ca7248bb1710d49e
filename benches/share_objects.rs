//! What do verified transfer and the node around it cost beside libp2p's request-response alone?
//!
//! `cargo bench -p netabase_benches --features share --bench share_objects` fetches an object of one
//! seeder and of three, measures memory, what is fetched again after a kill, and lookups of providers
//! in a swarm of 30, and prints Markdown. Options: `--records N` (MiB of an object), `--rounds N`,
//! `--folder PATH`, `--parts one,three,memory,kill,lookups`.

use netabase_benches::{
    report::Settings,
    share::{child, kill, lookups, memory, one, three},
    table::{self, Part},
};

const PARTS: [(&str, Part); 5] = [
    ("one", one::run),
    ("three", three::run),
    ("memory", memory::run),
    ("kill", kill::run),
    ("lookups", lookups::run),
];

fn main() {
    if child::is_child() {
        return child::run();
    }
    let settings = Settings::from_arguments(256, 3, env!("CARGO_TARGET_TMPDIR"));
    let workload = format!(
        "Objects of {} MiB, {} rounds.",
        settings.records, settings.rounds
    );
    table::print(&settings, &workload, &PARTS);
}
