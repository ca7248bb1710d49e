//! What does the typed store cost over sled written by hand?
//!
//! `cargo bench -p netabase_benches --bench sled_wrapper_overhead` measures the workload of
//! `redb_wrapper_overhead` on hand-written sled and on the typed store over sled, and prints
//! Markdown. Every write is durable when it returns: sled's flush, then a sync of its log.
//! Options: `--records N`, `--rounds N`, `--layers "naive sled,typed sled"`, `--folder PATH`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use netabase_benches::{
    contest::{self, entrant},
    plan::{Plan, Records},
    report::{self, Settings},
    sled_raw::{SledNaive, SledSame},
    typed::Typed,
};
use netabase_store::backends::sled::SledBackend;

fn main() {
    let settings = Settings::from_arguments(20_000, 5, env!("CARGO_TARGET_TMPDIR"));
    println!("{}\n", report::machine());
    let mut entrants = vec![
        entrant::<SledNaive>("naive sled"),
        entrant::<SledSame<true>>("same layout"),
        entrant::<SledSame<false>>("same, no checksum"),
        entrant::<Typed<SledBackend>>("typed sled"),
    ];
    settings.retain(&mut entrants);
    let records = Records::new(settings.records);
    let plan = Plan::new(&records);
    let results = contest::run(&mut entrants, &plan, settings.rounds, &settings.folder);
    let (count, rounds) = (settings.records, settings.rounds);
    println!("{count} records, {rounds} rounds.\n");
    println!("{}", report::rates(&results));
    let pairs = [
        ("typed sled", "naive sled"),
        ("typed sled", "same layout"),
        ("same layout", "same, no checksum"),
    ];
    println!("{}", report::ratios(&results, &pairs));
    println!("{}", report::keys_over_records(&results));
}
