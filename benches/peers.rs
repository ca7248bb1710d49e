//! How does the typed store compare with what people would use instead?
//!
//! `cargo bench -p netabase_benches --features peers --bench peers` measures the workload of
//! `redb_wrapper_overhead` on native_db, SQLite and fjall, beside hand-written redb and the typed
//! store over redb, and prints Markdown. Every write is durable when it returns. Options:
//! `--records N`, `--rounds N`, `--layers "typed redb,SQLite"`, `--folder PATH`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use netabase_benches::{
    contest::{self, entrant},
    naive::Naive,
    peers::{fjall::Fjall, native_db::NativeDb, sqlite::Sqlite},
    plan::{Plan, Records},
    report::{self, Settings},
    typed::Typed,
};
use netabase_store::backends::redb::RedbBackend;

fn main() {
    let settings = Settings::from_arguments(20_000, 3, env!("CARGO_TARGET_TMPDIR"));
    println!("{}\n", report::machine());
    let mut entrants = vec![
        entrant::<Naive>("naive redb"),
        entrant::<Typed<RedbBackend>>("typed redb"),
        entrant::<NativeDb>("native_db"),
        entrant::<Sqlite>("SQLite"),
        entrant::<Fjall>("fjall"),
    ];
    settings.retain(&mut entrants);
    let records = Records::new(settings.records);
    let plan = Plan::new(&records);
    let results = contest::run(&mut entrants, &plan, settings.rounds, &settings.folder);
    let (count, rounds) = (settings.records, settings.rounds);
    println!("{count} records, {rounds} rounds.\n");
    println!("{}", report::rates(&results));
    let pairs = [
        ("typed redb", "native_db"),
        ("typed redb", "SQLite"),
        ("typed redb", "fjall"),
        ("native_db", "naive redb"),
    ];
    println!("{}", report::ratios(&results, &pairs));
    println!("{}", report::keys_over_records(&results));
}
