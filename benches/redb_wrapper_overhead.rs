//! What does the typed store cost over redb written by hand?
//!
//! `cargo bench -p netabase_benches --bench redb_wrapper_overhead` measures one workload on
//! hand-written redb (naive; in the typed store's own layout, with and without its checksums) and
//! on the typed store over redb, sled and memory, and prints Markdown. Every write is durable when
//! it returns, except in memory. Options: `--records N`, `--rounds N`,
//! `--parts operations,pages,group`, `--layers "naive,typed redb"`, `--folder PATH`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use netabase_benches::{
    contest::{self, entrant},
    group,
    naive::Naive,
    pages,
    plan::{Plan, Records},
    report::{self, Settings},
    same_layout::{RedbTables, SameLayout},
    typed::Typed,
};
use netabase_store::backends::{memory::MemoryBackend, redb::RedbBackend, sled::SledBackend};

fn main() {
    let settings = Settings::from_arguments(20_000, 5, env!("CARGO_TARGET_TMPDIR"));
    println!("{}\n", report::machine());
    if settings.wants("operations") {
        operations(&settings);
    }
    if settings.wants("pages") {
        println!("{}", pages::run(&settings.folder));
    }
    if settings.wants("group") {
        println!("{}", group::run(settings.rounds.min(3), &settings.folder));
    }
}

fn operations(settings: &Settings) {
    let mut entrants = vec![
        entrant::<Naive>("naive"),
        entrant::<SameLayout<RedbTables, true>>("same layout"),
        entrant::<SameLayout<RedbTables, false>>("same, no checksum"),
        entrant::<Typed<RedbBackend>>("typed redb"),
        entrant::<Typed<SledBackend>>("typed sled"),
        entrant::<Typed<MemoryBackend>>("typed memory"),
    ];
    settings.retain(&mut entrants);
    let records = Records::new(settings.records);
    let plan = Plan::new(&records);
    let results = contest::run(&mut entrants, &plan, settings.rounds, &settings.folder);
    let (count, rounds) = (settings.records, settings.rounds);
    println!("{count} records, {rounds} rounds.\n");
    println!("{}", report::rates(&results));
    let pairs = [
        ("typed redb", "naive"),
        ("typed redb", "same layout"),
        ("same layout", "same, no checksum"),
    ];
    println!("{}", report::ratios(&results, &pairs));
    println!("{}", report::keys_over_records(&results));
}
